"""Signatures: made elsewhere and verified here, made here, and broken in every way there is."""

import copy
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

import exi
from exi.schema import Item
from pki import chain
from pki.entropy import SeededEntropy, deterministic_ecdsa
from v2g.errors import SignatureError
from v2g.messages import iso2, xmldsig
from v2g.security import signature as subject
from v2g.security.signature import Reason, SignedElement

VECTORS = {
    vector["name"]: vector
    for vector in map(
        json.loads, (Path(__file__).parents[2] / "vectors" / "signed_messages.jsonl").read_text().splitlines()
    )
}

KEY = SeededEntropy(1).ec_key(ec.SECP256R1())
STRANGER = SeededEntropy(2).ec_key(ec.SECP256R1())
P256_ORDER = ec.SECP256R1().group_order


def message(name: str) -> iso2.V2G_Message:
    decoded = exi.decode(bytes.fromhex(VECTORS[name]["exi_hex"]), iso2.SCHEMA)
    assert isinstance(decoded, iso2.V2G_Message)
    return decoded


def certified(der: bytes) -> ec.EllipticCurvePublicKey:
    return chain.public_key(chain.parse(der))


def contract_chain() -> iso2.CertificateChain:
    details = message("iso2_payment_details_req").body.body_element
    assert isinstance(details, iso2.PaymentDetailsReq)
    return details.contract_signature_cert_chain


def bundle() -> iso2.CertificateInstallationRes:
    response = message("iso2_certificate_installation_res").body.body_element
    assert isinstance(response, iso2.CertificateInstallationRes)
    return response


class TestMadeElsewhere:
    """Messages with signatures that other implementations made and encoded."""

    def test_certificate_installation_req(self) -> None:
        signed = message("iso2_certificate_installation_req")
        request = signed.body.body_element
        assert isinstance(request, iso2.CertificateInstallationReq)
        oem_key = certified(request.oem_provisioning_cert)
        subject.verify_certificate_installation_req(signed.header.signature, request, oem_key)

    def test_certificate_installation_res_with_its_four_references(self) -> None:
        signed = message("iso2_certificate_installation_res")
        response = signed.body.body_element
        assert isinstance(response, iso2.CertificateInstallationRes)
        assert signed.header.signature is not None
        references = signed.header.signature.signed_info.reference
        assert [reference.uri for reference in references] == ["#id1", "#id2", "#id3", "#id4"]
        cps_key = certified(response.sa_provisioning_certificate_chain.certificate)
        subject.verify_certificate_installation_res(signed.header.signature, response, cps_key)

    def test_authorization_req(self) -> None:
        signed = message("iso2_authorization_req_signed")
        request = signed.body.body_element
        assert isinstance(request, iso2.AuthorizationReq)
        contract_key = certified(contract_chain().certificate)
        subject.verify_authorization_req(signed.header.signature, request, contract_key)

    def test_sales_tariff_by_the_operators_sub_ca_2(self) -> None:
        signed = message("iso2_cpd_res_dc_tariff_signed")
        response = signed.body.body_element
        assert isinstance(response, iso2.ChargeParameterDiscoveryRes)
        assert isinstance(response.sa_schedules, iso2.SAScheduleList)
        tariff = response.sa_schedules.sa_schedule_tuple[1].sales_tariff
        assert tariff is not None
        above = contract_chain().sub_certificates
        assert above is not None
        subject.verify(
            signed.header.signature,
            [SignedElement(tariff.id, "SalesTariff", tariff)],
            certified(above.certificate[0]),
            iso2.SCHEMA,
        )

    def test_published_digest_of_an_emaid(self) -> None:
        fragment = bytes.fromhex("80EC0202B4B21A40041111505090D0CC4C8CD05090CD4DBD3D00")
        emaid = exi.decode_fragment(fragment, iso2.SCHEMA)
        digest = subject.element_digest((emaid.id, "eMAID", emaid), iso2.SCHEMA)
        assert digest.hex().upper() == "939AF54F14396EC0D827F753C896AC0762AE1E00ACAB57E19AF100243CDD5A6B"

    def test_signed_info_is_encoded_under_the_stand_alone_schema(self) -> None:
        signed = message("iso2_certificate_installation_req")
        assert signed.header.signature is not None
        expected = VECTORS["xmldsig_frag_signedinfo_ci_req"]["exi_hex"]
        assert subject.signed_bytes(signed.header.signature.signed_info).hex() == expected

    @pytest.mark.parametrize(
        "name",
        [
            "iso2_certificate_installation_req",
            "iso2_certificate_installation_res",
            "iso2_authorization_req_signed",
        ],
    )
    def test_not_with_another_key(self, name: str) -> None:
        signed = message(name)
        elements = (
            subject.bundle_elements(signed.body.body_element)
            if isinstance(signed.body.body_element, iso2.CertificateInstallationRes)
            else subject.request_elements(signed.body.body_element)  # type: ignore[arg-type] # by the names above
        )
        with pytest.raises(SignatureError) as caught:
            subject.verify(signed.header.signature, elements, KEY.public_key(), iso2.SCHEMA)
        assert caught.value.reason == Reason.SIGNATURE


def authorization() -> iso2.AuthorizationReq:
    return iso2.AuthorizationReq(id="ID1", gen_challenge=bytes(16))


class TestMadeHere:
    def test_every_kind_of_signed_request(self) -> None:
        roots = iso2.ListOfRootCertificateIDs(
            root_certificate_id=[xmldsig.X509IssuerSerial(x509_issuer_name="CN=R", x509_serial_number=1)]
        )
        chain_ = iso2.CertificateChain(certificate=b"c")
        installation = iso2.CertificateInstallationReq(
            id="a", oem_provisioning_cert=b"c", list_of_root_certificate_ids=roots
        )
        made = subject.sign_certificate_installation_req(installation, KEY)
        subject.verify_certificate_installation_req(made, installation, KEY.public_key())

        update = iso2.CertificateUpdateReq(
            id="b",
            contract_signature_cert_chain=chain_,
            emaid="DE83DUIEN83QGZD",
            list_of_root_certificate_ids=roots,
        )
        made = subject.sign_certificate_update_req(update, KEY)
        subject.verify_certificate_update_req(made, update, KEY.public_key())

        made = subject.sign_authorization_req(authorization(), KEY)
        subject.verify_authorization_req(made, authorization(), KEY.public_key())

        receipt = iso2.MeteringReceiptReq(
            id="c", session_id=bytes(8), meter_info=iso2.MeterInfo(meter_id="M"), sa_schedule_tuple_id=1
        )
        made = subject.sign_metering_receipt_req(receipt, KEY)
        subject.verify_metering_receipt_req(made, receipt, KEY.public_key())

    def test_the_bundle_signs_four_elements_in_order(self) -> None:
        made = subject.sign_certificate_installation_res(bundle(), KEY)
        assert [reference.uri for reference in made.signed_info.reference] == ["#id1", "#id2", "#id3", "#id4"]
        assert len(made.signature_value.value) == 64
        subject.verify_certificate_installation_res(made, bundle(), KEY.public_key())

    def test_what_is_made_travels(self) -> None:
        sent = iso2.V2G_Message(
            header=iso2.MessageHeader(
                session_id=bytes(8), signature=subject.sign_authorization_req(authorization(), KEY)
            ),
            body=iso2.Body(body_element=authorization()),
        )
        received = exi.decode(exi.encode(sent), iso2.SCHEMA)
        assert isinstance(received, iso2.V2G_Message)
        request = received.body.body_element
        assert isinstance(request, iso2.AuthorizationReq)
        subject.verify_authorization_req(received.header.signature, request, KEY.public_key())

    @pytest.mark.skipif(not deterministic_ecdsa(), reason="the linked OpenSSL has no RFC 6979 (needs 3.2)")
    def test_the_same_key_and_content_give_the_same_signature(self) -> None:
        assert subject.sign_authorization_req(authorization(), KEY) == subject.sign_authorization_req(
            authorization(), KEY
        )

    def test_with_p521_and_sha512(self) -> None:
        key = SeededEntropy(1).ec_key(ec.SECP521R1())
        elements = subject.request_elements(authorization())
        made = subject.sign(elements, key, iso2.SCHEMA, subject.ISO20_SECP521)
        assert len(made.signature_value.value) == 132
        subject.verify(made, elements, key.public_key(), iso2.SCHEMA, subject.ISO20_SECP521)
        with pytest.raises(SignatureError) as caught:
            subject.verify(made, elements, key.public_key(), iso2.SCHEMA)
        assert caught.value.reason == Reason.SIGNATURE_METHOD

    @settings(max_examples=50, deadline=None)
    @given(st.binary(min_size=16, max_size=16), st.integers(1, P256_ORDER - 1))
    def test_any_content_and_key(self, challenge: bytes, number: int) -> None:
        key = ec.derive_private_key(number, ec.SECP256R1())
        request = iso2.AuthorizationReq(id="ID1", gen_challenge=challenge)
        made = subject.sign_authorization_req(request, key)
        subject.verify_authorization_req(made, request, key.public_key())


class TestSigningRefuses:
    def test_an_element_without_id(self) -> None:
        with pytest.raises(SignatureError) as caught:
            subject.sign_authorization_req(iso2.AuthorizationReq(), KEY)
        assert caught.value.reason == Reason.ELEMENT_ID

    def test_a_key_on_another_curve(self) -> None:
        with pytest.raises(SignatureError) as caught:
            subject.sign_authorization_req(authorization(), ec.derive_private_key(1, ec.SECP384R1()))
        assert caught.value.reason == Reason.WRONG_KEY

    def test_what_cannot_be_encoded(self) -> None:
        with pytest.raises(SignatureError) as caught:
            subject.sign_authorization_req(iso2.AuthorizationReq(id="ID1", gen_challenge=b"short"), KEY)
        assert caught.value.reason == Reason.NOT_ENCODABLE
        assert caught.value.reference == "ID1"


Change = Callable[[xmldsig.Signature], None]


def _with_object(signature: xmldsig.Signature) -> None:
    signature.object = [xmldsig.Object()]


def _set_info_id(signature: xmldsig.Signature) -> None:
    signature.signed_info.id = "x"


def _set_value_id(signature: xmldsig.Signature) -> None:
    signature.signature_value.id = "x"


def _set_type(signature: xmldsig.Signature) -> None:
    signature.signed_info.reference[0].type = "http://www.w3.org/2000/09/xmldsig#Object"


def _set_key_info(signature: xmldsig.Signature) -> None:
    signature.key_info = xmldsig.KeyInfo(content=[Item("KeyName", xmldsig.NAMESPACE, "mine")])


def _set_hmac_length(signature: xmldsig.Signature) -> None:
    signature.signed_info.signature_method.content = [Item("HMACOutputLength", xmldsig.NAMESPACE, 8)]


def _set_xpath(signature: xmldsig.Signature) -> None:
    transforms = signature.signed_info.reference[0].transforms
    assert transforms is not None
    transforms.transform[0].content = [Item("XPath", xmldsig.NAMESPACE, "/")]


def _set_canonicalization_content(signature: xmldsig.Signature) -> None:
    signature.signed_info.canonicalization_method.content = ["text"]


def _set_digest_content(signature: xmldsig.Signature) -> None:
    signature.signed_info.reference[1].digest_method.content = ["text"]


def _set_canonicalization(signature: xmldsig.Signature) -> None:
    signature.signed_info.canonicalization_method.algorithm = (
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
    )


def _set_method(signature: xmldsig.Signature) -> None:
    signature.signed_info.signature_method.algorithm = "http://www.w3.org/2000/09/xmldsig#hmac-sha1"


def _set_digest_method(signature: xmldsig.Signature) -> None:
    signature.signed_info.reference[2].digest_method.algorithm = "http://www.w3.org/2000/09/xmldsig#sha1"


def _set_transform(signature: xmldsig.Signature) -> None:
    transforms = signature.signed_info.reference[3].transforms
    assert transforms is not None
    transforms.transform[0].algorithm = "http://www.w3.org/TR/1999/REC-xpath-19991116"


def _no_transforms(signature: xmldsig.Signature) -> None:
    signature.signed_info.reference[0].transforms = None


def _two_transforms(signature: xmldsig.Signature) -> None:
    transforms = signature.signed_info.reference[0].transforms
    assert transforms is not None
    transforms.transform = transforms.transform * 2


def _no_uri(signature: xmldsig.Signature) -> None:
    signature.signed_info.reference[0].uri = None


def _foreign_uri(signature: xmldsig.Signature) -> None:
    signature.signed_info.reference[0].uri = "http://example.com/#id1"


def _unknown_uri(signature: xmldsig.Signature) -> None:
    signature.signed_info.reference[0].uri = "#id9"


def _missing_reference(signature: xmldsig.Signature) -> None:
    del signature.signed_info.reference[1]


def _doubled_reference(signature: xmldsig.Signature) -> None:
    signature.signed_info.reference.append(copy.deepcopy(signature.signed_info.reference[0]))


def _retargeted_references(signature: xmldsig.Signature) -> None:
    first, second, *_ = signature.signed_info.reference
    first.uri, second.uri = second.uri, first.uri


def _one_stands_for_two(signature: xmldsig.Signature) -> None:
    first, second, *_ = signature.signed_info.reference
    second.uri = first.uri


def _changed_digest(signature: xmldsig.Signature) -> None:
    signature.signed_info.reference[3].digest_value = bytes(32)


def _short_digest(signature: xmldsig.Signature) -> None:
    reference = signature.signed_info.reference[3]
    reference.digest_value = reference.digest_value[:-1]


FAULTS: dict[str, tuple[Change, Reason, str | None]] = {
    "SignedInfo/@Id": (_set_info_id, Reason.FORBIDDEN_PART, None),
    "SignatureValue/@Id": (_set_value_id, Reason.FORBIDDEN_PART, None),
    "Reference/@Type": (_set_type, Reason.FORBIDDEN_PART, None),
    "KeyInfo": (_set_key_info, Reason.FORBIDDEN_PART, None),
    "Object": (_with_object, Reason.FORBIDDEN_PART, None),
    "HMACOutputLength": (_set_hmac_length, Reason.FORBIDDEN_PART, None),
    "XPath": (_set_xpath, Reason.FORBIDDEN_PART, None),
    "content of CanonicalizationMethod": (_set_canonicalization_content, Reason.FORBIDDEN_PART, None),
    "content of DigestMethod": (_set_digest_content, Reason.FORBIDDEN_PART, None),
    "another canonicalization": (_set_canonicalization, Reason.CANONICALIZATION, None),
    "another signature method": (_set_method, Reason.SIGNATURE_METHOD, None),
    "another digest method": (_set_digest_method, Reason.DIGEST_METHOD, "id3"),
    "another transform": (_set_transform, Reason.TRANSFORM, "id4"),
    "no transforms": (_no_transforms, Reason.TRANSFORM, "id1"),
    "two transforms": (_two_transforms, Reason.TRANSFORM, "id1"),
    "no URI": (_no_uri, Reason.REFERENCE_URI, None),
    "a URI elsewhere": (_foreign_uri, Reason.REFERENCE_URI, None),
    "an unknown Id": (_unknown_uri, Reason.UNKNOWN_REFERENCE, "id9"),
    "a missing reference": (_missing_reference, Reason.MISSING_REFERENCE, "id2"),
    "a doubled reference": (_doubled_reference, Reason.DOUBLED_REFERENCE, "id1"),
    "one reference for two elements": (_one_stands_for_two, Reason.DOUBLED_REFERENCE, "id1"),
    "re-targeted references": (_retargeted_references, Reason.DIGEST, "id2"),
    "a changed digest": (_changed_digest, Reason.DIGEST, "id4"),
    "a short digest": (_short_digest, Reason.DIGEST, "id4"),
}


class TestVerifyingRefuses:
    @pytest.mark.parametrize("fault", FAULTS)
    def test_each_fault_for_its_own_reason(self, fault: str) -> None:
        change, reason, reference = FAULTS[fault]
        signature = subject.sign_certificate_installation_res(bundle(), KEY)
        change(signature)
        with pytest.raises(SignatureError) as caught:
            subject.verify_certificate_installation_res(signature, bundle(), KEY.public_key())
        assert caught.value.reason == reason
        assert caught.value.reference == reference

    def test_a_message_without_signature(self) -> None:
        with pytest.raises(SignatureError) as caught:
            subject.verify_authorization_req(None, authorization(), KEY.public_key())
        assert caught.value.reason == Reason.MISSING_SIGNATURE

    def test_an_element_without_id(self) -> None:
        signature = subject.sign_authorization_req(authorization(), KEY)
        with pytest.raises(SignatureError) as caught:
            subject.verify_authorization_req(signature, iso2.AuthorizationReq(), KEY.public_key())
        assert caught.value.reason == Reason.ELEMENT_ID

    def test_two_elements_with_one_id(self) -> None:
        response = bundle()
        response.emaid.id = "id3"
        signature = subject.sign_certificate_installation_res(bundle(), KEY)
        with pytest.raises(SignatureError) as caught:
            subject.verify_certificate_installation_res(signature, response, KEY.public_key())
        assert (caught.value.reason, caught.value.reference) == (Reason.ELEMENT_ID, "id3")

    @pytest.mark.parametrize("which", ["chain", "key", "dh", "emaid"])
    def test_a_body_changed_after_signing(self, which: str) -> None:
        response = bundle()
        signature = subject.sign_certificate_installation_res(response, KEY)
        if which == "chain":
            response.contract_signature_cert_chain.certificate += b"\0"
        elif which == "key":
            response.contract_signature_encrypted_private_key.value = bytes(48)
        elif which == "dh":
            response.dh_public_key.value = bytes(65)
        else:
            response.emaid.value = "DE83DUIEN83QGZD"
        with pytest.raises(SignatureError) as caught:
            subject.verify_certificate_installation_res(signature, response, KEY.public_key())
        ids = {"chain": "id1", "key": "id2", "dh": "id3", "emaid": "id4"}
        assert (caught.value.reason, caught.value.reference) == (Reason.DIGEST, ids[which])

    def test_references_in_another_order_are_as_good(self) -> None:
        elements = subject.bundle_elements(bundle())
        signature = subject.sign(list(reversed(elements)), KEY, iso2.SCHEMA)
        subject.verify(signature, elements, KEY.public_key(), iso2.SCHEMA)

    def test_references_reordered_after_signing(self) -> None:
        signature = subject.sign_certificate_installation_res(bundle(), KEY)
        signature.signed_info.reference.reverse()
        with pytest.raises(SignatureError) as caught:
            subject.verify_certificate_installation_res(signature, bundle(), KEY.public_key())
        assert caught.value.reason == Reason.SIGNATURE

    def test_another_key(self) -> None:
        signature = subject.sign_authorization_req(authorization(), STRANGER)
        with pytest.raises(SignatureError) as caught:
            subject.verify_authorization_req(signature, authorization(), KEY.public_key())
        assert caught.value.reason == Reason.SIGNATURE

    def test_a_key_on_another_curve(self) -> None:
        signature = subject.sign_authorization_req(authorization(), KEY)
        other = ec.derive_private_key(1, ec.SECP384R1()).public_key()
        with pytest.raises(SignatureError) as caught:
            subject.verify_authorization_req(signature, authorization(), other)
        assert caught.value.reason == Reason.WRONG_KEY

    @pytest.mark.parametrize("length", [0, 1, 63, 65, 70, 71, 72, 132])
    def test_values_of_other_lengths(self, length: int) -> None:
        self.refuse_value(bytes(length), Reason.VALUE_LENGTH)

    @pytest.mark.parametrize(
        ("r", "s"),
        [(0, 1), (1, 0), (0, 0), (P256_ORDER, 1), (1, P256_ORDER), (2**256 - 1, 1), (1, 2**256 - 1)],
    )
    def test_numbers_out_of_range(self, r: int, s: int) -> None:
        self.refuse_value(r.to_bytes(32, "big") + s.to_bytes(32, "big"), Reason.VALUE_RANGE)

    def test_der_in_place_of_raw_numbers(self) -> None:
        from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

        value = subject.sign_authorization_req(authorization(), KEY).signature_value.value
        r, s = int.from_bytes(value[:32], "big"), int.from_bytes(value[32:], "big")
        self.refuse_value(encode_dss_signature(r, s), Reason.VALUE_LENGTH)

    @settings(max_examples=100, deadline=None)
    @given(st.integers(0, 64 * 8 - 1))
    def test_any_flipped_bit_of_the_value(self, bit: int) -> None:
        signature = subject.sign_authorization_req(authorization(), KEY)
        value = bytearray(signature.signature_value.value)
        value[bit // 8] ^= 0x80 >> bit % 8
        signature.signature_value.value = bytes(value)
        with pytest.raises(SignatureError):
            subject.verify_authorization_req(signature, authorization(), KEY.public_key())

    def refuse_value(self, value: bytes, reason: Reason) -> None:
        signature = subject.sign_authorization_req(authorization(), KEY)
        signature.signature_value.value = value
        with pytest.raises(SignatureError) as caught:
            subject.verify_authorization_req(signature, authorization(), KEY.public_key())
        assert caught.value.reason == reason
