"""What the charger answers from ChargeParameterDiscovery to SessionStop, and what its outlet does."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from pki.entropy import SeededEntropy
from secc.iso2.states import State
from secc.meter import Meter
from secc.station import AcOutlet, Contactor, Rating, Station
from tests.secc import kit
from tests.secc.kit import Desk, HandClock, ac_parameters, delivery, make_charger, parameters
from tests.secc.market import market
from v2g.messages import iso2
from v2g.messages.iso2 import ChargeProgress, EnergyTransferMode, PaymentOption, ResponseCode

EXTERNAL = PaymentOption.ExternalPayment
THREE, ONE = EnergyTransferMode.AC_three_phase_core, EnergyTransferMode.AC_single_phase_core


class StuckContactor(Contactor):
    """A contactor that does not move."""

    def __init__(self, *, closed: bool) -> None:
        super().__init__()
        self._closed = closed

    def close(self) -> None:
        """Stay."""

    def open(self) -> None:
        """Stay."""


class WeldedContactor(Contactor):
    """A contactor that closes and never opens again."""

    def open(self) -> None:
        """Stay."""


def with_contactor(contactor: Contactor) -> Desk:
    clock = HandClock()
    station = Station([AcOutlet("DE*PNC*E1", Rating(), Meter("M", clock), contactor)])
    return Desk(make_charger(clock=clock, station=station))


class TestChargeParameters:
    @pytest.mark.parametrize(("mode", "power_w"), [(THREE, 22_080), (ONE, 7_360)])
    def test_limits_and_one_schedule_for_a_day(self, mode: EnergyTransferMode, power_w: int) -> None:
        response = Desk().reach(State.CHARGE_PARAMETERS).ask(parameters(mode))
        assert response.evse_processing is iso2.EVSEProcessing.Finished
        limits = response.evse_charge_parameter
        assert limits.evse_nominal_voltage == kit.amount(230, iso2.UnitSymbol.V)
        assert limits.evse_max_current == kit.amount(32, iso2.UnitSymbol.A)
        (schedule,) = response.sa_schedules.sa_schedule_tuple
        assert schedule.sa_schedule_tuple_id == 1
        (entry,) = schedule.p_max_schedule.p_max_schedule_entry
        assert entry.time_interval == iso2.RelativeTimeInterval(start=0, duration=86_400)
        assert entry.p_max == kit.amount(power_w, iso2.UnitSymbol.W)

    @pytest.mark.parametrize("mode", [m for m in EnergyTransferMode if m.startswith("DC")])
    def test_direct_current_is_not_offered_without_an_outlet_for_it(self, mode: EnergyTransferMode) -> None:
        desk = Desk(make_charger({"station.dc_outlets": 0})).reach(State.CHARGE_PARAMETERS)
        answer = desk.send(parameters(mode, kit.dc_parameters()))
        assert answer.code == ResponseCode.FAILED_WrongEnergyTransferMode

    def test_parameters_must_fit_the_mode(self) -> None:
        answer = Desk().reach(State.CHARGE_PARAMETERS).send(parameters(THREE, kit.dc_parameters()))
        assert answer.code == ResponseCode.FAILED_WrongChargeParameter

    def test_limits_that_make_no_sense(self) -> None:
        bad = [
            ac_parameters(low_a=20, high_a=10),
            ac_parameters(low_a=-1),
            ac_parameters(low_a=33, high_a=40),
            ac_parameters(),
            ac_parameters(),
        ]
        bad[3].ev_max_voltage = kit.amount(0, iso2.UnitSymbol.V)
        bad[4].e_amount = kit.amount(-1, iso2.UnitSymbol.Wh)
        for limits in bad:
            answer = Desk().reach(State.CHARGE_PARAMETERS).send(parameters(THREE, limits))
            assert answer.code == ResponseCode.FAILED_WrongChargeParameter, limits


class TestPowerDelivery:
    def test_start_closes_the_contactor_and_stop_opens_it(self) -> None:
        desk = Desk().reach(State.POWER_DELIVERY)
        outlet = desk.context.plug
        assert not kit.on_mains(outlet)
        desk.ask(delivery(ChargeProgress.Start))
        assert kit.on_mains(outlet)
        desk.ask(iso2.ChargingStatusReq())
        desk.ask(delivery(ChargeProgress.Stop))
        assert not kit.on_mains(outlet)

    def test_a_schedule_that_was_not_offered(self) -> None:
        answer = Desk().reach(State.POWER_DELIVERY).send(delivery(ChargeProgress.Start, schedule=2))
        assert answer.code == ResponseCode.FAILED_TariffSelectionInvalid

    @pytest.mark.parametrize(
        ("power_w", "code"),
        [(22_080, ResponseCode.OK), (22_081, ResponseCode.FAILED_ChargingProfileInvalid)],
    )
    def test_a_profile_stays_below_the_schedule(self, power_w: int, code: ResponseCode) -> None:
        desk = Desk().reach(State.POWER_DELIVERY)
        assert desk.send(delivery(ChargeProgress.Start, profile_w=power_w)).code == code

    def test_renegotiation_before_charging_is_an_error(self) -> None:
        answer = Desk().reach(State.POWER_DELIVERY).send(delivery(ChargeProgress.Renegotiate))
        assert answer.code == ResponseCode.FAILED

    def test_a_second_start_is_an_error(self) -> None:
        assert Desk().reach(State.CHARGING).send(delivery(ChargeProgress.Start)).code == ResponseCode.FAILED

    def test_no_renegotiation_where_the_charger_is_set_so(self) -> None:
        desk = Desk(make_charger({"schedule.renegotiation": False})).reach(State.CHARGING)
        assert desk.send(delivery(ChargeProgress.Renegotiate)).code == ResponseCode.FAILED

    def test_a_contactor_that_does_not_close(self) -> None:
        desk = with_contactor(StuckContactor(closed=False)).reach(State.POWER_DELIVERY, EXTERNAL)
        assert desk.send(delivery(ChargeProgress.Start)).code == ResponseCode.FAILED_ContactorError

    def test_a_contactor_that_does_not_open(self) -> None:
        desk = with_contactor(WeldedContactor()).reach(State.CHARGING, EXTERNAL)
        assert desk.send(delivery(ChargeProgress.Stop)).code == ResponseCode.FAILED_ContactorError

    def test_an_outlet_whose_contactor_is_welded_goes_out_of_service(self) -> None:
        desk = with_contactor(WeldedContactor()).reach(State.CHARGING, EXTERNAL)
        assert "did not open" in str(desk.context.release())
        assert desk.charger.station.take() is None
        assert desk.context.release() is None


class TestChargingStatus:
    def test_meter_and_status(self) -> None:
        desk = Desk().reach(State.CHARGING_STATUS)
        response = desk.ask(iso2.ChargingStatusReq())
        assert response.evse_id == "DE*PNC*E1*1"
        assert response.sa_schedule_tuple_id == 1
        assert response.evse_max_current == kit.amount(32, iso2.UnitSymbol.A)
        assert response.receipt_required is False
        assert response.meter_info.meter_id == "METER-1"
        assert response.meter_info.meter_reading == 0
        assert response.ac_evse_status.evse_notification is iso2.EVSENotification.None_
        assert response.ac_evse_status.rcd is False

    def test_energy_is_counted_over_time(self) -> None:
        desk = Desk().reach(State.CHARGING_STATUS)
        clock = desk.charger.clock
        assert isinstance(clock, HandClock)
        clock.elapsed_s += 1800
        response = desk.ask(iso2.ChargingStatusReq())
        assert response.meter_info.meter_reading == 5520  # 16 A on three phases for half an hour
        assert response.meter_info.t_meter == int(clock.now().timestamp())
        assert desk.context.energy_wh == pytest.approx(5520)
        assert desk.sink.of("charging")[0]["power_w"] == 11_040

    def test_the_profile_of_the_car_is_followed(self) -> None:
        desk = Desk().reach(State.POWER_DELIVERY)
        clock = desk.charger.clock
        assert isinstance(clock, HandClock)
        request = delivery(ChargeProgress.Start, profile_w=4000)
        assert request.charging_profile is not None
        request.charging_profile.profile_entry.append(
            iso2.ProfileEntry(
                charging_profile_entry_start=3600,
                charging_profile_entry_max_power=kit.amount(2000, iso2.UnitSymbol.W),
            )
        )
        desk.ask(request)
        clock.elapsed_s += 3600
        assert desk.ask(iso2.ChargingStatusReq()).meter_info.meter_reading == 4000
        clock.elapsed_s += 3600
        assert desk.ask(iso2.ChargingStatusReq()).meter_info.meter_reading == 6000

    def test_a_charger_that_stops_asks_the_car_to_stop(self) -> None:
        desk = Desk().reach(State.CHARGING)
        desk.charger.stopping = True
        status = desk.ask(iso2.ChargingStatusReq()).ac_evse_status
        assert status.evse_notification is iso2.EVSENotification.StopCharging

    def test_receipts_every_so_many_rounds_for_contracts_only(self) -> None:
        charger = make_charger({"station.receipt_every": 2})
        desk = Desk(charger).reach(State.CHARGING_STATUS)
        asked = [desk.ask(iso2.ChargingStatusReq()).receipt_required for _ in range(2)]
        assert asked == [False, True]
        external = Desk(charger).reach(State.CHARGING_STATUS, EXTERNAL)
        assert not any(external.ask(iso2.ChargingStatusReq()).receipt_required for _ in range(4))


class TestMeteringReceipt:
    def receipt(self, desk: Desk) -> iso2.MeteringReceiptReq:
        desk.reach(State.CHARGING_STATUS)
        response = desk.ask(iso2.ChargingStatusReq())
        assert response.receipt_required
        return iso2.MeteringReceiptReq(
            id="id1",
            session_id=desk.context.session_id,
            sa_schedule_tuple_id=1,
            meter_info=response.meter_info,
        )

    def desk(self) -> Desk:
        return Desk(make_charger({"station.receipt_every": 1}))

    def test_a_good_receipt(self) -> None:
        desk = self.desk()
        response = desk.ask(self.receipt(desk), key=market().contract.signing_key())
        assert response.response_code is ResponseCode.OK

    def test_bad_receipts(self) -> None:
        stranger = SeededEntropy(5).ec_key(ec.SECP256R1())
        for fault in ("unsigned", "key", "session", "schedule", "reading"):
            desk = self.desk()
            receipt = self.receipt(desk)
            key: ec.EllipticCurvePrivateKey | None = market().contract.signing_key()
            if fault == "unsigned":
                key = None
            elif fault == "key":
                key = stranger
            elif fault == "session":
                receipt.session_id = b"\x01" * 8
            elif fault == "schedule":
                receipt.sa_schedule_tuple_id = 7
            else:
                receipt.meter_info = iso2.MeterInfo(meter_id="METER-1", meter_reading=999)
            answer = desk.send(receipt, key=key)
            assert answer.code == ResponseCode.FAILED_MeteringSignatureNotValid, fault


def test_the_outlet_is_free_again_after_the_session() -> None:
    clock = HandClock()
    station = Station([AcOutlet("DE*PNC*E1", Rating(), Meter("M", clock))])
    charger = make_charger(clock=clock, station=station)
    desk = Desk(charger).reach(State.CHARGING)
    clock.elapsed_s += 3600
    desk.context.release()
    assert not station.outlets[0].contactor.closed
    assert desk.context.energy_wh == pytest.approx(11_040)
    clock.elapsed_s += 3600
    assert desk.context.energy_wh == pytest.approx(11_040)
    assert Desk(charger).ask(kit.SETUP).evse_id == "DE*PNC*E1"


def test_an_outlet_is_only_asked_for_within_a_session() -> None:
    with pytest.raises(RuntimeError, match="no outlet"):
        _ = Desk().context.plug
