"""What the charger answers from SessionSetup to the choice of services."""

import pytest

from secc.config import Config
from secc.iso2.states import State
from secc.meter import Meter
from secc.station import AcOutlet, Rating, Station
from tests.secc import kit
from tests.secc.kit import SETUP, Desk, make_charger, selection
from v2g.messages import iso2
from v2g.messages.iso2 import EnergyTransferMode, PaymentOption, ResponseCode

CONTRACT, EXTERNAL = PaymentOption.Contract, PaymentOption.ExternalPayment


class TestSessionSetup:
    def test_a_session_gets_a_random_id_an_outlet_and_the_date(self) -> None:
        desk = Desk()
        response = desk.ask(SETUP)
        assert response.response_code is ResponseCode.OK_NewSessionEstablished
        assert response.evse_id == "DE*PNC*E1*1"
        assert response.evse_time_stamp == int(desk.charger.clock.now().timestamp())
        assert len(desk.context.session_id) == 8
        assert desk.context.evcc_id == SETUP.evcc_id.hex()

    def test_session_ids_do_not_repeat(self) -> None:
        charger = make_charger()
        ids = set()
        for _ in range(50):
            desk = Desk(charger)
            desk.ask(SETUP)
            ids.add(desk.context.session_id)
            desk.context.release()
        assert len(ids) == 50

    def test_an_old_session_id_gets_a_new_session(self) -> None:
        desk = Desk()
        response = desk.ask(SETUP, session_id=b"\x05" * 8)
        assert response.response_code is ResponseCode.OK_NewSessionEstablished
        assert desk.context.session_id != b"\x05" * 8

    def test_zero_is_never_a_session_id(self) -> None:
        class Zeros:
            def __init__(self) -> None:
                self.drawn = [bytes(8), b"\x07" * 8]

            def bytes(self, _count: int) -> bytes:
                return self.drawn.pop(0)

            ec_key = None

        charger = make_charger()
        charger.entropy = Zeros()  # type: ignore[assignment]
        desk = Desk(charger)
        desk.ask(SETUP)
        assert desk.context.session_id == b"\x07" * 8

    def test_cars_at_once_get_outlets_of_their_own_until_there_are_none(self) -> None:
        charger = make_charger({"station.outlets": 2, "station.dc_outlets": 0})
        ids = [Desk(charger).ask(SETUP).evse_id for _ in range(2)]
        assert ids == ["DE*PNC*E1*1", "DE*PNC*E1*2"]
        refused = Desk(charger).send(SETUP)
        assert refused.code == ResponseCode.FAILED
        assert "outlet" in refused.refused

    def test_a_charger_that_stops_takes_no_new_session(self) -> None:
        charger = make_charger()
        charger.stopping = True
        assert Desk(charger).send(SETUP).code == ResponseCode.FAILED

    def test_the_trace_knows_the_session_from_here_on(self) -> None:
        desk = Desk()
        desk.ask(SETUP)
        assert desk.context.tracer.fields["session"] == desk.context.session_id.hex()


class TestServiceDiscovery:
    def discover(self, desk: Desk, **filters: object) -> iso2.ServiceDiscoveryRes:
        desk.reach(State.SERVICE_DISCOVERY)
        response = desk.ask(iso2.ServiceDiscoveryReq(**filters))  # type: ignore[arg-type]
        assert isinstance(response, iso2.ServiceDiscoveryRes)
        return response

    def test_over_tls_contracts_and_their_installation_are_offered(self) -> None:
        response = self.discover(Desk())
        assert response.payment_option_list.payment_option == [CONTRACT, EXTERNAL]
        assert response.charge_service.service_id == 1
        assert response.service_list is not None
        (service,) = response.service_list.service
        assert service.service_id == 2
        assert service.service_category is iso2.ServiceCategory.ContractCertificate
        assert service.free_service

    def test_without_tls_only_external_payment_is(self) -> None:
        response = self.discover(Desk(secure=False))
        assert response.payment_option_list.payment_option == [EXTERNAL]
        assert response.service_list is None

    def test_contracts_only_and_no_tls_does_not_go(self) -> None:
        desk = Desk(make_charger({"payment.external": False}), secure=False).reach(State.SERVICE_DISCOVERY)
        assert desk.send(iso2.ServiceDiscoveryReq()).code == ResponseCode.FAILED

    def test_without_roots_for_contracts_there_are_none(self) -> None:
        charger = make_charger()
        charger.trust = type(charger.trust)(mo=(), v2g=charger.trust.v2g)
        response = self.discover(Desk(charger))
        assert response.payment_option_list.payment_option == [EXTERNAL]
        assert response.service_list is None

    @pytest.mark.parametrize("off", [{"installation.offer": False}, {"payment.contract": False}])
    def test_installation_can_be_left_out(self, off: dict[str, object]) -> None:
        assert self.discover(Desk(make_charger(off))).service_list is None

    def test_without_a_backend_nothing_is_installed(self) -> None:
        charger = make_charger()
        charger.source = None
        response = self.discover(Desk(charger))
        assert response.payment_option_list.payment_option == [CONTRACT, EXTERNAL]
        assert response.service_list is None

    @pytest.mark.parametrize(
        ("category", "found"),
        [
            (None, True),
            (iso2.ServiceCategory.ContractCertificate, True),
            (iso2.ServiceCategory.Internet, False),
            (iso2.ServiceCategory.EVCharging, False),
        ],
    )
    def test_a_category_narrows_the_list(self, category: iso2.ServiceCategory | None, found: bool) -> None:
        response = self.discover(Desk(), service_category=category)
        assert (response.service_list is not None) == found
        assert response.charge_service.service_id == 1

    @pytest.mark.parametrize(("scope", "found"), [(None, True), ("", True), ("elsewhere", False)])
    def test_a_scope_narrows_the_list(self, scope: str | None, found: bool) -> None:
        assert (self.discover(Desk(), service_scope=scope).service_list is not None) == found

    @pytest.mark.parametrize(
        ("phases", "modes"),
        [
            (1, [EnergyTransferMode.AC_single_phase_core]),
            (3, [EnergyTransferMode.AC_three_phase_core, EnergyTransferMode.AC_single_phase_core]),
        ],
    )
    def test_energy_modes_follow_the_outlet(self, phases: int, modes: list[EnergyTransferMode]) -> None:
        clock = kit.HandClock()
        outlet = AcOutlet("DE*PNC*E1", Rating(phases=phases), Meter("M", clock))
        response = self.discover(Desk(make_charger(clock=clock, station=Station([outlet]))))
        assert response.charge_service.supported_energy_transfer_mode.energy_transfer_mode == modes


class TestServiceDetail:
    @pytest.mark.parametrize(
        ("update", "expected"), [(True, {1: "Installation", 2: "Update"}), (False, {1: "Installation"})]
    )
    def test_the_parameter_sets_of_the_certificate_service(
        self, *, update: bool, expected: dict[int, str]
    ) -> None:
        desk = Desk(make_charger({"installation.update": update})).reach(State.SERVICE_SELECTION)
        response = desk.ask(iso2.ServiceDetailReq(service_id=2))
        sets = response.service_parameter_list.parameter_set
        assert {s.parameter_set_id: s.parameter[0].string_value for s in sets} == expected
        assert all(s.parameter[0].name == "Service" for s in sets)

    def test_the_charge_service_has_none(self) -> None:
        response = Desk().reach(State.SERVICE_SELECTION).ask(iso2.ServiceDetailReq(service_id=1))
        assert response.service_parameter_list is None

    @pytest.mark.parametrize(("service", "secure"), [(3, True), (0, True), (65535, True), (2, False)])
    def test_what_is_not_offered_is_refused(self, service: int, secure: bool) -> None:
        desk = Desk(secure=secure).reach(State.SERVICE_SELECTION)
        answer = desk.send(iso2.ServiceDetailReq(service_id=service))
        assert answer.code == ResponseCode.FAILED_ServiceIDInvalid


class TestPaymentServiceSelection:
    @pytest.mark.parametrize(
        ("payment", "services", "code"),
        [
            (CONTRACT, [(1, None)], ResponseCode.OK),
            (CONTRACT, [(1, None), (2, 1)], ResponseCode.OK),
            (CONTRACT, [(2, None), (1, None)], ResponseCode.OK),
            (EXTERNAL, [(1, None)], ResponseCode.OK),
            (CONTRACT, [(2, 1)], ResponseCode.FAILED_NoChargeServiceSelected),
            (CONTRACT, [(1, None), (2, 2)], ResponseCode.OK),
            (CONTRACT, [(1, None), (2, 3)], ResponseCode.FAILED_ServiceSelectionInvalid),
            (CONTRACT, [(1, None), (3, None)], ResponseCode.FAILED_ServiceSelectionInvalid),
            (CONTRACT, [(1, None), (2, -1)], ResponseCode.FAILED_ServiceSelectionInvalid),
        ],
    )
    def test_choices(
        self, payment: PaymentOption, services: list[tuple[int, int | None]], code: ResponseCode
    ) -> None:
        answer = Desk().reach(State.SERVICE_SELECTION).send(selection(payment, *services))
        assert answer.code == code

    def test_a_contract_needs_tls(self) -> None:
        desk = Desk(secure=False).reach(State.SERVICE_SELECTION, EXTERNAL)
        assert desk.send(selection(CONTRACT)).code == ResponseCode.FAILED_PaymentSelectionInvalid

    @pytest.mark.parametrize(
        ("off", "chosen"), [("payment.external", EXTERNAL), ("payment.contract", CONTRACT)]
    )
    def test_what_is_not_offered_cannot_be_chosen(self, off: str, chosen: PaymentOption) -> None:
        desk = Desk(make_charger({off: False})).reach(State.SERVICE_SELECTION)
        assert desk.send(selection(chosen)).code == ResponseCode.FAILED_PaymentSelectionInvalid


def test_the_defaults_offer_everything() -> None:
    assert Config().payment.contract
    assert Config().payment.external


def test_value_added_services_and_their_parameter_sets() -> None:
    settings = {"services.internet": ["ftp", "https"], "services.use_case": {"Parking": "free"}}
    desk = Desk(make_charger(settings)).reach(State.SERVICE_DISCOVERY)
    offered = desk.ask(iso2.ServiceDiscoveryReq()).service_list.service
    assert [(s.service_id, s.service_category) for s in offered] == [
        (2, "ContractCertificate"),
        (3, "Internet"),
        (4, "OtherCustom"),
    ]
    sets = desk.ask(iso2.ServiceDetailReq(service_id=3)).service_parameter_list.parameter_set
    found = [(s.parameter_set_id, s.parameter[0].string_value, s.parameter[1].int_value) for s in sets]
    assert found == [(1, "ftp", 20), (2, "ftp", 21), (4, "https", 443)]
    (custom,) = desk.ask(iso2.ServiceDetailReq(service_id=4)).service_parameter_list.parameter_set
    assert custom.parameter == [iso2.Parameter(name="Parking", string_value="free")]
    desk.ask(selection(PaymentOption.Contract, (1, None), (3, 4), (4, 1)))


def test_value_added_services_need_tls() -> None:
    charger = make_charger({"services.internet": ["https"]})
    assert (
        Desk(charger, secure=False)
        .reach(State.SERVICE_DISCOVERY)
        .ask(iso2.ServiceDiscoveryReq())
        .service_list
        is None
    )
