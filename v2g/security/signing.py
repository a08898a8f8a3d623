"""XML signatures as ISO 15118 uses them: references to body elements, hashed and signed as EXI.

What is hashed for a reference is the element as an EXI *fragment* of its message set. What is signed is
SignedInfo as an EXI fragment of the *stand-alone* xmldsig schema, whose bits differ from those that the
same element has inside a message (-2 Annex J, [V2G20-1449]). The value of an ECDSA signature is r and s, each as
long as the order of the curve; that of Ed448 is what RFC 8032 makes of those bytes, which it hashes itself.

:func:`sign` and :func:`verify` take any elements. Which elements of which message are signed stands in
:mod:`v2g.security.signature` for -2 and in :mod:`v2g.security.signature_iso20`. Verifying raises and never
returns a verdict.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

import exi
from exi.schema import MessageSet
from pki.entropy import deterministic_ecdsa
from pki.keys import SigningKey, VerifyingKey, type_name
from v2g.errors import SignatureError
from v2g.messages import iso2, xmldsig
from v2g.security.dialects import STANDARD, Dialect, Grammar
from v2g.security.emaid import short_emaid_fragment
from v2g.security.suites import ISO2, ISO20_ED448, ISO20_SECP521, Suite

__all__ = [
    "CANONICAL_EXI",
    "ISO2",
    "ISO20_ED448",
    "ISO20_SECP521",
    "Elements",
    "Reason",
    "SignedElement",
    "Suite",
    "check_value",
    "element_digest",
    "element_fragment",
    "sign",
    "signed_bytes",
    "verify",
]

CANONICAL_EXI = "http://www.w3.org/TR/canonical-exi/"
"""The canonicalization method, and the only transform of a reference."""


class Reason(StrEnum):
    """Why a signature is refused: the ``reason`` of every :class:`SignatureError` raised here."""

    MISSING_SIGNATURE = "the message carries no signature"
    FORBIDDEN_PART = "the signature has a part that ISO 15118 forbids"
    CANONICALIZATION = "wrong canonicalization method"
    SIGNATURE_METHOD = "wrong signature method"
    TRANSFORM = "wrong transform"
    DIGEST_METHOD = "wrong digest method"
    ELEMENT_ID = "an element to be signed has no Id of its own"
    REFERENCE_URI = "the reference does not name an element of this message"
    UNKNOWN_REFERENCE = "the reference names no element that this message has to sign"
    DOUBLED_REFERENCE = "referenced more than once"
    MISSING_REFERENCE = "not referenced"
    DIGEST = "the digest does not match the element"
    VALUE_LENGTH = "the signature value has the wrong length"
    VALUE_RANGE = "r or s is out of range"
    WRONG_KEY = "the key is not of the kind that the signature method is for"
    SIGNATURE = "the signature value is not that of this key"
    NOT_ENCODABLE = "what is signed cannot be encoded"


class SignedElement(NamedTuple):
    """An element to be covered: its Id, its local name, its value."""

    id: str | None
    name: str
    value: Any


Elements = Sequence[SignedElement | tuple[str | None, str, Any]]


def sign(
    elements: Elements,
    key: SigningKey,
    schema: MessageSet,
    suite: Suite = ISO2,
    dialect: Dialect = STANDARD,
) -> xmldsig.Signature:
    """Return the signature over ``elements``, with one reference each, in the order given.

    ``schema`` is the message set of the elements. The ECDSA nonce follows RFC 6979 where the linked
    OpenSSL can do that. Raises :class:`SignatureError` for an element without Id, for Ids that are not
    distinct, for a key of another kind, and for values that cannot be encoded.
    """
    covered = _by_id(elements)
    _require_key(key, suite)
    info = xmldsig.SignedInfo(
        canonicalization_method=xmldsig.CanonicalizationMethod(algorithm=CANONICAL_EXI),
        signature_method=xmldsig.SignatureMethod(algorithm=_method(suite, dialect)),
        reference=[_reference(element, schema, suite, dialect) for element in covered.values()],
    )
    data = signed_bytes(info, schema, dialect)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        assert suite.hash is not None
        algorithm = ec.ECDSA(suite.hash, deterministic_signing=deterministic_ecdsa())
        value = b"".join(
            number.to_bytes(suite.number_bytes, "big")
            for number in decode_dss_signature(key.sign(data, algorithm))
        )
    else:
        value = key.sign(data)
    return xmldsig.Signature(signed_info=info, signature_value=xmldsig.SignatureValue(value=value))


def verify(
    signature: xmldsig.Signature | None,
    elements: Elements,
    public_key: VerifyingKey,
    schema: MessageSet,
    suite: Suite = ISO2,
    dialect: Dialect = STANDARD,
) -> None:
    """Return if ``signature`` covers exactly ``elements`` and is that of ``public_key``; raise otherwise.

    ``elements`` are those that the message must sign, with the Ids that they carry in this message; the
    references may stand in any order. Raises :class:`SignatureError` whose ``reason`` is one of
    :class:`Reason` and whose ``reference`` is the Id concerned, where there is one.
    """
    if signature is None:
        raise SignatureError(Reason.MISSING_SIGNATURE)
    info = signature.signed_info
    _check_parts(signature)
    _check_method(Reason.CANONICALIZATION, info.canonicalization_method.algorithm, CANONICAL_EXI)
    _check_method(Reason.SIGNATURE_METHOD, info.signature_method.algorithm, _method(suite, dialect))
    for reference in info.reference:
        _check_reference_methods(reference, suite)
    for reference, element in _matched(info.reference, _by_id(elements)):
        if reference.digest_value != element_digest(element, schema, suite, dialect):
            raise SignatureError(Reason.DIGEST, element.id)
    check_value(signature.signature_value.value, signed_bytes(info, schema, dialect), public_key, suite)


def element_digest(
    element: SignedElement | tuple[str | None, str, Any],
    schema: MessageSet,
    suite: Suite = ISO2,
    dialect: Dialect = STANDARD,
) -> bytes:
    """Return the digest of an element: the hash of its EXI fragment under ``schema``."""
    return suite.digest(element_fragment(element, schema, dialect))


def element_fragment(
    element: SignedElement | tuple[str | None, str, Any], schema: MessageSet, dialect: Dialect = STANDARD
) -> bytes:
    """Return what is hashed for a reference: the element as an EXI fragment of its message set."""
    element = SignedElement(*element)
    if dialect.short_emaid and isinstance(element.value, iso2.EMAID):
        return short_emaid_fragment(element.value)
    return _fragment(element.value, schema, element.name, element.id)


def signed_bytes(
    info: xmldsig.SignedInfo, schema: MessageSet = xmldsig.SCHEMA, dialect: Dialect = STANDARD
) -> bytes:
    """Return what is signed: SignedInfo as a fragment of the stand-alone xmldsig schema.

    Only a dialect takes ``schema``, the message set, instead, and only in -20.
    """
    inside = dialect.grammar is Grammar.MESSAGE and schema is not iso2.SCHEMA
    return _fragment(info, schema if inside else xmldsig.SCHEMA, "SignedInfo", None)


def _fragment(value: Any, schema: MessageSet, name: str, identifier: str | None) -> bytes:
    try:
        return exi.encode_fragment(value, schema, name)
    except exi.ExiError as error:
        raise SignatureError(Reason.NOT_ENCODABLE, identifier, str(error)) from error


def _method(suite: Suite, dialect: Dialect) -> str:
    return dialect.ed448_method if suite is ISO20_ED448 else suite.signature_method


def _require_key(key: SigningKey | VerifyingKey, suite: Suite) -> None:
    if (found := type_name(key)) != suite.key_type:
        raise SignatureError(Reason.WRONG_KEY, detail=found)


def _by_id(elements: Elements) -> dict[str, SignedElement]:
    """Return the elements by Id. Two with the same Id would let one stand in for the other."""
    covered: dict[str, SignedElement] = {}
    for element in map(SignedElement._make, elements):
        if not element.id:
            raise SignatureError(Reason.ELEMENT_ID, detail=element.name)
        if element.id in covered:
            raise SignatureError(
                Reason.ELEMENT_ID, element.id, f"{element.name} and {covered[element.id].name}"
            )
        covered[element.id] = element
    return covered


def _reference(
    element: SignedElement, schema: MessageSet, suite: Suite, dialect: Dialect
) -> xmldsig.Reference:
    return xmldsig.Reference(
        uri=f"#{element.id}",
        transforms=xmldsig.Transforms(transform=[xmldsig.Transform(algorithm=CANONICAL_EXI)]),
        digest_method=xmldsig.DigestMethod(algorithm=suite.digest_method),
        digest_value=element_digest(element, schema, suite, dialect),
    )


def _check_parts(signature: xmldsig.Signature) -> None:
    """Refuse what [V2G2-771] forbids, and content in places where only forbidden content could stand."""
    info = signature.signed_info
    transforms = [
        transform
        for reference in info.reference
        if reference.transforms is not None
        for transform in reference.transforms.transform
    ]
    forbidden = {
        "SignedInfo Id": info.id is not None,
        "SignatureValue Id": signature.signature_value.id is not None,
        "Reference Type": any(reference.type is not None for reference in info.reference),
        "KeyInfo": signature.key_info is not None,
        "Object": bool(signature.object),
        "CanonicalizationMethod content": bool(info.canonicalization_method.content),
        "SignatureMethod content (HMACOutputLength)": bool(info.signature_method.content),
        "DigestMethod content": any(reference.digest_method.content for reference in info.reference),
        "Transform content (XPath)": any(transform.content for transform in transforms),
    }
    for part, present in forbidden.items():
        if present:
            raise SignatureError(Reason.FORBIDDEN_PART, detail=part)


def _check_method(reason: Reason, found: str, expected: str, reference: str | None = None) -> None:
    if found != expected:
        raise SignatureError(reason, reference, f"{found}, expected {expected}")


def _check_reference_methods(reference: xmldsig.Reference, suite: Suite) -> None:
    name = (reference.uri or "").removeprefix("#")
    transforms = reference.transforms.transform if reference.transforms is not None else []
    if len(transforms) != 1:
        raise SignatureError(Reason.TRANSFORM, name, f"{len(transforms)} transforms, expected one")
    _check_method(Reason.TRANSFORM, transforms[0].algorithm, CANONICAL_EXI, name)
    _check_method(Reason.DIGEST_METHOD, reference.digest_method.algorithm, suite.digest_method, name)


def _matched(
    references: list[xmldsig.Reference], covered: dict[str, SignedElement]
) -> list[tuple[xmldsig.Reference, SignedElement]]:
    """Return each reference with its element: one for every element that must be covered, and no more."""
    found: dict[str, xmldsig.Reference] = {}
    for reference in references:
        uri = reference.uri or ""
        if not uri.startswith("#"):
            raise SignatureError(Reason.REFERENCE_URI, detail=f"URI {uri!r}")
        name = uri[1:]
        if name not in covered:
            raise SignatureError(Reason.UNKNOWN_REFERENCE, name)
        if name in found:
            raise SignatureError(Reason.DOUBLED_REFERENCE, name)
        found[name] = reference
    for name, element in covered.items():
        if name not in found:
            raise SignatureError(Reason.MISSING_REFERENCE, name, element.name)
    return [(reference, covered[name]) for name, reference in found.items()]


def check_value(value: bytes, signed: bytes, public_key: VerifyingKey, suite: Suite) -> None:
    """Check a signature value over ``signed``, the bytes of SignedInfo. Raises :class:`SignatureError`."""
    _require_key(public_key, suite)
    if len(value) != suite.value_bytes:
        detail = f"{len(value)} bytes, expected {suite.value_bytes}"
        raise SignatureError(Reason.VALUE_LENGTH, detail=detail)
    try:
        if not isinstance(public_key, ec.EllipticCurvePublicKey):
            public_key.verify(value, signed)
            return
        size = suite.number_bytes
        r, s = int.from_bytes(value[:size], "big"), int.from_bytes(value[size:], "big")
        order = public_key.curve.group_order
        if not (1 <= r < order and 1 <= s < order):
            raise SignatureError(Reason.VALUE_RANGE)
        assert suite.hash is not None
        public_key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(suite.hash))
    except InvalidSignature:
        raise SignatureError(Reason.SIGNATURE) from None
