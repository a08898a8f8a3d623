"""Known values and helpers for the tests of this folder."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, x448
from cryptography.x509.oid import NameOID

from v2g.errors import EnvelopeError

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "key_envelope.json").read_text())
ISO2: dict[str, str] = VECTORS["iso2"]
P521: dict[str, str] = VECTORS["iso20_secp521"]
X448: dict[str, str] = VECTORS["iso20_x448"]

P256_ORDER = ec.SECP256R1().group_order
P521_ORDER = ec.SECP521R1().group_order
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Script:
    """Entropy that hands out what a vector says."""

    def __init__(self, *chunks: bytes, key: ec.EllipticCurvePrivateKey | None = None) -> None:
        self.chunks = list(chunks)
        self.key = key

    def bytes(self, count: int) -> "bytes":
        chunk = self.chunks.pop(0)
        assert len(chunk) == count
        return chunk

    def ec_key(self, curve: ec.EllipticCurve) -> ec.EllipticCurvePrivateKey:
        assert self.key is not None
        assert self.key.curve.name == curve.name
        return self.key


def key_of(hex_scalar: str, curve: ec.EllipticCurve) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int(hex_scalar, 16), curve)


def certificate_for(
    public_key: ec.EllipticCurvePublicKey | x448.X448PublicKey | ed448.Ed448PublicKey,
) -> x509.Certificate:
    """A certificate for any key; only the key in it is looked at."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "DE83DUIEN83QGZD")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public_key)
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .sign(ec.derive_private_key(1, ec.SECP256R1()), hashes.SHA256())
    )


def p256(number: int) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(number, ec.SECP256R1())


def refused(step: str, action: Callable[[], Any]) -> EnvelopeError:
    with pytest.raises(EnvelopeError) as caught:
        action()
    assert caught.value.step == step
    return caught.value
