"""The signed messages of ISO 15118-20, in both suites: sound, changed, and as peers make them."""

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import exi
from lab.installation_pair import Pair, make_pair
from pki.chain import parse, verifying_key
from pki.entropy import SeededEntropy
from pki.keys import SigningKey, VerifyingKey, new_signing_key
from pki.profiles import Edition
from tests.v2g.security.material import NOW
from tests.v2g.security.test_openssl import OPENSSL, openssl
from v2g.errors import EnvelopeError, SignatureError
from v2g.messages import iso2, iso20
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20 import common_types as ct
from v2g.security import signature as generic
from v2g.security import signature_iso20 as subject
from v2g.security.dialects import DIALECTS, STANDARD, Dialect, SignedRequest
from v2g.security.emaid import short_emaid_fragment
from v2g.security.envelope_iso20 import open_iso20
from v2g.security.installation_iso20 import envelope_of
from v2g.security.signature import Reason
from v2g.security.suites import ISO20_ED448, ISO20_SECP521

SUITES = {Edition.ISO20: ISO20_SECP521, Edition.ISO20_ED448: ISO20_ED448}
EDITIONS = pytest.mark.parametrize("edition", SUITES)
HEADER = ct.MessageHeader(session_id=bytes(8), time_stamp=1)


@cache
def pair(edition: Edition, dialect: Dialect = STANDARD) -> Pair:
    return make_pair(edition, now=NOW, entropy=SeededEntropy(21), dialect=dialect)


def request_of(made: Pair) -> cm.CertificateInstallationReq:
    decoded = exi.decode(made.request_exi, iso20.COMMON_MESSAGES)
    assert isinstance(decoded, cm.CertificateInstallationReq)
    return decoded


def response_of(made: Pair) -> cm.CertificateInstallationRes:
    decoded = exi.decode(made.response_exi, iso20.COMMON_MESSAGES)
    assert isinstance(decoded, cm.CertificateInstallationRes)
    return decoded


def oem_key(made: Pair) -> VerifyingKey:
    return verifying_key(made.provisioning.certificate)


def cps_key(made: Pair) -> VerifyingKey:
    return verifying_key(made.hierarchy["cps_leaf"].certificate)


def keys(edition: Edition) -> tuple[SigningKey, VerifyingKey]:
    key = new_signing_key(edition.key_type, SeededEntropy(5))
    return key, key.public_key()


def refused(reason: Reason, action: Callable[[], object]) -> SignatureError:
    with pytest.raises(SignatureError) as caught:
        action()
    assert caught.value.reason == reason
    return caught.value


def authorization() -> cm.AuthorizationReq:
    chain = cm.ContractCertificateChain(
        certificate=b"leaf", sub_certificates=cm.SubCertificates(certificate=[b"ca"])
    )
    return cm.AuthorizationReq(
        header=HEADER,
        selected_authorization_service=cm.Authorization.PnC,
        pnc_a_req_authorization_mode=cm.PnC_AReqAuthorizationMode(
            id="id1", gen_challenge=bytes(16), contract_certificate_chain=chain
        ),
    )


def metering() -> cm.MeteringConfirmationReq:
    return cm.MeteringConfirmationReq(
        header=HEADER,
        signed_metering_data=cm.SignedMeteringData(
            id="id1",
            session_id=bytes(8),
            meter_info=ct.MeterInfo(meter_id="M1", charged_energy_reading_wh=1234),
            dynamic_smdt_control_mode=cm.Dynamic_SMDTControlMode(),
        ),
    )


def prices() -> list[cm.PriceLevelSchedule]:
    entries = cm.PriceLevelScheduleEntryList(
        price_level_schedule_entry=[cm.PriceLevelScheduleEntry(duration=60, price_level=1)]
    )
    return [
        cm.PriceLevelSchedule(
            id=f"id{number}",
            time_anchor=0,
            price_schedule_id=number,
            number_of_price_levels=2,
            price_level_schedule_entries=entries,
        )
        for number in (1, 2)
    ]


@EDITIONS
class TestInstallation:
    def test_as_received(self, edition: Edition) -> None:
        made = pair(edition)
        request, response = request_of(made), response_of(made)
        subject.verify_certificate_installation_req(request.header.signature, request, oem_key(made))
        subject.verify_certificate_installation_res(response.header.signature, response, cps_key(made))
        suite = SUITES[edition]
        for message in (request, response):
            signature = message.header.signature
            assert signature is not None
            (reference,) = signature.signed_info.reference
            assert signature.signed_info.signature_method.algorithm == suite.signature_method
            assert reference.digest_method.algorithm == suite.digest_method
            assert len(reference.digest_value) == 64
            assert len(signature.signature_value.value) == suite.value_bytes

    def test_the_certified_key_opens_the_envelope(self, edition: Edition) -> None:
        made = pair(edition)
        data = response_of(made).signed_installation_data
        certificate = parse(data.contract_certificate_chain.certificate)
        opened = open_iso20(envelope_of(data), made.receiver_key, pcid=made.pcid, certificate=certificate)
        assert opened.public_key() == certificate.public_key()

    def test_a_changed_chain(self, edition: Edition) -> None:
        made = pair(edition)
        request = request_of(made)
        request.oem_provisioning_certificate_chain.sub_certificates = None
        signature = request.header.signature
        refused(
            Reason.DIGEST,
            lambda: subject.verify_certificate_installation_req(signature, request, oem_key(made)),
        )

    def test_changed_data(self, edition: Edition) -> None:
        made = pair(edition)
        response = response_of(made)
        data = response.signed_installation_data
        data.dh_public_key = bytes([data.dh_public_key[0], *reversed(data.dh_public_key[1:])])
        signature = response.header.signature
        refused(
            Reason.DIGEST,
            lambda: subject.verify_certificate_installation_res(signature, response, cps_key(made)),
        )

    def test_what_is_not_signed_may_change(self, edition: Edition) -> None:
        """The chain alone is signed: [V2G20-1579] has the car send the rest again as well, unaltered."""
        made = pair(edition)
        request = request_of(made)
        request.maximum_contract_certificate_chains = 8
        subject.verify_certificate_installation_req(request.header.signature, request, oem_key(made))

    def test_another_key(self, edition: Edition) -> None:
        made = pair(edition)
        request = request_of(made)
        stranger = keys(edition)[1]
        refused(
            Reason.SIGNATURE,
            lambda: subject.verify_certificate_installation_req(request.header.signature, request, stranger),
        )

    def test_the_other_suite(self, edition: Edition) -> None:
        made = pair(edition)
        request = request_of(made)
        other = keys(next(one for one in SUITES if one is not edition))[1]
        refused(
            Reason.SIGNATURE_METHOD,
            lambda: subject.verify_certificate_installation_req(request.header.signature, request, other),
        )

    def test_none_at_all(self, edition: Edition) -> None:
        made = pair(edition)
        refused(
            Reason.MISSING_SIGNATURE,
            lambda: subject.verify_certificate_installation_req(None, request_of(made), oem_key(made)),
        )

    @pytest.mark.parametrize("cut", [-1, -64])
    def test_a_shorter_value(self, edition: Edition, cut: int) -> None:
        made = pair(edition)
        request = request_of(made)
        assert request.header.signature is not None
        request.header.signature.signature_value.value = request.header.signature.signature_value.value[:cut]
        refused(
            Reason.VALUE_LENGTH,
            lambda: subject.verify_certificate_installation_req(
                request.header.signature, request, oem_key(made)
            ),
        )


@EDITIONS
class TestWholeRequestSigned:
    BODY = DIALECTS["signed-body"]

    def test_accepted(self, edition: Edition) -> None:
        made = pair(edition, self.BODY)
        request = request_of(made)
        subject.verify_certificate_installation_req(request.header.signature, request, oem_key(made))
        request.maximum_contract_certificate_chains = 8
        refused(
            Reason.DIGEST,
            lambda: subject.verify_certificate_installation_req(
                request.header.signature, request, oem_key(made)
            ),
        )

    def test_under_an_id_of_its_own(self, edition: Edition) -> None:
        made = pair(edition)
        request = request_of(made)
        key = made.provisioning.signer()
        element = subject.body_element(request, "ID-of-the-body")
        signature = generic.sign([element], key, iso20.COMMON_MESSAGES, SUITES[edition])
        request.header.signature = signature
        subject.verify_certificate_installation_req(signature, request, oem_key(made))
        stranger = keys(edition)[1]
        refused(
            Reason.SIGNATURE,
            lambda: subject.verify_certificate_installation_req(signature, request, stranger),
        )

    def test_but_nothing_else(self, edition: Edition) -> None:
        """A reference to something that the request does not have to sign is not made good by that."""
        made = pair(edition)
        request = request_of(made)
        ids = generic.SignedElement("x", "ListOfRootCertificateIDs", request.list_of_root_certificate_ids)
        signature = generic.sign([ids], made.provisioning.signer(), iso20.COMMON_MESSAGES, SUITES[edition])
        refused(
            Reason.UNKNOWN_REFERENCE,
            lambda: subject.verify_certificate_installation_req(signature, request, oem_key(made)),
        )


@EDITIONS
class TestOtherMessages:
    def test_authorization(self, edition: Edition) -> None:
        key, public = keys(edition)
        request = authorization()
        signature = subject.sign_authorization_req(request, key)
        subject.verify_authorization_req(signature, request, public)
        changed = copy.deepcopy(request)
        assert changed.pnc_a_req_authorization_mode is not None
        changed.pnc_a_req_authorization_mode.gen_challenge = bytes(15) + b"\x01"
        refused(Reason.DIGEST, lambda: subject.verify_authorization_req(signature, changed, public))

    def test_authorization_without_contract(self, edition: Edition) -> None:
        request = cm.AuthorizationReq(
            header=HEADER,
            selected_authorization_service=cm.Authorization.EIM,
            eim_a_req_authorization_mode=cm.EIM_AReqAuthorizationMode(),
        )
        refused(Reason.ELEMENT_ID, lambda: subject.sign_authorization_req(request, keys(edition)[0]))

    def test_metering(self, edition: Edition) -> None:
        key, public = keys(edition)
        request = metering()
        signature = subject.sign_metering_confirmation_req(request, key)
        subject.verify_metering_confirmation_req(signature, request, public)
        request.signed_metering_data.meter_info.charged_energy_reading_wh += 1
        refused(Reason.DIGEST, lambda: subject.verify_metering_confirmation_req(signature, request, public))

    def test_prices(self, edition: Edition) -> None:
        key, public = keys(edition)
        schedules = prices()
        signature = subject.sign_price_schedules(schedules, key)
        subject.verify_price_schedules(signature, schedules, public)
        refused(
            Reason.UNKNOWN_REFERENCE,
            lambda: subject.verify_price_schedules(signature, schedules[:1], public),
        )


@pytest.mark.skipif(not OPENSSL, reason="openssl is not installed")
@EDITIONS
def test_openssl_agrees(edition: Edition, tmp_path: Path) -> None:
    key, public = keys(edition)
    signature = subject.sign_authorization_req(authorization(), key)
    value, data = signature.signature_value.value, generic.signed_bytes(signature.signed_info)
    (tmp_path / "public.pem").write_bytes(
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    (tmp_path / "data").write_bytes(data)
    if edition is Edition.ISO20:
        r, s = int.from_bytes(value[:66], "big"), int.from_bytes(value[66:], "big")
        (tmp_path / "value").write_bytes(encode_dss_signature(r, s))
        words = ("dgst", "-sha512", "-verify", tmp_path / "public.pem", "-signature", tmp_path / "value")
        assert b"Verified OK" in openssl(*words, data=data)
    else:
        (tmp_path / "value").write_bytes(value)
        openssl(
            "pkeyutl",
            "-verify",
            "-rawin",
            "-pubin",
            "-inkey",
            tmp_path / "public.pem",
            "-in",
            tmp_path / "data",
            "-sigfile",
            tmp_path / "value",
        )


class TestSuites:
    def test_by_the_key(self) -> None:
        for edition, suite in SUITES.items():
            assert subject.suite_for(keys(edition)[0]) is suite
            assert subject.suite_for(keys(edition)[1]) is suite

    def test_keys_of_iso2_only_where_asked_for(self) -> None:
        """A widespread stack has ecdsa-sha256 with 64 bytes in -20, too."""
        key = SeededEntropy(1).ec_key(ec.SECP256R1())
        refused(Reason.WRONG_KEY, lambda: subject.sign_authorization_req(authorization(), key))
        ecog = DIALECTS["ecog"]
        signature = subject.sign_authorization_req(authorization(), key, ecog)
        assert len(signature.signature_value.value) == 64
        subject.verify_authorization_req(signature, authorization(), key.public_key(), ecog)
        refused(
            Reason.WRONG_KEY,
            lambda: subject.verify_authorization_req(signature, authorization(), key.public_key()),
        )


class TestDialects:
    @EDITIONS
    def test_signed_info_under_the_grammar_of_the_messages(self, edition: Edition) -> None:
        key, public = keys(edition)
        wwcp = DIALECTS["wwcp"]
        signature = subject.sign_authorization_req(authorization(), key, wwcp)
        subject.verify_authorization_req(signature, authorization(), public, wwcp)
        same_uri = replace(STANDARD, ed448_method=wwcp.ed448_method)
        refused(
            Reason.SIGNATURE,
            lambda: subject.verify_authorization_req(signature, authorization(), public, same_uri),
        )
        alone = generic.signed_bytes(signature.signed_info)
        inside = generic.signed_bytes(signature.signed_info, iso20.COMMON_MESSAGES, wwcp)
        assert alone != inside

    def test_the_other_uri_of_ed448(self) -> None:
        key, public = keys(Edition.ISO20_ED448)
        signature = subject.sign_authorization_req(authorization(), key, DIALECTS["wwcp"])
        refused(
            Reason.SIGNATURE_METHOD,
            lambda: subject.verify_authorization_req(signature, authorization(), public),
        )

    def test_the_short_emaid(self) -> None:
        """Known by its first bytes; and it says the same as the right one, in fewer bits."""
        emaid = iso2.EMAID(id="id4", value="NLQUAC7K4D2M9P5")
        short = short_emaid_fragment(emaid)
        right = generic.element_fragment(("id4", "eMAID", emaid), iso2.SCHEMA)
        assert short.hex().startswith("80ec02b4b21a04")
        assert right.hex() == "80ec0202b4b21a4004539314555050cdd2cd110c934e540d7d3d00"
        assert len(short) < len(right)
        key = SeededEntropy(1).ec_key(ec.SECP256R1())
        made = pair(Edition.ISO2).response
        assert isinstance(made, iso2.V2G_Message)
        bundle = made.body.body_element
        assert isinstance(bundle, iso2.CertificateInstallationRes)
        dialect = DIALECTS["libcbv2g"]
        signature = generic.sign_certificate_installation_res(bundle, key, dialect)
        generic.verify_certificate_installation_res(signature, bundle, key.public_key(), dialect)
        error = refused(
            Reason.DIGEST,
            lambda: generic.verify_certificate_installation_res(signature, bundle, key.public_key()),
        )
        assert error.reference == "id4"

    def test_code_points_beyond_seven_bits(self) -> None:
        assert short_emaid_fragment(iso2.EMAID(id="é", value="é" * 14)).hex().startswith("80ec01")

    @pytest.mark.parametrize("name", DIALECTS)
    def test_described(self, name: str) -> None:
        assert DIALECTS[name].name == name
        assert DIALECTS[name].description
        assert (DIALECTS[name].signed_request is SignedRequest.BODY) == (name == "signed-body")


class TestInstallationData:
    def test_a_field_of_the_other_curve(self) -> None:
        data = response_of(pair(Edition.ISO20)).signed_installation_data
        data.ecdh_curve = cm.EcdhCurve.X448
        with pytest.raises(EnvelopeError) as caught:
            envelope_of(data)
        assert caught.value.step == "curve"

    def test_for_a_tpm(self) -> None:
        data = response_of(pair(Edition.ISO20)).signed_installation_data
        data.secp521_encrypted_private_key, data.tpm_encrypted_private_key = None, bytes(206)
        with pytest.raises(EnvelopeError) as caught:
            envelope_of(data)
        assert caught.value.step == "tpm"


def test_tariffs_of_iso2_made_elsewhere() -> None:
    from tests.v2g.security.test_signature import message

    decoded = message("iso2_cpd_res_dc_tariff_signed")
    response = decoded.body.body_element
    assert isinstance(response, iso2.ChargeParameterDiscoveryRes)
    assert response.sa_schedules is not None
    assert isinstance(response.sa_schedules, iso2.SAScheduleList)
    tariffs = [entry.sales_tariff for entry in response.sa_schedules.sa_schedule_tuple if entry.sales_tariff]
    signature = decoded.header.signature
    assert signature is not None
    (reference,) = signature.signed_info.reference
    assert reference.digest_value == generic.element_digest(generic.tariff_elements(tariffs)[0], iso2.SCHEMA)
    key = SeededEntropy(1).ec_key(ec.SECP256R1())
    mine = generic.sign_sales_tariffs(tariffs, key)
    generic.verify_sales_tariffs(mine, tariffs, key.public_key())
    refused(Reason.SIGNATURE, lambda: generic.verify_sales_tariffs(signature, tariffs, key.public_key()))
