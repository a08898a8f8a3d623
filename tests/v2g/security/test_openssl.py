"""Signature and envelope, checked with OpenSSL's command line instead of the library that made them."""

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pki import store
from pki.entropy import SeededEntropy
from v2g.messages import iso2
from v2g.security.envelope import seal_iso2
from v2g.security.signature import sign_authorization_req, signed_bytes

OPENSSL = shutil.which("openssl") or ""
pytestmark = pytest.mark.skipif(not OPENSSL, reason="openssl is not installed")


def openssl(*words: str | Path, data: bytes = b"") -> bytes:
    done = subprocess.run(
        [OPENSSL, *map(str, words)], check=False, input=data, capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def write_public(path: Path, key: ec.EllipticCurvePublicKey) -> Path:
    path.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path


def test_a_signature(tmp_path: Path) -> None:
    key = SeededEntropy(1).ec_key(ec.SECP256R1())
    signature = sign_authorization_req(iso2.AuthorizationReq(id="ID1", gen_challenge=bytes(16)), key)
    value = signature.signature_value.value
    r, s = int.from_bytes(value[:32], "big"), int.from_bytes(value[32:], "big")
    (tmp_path / "value.der").write_bytes(encode_dss_signature(r, s))
    public = write_public(tmp_path / "public.pem", key.public_key())
    words = ("dgst", "-sha256", "-verify", public, "-signature", tmp_path / "value.der")
    assert b"Verified OK" in openssl(*words, data=signed_bytes(signature.signed_info))


def test_an_envelope(tmp_path: Path) -> None:
    """ECDH, concatenation KDF and AES-128-CBC step by step, as a car with OpenSSL would do it."""
    entropy = SeededEntropy(1)
    receiver, contract = entropy.ec_key(ec.SECP256R1()), entropy.ec_key(ec.SECP256R1())
    sealed = seal_iso2(contract, receiver.public_key(), entropy)
    store.write_key(tmp_path / "car.key", receiver)
    peer = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sealed.dh_public_key)
    public = write_public(tmp_path / "peer.pem", peer)
    secret = openssl("pkeyutl", "-derive", "-inkey", tmp_path / "car.key", "-peerkey", public)
    options = ("-kdfopt", "digest:SHA256", "-kdfopt", f"hexkey:{secret.hex()}", "-kdfopt", "hexinfo:015556")
    key = openssl("kdf", "-keylen", "16", "-binary", *options, "SSKDF")
    field = sealed.encrypted_private_key
    words = ("enc", "-d", "-aes-128-cbc", "-nopad", "-K", key.hex(), "-iv", field[:16].hex())
    plaintext = openssl(*words, data=field[16:])
    assert int.from_bytes(plaintext, "big") == contract.private_numbers().private_value
