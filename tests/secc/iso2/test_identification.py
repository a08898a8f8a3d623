"""PaymentDetails and Authorization: what is accepted, and the code for everything else."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from pki.entropy import SeededEntropy
from pki.errors import CertificateError, Rule
from pki.profiles import CONTRACT, CPS_LEAF, OEM_PROVISIONING
from secc.iso2.identification import certificate_code
from secc.iso2.states import State
from tests.secc import kit
from tests.secc.kit import Desk, make_charger
from tests.secc.market import EMAID, NOW, chain_of, der, market
from v2g import timing
from v2g.messages import iso2
from v2g.messages.iso2 import EVSEProcessing, PaymentOption, ResponseCode

EXTERNAL = PaymentOption.ExternalPayment
STRANGER = SeededEntropy(99).ec_key(ec.SECP256R1())


def details(chain: iso2.CertificateChain | None = None, emaid: str = EMAID) -> iso2.PaymentDetailsReq:
    return iso2.PaymentDetailsReq(
        emaid=emaid, contract_signature_cert_chain=chain or market().contract_chain()
    )


class TestPaymentDetails:
    def test_a_good_chain_gets_a_challenge(self) -> None:
        desk = Desk().reach(State.CONTRACT)
        response = desk.ask(details())
        assert response.response_code is ResponseCode.OK
        assert len(response.gen_challenge) == 16
        assert response.gen_challenge == desk.context.challenge
        assert response.evse_time_stamp == int(NOW.timestamp())

    def test_challenges_do_not_repeat(self) -> None:
        charger = make_charger()
        seen = {Desk(charger).reach(State.CONTRACT).ask(details()).gen_challenge for _ in range(5)}
        assert len(seen) == 5

    @pytest.mark.parametrize("emaid", [EMAID, EMAID.lower(), "DEPNCABCDEFGH1X"])
    def test_the_same_emaid_in_another_dress_is_the_same(self, emaid: str) -> None:
        assert Desk().reach(State.CONTRACT).send(details(emaid=emaid)).code == ResponseCode.OK

    @pytest.mark.parametrize("emaid", ["DEPNCABCDEFGH2", "DE*PNC*ABCDEFG", "00000000000000"])
    def test_another_emaid_or_none_is_refused(self, emaid: str) -> None:
        assert Desk().reach(State.CONTRACT).send(details(emaid=emaid)).code == ResponseCode.FAILED

    def test_a_certificate_whose_name_is_no_emaid_is_refused(self) -> None:
        odd = market().identity(CONTRACT, "somebody", "mo_sub_ca2")
        answer = Desk().reach(State.CONTRACT).send(details(market().contract_chain(odd)))
        assert answer.code == ResponseCode.FAILED

    def test_a_contract_that_has_expired(self) -> None:
        old = market().identity(
            CONTRACT, EMAID, "mo_sub_ca2", start=NOW - timedelta(hours=20), validity=timedelta(hours=19)
        )
        desk = Desk().reach(State.CONTRACT)
        assert desk.send(details(market().contract_chain(old))).code == ResponseCode.FAILED_CertificateExpired
        (event,) = desk.sink.of("certificate.rejected")
        assert event["rule"] == "expired"

    def test_a_contract_from_the_future(self) -> None:
        young = market().identity(CONTRACT, EMAID, "mo_sub_ca2", start=NOW + timedelta(hours=1))
        answer = Desk().reach(State.CONTRACT).send(details(market().contract_chain(young)))
        assert answer.code == ResponseCode.FAILED_CertificateExpired

    def test_broken_chains(self) -> None:
        pki = market().pki
        leaf = market().contract.certificate
        sub2, sub1 = pki.chain("mo_sub_ca2")
        foreign = market().identity(OEM_PROVISIONING, EMAID, "oem_sub_ca2").certificate
        provisioner = market().identity(CPS_LEAF, EMAID, "cps_sub_ca2").certificate
        chains = {
            "no sub-CA": chain_of([leaf]),
            "sub-CA 1 missing": chain_of([leaf, sub2]),
            "sub-CA 2 missing": chain_of([leaf, sub1]),
            "wrong order": chain_of([leaf, sub1, sub2]),
            "root on the wire": chain_of([leaf, sub2, sub1, pki["mo_root"].certificate]),
            "foreign branch": chain_of([foreign, *pki.chain("oem_sub_ca2")]),
            "under the V2G root": chain_of([provisioner, *pki.chain("cps_sub_ca2")]),
            "a CA as leaf": chain_of([sub2, sub1]),
            "no certificate": iso2.CertificateChain(certificate=b"\x30\x00"),
            "unreadable sub-CA": iso2.CertificateChain(
                certificate=der(leaf), sub_certificates=iso2.SubCertificates(certificate=[b"junk"])
            ),
        }
        for name, chain in chains.items():
            answer = Desk().reach(State.CONTRACT).send(details(chain))
            assert answer.code == ResponseCode.FAILED_CertChainError, name

    def test_a_contract_of_an_operator_that_nobody_trusts_here(self) -> None:
        charger = make_charger()
        charger.trust = type(charger.trust)(mo=(market().pki["oem_root"].certificate,), v2g=charger.trust.v2g)
        answer = Desk(charger).reach(State.CONTRACT).send(details())
        assert answer.code == ResponseCode.FAILED_CertChainError

    @pytest.mark.parametrize("rule", Rule)
    def test_every_rule_has_a_code(self, rule: Rule) -> None:
        code = certificate_code(CertificateError(rule, "", ""))
        special = {
            Rule.EXPIRED: ResponseCode.FAILED_CertificateExpired,
            Rule.NOT_YET_VALID: ResponseCode.FAILED_CertificateExpired,
            Rule.REVOKED: ResponseCode.FAILED_CertificateRevoked,
        }
        assert code is special.get(rule, ResponseCode.FAILED_CertChainError)


class TestSignedAuthorization:
    def ask(
        self,
        *,
        challenge: bytes | None = None,
        key: ec.EllipticCurvePrivateKey | None = None,
        identifier: str | None = "id1",
        omit_challenge: bool = False,
    ) -> tuple[Desk, ResponseCode]:
        desk = Desk().reach(State.SIGNED_AUTHORIZATION)
        own = desk.context.challenge if challenge is None else challenge
        body = iso2.AuthorizationReq(id=identifier, gen_challenge=None if omit_challenge else own)
        answer = desk.send(body, key=key or market().contract.signing_key())
        return desk, ResponseCode(answer.code)

    def test_the_right_key_over_the_right_challenge(self) -> None:
        desk, code = self.ask()
        assert code is ResponseCode.OK
        assert desk.sink.of("signature.verified")[-1]["what"] == "AuthorizationReq"
        assert desk.sink.of("contract.used")[0]["emaid"].startswith(EMAID)

    def test_the_response_says_finished(self) -> None:
        desk = Desk().reach(State.SIGNED_AUTHORIZATION)
        body = iso2.AuthorizationReq(id="id1", gen_challenge=desk.context.challenge)
        response = desk.ask(body, key=market().contract.signing_key())
        assert response.evse_processing is EVSEProcessing.Finished

    def test_another_challenge(self) -> None:
        assert self.ask(challenge=b"\x00" * 16)[1] is ResponseCode.FAILED_ChallengeInvalid

    def test_no_challenge(self) -> None:
        assert self.ask(omit_challenge=True)[1] is ResponseCode.FAILED_ChallengeInvalid

    def test_another_key(self) -> None:
        desk, code = self.ask(key=STRANGER)
        assert code is ResponseCode.FAILED_SignatureError
        assert desk.sink.of("signature.failed")[0]["what"] == "AuthorizationReq"

    def test_no_signature(self) -> None:
        desk = Desk().reach(State.SIGNED_AUTHORIZATION)
        answer = desk.send(iso2.AuthorizationReq(id="id1", gen_challenge=desk.context.challenge))
        assert answer.code == ResponseCode.FAILED_SignatureError

    def test_no_id(self) -> None:
        desk = Desk().reach(State.SIGNED_AUTHORIZATION)
        message = kit.message_of(
            desk.context.session_id,
            iso2.AuthorizationReq(id="id1", gen_challenge=desk.context.challenge),
            market().contract.signing_key(),
        )
        message.body = iso2.Body(body_element=iso2.AuthorizationReq(gen_challenge=desk.context.challenge))
        answer = desk.session.handle(message, b"", 0.0)
        assert answer.code == ResponseCode.FAILED_SignatureError  # type: ignore[union-attr]

    def test_a_body_changed_after_signing(self) -> None:
        desk = Desk().reach(State.SIGNED_AUTHORIZATION)
        message = kit.message_of(
            desk.context.session_id,
            iso2.AuthorizationReq(id="id1", gen_challenge=b"\x11" * 16),
            market().contract.signing_key(),
        )
        message.body = iso2.Body(
            body_element=iso2.AuthorizationReq(id="id1", gen_challenge=desk.context.challenge)
        )
        answer = desk.session.handle(message, b"", 0.0)
        assert answer.code == ResponseCode.FAILED_SignatureError  # type: ignore[union-attr]


class TestExternalAuthorization:
    def desk(self, **policy: object) -> Desk:
        changes = {f"external.{name}": value for name, value in policy.items()}
        return Desk(make_charger(changes), secure=False).reach(State.AUTHORIZATION, EXTERNAL)

    def ask(self, desk: Desk) -> iso2.AuthorizationRes:
        response = desk.ask(iso2.AuthorizationReq())
        assert isinstance(response, iso2.AuthorizationRes)
        return response

    def test_it_is_immediate_by_default(self) -> None:
        assert self.ask(self.desk()).evse_processing is EVSEProcessing.Finished

    def test_a_number_of_rounds(self) -> None:
        desk = self.desk(rounds=2)
        waiting = EVSEProcessing.Ongoing_WaitingForCustomerInteraction
        seen = [self.ask(desk).evse_processing for _ in range(3)]
        assert seen == [waiting, waiting, EVSEProcessing.Finished]

    def test_a_time(self) -> None:
        desk = self.desk(delay_s=10)
        clock = desk.charger.clock
        assert isinstance(clock, kit.HandClock)
        assert self.ask(desk).evse_processing is not EVSEProcessing.Finished
        clock.elapsed_s += 9.9
        assert self.ask(desk).evse_processing is not EVSEProcessing.Finished
        clock.elapsed_s += 0.1
        assert self.ask(desk).evse_processing is EVSEProcessing.Finished

    def test_the_charger_gives_up_after_its_ongoing_time(self) -> None:
        desk = self.desk(rounds=1000)
        clock = desk.charger.clock
        assert isinstance(clock, kit.HandClock)
        while clock.elapsed_s < timing.SECC_ONGOING_PERFORMANCE_TIME_S:
            assert self.ask(desk).evse_processing is not EVSEProcessing.Finished
            clock.elapsed_s += 5
        assert desk.send(iso2.AuthorizationReq()).code == ResponseCode.FAILED
        (event,) = desk.sink.of("timer.expired")
        assert event["name"] == "V2G_SECC_Ongoing_Performance_Time"

    def test_it_can_be_refused(self) -> None:
        assert self.desk(accept=False).send(iso2.AuthorizationReq()).code == ResponseCode.FAILED
