"""Certificates as they are issued."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID, SignatureAlgorithmOID

from pki.entropy import SeededEntropy, deterministic_ecdsa
from pki.errors import CertificateError, Rule
from pki.issuing import Identity, issue, new_identity
from pki.profiles import CONTRACT, PROFILES, V2G_ROOT, KeyType, KeyUse, Profile
from tests.pki.material import DAY, NOW, hierarchy


def contract(
    *,
    now: datetime = NOW,
    validity: timedelta | None = None,
    common_name: str = "DE83DUIEN83QGZD",
    seed: int = 1,
) -> Identity:
    return new_identity(
        CONTRACT,
        common_name=common_name,
        issuer=hierarchy()["mo_sub_ca2"],
        now=now,
        entropy=SeededEntropy(seed),
        validity=validity,
    )


def as_issued(profile: Profile) -> Identity:
    if profile.name in hierarchy():
        return hierarchy()[profile.name]
    assert profile.issuer is not None
    return new_identity(
        profile,
        common_name="WMIKAT0123456789AB",
        issuer=hierarchy()[profile.issuer.name],
        now=NOW,
        entropy=SeededEntropy(5),
    )


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
class TestEveryProfile:
    def test_form(self, profile: Profile) -> None:
        certificate = as_issued(profile).certificate
        assert certificate.version is x509.Version.v3
        assert certificate.signature_algorithm_oid == SignatureAlgorithmOID.ECDSA_WITH_SHA256
        key = certificate.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        assert key.curve.name == "secp256r1"
        assert len(certificate.public_bytes(Encoding.DER)) <= 800
        assert 1 << 125 < certificate.serial_number < 1 << 127

    def test_subject(self, profile: Profile) -> None:
        certificate = as_issued(profile).certificate
        order = [attribute.rfc4514_attribute_name for attribute in certificate.subject]
        assert order == ["CN", "O", "DC"]
        assert certificate.subject.rfc4514_string().startswith(f"DC={profile.domain},O=PnC Lab,CN=")

    def test_constraints(self, profile: Profile) -> None:
        extensions = as_issued(profile).certificate.extensions
        constraints = extensions.get_extension_for_class(x509.BasicConstraints)
        assert constraints.critical
        assert (constraints.value.ca, constraints.value.path_length) == (profile.ca, profile.path_length)

    def test_key_usage(self, profile: Profile) -> None:
        extensions = as_issued(profile).certificate.extensions
        usage = extensions.get_extension_for_class(x509.KeyUsage)
        assert usage.critical
        assert {use for use in KeyUse if getattr(usage.value, use.value)} == profile.key_usage
        assert not usage.value.data_encipherment

    def test_key_identifiers(self, profile: Profile) -> None:
        certificate = as_issued(profile).certificate
        own = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        assert own == x509.SubjectKeyIdentifier.from_public_key(certificate.public_key())
        authority = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
        issuer = certificate if profile.issuer is None else hierarchy()[profile.issuer.name].certificate
        above = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        assert authority.key_identifier == above.digest
        assert authority.authority_cert_issuer is None

    def test_validity(self, profile: Profile) -> None:
        certificate = as_issued(profile).certificate
        assert certificate.not_valid_before_utc == NOW
        assert certificate.not_valid_after_utc == NOW + profile.validity

    def test_nothing_else_is_in_it(self, profile: Profile) -> None:
        assert {extension.oid for extension in as_issued(profile).certificate.extensions} == {
            ExtensionOID.BASIC_CONSTRAINTS,
            ExtensionOID.KEY_USAGE,
            ExtensionOID.SUBJECT_KEY_IDENTIFIER,
            ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        }


def test_times_are_cut_to_the_second() -> None:
    late = NOW.replace(microsecond=999_999)
    assert contract(now=late).certificate.not_valid_before_utc == NOW


def test_never_longer_than_the_issuer() -> None:
    end = hierarchy()["mo_sub_ca2"].certificate.not_valid_after_utc
    assert contract(now=end - DAY).certificate.not_valid_after_utc == end


def test_validity_by_choice() -> None:
    assert contract(validity=3 * DAY).certificate.not_valid_after_utc == NOW + 3 * DAY


def test_an_issuer_that_has_ended_issues_nothing() -> None:
    end = hierarchy()["mo_sub_ca2"].certificate.not_valid_after_utc
    with pytest.raises(CertificateError) as caught:
        contract(now=end)
    assert caught.value.rule is Rule.EXPIRED


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        contract(now=NOW.replace(tzinfo=None))


@pytest.mark.skipif(not deterministic_ecdsa(), reason="the linked OpenSSL has no RFC 6979 (needs 3.2)")
def test_the_same_seed_gives_the_same_certificate() -> None:
    assert contract().certificate == contract().certificate
    assert contract().certificate != contract(seed=2).certificate


def test_revocation_pointers_still_fit() -> None:
    certificate = new_identity(
        CONTRACT,
        common_name="DE83DUIEN83QGZD",
        issuer=hierarchy()["mo_sub_ca2"],
        now=NOW,
        entropy=SeededEntropy(1),
        country="DE",
        crl_url="http://crl.example.com/mo/sub2.crl",
        ocsp_url="http://ocsp.example.com/mo",
    ).certificate
    points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints)
    access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    assert not points.critical
    assert not access.critical
    assert certificate.subject.rfc4514_string() == "DC=MO,C=DE,O=PnC Lab,CN=DE83DUIEN83QGZD"
    assert len(certificate.public_bytes(Encoding.DER)) <= 800


def test_what_fits_no_message_is_not_issued() -> None:
    with pytest.raises(CertificateError) as caught:
        new_identity(
            CONTRACT,
            common_name="DE83DUIEN83QGZD",
            issuer=hierarchy()["mo_sub_ca2"],
            now=NOW,
            entropy=SeededEntropy(1),
            crl_url="http://crl.example.com/" + "x" * 400,
        )
    assert caught.value.rule is Rule.TOO_LARGE
    assert "DE83DUIEN83QGZD" in caught.value.subject


def test_a_key_on_another_curve_is_refused() -> None:
    with pytest.raises(CertificateError) as caught:
        issue(
            CONTRACT,
            common_name="DE83DUIEN83QGZD",
            public_key=ec.derive_private_key(1, ec.SECP384R1()).public_key(),
            issuer=hierarchy()["mo_sub_ca2"],
            now=NOW,
            entropy=SeededEntropy(1),
        )
    assert caught.value.rule is Rule.WRONG_KEY_TYPE


@pytest.mark.parametrize("organization", ["", "x" * 65])
def test_organizations_that_x509_cannot_hold(organization: str) -> None:
    with pytest.raises(ValueError, match="organization"):
        new_identity(
            V2G_ROOT,
            common_name="R",
            issuer=None,
            now=NOW,
            entropy=SeededEntropy(1),
            organization=organization,
        )


@pytest.mark.parametrize("common_name", ["", "x" * 65])
def test_common_names_that_x509_cannot_hold(common_name: str) -> None:
    with pytest.raises(ValueError):
        contract(common_name=common_name)


def test_self_signed_needs_the_key() -> None:
    with pytest.raises(ValueError, match="key"):
        issue(
            V2G_ROOT,
            common_name="R",
            public_key=ec.derive_private_key(1, ec.SECP256R1()).public_key(),
            issuer=None,
            now=NOW,
            entropy=SeededEntropy(1),
        )


def test_an_issuer_without_key_cannot_issue() -> None:
    powerless = replace(hierarchy()["mo_sub_ca2"], key=None)
    with pytest.raises(ValueError, match="mo_sub_ca2 is not here"):
        new_identity(CONTRACT, common_name="C", issuer=powerless, now=NOW, entropy=SeededEntropy(1))


def test_a_profile_of_the_next_protocol() -> None:
    """P-521, SHA-512 and eight-byte key identifiers are a matter of the profile alone."""
    root = replace(V2G_ROOT, key_type=KeyType.SECP521R1, max_der=1600)
    contract20 = replace(CONTRACT, issuer=root, key_type=KeyType.SECP521R1, max_der=1600, ski_bytes=8)
    entropy = SeededEntropy(1)
    authority = new_identity(root, common_name="R", issuer=None, now=NOW, entropy=entropy)
    certificate = new_identity(
        contract20, common_name="C", issuer=authority, now=NOW, entropy=entropy
    ).certificate
    assert certificate.signature_algorithm_oid == SignatureAlgorithmOID.ECDSA_WITH_SHA512
    assert len(certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest) == 8


def test_an_identity_never_shows_its_key() -> None:
    identity = hierarchy()["v2g_root"]
    assert repr(identity) == "<Identity v2g_root: DC=V2G,O=PnC Lab,CN=V2G Root CA, with key>"
