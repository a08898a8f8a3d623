"""OCSP requests as a responder reads them: strictly, and for any number of certificates [RFC 6960 4.1]."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pki import der
from pki.der import DerError
from pki.errors import PkiError

MAX_IDS = 32
"""Certificates that one request may ask about; a path of ISO 15118 has four."""

NONCE = bytes.fromhex("06092b0601050507300102")
"""The object identifier of the nonce, DER."""

_NO_PARAMETERS = (der.NULL, b"", b"\5\0")
_MAX_NONCE = 130  # 128 bytes [RFC 9654] and the octet string around them
HASHES: Mapping[bytes, str] = MappingProxyType(
    {
        bytes.fromhex("2b0e03021a"): "sha1",
        bytes.fromhex("608648016503040201"): "sha256",
        bytes.fromhex("608648016503040202"): "sha384",
        bytes.fromhex("608648016503040203"): "sha512",
    }
)


class OcspRequestError(PkiError):
    """These bytes are not an OCSP request; ``detail`` says what is wrong with them."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass(frozen=True, slots=True)
class CertId:
    """How a request names a certificate: hashes of its issuer's name and key, and its serial number.

    ``hash_name`` is as :mod:`hashlib` spells it, empty for an algorithm that is not known here. ``encoded`` is
    the DER, which the answer has to repeat.
    """

    hash_name: str
    issuer_name_hash: bytes
    issuer_key_hash: bytes
    serial: int
    encoded: bytes

    @property
    def issuer(self) -> tuple[str, bytes, bytes]:
        """What is said about the issuer; compare with :func:`issuer_hashes`."""
        return self.hash_name, self.issuer_name_hash, self.issuer_key_hash


@dataclass(frozen=True, slots=True)
class OcspRequest:
    """What a client asks. ``nonce`` is the content of its extension, to be repeated as it is."""

    ids: tuple[CertId, ...]
    nonce: bytes | None = None


def parse_request(data: bytes) -> OcspRequest:
    """Take a request apart. Any bytes give a request or :class:`OcspRequestError`.

    A signature of the requester is not looked at: everybody may ask. A critical extension that is not understood
    is an error.
    """
    try:
        return _request(data)
    except DerError as error:
        raise OcspRequestError(str(error)) from error


def _request(data: bytes) -> OcspRequest:
    parts = der.elements(der.only(data, der.SEQUENCE, "OCSPRequest"))
    if not parts or parts[0][0] != der.SEQUENCE or len(parts) > 2:
        raise DerError("OCSPRequest: expected what is asked, and perhaps a signature")
    if len(parts) == 2 and parts[1][0] != der.context(0):
        raise DerError("OCSPRequest: something else where a signature may stand")
    fields = der.elements(parts[0][1])
    nonce = None
    versioned = bool(fields) and fields[0][0] == der.context(0)
    if versioned and der.only(fields.pop(0)[1], der.INTEGER, "version") != b"\0":
        raise DerError("version: only version 1 is known")
    if fields and fields[0][0] == der.context(1):
        fields.pop(0)  # the requester's name
    if fields and fields[-1][0] == der.context(2):
        nonce = _nonce(fields.pop()[1])
    if len(fields) != 1 or fields[0][0] != der.SEQUENCE:
        raise DerError("requestList: not there, or not alone")
    asked = der.elements(fields[0][1])
    if not 1 <= len(asked) <= MAX_IDS:
        raise DerError(f"requestList: {len(asked)} certificates, 1 to {MAX_IDS} are answered")
    return OcspRequest(tuple(_asked(tag, content) for tag, content, _ in asked), nonce)


def _asked(tag: int, content: bytes) -> CertId:
    parts = der.elements(content)
    if tag != der.SEQUENCE or not parts or parts[0][0] != der.SEQUENCE or len(parts) > 2:
        raise DerError("Request: not a CertID with extensions")
    if len(parts) == 2:
        if parts[1][0] != der.context(0):
            raise DerError("Request: something else where extensions may stand")
        _extensions(parts[1][1])
    fields = der.elements(parts[0][1])
    if [field[0] for field in fields] != [der.SEQUENCE, der.OCTET_STRING, der.OCTET_STRING, der.INTEGER]:
        raise DerError("CertID: not hash algorithm, two hashes and a serial number")
    algorithm = der.elements(fields[0][1])
    if not algorithm or algorithm[0][0] != der.OID or algorithm[1:] not in ([], [_NO_PARAMETERS]):
        raise DerError("CertID: not a hash algorithm")
    return CertId(
        hash_name=HASHES.get(algorithm[0][1], ""),
        issuer_name_hash=fields[1][1],
        issuer_key_hash=fields[2][1],
        serial=der.unsigned(fields[3][1], "serialNumber"),
        encoded=parts[0][2],
    )


def _nonce(content: bytes) -> bytes | None:
    return _extensions(content).get(NONCE)


def _extensions(content: bytes) -> Mapping[bytes, bytes]:
    """Return the extensions by object identifier; of the critical ones only the nonce is understood."""
    found: dict[bytes, bytes] = {}
    for tag, extension, _ in der.elements(der.only(content, der.SEQUENCE, "extensions")):
        parts = der.elements(extension)
        tags = [part[0] for part in parts]
        if tag != der.SEQUENCE or tags not in (
            [der.OID, der.OCTET_STRING],
            [der.OID, der.BOOLEAN, der.OCTET_STRING],
        ):
            raise DerError("extension: not an identifier and a value")
        name, value = parts[0][2], parts[-1][1]
        if name in found:
            raise DerError("extensions: one of them occurs twice")
        if len(parts) == 3 and parts[1][1] != b"\0" and name != NONCE:
            raise DerError("extensions: a critical one is not understood")
        if name == NONCE and not 1 <= len(value) <= _MAX_NONCE:
            raise DerError(f"nonce: {len(value)} bytes, at most {_MAX_NONCE} are repeated")
        found[name] = value
    return found
