"""SessionSetup, AuthorizationSetup, services: what the responses say."""

from datetime import timedelta

import pytest

from secc.charger import Trust
from secc.iso20 import AC, ACDP, DC, WPT
from secc.iso20.states import State
from secc.protocol import Protocol
from tests.secc.iso20 import messages
from tests.secc.iso20.kit import Desk, make_charger
from tests.secc.iso20.market import EMAIDS, market20
from tests.secc.market import NOW
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20.common_types import Processing, ResponseCode
from v2g.services import ParameterName, Pricing, ServiceId, int_parameter


class TestSessionSetup:
    def test_a_new_session_has_a_new_id_and_the_outlet_of_its_kind(self) -> None:
        charger = make_charger()
        first, second = Desk(AC, charger), Desk(DC, charger)
        ids = {desk.ask(messages.setup()).header.session_id for desk in (first, second)}
        assert len(ids) == 2
        assert bytes(8) not in ids
        assert first.context.plug.kind == "ac"
        assert second.context.plug.kind == "dc"

    def test_the_header_tells_the_time(self) -> None:
        response = Desk().ask(messages.setup())
        assert response.header.time_stamp == int(NOW.timestamp())
        assert response.header.signature is None

    def test_no_outlet_of_the_kind_is_free(self) -> None:
        charger = make_charger({"station.dc_outlets": 1})
        Desk(DC, charger).ask(messages.setup())
        assert Desk(DC, charger).send(messages.setup()).code == ResponseCode.FAILED
        Desk(AC, charger).ask(messages.setup())

    def test_a_charger_that_stops_begins_no_session(self) -> None:
        charger = make_charger()
        charger.stopping = True
        assert Desk(AC, charger).send(messages.setup()).code == ResponseCode.FAILED


def offered(desk: Desk) -> cm.AuthorizationSetupRes:
    desk.ask(messages.setup())
    response = desk.ask(messages.authorization_setup())
    assert isinstance(response, cm.AuthorizationSetupRes)
    return response


class TestAuthorizationSetup:
    def test_contracts_and_external_identification_over_tls(self) -> None:
        response = offered(Desk())
        assert response.authorization_services == [cm.Authorization.PnC, cm.Authorization.EIM]
        assert response.certificate_installation_service
        assert response.pnc_as_res_authorization_mode is not None
        assert len(response.pnc_as_res_authorization_mode.gen_challenge) == 16
        assert response.pnc_as_res_authorization_mode.supported_providers is None
        assert response.eim_as_res_authorization_mode is None

    def test_without_tls_only_external_identification(self) -> None:
        response = offered(Desk(secure=False))
        assert response.authorization_services == [cm.Authorization.EIM]
        assert not response.certificate_installation_service
        assert response.eim_as_res_authorization_mode is not None

    def test_contracts_only(self) -> None:
        changes = {"payment.external": False}
        assert offered(Desk(AC, make_charger(changes))).authorization_services == [cm.Authorization.PnC]
        desk = Desk(AC, make_charger(changes), secure=False)
        desk.ask(messages.setup())
        assert desk.send(messages.authorization_setup()).code == ResponseCode.FAILED

    def test_no_contracts_without_roots_for_them(self) -> None:
        charger = make_charger()
        charger.trust20 = Trust()
        assert offered(Desk(AC, charger)).authorization_services == [cm.Authorization.EIM]

    def test_providers_are_listed(self) -> None:
        desk = Desk(AC, make_charger({"payment.providers": ["DEPNC", "NLABC"]}))
        mode = offered(desk).pnc_as_res_authorization_mode
        assert mode is not None
        assert mode.supported_providers is not None
        assert mode.supported_providers.provider_id == ["DEPNC", "NLABC"]

    @pytest.mark.parametrize("change", [{"installation.offer": False}, {"payment.contract": False}])
    def test_no_installation_service(self, change: dict[str, bool]) -> None:
        desk = Desk(AC, make_charger(change))
        assert not offered(desk).certificate_installation_service
        assert desk.state is State.AUTHORIZATION

    def test_each_session_has_another_challenge(self) -> None:
        charger = make_charger()
        modes = [offered(Desk(AC, charger)).pnc_as_res_authorization_mode for _ in range(2)]
        assert modes[0] is not None
        assert modes[1] is not None
        assert modes[0].gen_challenge != modes[1].gen_challenge


class TestAuthorization:
    def desk(self, **changes: object) -> Desk:
        return Desk(AC, make_charger(dict(changes))).reach(State.CONTRACT)

    def code(self, desk: Desk, request: cm.AuthorizationReq, seed: int = 0) -> str:
        """Send a request that must get a WARNING, and see that the car may try again."""
        key = (market20().contract if not seed else market20().contracts[seed]).signer()
        answer = desk.send(request, key=key)
        assert not answer.ends, answer
        assert desk.state is State.AUTHORIZATION
        assert not desk.context.authorized
        assert isinstance(answer.message, cm.AuthorizationRes)
        return answer.code

    def test_a_contract(self) -> None:
        desk = self.desk()
        response = desk.ask(messages.by_contract(desk.context.challenge), key=market20().contract.signer())
        assert (response.response_code, response.evse_processing) == (ResponseCode.OK, Processing.Finished)
        assert desk.context.contract is not None
        assert desk.context.contract.emaid.startswith(EMAIDS[0])
        assert desk.sink.of("contract.used")[0]["emaid"] == desk.context.contract.emaid
        assert desk.sink.of("signature.verified")[0]["what"] == "PnC_AReqAuthorizationMode"

    def test_a_contract_that_ends_soon(self) -> None:
        desk = self.desk()
        contract = market20().contract_of(EMAIDS[0], validity=timedelta(days=10))
        request = messages.by_contract(desk.context.challenge, market20().contract_chain(contract))
        response = desk.ask(request, key=contract.signer())
        assert response.response_code is ResponseCode.OK_CertificateExpiresSoon

    @pytest.mark.parametrize(
        ("start", "validity", "code"),
        [
            (timedelta(hours=-5), timedelta(hours=1), ResponseCode.WARNING_CertificateExpired),
            (timedelta(hours=5), None, ResponseCode.WARNING_CertificateNotYetValid),
        ],
    )
    def test_a_contract_outside_its_time(
        self, start: timedelta, validity: timedelta | None, code: ResponseCode
    ) -> None:
        desk = self.desk()
        contract = market20().contract_of(EMAIDS[0], start=NOW + start, validity=validity)
        chain = market20().contract_chain(contract)
        assert self.code(desk, messages.by_contract(desk.context.challenge, chain)) == code
        assert desk.sink.of("certificate.rejected")

    def test_a_chain_that_is_none(self) -> None:
        desk = self.desk()
        chain = market20().contract_chain()
        chain.sub_certificates.certificate.reverse()
        code = self.code(desk, messages.by_contract(desk.context.challenge, chain))
        assert code == ResponseCode.WARNING_CertificateValidationError
        chain = market20().contract_chain()
        chain.certificate = b"rubbish"
        code = self.code(desk, messages.by_contract(desk.context.challenge, chain))
        assert code == ResponseCode.WARNING_CertificateValidationError

    def test_a_contract_of_a_foreign_operator(self) -> None:
        desk = self.desk()
        contract = market20().contract_of(EMAIDS[0], issuer="oem_sub_ca2")
        chain = market20().contract_chain(contract)
        code = self.code(desk, messages.by_contract(desk.context.challenge, chain))
        assert code == ResponseCode.WARNING_CertificateValidationError

    def test_a_name_that_is_no_emaid(self) -> None:
        desk = self.desk()
        contract = market20().contract_of("John Doe")
        chain = market20().contract_chain(contract)
        code = self.code(desk, messages.by_contract(desk.context.challenge, chain))
        assert code == ResponseCode.WARNING_GeneralPnCAuthorizationError

    def test_a_provider_that_is_not_taken(self) -> None:
        desk = self.desk(**{"payment.providers": ["NLABC"]})
        code = self.code(desk, messages.by_contract(desk.context.challenge))
        assert code == ResponseCode.WARNING_eMSPUnknown

    def test_another_challenge(self) -> None:
        desk = self.desk()
        assert self.code(desk, messages.by_contract(bytes(16))) == ResponseCode.WARNING_ChallengeInvalid

    @pytest.mark.parametrize("kind", ["unsigned", "another key"])
    def test_a_wrong_signature_ends_the_session(self, kind: str) -> None:
        desk = self.desk()
        key = None if kind == "unsigned" else market20().contracts[1].signer()
        answer = desk.send(messages.by_contract(desk.context.challenge), key=key)
        assert (answer.code, answer.ends) == (ResponseCode.FAILED_SignatureError, True)
        assert desk.sink.of("signature.failed")

    def test_a_service_that_is_not_offered(self) -> None:
        desk = Desk(AC, make_charger({"payment.external": False})).reach(State.CONTRACT)
        assert self.code(desk, messages.externally()) == ResponseCode.WARNING_AuthorizationSelectionInvalid

    def test_data_of_another_service(self) -> None:
        desk = self.desk()
        request = messages.externally()
        request.selected_authorization_service = cm.Authorization.PnC
        assert self.code(desk, request) == ResponseCode.WARNING_AuthorizationSelectionInvalid

    def test_after_a_warning_another_contract_may_do(self) -> None:
        desk = self.desk()
        self.code(desk, messages.by_contract(bytes(16)))
        chain = market20().contract_chain(market20().contracts[1])
        request = messages.by_contract(desk.context.challenge, chain)
        desk.ask(request, key=market20().contracts[1].signer())
        assert desk.context.authorized

    def test_external_identification_that_is_refused(self) -> None:
        desk = self.desk(**{"external.accept": False})
        assert self.code(desk, messages.externally()) == ResponseCode.WARNING_EIMAuthorizationFailure

    def test_the_driver_takes_his_time(self) -> None:
        desk = self.desk(**{"external.rounds": 2})
        seen = [desk.ask(messages.externally()).evse_processing for _ in range(3)]
        waiting = Processing.Ongoing_WaitingForCustomerInteraction
        assert seen == [waiting, waiting, Processing.Finished]

    def test_the_charger_gives_up_after_55_seconds(self) -> None:
        desk = self.desk(**{"external.rounds": 1000})
        desk.ask(messages.externally())
        desk.wait(54.9)
        desk.ask(messages.externally())
        desk.wait(0.1)
        answer = desk.send(messages.externally())
        assert (answer.code, answer.ends) == (ResponseCode.FAILED, True)
        assert desk.sink.of("timer.expired")[0]["limit_s"] == 55


class TestServices:
    @pytest.mark.parametrize(
        ("protocol", "both_ways", "expected"),
        [(AC, True, [1, 5]), (AC, False, [1]), (DC, True, [2, 6]), (DC, False, [2])],
        ids=str,
    )
    def test_the_services_of_an_outlet(
        self, protocol: Protocol, both_ways: bool, expected: list[int]
    ) -> None:
        desk = Desk(protocol, make_charger({"station.bidirectional": both_ways}))
        response = desk.reach(State.SERVICE_DISCOVERY).ask(messages.discovery())
        assert [s.service_id for s in response.energy_transfer_service_list.service] == expected
        assert response.service_renegotiation_supported
        assert response.vas_list is None

    def test_the_car_narrows_the_list(self) -> None:
        response = Desk().reach(State.SERVICE_DISCOVERY).ask(messages.discovery(2, 5, 6))
        assert [s.service_id for s in response.energy_transfer_service_list.service] == [5]

    @pytest.mark.parametrize("asked", [[ServiceId.WPT], [ServiceId.DC_ACDP, 99]])
    def test_nothing_in_common(self, asked: list[int]) -> None:
        answer = Desk().reach(State.SERVICE_DISCOVERY).send(messages.discovery(*asked))
        assert (answer.code, answer.ends) == (ResponseCode.FAILED, True)
        assert "service not offered" in answer.refused

    @pytest.mark.parametrize("protocol", [WPT, ACDP], ids=str)
    def test_wireless_charging_and_acdp_are_not_offered(self, protocol: Protocol) -> None:
        desk = Desk(protocol)
        for request in (messages.setup(), messages.authorization_setup(), messages.externally()):
            desk.ask(request)
        answer = desk.send(messages.discovery())
        assert answer.ends
        assert "service not offered" in answer.refused
        assert desk.context.outlet is None

    @pytest.mark.parametrize("service", [ServiceId.AC, ServiceId.AC_BPT])
    def test_parameter_sets_of_ac(self, service: ServiceId) -> None:
        response = Desk().reach(State.SERVICE_SELECTION).ask(messages.detail(service))
        sets = response.service_parameter_list.parameter_set
        assert [found.parameter_set_id for found in sets] == [1, 2]
        assert [int_parameter(found, ParameterName.CONTROL_MODE) for found in sets] == [1, 2]
        assert [int_parameter(found, ParameterName.PRICING) for found in sets] == [
            Pricing.ABSOLUTE,
            Pricing.NONE,
        ]
        assert int_parameter(sets[0], ParameterName.NOMINAL_VOLTAGE) == 230
        both = int_parameter(sets[0], ParameterName.ISLANDING_DETECTION)
        assert (both is not None) == (service is ServiceId.AC_BPT)

    def test_parameter_sets_of_dc(self) -> None:
        desk = Desk(DC, make_charger({"schedule.price_per_kwh": 0.0})).reach(State.SERVICE_SELECTION)
        sets = desk.ask(messages.detail(ServiceId.DC_BPT)).service_parameter_list.parameter_set
        names = {parameter.name for parameter in sets[0].parameter}
        assert names == {
            "Connector",
            "ControlMode",
            "MobilityNeedsMode",
            "Pricing",
            "BPTChannel",
            "GeneratorMode",
        }
        assert int_parameter(sets[0], ParameterName.PRICING) == Pricing.NONE

    @pytest.mark.parametrize("service", [ServiceId.DC, ServiceId.WPT, ServiceId.DC_ACDP, 65, 0, 65535])
    def test_details_of_what_is_not_offered(self, service: int) -> None:
        answer = Desk().reach(State.SERVICE_SELECTION).send(messages.detail(service))
        assert (answer.code, answer.ends) == (ResponseCode.FAILED_ServiceIDInvalid, True)
        assert "service not offered" in answer.refused

    @pytest.mark.parametrize(
        ("request_", "code"),
        [
            (messages.selection(ServiceId.WPT), ResponseCode.FAILED_NoEnergyTransferServiceSelected),
            (messages.selection(ServiceId.DC_ACDP), ResponseCode.FAILED_NoEnergyTransferServiceSelected),
            (messages.selection(ServiceId.DC), ResponseCode.FAILED_NoEnergyTransferServiceSelected),
            (messages.selection(ServiceId.AC, 3), ResponseCode.FAILED_ServiceSelectionInvalid),
            (messages.selection(ServiceId.AC, 1, 65), ResponseCode.FAILED_ServiceSelectionInvalid),
        ],
    )
    def test_a_choice_that_is_none(self, request_: cm.ServiceSelectionReq, code: ResponseCode) -> None:
        answer = Desk().reach(State.SERVICE_SELECTION).send(request_)
        assert (answer.code, answer.ends) == (code, True)
