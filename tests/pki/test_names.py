"""How certificates are named."""

import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from pki.entropy import SeededEntropy
from pki.errors import CertificateError, Rule
from pki.issuing import Draft
from pki.names import common_name, domain_components, fingerprint_sha256, issuer_serial, matches_issuer_serial
from tests.pki.material import DAY, NOW, hierarchy


def certificate(*attributes: tuple[x509.ObjectIdentifier, str]) -> x509.Certificate:
    key = SeededEntropy(1).ec_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])
    return Draft(
        subject=name,
        issuer=name,
        public_key=key.public_key(),
        serial=5,
        not_before=NOW,
        not_after=NOW + DAY,
        ca=False,
        path_length=None,
        key_usage=frozenset(),
        subject_key_id=bytes(20),
        authority_key_id=bytes(20),
        signature_hash=hashes.SHA256(),
    ).sign(key)


def test_common_name_and_domain() -> None:
    leaf = hierarchy()["secc_leaf"].certificate
    assert common_name(leaf) == "DEPNCS0001"
    assert domain_components(leaf) == ["CPO"]


@pytest.mark.parametrize("names", [[], ["A", "B"]])
def test_no_common_name_or_two(names: list[str]) -> None:
    odd = certificate(*((NameOID.COMMON_NAME, name) for name in names), (NameOID.ORGANIZATION_NAME, "O"))
    with pytest.raises(CertificateError) as caught:
        common_name(odd)
    assert caught.value.rule is Rule.UNREADABLE


def test_fingerprint() -> None:
    root = hierarchy()["v2g_root"].certificate
    assert fingerprint_sha256(root) == hashlib.sha256(root.public_bytes(Encoding.DER)).hexdigest()


def test_issuer_and_serial_name_a_root() -> None:
    root = hierarchy()["v2g_root"].certificate
    name, serial = issuer_serial(root)
    assert name == "DC=V2G,O=PnC Lab,CN=V2G Root CA"
    assert matches_issuer_serial(root, name, serial)
    assert matches_issuer_serial(root, "CN=V2G Root CA,O=PnC Lab,DC=V2G", serial)
    assert not matches_issuer_serial(root, name, serial + 1)
    assert not matches_issuer_serial(root, "DC=V2G,O=PnC Lab,CN=Another Root CA", serial)
    assert not matches_issuer_serial(root, "<Name(CN=V2G Root CA)>", serial)
    assert not matches_issuer_serial(root, "", serial)
