"""The contract key envelope: how a contract's private key travels to one car and no other.

The sender makes an ephemeral key, agrees on a secret with the car's certified key (ECDH), derives a
symmetric key from it (NIST SP 800-56A concatenation KDF) and encrypts the contract's private key.

=============  =========================  ==============================  =======================
               ISO 15118-2                ISO 15118-20, P-521             ISO 15118-20, X448
=============  =========================  ==============================  =======================
KDF            SHA-256, 16 bytes          SHA-512, 32 bytes               SHA-512, 32 bytes
cipher         AES-128-CBC, no padding    AES-256-GCM with AAD            AES-256-GCM with AAD
plaintext      32 bytes, big endian       66 bytes, top 7 bits zero       56 raw bytes
field          IV 16 ‖ 32 = 48 bytes      IV 12 ‖ 66 ‖ tag 16 = 94 bytes  IV 12 ‖ 56 ‖ tag 16 = 84
DH public key  65 bytes, uncompressed     133 bytes, uncompressed         56 raw bytes
=============  =========================  ==============================  =======================

Clauses: [V2G2-814]…[V2G2-823], [V2G20-2487]…[V2G20-2535].

CBC has no integrity of its own: a changed envelope of ISO 15118-2 is found by the range check or by the
comparison with the certificate, which is why opening always needs the certificate.

Plaintext keys are held in buffers that are wiped after use. Python and the library still make short-lived
copies that nobody can wipe; this keeps the window small, it does not close it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, x448
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pki.entropy import Entropy
from v2g.errors import EnvelopeError

__all__ = [
    "Envelope",
    "EnvelopeError",
    "associated_data_iso20",
    "derive_key_iso2",
    "derive_key_iso20",
    "open_iso2",
    "open_iso20_secp521",
    "open_iso20_x448",
    "seal_iso2",
    "seal_iso20_secp521",
    "seal_iso20_x448",
]

# AlgorithmID, sender "U" and receiver "V" [V2G2-818][V2G20-2493].
_OTHER_INFO = bytes.fromhex("015556")

_BLOCK = 16
_GCM_IV = 12
_GCM_TAG = 16
_X448_BYTES = 56
_P521_TOP_BITS = 0xFE
_PCID_BYTES = 18
_SKI_BYTES = (8, 16)

X448_DH_LENGTHS = (56, 57, 133)
"""Lengths of the X448 DH public key: raw, as a note in the standard says, as its XSD fixes. Which one
peers will use is not settled; the longer ones carry zeros at the end."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The two fields of a certificate installation response that carry the key.

    ``encrypted_private_key`` is initialisation vector, ciphertext and (-20) tag in one; ``dh_public_key``
    is the sender's ephemeral public key. Neither is secret.
    """

    encrypted_private_key: bytes
    dh_public_key: bytes


def derive_key_iso2(shared_secret: bytes) -> bytes:
    """Return the AES-128 key for the 32-byte ECDH secret [V2G2-818]."""
    return ConcatKDFHash(hashes.SHA256(), length=16, otherinfo=_OTHER_INFO).derive(shared_secret)


def derive_key_iso20(shared_secret: bytes) -> bytes:
    """Return the AES-256 key for the ECDH secret: 66 bytes for P-521, 56 for X448 [V2G20-2493]."""
    return ConcatKDFHash(hashes.SHA512(), length=32, otherinfo=_OTHER_INFO).derive(shared_secret)


def associated_data_iso20(pcid: str, subject_key_identifier: bytes) -> bytes:
    """Return the data that an envelope of -20 is bound to: PCID and SKI of the contract [V2G20-2492].

    ``pcid`` has 18 characters once separators are gone, ``subject_key_identifier`` 8 bytes (16 with some
    public implementations), so the result has 34 (50) bytes. Raises :class:`EnvelopeError`.
    """
    name = pcid.replace("-", "").upper()
    if len(name) != _PCID_BYTES or not (name.isascii() and name.isalnum()):
        raise EnvelopeError("associated_data", f"the PCID must have {_PCID_BYTES} letters and digits")
    if len(subject_key_identifier) not in _SKI_BYTES:
        raise EnvelopeError(
            "associated_data",
            f"a subject key identifier of {len(subject_key_identifier)} bytes, expected 8 or 16",
        )
    return (name + subject_key_identifier.hex().upper()).encode()


def seal_iso2(
    contract_key: ec.EllipticCurvePrivateKey, receiver: ec.EllipticCurvePublicKey, entropy: Entropy
) -> Envelope:
    """Encrypt ``contract_key`` for the owner of ``receiver`` as ISO 15118-2 has it.

    ``receiver`` is the key of the OEM provisioning certificate, or of the old contract certificate in
    CertificateUpdate. Raises :class:`EnvelopeError` when either key is not on secp256r1.
    """
    curve = ec.SECP256R1()
    _require_curve("receiver", receiver.curve, curve)
    _require_curve("contract_key", contract_key.curve, curve)
    ephemeral = entropy.ec_key(curve)
    vector = entropy.bytes(_BLOCK)
    key = derive_key_iso2(ephemeral.exchange(ec.ECDH(), receiver))
    encryptor = Cipher(algorithms.AES128(key), modes.CBC(vector)).encryptor()
    with _scalar_bytes(contract_key) as plaintext:
        ciphertext = encryptor.update(plaintext) + encryptor.finalize()
    return Envelope(vector + ciphertext, _point(ephemeral.public_key()))


def open_iso2(
    envelope: Envelope, receiver_key: ec.EllipticCurvePrivateKey, *, certificate: x509.Certificate
) -> ec.EllipticCurvePrivateKey:
    """Decrypt the contract key with the car's own key and check that it fits ``certificate``.

    Raises :class:`EnvelopeError` when a length is wrong, the DH key is no point of the curve, the
    decrypted number is no private key (1 … n-1), or its public key is not the contract certificate's
    [V2G2-823]. A key that any of these rejects is never returned.
    """
    curve = ec.SECP256R1()
    _require_curve("receiver", receiver_key.curve, curve)
    _require_length("encrypted_private_key", envelope.encrypted_private_key, _BLOCK + 32)
    peer = _read_point(envelope.dh_public_key, curve)
    key = derive_key_iso2(receiver_key.exchange(ec.ECDH(), peer))
    field = memoryview(envelope.encrypted_private_key)
    decryptor = Cipher(algorithms.AES128(key), modes.CBC(bytes(field[:_BLOCK]))).decryptor()
    # The cipher demands room for a block more than it writes.
    with _wiped(32 + _BLOCK - 1) as plaintext:
        written = decryptor.update_into(field[_BLOCK:], plaintext)
        decryptor.finalize()
        return _private_key(memoryview(plaintext)[:written], curve, certificate)


def seal_iso20_secp521(
    contract_key: ec.EllipticCurvePrivateKey,
    receiver: ec.EllipticCurvePublicKey,
    entropy: Entropy,
    *,
    associated_data: bytes,
) -> Envelope:
    """Encrypt a P-521 ``contract_key`` as ISO 15118-20 has it [V2G20-2494].

    ``associated_data`` is what :func:`associated_data_iso20` returns.
    """
    curve = ec.SECP521R1()
    _require_curve("receiver", receiver.curve, curve)
    _require_curve("contract_key", contract_key.curve, curve)
    ephemeral = entropy.ec_key(curve)
    vector = entropy.bytes(_GCM_IV)
    key = derive_key_iso20(ephemeral.exchange(ec.ECDH(), receiver))
    with _scalar_bytes(contract_key) as plaintext:
        sealed = _gcm_seal(key, vector, plaintext, associated_data)
    return Envelope(sealed, _point(ephemeral.public_key()))


def open_iso20_secp521(
    envelope: Envelope,
    receiver_key: ec.EllipticCurvePrivateKey,
    *,
    associated_data: bytes,
    certificate: x509.Certificate,
) -> ec.EllipticCurvePrivateKey:
    """Decrypt a P-521 contract key and check it as :func:`open_iso2` does.

    Further reasons for :class:`EnvelopeError`: the tag does not match [V2G20-2504], one of the top seven
    bits is set [V2G20-2678]. The comparison with the certificate is [V2G20-2507].
    """
    curve = ec.SECP521R1()
    _require_curve("receiver", receiver_key.curve, curve)
    _require_length("encrypted_private_key", envelope.encrypted_private_key, _GCM_IV + 66 + _GCM_TAG)
    peer = _read_point(envelope.dh_public_key, curve)
    key = derive_key_iso20(receiver_key.exchange(ec.ECDH(), peer))
    with _gcm_open(key, envelope.encrypted_private_key, associated_data) as plaintext:
        if plaintext[0] & _P521_TOP_BITS:
            raise EnvelopeError("scalar", "one of the top seven bits is set")
        return _private_key(plaintext, curve, certificate)


def seal_iso20_x448(
    contract_key: x448.X448PrivateKey,
    receiver: x448.X448PublicKey,
    entropy: Entropy,
    *,
    associated_data: bytes,
    dh_length: int = _X448_BYTES,
) -> Envelope:
    """Encrypt an X448 ``contract_key`` as ISO 15118-20 has it [V2G20-2494].

    ``dh_length`` is one of :data:`X448_DH_LENGTHS`.
    """
    if dh_length not in X448_DH_LENGTHS:
        raise ValueError(f"dh_length must be one of {X448_DH_LENGTHS}")
    ephemeral = x448.X448PrivateKey.from_private_bytes(entropy.bytes(_X448_BYTES))
    vector = entropy.bytes(_GCM_IV)
    key = derive_key_iso20(_x448_exchange(ephemeral, receiver))
    with _wiped(_X448_BYTES) as plaintext:
        plaintext[:] = contract_key.private_bytes_raw()
        sealed = _gcm_seal(key, vector, plaintext, associated_data)
    return Envelope(sealed, ephemeral.public_key().public_bytes_raw().ljust(dh_length, b"\0"))


def open_iso20_x448(
    envelope: Envelope,
    receiver_key: x448.X448PrivateKey,
    *,
    associated_data: bytes,
    certificate: x509.Certificate,
    dh_length: int = _X448_BYTES,
) -> x448.X448PrivateKey:
    """Decrypt an X448 contract key; raises :class:`EnvelopeError` as :func:`open_iso20_secp521` does."""
    if dh_length not in X448_DH_LENGTHS:
        raise ValueError(f"dh_length must be one of {X448_DH_LENGTHS}")
    _require_length("encrypted_private_key", envelope.encrypted_private_key, _GCM_IV + _X448_BYTES + _GCM_TAG)
    _require_length("dh_public_key", envelope.dh_public_key, dh_length)
    if any(envelope.dh_public_key[_X448_BYTES:]):
        raise EnvelopeError("dh_public_key", "the padding is not zero")
    peer = x448.X448PublicKey.from_public_bytes(envelope.dh_public_key[:_X448_BYTES])
    key = derive_key_iso20(_x448_exchange(receiver_key, peer))
    with _gcm_open(key, envelope.encrypted_private_key, associated_data) as plaintext:
        contract_key = x448.X448PrivateKey.from_private_bytes(plaintext)
    if contract_key.public_key() != _certified_key(certificate):
        raise EnvelopeError("key_match", "the key is not the one that the contract certificate certifies")
    return contract_key


def _require_curve(step: str, found: ec.EllipticCurve, expected: ec.EllipticCurve) -> None:
    if found.name != expected.name:
        raise EnvelopeError(step, f"a key on {found.name}, expected {expected.name}")


def _require_length(step: str, data: bytes, expected: int) -> None:
    if len(data) != expected:
        raise EnvelopeError(step, f"{len(data)} bytes, expected {expected}")


def _scalar_size(curve: ec.EllipticCurve) -> int:
    return (curve.key_size + 7) // 8


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _read_point(data: bytes, curve: ec.EllipticCurve) -> ec.EllipticCurvePublicKey:
    """Return the uncompressed point; only points on the curve, or a peer could probe our key."""
    _require_length("dh_public_key", data, 1 + 2 * _scalar_size(curve))
    if data[0] != 4:
        raise EnvelopeError("dh_public_key", "not an uncompressed point (first byte 04)")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(curve, data)
    except ValueError:
        raise EnvelopeError("dh_public_key", f"not a point of {curve.name}") from None


def _x448_exchange(key: x448.X448PrivateKey, peer: x448.X448PublicKey) -> bytes:
    try:
        return key.exchange(peer)
    except ValueError:
        # The library refuses the all-zero secret that a point of small order gives.
        raise EnvelopeError("dh_public_key", "a point of small order") from None


@contextmanager
def _wiped(size: int) -> Iterator[bytearray]:
    """Lend a buffer and overwrite it afterwards, whatever happens."""
    buffer = bytearray(size)
    try:
        yield buffer
    finally:
        buffer[:] = bytes(len(buffer))


@contextmanager
def _scalar_bytes(key: ec.EllipticCurvePrivateKey) -> Iterator[bytearray]:
    """Lend the private number, big endian, left-padded with zeros to the size of the curve."""
    size = _scalar_size(key.curve)
    with _wiped(size) as buffer:
        buffer[:] = key.private_numbers().private_value.to_bytes(size, "big")
        yield buffer


def _gcm_seal(key: bytes, vector: bytes, plaintext: bytearray, associated_data: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES256(key), modes.GCM(vector)).encryptor()
    encryptor.authenticate_additional_data(associated_data)
    ciphertext = encryptor.update(plaintext) + encryptor.finalize()
    return vector + ciphertext + encryptor.tag


@contextmanager
def _gcm_open(key: bytes, field: bytes, associated_data: bytes) -> Iterator[bytearray]:
    """Lend the plaintext once the tag has been found right."""
    vector, ciphertext, tag = field[:_GCM_IV], field[_GCM_IV:-_GCM_TAG], field[-_GCM_TAG:]
    decryptor = Cipher(algorithms.AES256(key), modes.GCM(vector, tag)).decryptor()
    decryptor.authenticate_additional_data(associated_data)
    with _wiped(len(ciphertext) + _BLOCK - 1) as room, _wiped(len(ciphertext)) as plaintext:
        decryptor.update_into(ciphertext, room)
        try:
            decryptor.finalize()
        except InvalidTag:
            raise EnvelopeError("decryption", "the authentication tag does not match") from None
        plaintext[:] = memoryview(room)[: len(ciphertext)]
        yield plaintext


def _private_key(
    plaintext: bytearray | memoryview, curve: ec.EllipticCurve, certificate: x509.Certificate
) -> ec.EllipticCurvePrivateKey:
    scalar = int.from_bytes(plaintext, "big")
    if not 1 <= scalar < curve.group_order:
        raise EnvelopeError("scalar", f"the decrypted number is no private key of {curve.name}")
    key = ec.derive_private_key(scalar, curve)
    if key.public_key() != _certified_key(certificate):
        raise EnvelopeError("key_match", "the key is not the one that the contract certificate certifies")
    return key


def _certified_key(certificate: x509.Certificate) -> object:
    try:
        return certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise EnvelopeError("key_match", "the key of the contract certificate cannot be read") from None
