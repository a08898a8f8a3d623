"""OpenSSL's command line as a second opinion, in both directions.

It must accept every certificate and chain that we issue, refuse the broken ones that it has a rule for, and
what it issues must be accepted here.
"""

import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pki import chain, store
from pki.defects import Chain, defect, sound_chain
from pki.hierarchy import members_of
from pki.profiles import CPS_LEAF, Edition, Profile
from tests.pki.material import LEAVES, NOW, bench, hierarchy, leaf_id

OPENSSL = shutil.which("openssl") or ""
pytestmark = pytest.mark.skipif(not OPENSSL, reason="openssl is not installed")

# What OpenSSL calls the use of each leaf's key; "any" where it has no name for it.
PURPOSES = {
    "secc_leaf": ("sslserver",),
    "cps_leaf": ("smimesign",),
    "oem_provisioning": ("smimesign", "sslclient"),
    "contract": ("smimesign", "sslclient"),
    "vehicle": ("sslclient",),
    "vehicle_v2g": ("sslclient",),
}
# What OpenSSL calls key and signature algorithm of each edition.
ALGORITHMS = {
    Edition.ISO2: ("ecdsa-with-SHA256", "prime256v1"),
    Edition.ISO20: ("ecdsa-with-SHA512", "secp521r1"),
    Edition.ISO20_ED448: ("Signature Algorithm: ED448", "Public Key Algorithm: ED448"),
}
EDITIONS = pytest.mark.parametrize("edition", Edition)

# What OpenSSL says to the defects that break a rule of X.509.
RULES_OF_X509 = {
    "expired": "expired",
    "not_yet_valid": "not yet valid",
    "wrong_signature": "signature",
    "unknown_critical_extension": "unhandled critical extension",
    "foreign_root": "signature|issuer certificate|key identifier",
    "foreign_sub_ca": "issuer certificate|key identifier",
    "missing_sub_ca": "issuer certificate",
    "sub_ca_expired": "expired",
    "sub_ca_not_a_ca": "CA",
    "sub_ca_wrong_key_usage": "issuer certificate|certificate sign|CA",
    "path_length": "path length",
}

# Domain components, curves, sizes and the order on the wire are rules of ISO 15118, not of X.509.
RULES_OF_ISO_15118 = (
    "wrong_domain",
    "wrong_curve",
    "wrong_algorithm",
    "too_large",
    "swapped_sub_cas",
    "stray_certificate",
    "root_on_the_wire",
    "sub_ca_wrong_domain",
)


def openssl(*words: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [OPENSSL, *map(str, words)], check=False, capture_output=True, text=True, timeout=60
    )
    assert not check or done.returncode == 0, done.stderr
    return done


def verify(made: Chain, place: Path, purpose: str, at: datetime = NOW) -> subprocess.CompletedProcess[str]:
    store.write_certificates(place / "root.pem", [made.root])
    store.write_certificates(place / "leaf.pem", [made.leaf.certificate])
    words: list[str | Path] = ["verify", "-x509_strict", "-check_ss_sig", "-purpose", purpose]
    words += ["-attime", str(int(at.timestamp())), "-no-CApath", "-no-CAstore", "-CAfile", place / "root.pem"]
    if made.intermediates:
        store.write_certificates(place / "sub.pem", made.intermediates)
        words += ["-untrusted", place / "sub.pem"]
    return openssl(*words, place / "leaf.pem", check=False)


@EDITIONS
def test_every_member_as_pem_and_der(tmp_path: Path, edition: Edition) -> None:
    hierarchy(edition).save(tmp_path / "pki")
    for member in members_of(edition).values():
        stem = tmp_path / "pki" / member.stem
        pem = openssl("x509", "-in", stem.with_suffix(".pem"), "-noout", "-text").stdout
        der = openssl("x509", "-inform", "DER", "-in", stem.with_suffix(".der"), "-noout", "-text").stdout
        assert pem == der
        for words in ("Version: 3", *ALGORITHMS[edition], "Key Usage: critical"):
            assert words in pem
        key = stem.with_suffix(".key")
        openssl("pkey", "-in", key, "-noout", "-check")
        public = openssl("x509", "-in", stem.with_suffix(".pem"), "-noout", "-pubkey").stdout
        assert openssl("pkey", "-in", key, "-pubout").stdout == public


@pytest.mark.parametrize(
    ("edition", "name"),
    [(edition, name) for edition in Edition for name, member in members_of(edition).items() if member.parent],
)
def test_every_chain_of_the_folder(tmp_path: Path, edition: Edition, name: str) -> None:
    ours = hierarchy(edition)
    leaf, *above = ours.chain(name)
    made = Chain(ours[name], tuple(above), ours.root_of(name).certificate)
    assert made.leaf.certificate == leaf
    done = verify(made, tmp_path, PURPOSES.get(name, ("any",))[0])
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("profile", LEAVES, ids=leaf_id)
def test_every_leaf_for_its_purpose(tmp_path: Path, profile: Profile) -> None:
    made = sound_chain(bench(profile))
    for purpose in (*PURPOSES[profile.name], "any"):
        done = verify(made, tmp_path, purpose)
        assert done.returncode == 0, done.stderr


@EDITIONS
@pytest.mark.parametrize("name", ["v2g_root", "oem_root", "mo_root"])
def test_every_root_by_itself(tmp_path: Path, name: str, edition: Edition) -> None:
    root = hierarchy(edition)[name]
    done = verify(Chain(root, (), root.certificate), tmp_path, "any")
    assert done.returncode == 0, done.stderr


@EDITIONS
@pytest.mark.parametrize("name", RULES_OF_X509)
def test_defects_that_openssl_knows(tmp_path: Path, name: str, edition: Edition) -> None:
    done = verify(defect(name).make(bench(edition.profiles["cps_leaf"])), tmp_path, "any")
    assert done.returncode != 0
    assert any(words in done.stderr for words in RULES_OF_X509[name].split("|")), done.stderr


@pytest.mark.parametrize("name", RULES_OF_ISO_15118)
def test_defects_that_openssl_lets_pass(tmp_path: Path, name: str) -> None:
    """Why there is a validation of our own; and in X.509 nothing else is wrong with these."""
    done = verify(defect(name).make(bench(CPS_LEAF)), tmp_path, "any")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("edition", [Edition.ISO20, Edition.ISO20_ED448])
@pytest.mark.parametrize(("name", "purpose"), [("secc_leaf", "sslserver"), ("vehicle", "sslclient")])
def test_a_certificate_for_the_other_side_of_tls(
    tmp_path: Path, name: str, purpose: str, edition: Edition
) -> None:
    made = defect("wrong_extended_key_usage").make(bench(edition.profiles[name]))
    assert "purpose" in verify(made, tmp_path, purpose).stderr


CONFIG = """
[req]
distinguished_name = name
prompt = no
[name]
CN = unused
[root]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[sub1]
basicConstraints = critical, CA:true, pathlen:1
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[sub2]
basicConstraints = critical, CA:true, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[leaf]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


def issue_with_openssl(place: Path, steps: Sequence[tuple[str, str]]) -> None:
    (place / "openssl.cnf").write_text(CONFIG)
    issuer: str | None = None
    for name, subject in steps:
        words: list[str | Path] = ["req", "-x509", "-config", place / "openssl.cnf", "-extensions", name]
        words += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-sha256"]
        words += ["-subj", subject, "-keyout", place / f"{name}.key", "-out", place / f"{name}.pem"]
        if issuer is not None:
            words += ["-CA", place / f"{issuer}.pem", "-CAkey", place / f"{issuer}.key"]
        openssl(*words)
        issuer = name


def test_a_chain_that_openssl_issued(tmp_path: Path) -> None:
    issue_with_openssl(
        tmp_path,
        [
            ("root", "/CN=Root/O=Elsewhere/DC=V2G"),
            ("sub1", "/CN=Sub 1/O=Elsewhere/DC=CPS"),
            ("sub2", "/CN=Sub 2/O=Elsewhere/DC=CPS"),
            ("leaf", "/CN=Leaf/O=Elsewhere/DC=CPS"),
        ],
    )
    root, sub1, sub2, leaf = (
        store.read_certificate(tmp_path / f"{name}.pem") for name in ("root", "sub1", "sub2", "leaf")
    )
    path = chain.validate(leaf, [sub2, sub1], [root], at=datetime.now(UTC), profile=CPS_LEAF)
    assert path == (leaf, sub2, sub1, root)
    assert store.read_key(tmp_path / "leaf.key").public_key() == leaf.public_key()
