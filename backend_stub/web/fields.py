"""Field types of the HTTP bodies: bytes and certificates as base64, so that handlers see values, not text."""

import base64
import binascii
import re
from typing import Annotated, Any

from cryptography import x509
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)

import exi
from backend_stub.certificates import der
from backend_stub.namespaces import SPELLINGS, Edition, edition
from backend_stub.reading import SCHEMAS, Message, edition_of_message
from pki.chain import parse
from pki.errors import CertificateError
from v2g.identifiers import Emaid, IdentifierError, Pcid
from v2g.messages import iso20
from v2g.messages.iso2 import NAMESPACE

_ISO20_NAMESPACE = iso20.COMMON_MESSAGES.namespace


class Body(BaseModel):
    """Base of the request and answer models. Fields carry OPCP's spelling; unknown fields are ignored."""

    model_config = ConfigDict(arbitrary_types_allowed=True, frozen=True)


def decode_base64(value: Any) -> bytes:
    """Return the bytes behind a base64 string (bytes pass through); raises ValueError, as pydantic wants it."""
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise ValueError("should be a base64 string")  # noqa: TRY004 - pydantic reports ValueError only
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64") from None


def _certificate(value: Any) -> x509.Certificate:
    if isinstance(value, x509.Certificate):
        return value
    try:
        return parse(decode_base64(value))
    except CertificateError as error:
        raise ValueError(f"not a certificate: {error.detail}") from None


def _message(value: Any) -> Message:
    if isinstance(value, Message):
        return value
    try:
        text = decode_base64(value).decode("utf-8")
        # An XML document names the namespace of its root, and with it the edition.
        edition = Edition.ISO20 if _ISO20_NAMESPACE in text else Edition.ISO2
        message = exi.from_xml(text, SCHEMAS[edition])
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except exi.ExiError as error:
        raise ValueError(f"not a message: {error}") from None
    if not isinstance(message, Message):
        raise ValueError(  # noqa: TRY004 - see above
            f"a {type(message).__name__}, expected a V2G_Message, or a message of installation"
        )
    return message


def _xml(message: Message) -> str:
    return encode(exi.to_xml(message, SCHEMAS[edition_of_message(message)]).encode())


def _pcid(value: str) -> str:
    try:
        return str(Pcid.parse(value))
    except IdentifierError as error:
        raise ValueError(error.reason) from None


def _emaid(value: str) -> str:
    try:
        return Emaid.normalise(value)
    except IdentifierError as error:
        raise ValueError(error.reason) from None


def _namespace(value: str) -> str:
    edition(value)  # not a ValueError: this refusal has a code of its own
    return value


def encode(data: bytes) -> str:
    """Return ``data`` as it stands in an answer."""
    return base64.b64encode(data).decode("ascii")


def encode_certificate(certificate: x509.Certificate) -> str:
    """Return a certificate as base64 of its DER bytes."""
    return encode(der(certificate))


Base64Bytes = Annotated[
    bytes,
    PlainValidator(decode_base64),
    PlainSerializer(encode, return_type=str),
    WithJsonSchema({"type": "string", "format": "byte"}),
]
"""Bytes, on the wire in base64 without line breaks."""

CertificateField = Annotated[
    x509.Certificate,
    PlainValidator(_certificate),
    PlainSerializer(encode_certificate, return_type=str),
    WithJsonSchema({"type": "string", "format": "byte", "description": "A DER certificate in base64."}),
]
"""An X.509 certificate, on the wire in base64 of its DER bytes."""

XmlField = Annotated[
    Message,
    PlainValidator(_message),
    PlainSerializer(_xml, return_type=str),
    WithJsonSchema({"type": "string", "format": "byte"}),
]
"""A V2G_Message of -2, or a message of -20, on the wire as XML in base64."""

PcidField = Annotated[
    str,
    AfterValidator(_pcid),
    WithJsonSchema({"type": "string", "pattern": "^[a-zA-Z0-9]{17,18}$", "examples": ["PNC4XF0EJ21CJ6T2S"]}),
]
"""A PCID; handlers see the normal form."""

EmaidField = Annotated[
    str,
    AfterValidator(_emaid),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^[A-Za-z]{2}[-]?\w{3}[-]?\w{9}[-]?(\w{1})?$",
            "examples": ["DEPNC1A2B3C4D5U"],
        }
    ),
]
"""An eMAID; handlers see the 15-character normal form."""

NAMESPACE_SCHEMA = {"type": "string", "enum": list(SPELLINGS), "default": NAMESPACE}

NamespaceField = Annotated[str, AfterValidator(_namespace), WithJsonSchema(NAMESPACE_SCHEMA)]
"""``xsdMsgDefNamespace``: any spelling of any edition, see :mod:`backend_stub.namespaces`."""

NO_SESSION = bytes(8)
_SESSION_ID_PATTERN = r"^([0-9a-fA-F]{2}){1,8}$"


def _session_id(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str) or re.fullmatch(_SESSION_ID_PATTERN, value) is None:
        raise ValueError("should be 1 to 8 bytes in hex")
    return bytes.fromhex(value)


SessionIdField = Annotated[
    bytes, BeforeValidator(_session_id), WithJsonSchema({"type": "string", "pattern": _SESSION_ID_PATTERN})
]
"""A SessionID in hex."""

FingerprintField = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{64}$", to_lower=True)]
"""SHA-256 of a certificate in hex; handlers see lower case."""
