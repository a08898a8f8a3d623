"""CertificateInstallation of -20 without I/O: codes, several contracts, altered repetitions."""

from datetime import timedelta
from typing import Any

import pytest

from pki.errors import CertificateError, Rule
from secc.charger import Trust
from secc.errors import BundleError, BundleFailure
from secc.iso20 import AC
from secc.iso20.certificates import warning
from secc.iso20.installation import CODES
from secc.iso20.states import State
from secc.session import Answer
from secc.sources import Wanted
from secc.table import Errand
from tests.secc.iso20 import messages
from tests.secc.iso20.kit import Desk, make_charger
from tests.secc.iso20.market import EMAIDS, encoded, market20
from tests.secc.market import NOW, der
from v2g.messages import iso20, xmldsig
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20.common_types import Processing, ResponseCode
from v2g.security import signature

OEM_KEY = market20().car.provisioning.signer()


def ready(changes: dict[str, Any] | None = None) -> Desk:
    return Desk(AC, make_charger(changes)).reach(State.CONTRACT)


def install(desk: Desk, request: cm.CertificateInstallationReq | None = None, **options: Any) -> Answer:
    options.setdefault("key", OEM_KEY)
    return desk.send(request or market20().installation_request(), **options)


def response_of(answer: Answer) -> cm.CertificateInstallationRes:
    assert isinstance(answer.message, cm.CertificateInstallationRes)
    return answer.message


class TestGood:
    def test_the_request_goes_to_the_backend_as_it_came(self) -> None:
        desk = ready()
        request = messages.message_of(
            desk.context.session_id, market20().installation_request(3, EMAIDS[:2]), OEM_KEY, 0
        )
        data = encoded(request)
        errand = desk.session.handle(request, data, 0.0)
        assert isinstance(errand, Errand)
        wanted = errand.run.args[0]  # type: ignore[attr-defined]
        assert wanted == Wanted(data, iso20.COMMON_MESSAGES.namespace, 3, EMAIDS[:2])

    def test_the_signed_part_and_its_signature_arrive_unchanged(self) -> None:
        desk = ready()
        answer = install(desk)
        response, sent = response_of(answer), market20().bundle()
        assert response.response_code is ResponseCode.OK
        assert response.evse_processing is Processing.Finished
        assert response.remaining_contract_certificate_chains == 0
        assert response.signed_installation_data == sent.signed_installation_data
        assert response.header.signature == sent.header.signature
        assert response.header.session_id == desk.context.session_id
        assert response.header.time_stamp == int(NOW.timestamp())
        assert desk.state is State.AUTHORIZATION
        whats = [event["what"] for event in desk.sink.of("signature.verified")]
        assert whats == ["CertificateInstallationReq", "SignedInstallationData"]

    def test_while_the_backend_works_the_answer_is_ongoing(self) -> None:
        desk = ready()
        for _ in range(3):
            response = response_of(install(desk, still_away=True))
            assert response.response_code is ResponseCode.OK
            assert response.evse_processing is Processing.Ongoing
            assert desk.state is State.SAME_INSTALLATION
        assert response_of(install(desk)).evse_processing is Processing.Finished

    def test_several_contracts_count_down(self) -> None:
        desk = ready()
        request = market20().installation_request
        seen = []
        for _ in range(3):
            response = response_of(install(desk, request(5), outcome=market20().bundles(3)))
            data = response.signed_installation_data
            seen.append(
                (response.remaining_contract_certificate_chains, data.contract_certificate_chain.certificate)
            )
        contracts = [der(contract.certificate) for contract in market20().contracts]
        assert seen == list(zip([2, 1, 0], contracts, strict=True))
        assert desk.state is State.AUTHORIZATION

    def test_never_more_than_the_car_has_room_for(self) -> None:
        desk = ready()
        response = response_of(
            install(desk, market20().installation_request(2), outcome=market20().bundles(3))
        )
        assert response.remaining_contract_certificate_chains == 1

    def test_a_broken_bundle_does_not_cost_the_others(self) -> None:
        desk = ready()
        first, second, third = market20().bundles(3)
        outcome = (first, second[:-40], third)
        response = response_of(install(desk, market20().installation_request(3), outcome=outcome))
        assert response.remaining_contract_certificate_chains == 1

    def test_without_verification_the_charger_passes_on_what_it_gets(self) -> None:
        desk = ready({"backend.verify_bundle": False})
        bundle = market20().bundle()
        bundle.header.signature = None
        assert not install(desk, outcome=(encoded(bundle),)).refused

    def test_a_car_may_go_on_without_waiting(self) -> None:
        desk = ready()
        install(desk, still_away=True)
        desk.ask(messages.externally())
        assert desk.state is State.SERVICE_DISCOVERY


class TestRepetition:
    @pytest.mark.parametrize("what", ["maximum", "emaids", "certificate"])
    @pytest.mark.parametrize("waiting", [True, False])
    def test_an_altered_one_is_refused(self, what: str, waiting: bool) -> None:
        desk = ready()
        install(desk, market20().installation_request(3), still_away=waiting, outcome=market20().bundles(3))
        request = market20().installation_request(
            2 if what == "maximum" else 3, EMAIDS[:1] if what == "emaids" else ()
        )
        if what == "certificate":
            chain = request.oem_provisioning_certificate_chain
            assert chain.sub_certificates is not None
            chain.sub_certificates.certificate.pop()
        answer = install(desk, request)
        assert (answer.code, answer.ends) == (ResponseCode.FAILED, True)
        assert "altered" in answer.refused

    def test_it_has_to_be_signed_too(self) -> None:
        desk = ready()
        install(desk, still_away=True)
        assert install(desk, key=None).code == ResponseCode.FAILED_SignatureError

    def test_once_there_is_none_left_a_further_one_is_a_sequence_error(self) -> None:
        desk = ready()
        install(desk)
        assert install(desk).code == ResponseCode.FAILED_SequenceError

    def test_after_a_warning_another_request_may_follow(self) -> None:
        desk = ready()
        failure = BundleError(BundleFailure.UNKNOWN_PROVIDER, "")
        answer = install(desk, market20().installation_request(2, EMAIDS[:2]), outcome=failure)
        assert (answer.code, answer.ends) == (ResponseCode.WARNING_eMSPUnknown, False)
        assert not install(desk).refused


class TestRequest:
    @pytest.mark.parametrize(
        ("maximum", "emaids"), [(0, ()), (9, ()), (255, ()), (1, EMAIDS[:2]), (2, EMAIDS)]
    )
    def test_numbers_that_do_not_fit(self, maximum: int, emaids: tuple[str, ...]) -> None:
        answer = install(ready(), market20().installation_request(maximum, emaids))
        assert (answer.code, answer.ends) == (ResponseCode.FAILED, True)

    def test_the_most_that_a_car_may_ask_for(self) -> None:
        assert not install(ready(), market20().installation_request(8, EMAIDS)).refused

    @pytest.mark.parametrize("key", [None, market20().contract.signer()], ids=["unsigned", "foreign"])
    def test_a_wrong_signature(self, key: Any) -> None:
        answer = install(ready(), key=key)
        assert (answer.code, answer.ends) == (ResponseCode.FAILED_SignatureError, True)

    @pytest.mark.parametrize(
        ("start", "validity", "code"),
        [
            (timedelta(hours=-9), timedelta(hours=1), ResponseCode.WARNING_CertificateExpired),
            (timedelta(hours=9), timedelta(hours=1), ResponseCode.WARNING_CertificateNotYetValid),
        ],
    )
    @pytest.mark.parametrize("with_roots", [True, False])
    def test_a_certificate_outside_its_time(
        self, start: timedelta, validity: timedelta, code: ResponseCode, with_roots: bool
    ) -> None:
        desk = ready()
        if not with_roots:
            trust = desk.charger.trust20
            desk.charger.trust20 = Trust(trust.mo, trust.v2g)
        car = market20().provisioning(NOW + start, validity)
        answer = install(desk, market20().installation_request(car=car), key=car.signer())
        assert (answer.code, answer.ends) == (code, False)
        assert desk.state is State.CONTRACT
        assert desk.sink.of("certificate.rejected")

    def test_a_chain_of_a_car_maker_that_nobody_knows(self) -> None:
        desk = ready()
        trust = desk.charger.trust20
        desk.charger.trust20 = Trust(trust.mo, trust.v2g, trust.mo)
        answer = install(desk)
        assert (answer.code, answer.ends) == (ResponseCode.WARNING_CertificateValidationError, False)

    def test_a_certificate_that_is_none(self) -> None:
        request = market20().installation_request()
        request.oem_provisioning_certificate_chain.certificate = b"rubbish"
        answer = install(ready(), request)
        assert answer.code == ResponseCode.WARNING_CertificateValidationError

    @pytest.mark.parametrize("rule", Rule)
    def test_every_rule_has_a_code(self, rule: Rule) -> None:
        assert warning(CertificateError(rule, "", "")).startswith("WARNING_Certificate")


def test_every_failure_of_the_backend_has_a_code() -> None:
    assert set(CODES) == set(BundleFailure)


@pytest.mark.parametrize("kind", BundleFailure)
def test_the_code_of_each_failure(kind: BundleFailure) -> None:
    desk = ready()
    answer = install(desk, outcome=BundleError(kind, "because the test says so"))
    assert answer.code == CODES[kind]
    assert answer.ends == answer.code.startswith("FAILED")
    assert desk.context.installation is None


@pytest.mark.parametrize("code", [ResponseCode.WARNING_eMSPUnknown, ResponseCode.FAILED])
def test_a_backend_that_answers_with_a_code_of_its_own(code: ResponseCode) -> None:
    bundle = market20().bundle()
    bundle.response_code = code
    answer = install(ready(), outcome=(encoded(bundle),))
    assert (answer.code, answer.ends) == (code, code is ResponseCode.FAILED)


def spoiled(kind: str) -> bytes:
    market = market20()
    if kind == "garbage":
        return bytes(range(200))
    if kind == "another message":
        return encoded(messages.setup())
    if kind == "curve":
        return encoded(market.bundle(dh_public_key=b"\x04" + bytes(132)))
    if kind == "field":
        return encoded(
            market.bundle(secp521_encrypted_private_key=None, x448_encrypted_private_key=bytes(84))
        )
    if kind == "x448 field":
        return encoded(market.bundle(ecdh_curve=cm.EcdhCurve.X448))
    bundle = market.bundle()
    if kind == "altered":
        bundle.signed_installation_data.secp521_encrypted_private_key = bytes(94)
    elif kind == "unsigned":
        bundle.header.signature = None
    elif kind == "signer":
        elements = [("id1", "SignedInstallationData", bundle.signed_installation_data)]
        key = market.contract.signer()
        bundle.header.signature = signature.sign(
            elements, key, iso20.COMMON_MESSAGES, signature.ISO20_SECP521
        )
    elif kind == "chain":
        chain = bundle.cps_certificate_chain
        assert chain.sub_certificates is not None
        chain.sub_certificates.certificate.reverse()
    return encoded(bundle)


@pytest.mark.parametrize(
    "kind",
    ["garbage", "another message", "curve", "field", "x448 field", "altered", "unsigned", "signer", "chain"],
)
def test_a_bundle_that_is_not_good_never_reaches_the_car(kind: str) -> None:
    answer = install(ready(), outcome=(spoiled(kind),))
    assert answer.code == ResponseCode.WARNING_NoCertificateAvailable
    assert response_of(answer).header.signature is None


def test_an_answer_without_any_contract() -> None:
    desk = ready()
    request = messages.message_of(desk.context.session_id, market20().installation_request(), OEM_KEY, 0)
    assert isinstance(desk.session.handle(request, encoded(request), 0.0), Errand)
    assert desk.session.resume(()).code == ResponseCode.WARNING_NoContractMatchingPCIDFound


def test_a_car_that_signs_the_whole_message_is_understood() -> None:
    from v2g.security.signature_iso20 import body_element

    desk = ready()
    request = market20().installation_request()
    message = messages.message_of(desk.context.session_id, request, None, 0)
    assert isinstance(message, cm.CertificateInstallationReq)
    message.header.signature = signature.sign(
        [body_element(message, "id1")], OEM_KEY, iso20.COMMON_MESSAGES, signature.ISO20_SECP521
    )
    assert isinstance(message.header.signature, xmldsig.Signature)
    assert isinstance(desk.session.handle(message, encoded(message), 0.0), Errand)
