"""CertificateInstallation: what the charger checks itself, and the code for all that can go wrong behind it.

The negative cases follow TC_SECC_CMN_VTB_CertificateInstallation_001 to 008 in what they try.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import exi
from pki.entropy import SeededEntropy
from pki.issuing import Identity
from pki.profiles import CPS_LEAF, OEM_PROVISIONING
from secc.errors import BundleError, BundleFailure
from secc.iso2.installation import CODES
from secc.iso2.states import State
from secc.sources import Wanted
from secc.table import Errand
from tests.secc import kit
from tests.secc.kit import Desk, make_charger
from tests.secc.market import NOW, PCID, chain_of, der, market
from v2g.messages import iso2
from v2g.messages.iso2 import ResponseCode

STRANGER = SeededEntropy(99).ec_key(ec.SECP256R1())


def install(
    desk: Desk,
    outcome: bytes | BundleError | None = None,
    *,
    car: Identity | None = None,
    key: ec.EllipticCurvePrivateKey | None = None,
) -> ResponseCode:
    """Send a request and return the answer's code; a failed answer must decode, with its placeholders."""
    car = car or market().car
    answer = desk.send(market().installation_request(car), key=key or car.signing_key(), outcome=outcome)
    assert answer.name == "CertificateInstallationRes"
    assert answer.ends == bool(answer.refused)
    if answer.refused:
        data = exi.encode(answer.message, iso2.SCHEMA)
        assert exi.decode(data, iso2.SCHEMA) == answer.message
    return ResponseCode(answer.code)


def ready() -> Desk:
    return Desk().reach(State.CONTRACT)


class TestRequest:
    def test_001_a_valid_request_goes_to_the_backend_as_it_came(self) -> None:
        desk = ready()
        message = kit.message_of(
            desk.context.session_id, market().installation_request(), market().car.signing_key()
        )
        data = exi.encode(message, iso2.SCHEMA)
        errand = desk.session.handle(message, data, 0.0)
        assert isinstance(errand, Errand)
        assert errand.run.args[0] == Wanted(data, iso2.NAMESPACE)  # type: ignore[attr-defined]
        assert desk.sink.of("signature.verified")[0]["references"] == ["id1"]

    def test_005_another_key_than_that_of_the_certificate(self) -> None:
        desk = ready()
        assert install(desk, key=STRANGER) is ResponseCode.FAILED_SignatureError
        assert desk.sink.of("signature.failed")

    def test_005_a_body_changed_after_signing(self) -> None:
        desk = ready()
        request = market().installation_request()
        message = kit.message_of(desk.context.session_id, request, market().car.signing_key())
        request.list_of_root_certificate_ids.root_certificate_id[0].x509_serial_number += 1
        answer = desk.session.handle(message, b"", 0.0)
        assert answer.code == ResponseCode.FAILED_SignatureError  # type: ignore[union-attr]

    def test_no_signature(self) -> None:
        answer = ready().send(market().installation_request())
        assert answer.code == ResponseCode.FAILED_SignatureError

    def test_006_a_certificate_that_has_expired(self) -> None:
        start = NOW - timedelta(hours=20)
        old = market().identity(
            OEM_PROVISIONING, PCID, "oem_sub_ca2", start=start, validity=timedelta(hours=19)
        )
        desk = ready()
        assert install(desk, car=old) is ResponseCode.FAILED_CertificateExpired
        assert desk.sink.of("certificate.rejected")[0]["rule"] == "expired"

    def test_006_a_certificate_from_the_future(self) -> None:
        young = market().identity(OEM_PROVISIONING, PCID, "oem_sub_ca2", start=NOW + timedelta(hours=1))
        assert install(ready(), car=young) is ResponseCode.FAILED_CertificateExpired

    def test_a_certificate_that_cannot_be_read(self) -> None:
        request = market().installation_request()
        request.oem_provisioning_cert = b"no certificate"
        answer = ready().send(request, key=market().car.signing_key())
        assert answer.code == ResponseCode.FAILED_CertChainError

    def test_where_nothing_is_installed(self) -> None:
        for charger in (make_charger({"installation.offer": False}), make_charger()):
            if charger.installs:
                charger.source = None
            desk = Desk(charger).reach(State.CONTRACT)
            assert install(desk) is ResponseCode.FAILED_NoCertificateAvailable


class TestBackendFailures:
    @pytest.mark.parametrize("kind", BundleFailure)
    def test_every_kind_has_its_code(self, kind: BundleFailure) -> None:
        assert install(ready(), BundleError(kind, "because")) is CODES[kind]

    @pytest.mark.parametrize(
        "code", [ResponseCode.FAILED_NoCertificateAvailable, ResponseCode.FAILED_ContractCanceled]
    )
    def test_a_refusal_inside_the_bundle_keeps_its_code(self, code: ResponseCode) -> None:
        assert install(ready(), market().bundle_exi(response_code=code)) is code

    def test_what_is_no_bundle_is_refused(self) -> None:
        session_stop = iso2.V2G_Message(
            header=iso2.MessageHeader(session_id=bytes(8)),
            body=iso2.Body(body_element=iso2.SessionStopRes(response_code=ResponseCode.OK)),
        )
        empty = iso2.V2G_Message(header=iso2.MessageHeader(session_id=bytes(8)), body=iso2.Body())
        for garbage in (
            b"",
            b"\x80",
            b"{}",
            bytes(500),
            market().bundle_exi()[:-40],
            exi.encode(session_stop, iso2.SCHEMA),
            exi.encode(empty, iso2.SCHEMA),
        ):
            assert install(ready(), garbage) is ResponseCode.FAILED


class TestBundle:
    def deliver(self, **parts: object) -> ResponseCode:
        desk = ready()
        return install(desk, market().bundle_exi(desk.context.session_id, **parts))

    def test_a_good_bundle_is_forwarded_byte_for_byte(self) -> None:
        desk = ready()
        bundle = market().bundle_exi(desk.context.session_id)
        request = market().installation_request()
        answer = desk.send(request, key=market().car.signing_key(), outcome=bundle)
        assert answer.code == ResponseCode.OK
        assert answer.payload == bundle
        verified = desk.sink.of("signature.verified")[-1]
        assert verified["references"] == ["id1", "id2", "id3", "id4"]

    def test_a_foreign_session_id_is_replaced_and_nothing_else(self) -> None:
        desk = ready()
        request = market().installation_request()
        answer = desk.send(request, key=market().car.signing_key(), outcome=market().bundle_exi(b"\x0a" * 8))
        assert answer.payload == market().bundle_exi(desk.context.session_id)

    @pytest.mark.parametrize("code", ["OK", "OK_CertificateExpiresSoon"])
    def test_every_positive_code_is_passed_on(self, code: str) -> None:
        assert self.deliver(response_code=ResponseCode(code)) == code

    def test_parts_of_the_wrong_form(self) -> None:
        point = market().bundle().body.body_element.dh_public_key.value  # type: ignore[union-attr]
        broken: dict[str, dict[str, object]] = {
            "short key": {
                "contract_signature_encrypted_private_key": iso2.ContractSignatureEncryptedPrivateKey(
                    id="id2", value=bytes(47)
                )
            },
            "short point": {"dh_public_key": iso2.DiffieHellmanPublickey(id="id3", value=point[:-1])},
            "no point": {"dh_public_key": iso2.DiffieHellmanPublickey(id="id3", value=b"\x04" + bytes(64))},
            "another eMAID": {"emaid": iso2.EMAID(id="id4", value="DEPNC000000001")},
            "no eMAID": {"emaid": iso2.EMAID(id="id4", value="..............")},
            "no certificate": {
                "contract_signature_cert_chain": iso2.CertificateChain(id="id1", certificate=b"\x00")
            },
        }
        for name, parts in broken.items():
            assert self.deliver(**parts) is ResponseCode.FAILED, name

    def test_a_signature_that_is_wrong(self) -> None:
        def other_key(message: iso2.V2G_Message) -> None:
            assert message.header.signature is not None
            message.header.signature.signature_value.value = bytes(63) + b"\x01"

        def altered(message: iso2.V2G_Message) -> None:
            response = message.body.body_element
            assert isinstance(response, iso2.CertificateInstallationRes)
            response.contract_signature_encrypted_private_key.value = bytes(48)

        def unsigned(message: iso2.V2G_Message) -> None:
            message.header.signature = None

        def one_reference_less(message: iso2.V2G_Message) -> None:
            assert message.header.signature is not None
            message.header.signature.signed_info.reference.pop()

        changes: list[Callable[[iso2.V2G_Message], None]] = [
            other_key,
            altered,
            unsigned,
            one_reference_less,
        ]
        for change in changes:
            desk = ready()
            message = market().bundle(desk.context.session_id)
            change(message)
            assert install(desk, exi.encode(message, iso2.SCHEMA)) is ResponseCode.FAILED
            assert desk.sink.of("signature.failed")

    def test_a_provisioning_service_that_nobody_vouches_for(self) -> None:
        pki = market().pki
        leaf = pki["cps_leaf"].certificate
        old = market().identity(
            CPS_LEAF, "CPS", "cps_sub_ca2", start=NOW - timedelta(hours=20), validity=timedelta(hours=1)
        )
        chains = {
            "no sub-CA": chain_of([leaf]),
            "foreign sub-CA": chain_of([leaf, *pki.chain("cpo_sub_ca2")]),
            "charger instead": chain_of(pki.chain("secc_leaf")),
            "expired": chain_of([old.certificate, *pki.chain("cps_sub_ca2")]),
        }
        for name, chain in chains.items():
            assert self.deliver(sa_provisioning_certificate_chain=chain) is ResponseCode.FAILED, name

    def test_without_v2g_roots_the_signature_is_still_checked(self) -> None:
        charger = make_charger()
        charger.trust = type(charger.trust)(mo=charger.trust.mo, v2g=())
        desk = Desk(charger).reach(State.CONTRACT)
        assert install(desk, market().bundle_exi(bytes(8))) is ResponseCode.OK
        desk = Desk(charger).reach(State.CONTRACT)
        message = market().bundle(bytes(8))
        assert message.header.signature is not None
        message.header.signature.signature_value.value = bytes(63) + b"\x01"
        assert install(desk, exi.encode(message, iso2.SCHEMA)) is ResponseCode.FAILED

    def test_the_check_can_be_switched_off(self) -> None:
        message = market().bundle(bytes(8))
        message.header.signature = None
        desk = Desk(make_charger({"backend.verify_bundle": False})).reach(State.CONTRACT)
        assert install(desk, exi.encode(message, iso2.SCHEMA)) is ResponseCode.OK

    def test_the_car_in_the_request_is_the_one_that_signed(self) -> None:
        """A foreign certificate in a request that is signed with the car's own key."""
        request = market().installation_request()
        request.oem_provisioning_cert = der(market().contract.certificate)
        answer = ready().send(request, key=market().car.signing_key())
        assert answer.code == ResponseCode.FAILED_SignatureError
