"""The contract key envelope: how a contract's private key travels to one car and no other.

The sender makes an ephemeral key, agrees on a secret with the car's certified key (ECDH), derives a
symmetric key from it (NIST SP 800-56A concatenation KDF) and encrypts the contract's private key.

=============  =========================  ==============================  =======================
               ISO 15118-2                ISO 15118-20, P-521             ISO 15118-20, X448
=============  =========================  ==============================  =======================
KDF            SHA-256, 16 bytes          SHA-512, 32 bytes               SHA-512, 32 bytes
cipher         AES-128-CBC, no padding    AES-256-GCM with AAD            AES-256-GCM with AAD
plaintext      32 bytes, big endian       66 bytes, top 7 bits zero       56 bytes
field          IV 16 ‖ 32 = 48 bytes      IV 12 ‖ 66 ‖ tag 16 = 94 bytes  IV 12 ‖ 56 ‖ tag 16 = 84
DH public key  65 bytes, uncompressed     133 bytes, uncompressed         56 bytes, zeros up to 133
=============  =========================  ==============================  =======================

Clauses: [V2G2-814]…[V2G2-823]; those of -20 in :mod:`v2g.security.envelope_iso20`. This module holds what both
have in common, and -2.

CBC has no integrity of its own: a changed envelope of ISO 15118-2 is found by the range check or by the
comparison with the certificate, which is why opening always needs the certificate.

Plaintext keys are held in buffers that are wiped after use. Python and the library still make short-lived
copies that nobody can wipe; this keeps the window small, it does not close it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pki.entropy import Entropy
from v2g.errors import EnvelopeError
from v2g.security.dialects import STANDARD, Dialect, Kdf, Padding

__all__ = [
    "OTHER_INFO",
    "Envelope",
    "EnvelopeError",
    "Scheme",
    "derive_key",
    "derive_key_iso2",
    "derive_key_iso20",
    "kdf_input",
    "open_iso2",
    "seal_iso2",
    "secret_iso2",
]

OTHER_INFO = bytes.fromhex("015556")
"""AlgorithmID, sender "U" and receiver "V" [V2G2-818][V2G20-2493]."""

_COUNTER = bytes.fromhex("00000001")
_BLOCK = 16


@dataclass(frozen=True, slots=True)
class Envelope:
    """The two fields of a certificate installation response that carry the key.

    ``encrypted_private_key`` is initialisation vector, ciphertext and (-20) tag in one; ``dh_public_key``
    is the sender's ephemeral public key. Neither is secret.
    """

    encrypted_private_key: bytes
    dh_public_key: bytes


@dataclass(frozen=True, slots=True)
class Scheme:
    """What an edition's envelope is made with: the hash of the KDF and how many bytes of it are the key."""

    name: str
    hash: type[hashes.SHA256 | hashes.SHA512]
    key_bytes: int


ISO2 = Scheme("ISO 15118-2", hashes.SHA256, 16)
ISO20 = Scheme("ISO 15118-20", hashes.SHA512, 32)


def kdf_input(shared_secret: bytes, kdf: Kdf = Kdf.CONCATENATION) -> bytes:
    """Return what is hashed to get the key: one block of the KDF, which is all that is needed."""
    return {
        Kdf.CONCATENATION: _COUNTER + shared_secret + OTHER_INFO,
        Kdf.NO_OTHER_INFO: _COUNTER + shared_secret,
        Kdf.Z_COUNTER: shared_secret + _COUNTER,
        Kdf.X963: shared_secret + _COUNTER + OTHER_INFO,
    }[kdf]


def derive_key(shared_secret: bytes, scheme: Scheme, kdf: Kdf = Kdf.CONCATENATION) -> bytes:
    """Return the symmetric key for the ECDH secret."""
    digest = hashes.Hash(scheme.hash())
    digest.update(kdf_input(shared_secret, kdf))
    return digest.finalize()[: scheme.key_bytes]


def derive_key_iso2(shared_secret: bytes, kdf: Kdf = Kdf.CONCATENATION) -> bytes:
    """Return the AES-128 key for the 32-byte ECDH secret [V2G2-818]."""
    return derive_key(shared_secret, ISO2, kdf)


def derive_key_iso20(shared_secret: bytes, kdf: Kdf = Kdf.CONCATENATION) -> bytes:
    """Return the AES-256 key for the ECDH secret: 66 bytes for P-521, 56 for X448 [V2G20-2493]."""
    return derive_key(shared_secret, ISO20, kdf)


def seal_iso2(
    contract_key: ec.EllipticCurvePrivateKey,
    receiver: ec.EllipticCurvePublicKey,
    entropy: Entropy,
    dialect: Dialect = STANDARD,
) -> Envelope:
    """Encrypt ``contract_key`` for the owner of ``receiver`` as ISO 15118-2 has it.

    ``receiver`` is the key of the OEM provisioning certificate, or of the old contract certificate in
    CertificateUpdate. Raises :class:`EnvelopeError` when either key is not on secp256r1.
    """
    curve = ec.SECP256R1()
    require_curve("receiver", receiver.curve, curve)
    require_curve("contract_key", contract_key.curve, curve)
    ephemeral = entropy.ec_key(curve)
    vector = entropy.bytes(_BLOCK)
    key = derive_key_iso2(ephemeral.exchange(ec.ECDH(), receiver), dialect.kdf_iso2)
    encryptor = Cipher(algorithms.AES128(key), modes.CBC(vector)).encryptor()
    with scalar_bytes(contract_key, dialect.padding) as plaintext:
        ciphertext = encryptor.update(plaintext) + encryptor.finalize()
    return Envelope(vector + ciphertext, point(ephemeral.public_key()))


def open_iso2(
    envelope: Envelope,
    receiver_key: ec.EllipticCurvePrivateKey,
    *,
    certificate: x509.Certificate,
    dialect: Dialect = STANDARD,
) -> ec.EllipticCurvePrivateKey:
    """Decrypt the contract key with the car's own key and check that it fits ``certificate``.

    Raises :class:`EnvelopeError` when a length is wrong, the DH key is no point of the curve, the
    decrypted number is no private key (1 … n-1), or its public key is not the contract certificate's
    [V2G2-823]. A key that any of these rejects is never returned.
    """
    key = derive_key_iso2(secret_iso2(envelope, receiver_key), dialect.kdf_iso2)
    with decrypted_iso2(envelope, key) as plaintext:
        return private_key(plaintext, ec.SECP256R1(), certificate, dialect.padding)


def secret_iso2(envelope: Envelope, receiver_key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the ECDH secret Z of an envelope, once its fields have the right form."""
    curve = ec.SECP256R1()
    require_curve("receiver", receiver_key.curve, curve)
    require_length("encrypted_private_key", envelope.encrypted_private_key, _BLOCK + 32)
    return receiver_key.exchange(ec.ECDH(), read_point(envelope.dh_public_key, curve))


@contextmanager
def decrypted_iso2(envelope: Envelope, key: bytes) -> Iterator[memoryview]:
    """Lend the plaintext; nothing tells yet whether it is the right one."""
    field = memoryview(envelope.encrypted_private_key)
    decryptor = Cipher(algorithms.AES128(key), modes.CBC(bytes(field[:_BLOCK]))).decryptor()
    # The cipher demands room for a block more than it writes.
    with wiped(32 + _BLOCK - 1) as plaintext:
        written = decryptor.update_into(field[_BLOCK:], plaintext)
        decryptor.finalize()
        yield memoryview(plaintext)[:written]


# --- what both editions need ------------------------------------------------------------------------------


def require_curve(step: str, found: ec.EllipticCurve, expected: ec.EllipticCurve) -> None:
    """Raise unless a key is on the curve that the scheme has."""
    if found.name != expected.name:
        raise EnvelopeError(step, f"a key on {found.name}, expected {expected.name}")


def require_length(step: str, data: bytes, expected: int) -> None:
    """Raise unless a field has its length."""
    if len(data) != expected:
        raise EnvelopeError(step, f"{len(data)} bytes, expected {expected}")


def scalar_size(curve: ec.EllipticCurve) -> int:
    """Return how many bytes a private number of a curve has."""
    return (curve.key_size + 7) // 8


def point(key: ec.EllipticCurvePublicKey) -> bytes:
    """Return a public key as an uncompressed point."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def read_point(data: bytes, curve: ec.EllipticCurve) -> ec.EllipticCurvePublicKey:
    """Return the uncompressed point; only points on the curve, or a peer could probe our key."""
    require_length("dh_public_key", data, 1 + 2 * scalar_size(curve))
    if data[0] != 4:
        raise EnvelopeError("dh_public_key", "not an uncompressed point (first byte 04)")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(curve, data)
    except ValueError:
        raise EnvelopeError("dh_public_key", f"not a point of {curve.name}") from None


@contextmanager
def wiped(size: int) -> Iterator[bytearray]:
    """Lend a buffer and overwrite it afterwards, whatever happens."""
    buffer = bytearray(size)
    try:
        yield buffer
    finally:
        buffer[:] = bytes(len(buffer))


@contextmanager
def scalar_bytes(key: ec.EllipticCurvePrivateKey, padding: Padding = Padding.LEFT) -> Iterator[bytearray]:
    """Lend the private number, big endian, padded with zeros to the size of the curve."""
    size = scalar_size(key.curve)
    with wiped(size) as buffer:
        number = key.private_numbers().private_value
        buffer[:] = number.to_bytes(size, "big")
        if padding is Padding.RIGHT:
            zeros = size - (number.bit_length() + 7) // 8
            buffer[:] = buffer[zeros:] + bytes(zeros)
        yield buffer


def private_key(
    plaintext: bytearray | memoryview,
    curve: ec.EllipticCurve,
    certificate: x509.Certificate,
    padding: Padding = Padding.LEFT,
) -> ec.EllipticCurvePrivateKey:
    """Return the key that a plaintext holds, once it is a private number and the certified one."""
    number = int.from_bytes(plaintext, "big")
    if not 1 <= number < curve.group_order:
        raise EnvelopeError("scalar", f"the decrypted number is no private key of {curve.name}")
    certified = certified_key(certificate)
    key = ec.derive_private_key(number, curve)
    while padding is Padding.RIGHT and key.public_key() != certified and not number & 0xFF:
        number >>= 8
        key = ec.derive_private_key(number, curve)
    if key.public_key() != certified:
        raise key_mismatch()
    return key


def key_mismatch() -> EnvelopeError:
    """Return the error for a key that the contract certificate does not certify."""
    return EnvelopeError("key_match", "the key is not the one that the contract certificate certifies")


def certified_key(certificate: x509.Certificate) -> object:
    """Return the public key of a contract certificate."""
    try:
        return certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise EnvelopeError("key_match", "the key of the contract certificate cannot be read") from None
