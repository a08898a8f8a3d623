"""The kinds of keys that certificates hold, and how to make them.

ISO 15118-2 knows secp256r1 only. ISO 15118-20 has secp521r1 and, as its alternative suite, the two curves of
RFC 8032 and RFC 7748: Ed448 to sign with, X448 to agree on secrets with.

A provisioning certificate both signs a request and receives an envelope. With secp521r1 one key does both;
in the other suite the certificate carries an X448 key besides its Ed448 key, the "alternate subject public
key" of [V2G20-2534] (extension 2.5.29.72 of X.509). Where there is none, the Ed448 key can agree on secrets
itself, because the two curves are the same in other coordinates (RFC 7748 4.2): :func:`x448_private` and
:func:`x448_public` give its X448 form.
"""

import hashlib
from enum import StrEnum

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, x448
from cryptography.x509 import ObjectIdentifier

from pki.entropy import Entropy

PrivateKey = ec.EllipticCurvePrivateKey | ed448.Ed448PrivateKey | x448.X448PrivateKey
"""Any private key that belongs to a certificate."""

SigningKey = ec.EllipticCurvePrivateKey | ed448.Ed448PrivateKey
"""A private key that can sign; X448 cannot."""

PublicKey = ec.EllipticCurvePublicKey | ed448.Ed448PublicKey | x448.X448PublicKey
"""Any public key that a certificate may hold."""

VerifyingKey = ec.EllipticCurvePublicKey | ed448.Ed448PublicKey
"""A public key that signatures can be checked with."""

ALTERNATE_KEY = ObjectIdentifier("2.5.29.72")
"""The extension subjectAltPublicKeyInfo."""

X448_BYTES = 56
ED448_BYTES = 57

_FIELD = 2**448 - 2**224 - 1
_EDWARDS_D = -39081


class KeyType(StrEnum):
    """The kind of a key: P-256 for ISO 15118-2; P-521, or Ed448 and X448, for ISO 15118-20."""

    SECP256R1 = "secp256r1"
    SECP521R1 = "secp521r1"
    ED448 = "ed448"
    X448 = "x448"

    @property
    def curve(self) -> ec.EllipticCurve:
        """The curve to make keys on; ValueError for Ed448 and X448, whose keys are no points of ECDSA."""
        if self is KeyType.SECP256R1:
            return ec.SECP256R1()
        if self is KeyType.SECP521R1:
            return ec.SECP521R1()
        raise ValueError(f"{self} keys are made by pki.keys.new_key")

    @property
    def signature_hash(self) -> hashes.SHA256 | hashes.SHA512 | None:
        """The hash that a key of this type signs certificates with; None for Ed448, which needs none."""
        if self is KeyType.SECP256R1:
            return hashes.SHA256()
        return hashes.SHA512() if self is KeyType.SECP521R1 else None


def new_key(key_type: KeyType, entropy: Entropy) -> PrivateKey:
    """Return a new private key.

    The 57 bytes of an Ed448 key are 56 random ones and a zero: what -20 has room for when such a key travels
    to a car (:mod:`v2g.security.envelope`), and twice as many as its strength of 224 bits needs.
    """
    if key_type is KeyType.X448:
        return x448.X448PrivateKey.from_private_bytes(entropy.bytes(X448_BYTES))
    return new_signing_key(key_type, entropy)


def new_signing_key(key_type: KeyType, entropy: Entropy) -> SigningKey:
    """Return a new private key that can sign, as :func:`new_key`; ValueError for X448."""
    if key_type is KeyType.ED448:
        return ed448.Ed448PrivateKey.from_private_bytes(entropy.bytes(ED448_BYTES - 1) + b"\0")
    return entropy.ec_key(key_type.curve)


def type_name(key: object) -> str:
    """Return the kind of any key, public or private, for people: the curve's name where it has one."""
    if isinstance(key, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey):
        return key.curve.name
    return type(key).__name__.removesuffix("PublicKey").removesuffix("PrivateKey").lower()


def x448_private(key: ed448.Ed448PrivateKey) -> x448.X448PrivateKey:
    """Return the X448 form of an Ed448 private key: its secret scalar (RFC 8032 5.2.5)."""
    scalar = hashlib.shake_256(key.private_bytes_raw()).digest(2 * ED448_BYTES)[:X448_BYTES]
    return x448.X448PrivateKey.from_private_bytes(scalar)


def x448_public(key: ed448.Ed448PublicKey) -> x448.X448PublicKey:
    """Return the X448 form of an Ed448 public key: u = y² / x² (RFC 7748 4.2).

    Raises ValueError when the bytes are no point of the curve that has such a form. Everything here is
    public, so the arithmetic need not hide its time.
    """
    y = int.from_bytes(key.public_bytes_raw()[:X448_BYTES], "little")
    # x² = (1 - y²) / (1 - d·y²) on the curve, so u = y²·(1 - d·y²) / (1 - y²).
    square = y * y % _FIELD
    x_square = (1 - square) * pow(1 - _EDWARDS_D * square, -1, _FIELD) % _FIELD
    if y >= _FIELD or pow(x_square, (_FIELD - 1) // 2, _FIELD) != 1:
        raise ValueError("not a point of Ed448 that X448 has")
    u = square * pow(x_square, -1, _FIELD) % _FIELD
    return x448.X448PublicKey.from_public_bytes(u.to_bytes(X448_BYTES, "little"))
