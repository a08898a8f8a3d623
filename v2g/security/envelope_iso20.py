"""The contract key envelope of ISO 15118-20, on P-521 and on curve448 [V2G20-2487]…[V2G20-2535].

:func:`seal_iso20` and :func:`open_iso20` are what market and car call; they choose the curve by the key of the
receiver. Beneath them stand the two variants.

Which key receives is written in the OEM provisioning certificate (:func:`receivers`): its own secp521r1 key, and
for X448 its alternate key [V2G20-2534] or, where it has none, the X448 form of its Ed448 key.

A contract key of curve448 is certified as Ed448, for a contract has to sign. The standard gives it 56 bytes in
the envelope [V2G20-2500], one fewer than RFC 8032 gives an Ed448 key. Here they are its first 56, and the last is
zero: every Ed448 key of :func:`pki.keys.new_key` is made so. A certificate with an X448 key is understood as well.

The third form, for a car with a TPM (206 bytes), wraps the key for the hardware of that car; it is recognised and
refused.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec, ed448, x448
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from pki.chain import alternate_key, any_public_key
from pki.entropy import Entropy
from pki.errors import CertificateError
from pki.keys import PrivateKey, PublicKey, type_name, x448_private, x448_public
from v2g.errors import EnvelopeError
from v2g.messages.iso20.common_messages import EcdhCurve
from v2g.security.dialects import STANDARD, X448_DH_LENGTHS, Aad, Dialect, X448Key
from v2g.security.envelope import (
    Envelope,
    certified_key,
    derive_key_iso20,
    key_mismatch,
    point,
    private_key,
    read_point,
    require_curve,
    require_length,
    scalar_bytes,
    wiped,
)

__all__ = [
    "associated_data_iso20",
    "curve_of",
    "open_iso20",
    "open_iso20_secp521",
    "open_iso20_x448",
    "receivers",
    "seal_iso20",
    "seal_iso20_secp521",
    "seal_iso20_x448",
    "secret_iso20",
    "subject_key_identifier",
]

_BLOCK = 16
GCM_IV = 12
GCM_TAG = 16
X448_BYTES = 56
_P521_BYTES = 66
_P521_TOP_BITS = 0xFE
_PCID_BYTES = 18
_SKI_BYTES = (8, 16)
TPM_BYTES = 206

X448Receiver = x448.X448PublicKey | ed448.Ed448PublicKey
X448ReceiverKey = x448.X448PrivateKey | ed448.Ed448PrivateKey


def receivers(provisioning: x509.Certificate) -> Mapping[EcdhCurve, PublicKey]:
    """Return the keys that can receive an envelope for the owner of a certificate, by curve.

    Empty for a certificate of -2. Raises :class:`EnvelopeError` when a key cannot be read.
    """
    found: dict[EcdhCurve, PublicKey] = {}
    try:
        keys = [any_public_key(provisioning), alternate_key(provisioning)]
    except CertificateError as error:
        raise EnvelopeError("receiver", error.detail) from error
    for key in keys:
        if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP521R1):
            found[EcdhCurve.SECP521] = key
        elif isinstance(key, X448Receiver):
            found[EcdhCurve.X448] = key
    return found


def curve_of(envelope: Envelope) -> EcdhCurve:
    """Return which variant an envelope is, by its length. Raises :class:`EnvelopeError` for none, or TPM."""
    size = len(envelope.encrypted_private_key)
    if size == TPM_BYTES:
        raise tpm_refused()
    for curve, plaintext in ((EcdhCurve.SECP521, _P521_BYTES), (EcdhCurve.X448, X448_BYTES)):
        if size == GCM_IV + plaintext + GCM_TAG:
            return curve
    raise EnvelopeError("encrypted_private_key", f"{size} bytes, expected 94 (secp521r1) or 84 (x448)")


def tpm_refused() -> EnvelopeError:
    """Return the error for the form that only the hardware of one car can open."""
    return EnvelopeError("tpm", "the key is wrapped for a TPM 2.0, which this car does not have")


def associated_data_iso20(pcid: str, subject_key_identifier: bytes, form: Aad = Aad.PCID_SKI) -> bytes:
    """Return the data that an envelope of -20 is bound to: PCID and SKI of the contract [V2G20-2492].

    ``pcid`` has 18 characters once separators are gone, ``subject_key_identifier`` 8 bytes (16 with some
    public implementations), so the result has 34 (50) bytes. Raises :class:`EnvelopeError`.
    """
    if form is Aad.NONE:
        return b""
    name = pcid.replace("-", "").upper()
    if len(name) != _PCID_BYTES or not (name.isascii() and name.isalnum()):
        raise EnvelopeError("associated_data", f"the PCID must have {_PCID_BYTES} letters and digits")
    identifier = subject_key_identifier
    if form in {Aad.PCID_SKI_8, Aad.PCID_SKI_16}:
        identifier = identifier[: 8 if form is Aad.PCID_SKI_8 else 16]
    if form is Aad.PCID_SKI_RAW:
        return name.encode() + identifier
    if form is not Aad.PCID_SKI_WHOLE and len(identifier) not in _SKI_BYTES:
        raise EnvelopeError(
            "associated_data", f"a subject key identifier of {len(identifier)} bytes, expected 8 or 16"
        )
    digits = identifier.hex()
    return (name + (digits if form is Aad.PCID_SKI_LOWER else digits.upper())).encode()


def subject_key_identifier(certificate: x509.Certificate) -> bytes:
    """Return the SKI of a contract certificate. Raises :class:`EnvelopeError` when it has none."""
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except (x509.ExtensionNotFound, ValueError):
        reason = "the contract certificate has no subject key identifier"
        raise EnvelopeError("associated_data", reason) from None


def seal_iso20(
    contract_key: PrivateKey,
    receiver: PublicKey,
    entropy: Entropy,
    *,
    pcid: str,
    certificate: x509.Certificate,
    dialect: Dialect = STANDARD,
) -> Envelope:
    """Encrypt a contract key for the owner of ``receiver``, one of :func:`receivers`.

    ``pcid`` is that of the request and ``certificate`` the contract's: the envelope is bound to both. Raises
    :class:`EnvelopeError` when the keys are not of one curve, or PCID or SKI have another form than -20 gives
    them.
    """
    bound_to = associated_data_iso20(pcid, subject_key_identifier(certificate), dialect.aad)
    if isinstance(receiver, X448Receiver):
        if isinstance(contract_key, ec.EllipticCurvePrivateKey):
            raise EnvelopeError("contract_key", f"a key on {contract_key.curve.name}, expected ed448")
        return seal_iso20_x448(contract_key, receiver, entropy, associated_data=bound_to, dialect=dialect)
    if not isinstance(contract_key, ec.EllipticCurvePrivateKey):
        raise EnvelopeError(
            "contract_key", f"an {type_name(contract_key)} key, expected {receiver.curve.name}"
        )
    return seal_iso20_secp521(contract_key, receiver, entropy, associated_data=bound_to, dialect=dialect)


def open_iso20(
    envelope: Envelope,
    receiver_key: PrivateKey,
    *,
    pcid: str,
    certificate: x509.Certificate,
    dialect: Dialect = STANDARD,
) -> PrivateKey:
    """Decrypt a contract key with the car's key and check that it is the one that ``certificate`` certifies.

    Raises :class:`EnvelopeError` whose ``step`` names the check that failed: the form of the fields, ``receiver``
    (the envelope is not for this kind of key), ``tpm``, ``associated_data``, ``decryption`` [V2G20-2504],
    ``scalar`` [V2G20-2678] and ``key_match`` [V2G20-2507][V2G20-2510].
    """
    curve = curve_of(envelope)
    bound_to = associated_data_iso20(pcid, subject_key_identifier(certificate), dialect.aad)
    if curve is EcdhCurve.X448 and not isinstance(receiver_key, ec.EllipticCurvePrivateKey):
        return open_iso20_x448(
            envelope, receiver_key, associated_data=bound_to, certificate=certificate, dialect=dialect
        )
    if curve is EcdhCurve.SECP521 and isinstance(receiver_key, ec.EllipticCurvePrivateKey):
        return open_iso20_secp521(
            envelope, receiver_key, associated_data=bound_to, certificate=certificate, dialect=dialect
        )
    raise EnvelopeError(
        "receiver", f"an envelope for {curve}, but the car's key is {type_name(receiver_key)}"
    )


def secret_iso20(envelope: Envelope, receiver_key: PrivateKey) -> bytes:
    """Return the ECDH secret Z of an envelope, once its fields have the right form: 66 or 56 bytes."""
    if isinstance(receiver_key, ec.EllipticCurvePrivateKey):
        curve = ec.SECP521R1()
        require_curve("receiver", receiver_key.curve, curve)
        require_length(
            "encrypted_private_key", envelope.encrypted_private_key, GCM_IV + _P521_BYTES + GCM_TAG
        )
        return receiver_key.exchange(ec.ECDH(), read_point(envelope.dh_public_key, curve))
    require_length("encrypted_private_key", envelope.encrypted_private_key, GCM_IV + X448_BYTES + GCM_TAG)
    return _x448_exchange(_agreeing(receiver_key), _read_x448(envelope.dh_public_key))


def seal_iso20_secp521(
    contract_key: ec.EllipticCurvePrivateKey,
    receiver: ec.EllipticCurvePublicKey,
    entropy: Entropy,
    *,
    associated_data: bytes,
    dialect: Dialect = STANDARD,
) -> Envelope:
    """Encrypt a P-521 ``contract_key`` as ISO 15118-20 has it [V2G20-2494].

    ``associated_data`` is what :func:`associated_data_iso20` returns.
    """
    curve = ec.SECP521R1()
    require_curve("receiver", receiver.curve, curve)
    require_curve("contract_key", contract_key.curve, curve)
    ephemeral = entropy.ec_key(curve)
    vector = entropy.bytes(GCM_IV)
    key = derive_key_iso20(ephemeral.exchange(ec.ECDH(), receiver), dialect.kdf_iso20)
    with scalar_bytes(contract_key) as plaintext:
        sealed = _gcm_seal(key, vector, plaintext, associated_data)
    return Envelope(sealed, point(ephemeral.public_key()))


def open_iso20_secp521(
    envelope: Envelope,
    receiver_key: ec.EllipticCurvePrivateKey,
    *,
    associated_data: bytes,
    certificate: x509.Certificate,
    dialect: Dialect = STANDARD,
) -> ec.EllipticCurvePrivateKey:
    """Decrypt a P-521 contract key and check it as :func:`v2g.security.envelope.open_iso2` does.

    Further reasons for :class:`EnvelopeError`: the tag does not match [V2G20-2504], one of the top seven
    bits is set [V2G20-2678]. The comparison with the certificate is [V2G20-2507].
    """
    key = derive_key_iso20(secret_iso20(envelope, receiver_key), dialect.kdf_iso20)
    with gcm_open(key, envelope.encrypted_private_key, associated_data) as plaintext:
        if plaintext[0] & _P521_TOP_BITS:
            raise EnvelopeError("scalar", "one of the top seven bits is set")
        return private_key(plaintext, ec.SECP521R1(), certificate)


def seal_iso20_x448(
    contract_key: x448.X448PrivateKey | ed448.Ed448PrivateKey,
    receiver: X448Receiver,
    entropy: Entropy,
    *,
    associated_data: bytes,
    dialect: Dialect = STANDARD,
) -> Envelope:
    """Encrypt a ``contract_key`` of curve448 as ISO 15118-20 has it [V2G20-2494][V2G20-2500].

    The DH public key gets the length that the dialect says, zeros at its end.
    """
    ephemeral = x448.X448PrivateKey.from_private_bytes(entropy.bytes(X448_BYTES))
    vector = entropy.bytes(GCM_IV)
    peer = _x448_form(receiver)
    key = derive_key_iso20(_x448_exchange(ephemeral, peer), dialect.kdf_iso20)
    with wiped(X448_BYTES) as plaintext:
        raw = contract_key.private_bytes_raw()
        if any(raw[X448_BYTES:]):
            raise EnvelopeError("contract_key", "the last byte of the Ed448 key is not zero: no room for it")
        plaintext[:] = raw[:X448_BYTES]
        _reorder(plaintext, dialect)
        sealed = _gcm_seal(key, vector, plaintext, associated_data)
    public = ephemeral.public_key().public_bytes_raw().ljust(dialect.x448_dh_length, b"\0")
    return Envelope(sealed, public)


def open_iso20_x448(
    envelope: Envelope,
    receiver_key: X448ReceiverKey,
    *,
    associated_data: bytes,
    certificate: x509.Certificate,
    dialect: Dialect = STANDARD,
) -> x448.X448PrivateKey | ed448.Ed448PrivateKey:
    """Decrypt a contract key of curve448; raises :class:`EnvelopeError` as :func:`open_iso20_secp521` does.

    The certificate tells whether it is an Ed448 or an X448 key. The comparison with it is [V2G20-2510].
    """
    key = derive_key_iso20(secret_iso20(envelope, receiver_key), dialect.kdf_iso20)
    certified = certified_key(certificate)
    with gcm_open(key, envelope.encrypted_private_key, associated_data) as plaintext:
        _reorder(plaintext, dialect)
        contract_key: x448.X448PrivateKey | ed448.Ed448PrivateKey
        if isinstance(certified, ed448.Ed448PublicKey):
            with wiped(X448_BYTES + 1) as whole:
                whole[:X448_BYTES] = plaintext
                contract_key = ed448.Ed448PrivateKey.from_private_bytes(whole)
        else:
            contract_key = x448.X448PrivateKey.from_private_bytes(plaintext)
    if contract_key.public_key() != certified:
        raise key_mismatch()
    return contract_key


def _reorder(plaintext: bytearray, dialect: Dialect) -> None:
    if dialect.x448_key is X448Key.REVERSED:
        plaintext.reverse()


def _agreeing(key: X448ReceiverKey) -> x448.X448PrivateKey:
    return x448_private(key) if isinstance(key, ed448.Ed448PrivateKey) else key


def _x448_form(key: X448Receiver) -> x448.X448PublicKey:
    if isinstance(key, x448.X448PublicKey):
        return key
    try:
        return x448_public(key)
    except ValueError as error:
        raise EnvelopeError("receiver", str(error)) from None


def _read_x448(data: bytes) -> x448.X448PublicKey:
    if len(data) not in X448_DH_LENGTHS:
        expected = ", ".join(map(str, X448_DH_LENGTHS))
        raise EnvelopeError("dh_public_key", f"{len(data)} bytes, expected one of {expected}")
    if any(data[X448_BYTES:]):
        raise EnvelopeError("dh_public_key", "the padding is not zero")
    return x448.X448PublicKey.from_public_bytes(data[:X448_BYTES])


def _x448_exchange(key: x448.X448PrivateKey, peer: x448.X448PublicKey) -> bytes:
    try:
        return key.exchange(peer)
    except ValueError:
        # The library refuses the all-zero secret that a point of small order gives.
        raise EnvelopeError("dh_public_key", "a point of small order") from None


def _gcm_seal(key: bytes, vector: bytes, plaintext: bytearray, associated_data: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES256(key), modes.GCM(vector)).encryptor()
    encryptor.authenticate_additional_data(associated_data)
    ciphertext = encryptor.update(plaintext) + encryptor.finalize()
    return vector + ciphertext + encryptor.tag


@contextmanager
def gcm_open(key: bytes, field: bytes, associated_data: bytes) -> Iterator[bytearray]:
    """Lend the plaintext once the tag has been found right [V2G20-2504]."""
    vector, ciphertext, tag = field[:GCM_IV], field[GCM_IV:-GCM_TAG], field[-GCM_TAG:]
    decryptor = Cipher(algorithms.AES256(key), modes.GCM(vector, tag)).decryptor()
    decryptor.authenticate_additional_data(associated_data)
    with wiped(len(ciphertext) + _BLOCK - 1) as room, wiped(len(ciphertext)) as plaintext:
        decryptor.update_into(ciphertext, room)
        try:
            decryptor.finalize()
        except InvalidTag:
            raise EnvelopeError("decryption", "the authentication tag does not match") from None
        plaintext[:] = memoryview(room)[: len(ciphertext)]
        yield plaintext
