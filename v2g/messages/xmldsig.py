"""XML signature structures: the schema http://www.w3.org/2000/09/xmldsig#."""

import sys
from typing import Annotated

from exi.schema import (
    ANY_URI,
    BASE64,
    ID,
    INTEGER,
    STRING,
    Attribute,
    Child,
    Choice,
    Content,
    Element,
    GlobalElement,
    Item,
    Message,
    MessageSet,
    Sequence,
    Text,
    Wildcard,
    XsdType,
)

NAMESPACE = "http://www.w3.org/2000/09/xmldsig#"
PREFIX = "ds"

# The names of all types that the schema names; string tables start with them.
TYPES = (
    "CanonicalizationMethodType CryptoBinary DSAKeyValueType DigestMethodType DigestValueType "
    "HMACOutputLengthType KeyInfoType KeyValueType ManifestType ObjectType PGPDataType RSAKeyValueType "
    "ReferenceType RetrievalMethodType SPKIDataType SignatureMethodType SignaturePropertiesType "
    "SignaturePropertyType SignatureType SignatureValueType SignedInfoType TransformType TransformsType "
    "X509DataType X509IssuerSerialType"
)

CRYPTO_BINARY = BASE64
DIGEST_VALUE = BASE64
HMAC_OUTPUT_LENGTH = INTEGER

_ANY_NUMBER = (0, None)
_AT_LEAST_ONE = (1, None)


class CanonicalizationMethod(XsdType, kw_only=True, metaclass=Message):
    """``CanonicalizationMethodType``; ISO 15118 fixes the algorithm to canonical EXI."""

    algorithm: Annotated[str, Attribute("Algorithm", ANY_URI)]
    content: Annotated[list[Item | str], Content(Wildcard("##any", _ANY_NUMBER), mixed=True)] = []


class SignatureMethod(XsdType, kw_only=True, metaclass=Message):
    """``SignatureMethodType``."""

    algorithm: Annotated[str, Attribute("Algorithm", ANY_URI)]
    content: Annotated[
        list[Item | str],
        Content(
            Sequence(
                (
                    Child("HMACOutputLength", HMAC_OUTPUT_LENGTH, occurs=(0, 1)),
                    Wildcard("##other", _ANY_NUMBER),
                )
            ),
            mixed=True,
        ),
    ] = []


class Transform(XsdType, kw_only=True, metaclass=Message):
    """``TransformType``; ISO 15118 allows exactly one per reference, canonical EXI."""

    algorithm: Annotated[str, Attribute("Algorithm", ANY_URI)]
    content: Annotated[
        list[Item | str],
        Content(Choice((Wildcard("##other"), Child("XPath", STRING)), _ANY_NUMBER), mixed=True),
    ] = []


class Transforms(XsdType, kw_only=True, metaclass=Message):
    """``TransformsType``."""

    transform: Annotated[list[Transform], Element("Transform", ref=True, occurs=_AT_LEAST_ONE)]


class DigestMethod(XsdType, kw_only=True, metaclass=Message):
    """``DigestMethodType``."""

    algorithm: Annotated[str, Attribute("Algorithm", ANY_URI)]
    content: Annotated[list[Item | str], Content(Wildcard("##other", _ANY_NUMBER), mixed=True)] = []


class Reference(XsdType, kw_only=True, metaclass=Message):
    """``ReferenceType``: the digest of one signed element, named by ``uri`` (``#`` and its Id)."""

    id: Annotated[str | None, Attribute("Id", ID)] = None
    type: Annotated[str | None, Attribute("Type", ANY_URI)] = None
    uri: Annotated[str | None, Attribute("URI", ANY_URI)] = None
    transforms: Annotated[Transforms | None, Element("Transforms", ref=True)] = None
    digest_method: Annotated[DigestMethod, Element("DigestMethod", ref=True)]
    digest_value: Annotated[bytes, Element("DigestValue", DIGEST_VALUE, ref=True)]


class SignedInfo(XsdType, kw_only=True, metaclass=Message):
    """``SignedInfoType``: what the signature value covers."""

    id: Annotated[str | None, Attribute("Id", ID)] = None
    canonicalization_method: Annotated[CanonicalizationMethod, Element("CanonicalizationMethod", ref=True)]
    signature_method: Annotated[SignatureMethod, Element("SignatureMethod", ref=True)]
    reference: Annotated[list[Reference], Element("Reference", ref=True, occurs=_AT_LEAST_ONE)]


class SignatureValue(XsdType, kw_only=True, metaclass=Message):
    """``SignatureValueType``; for ECDSA the raw r and s, each as long as the curve's order."""

    id: Annotated[str | None, Attribute("Id", ID)] = None
    value: Annotated[bytes, Text(BASE64)]


class DSAKeyValue(XsdType, kw_only=True, metaclass=Message):
    """``DSAKeyValueType``."""

    content: Annotated[
        list[Item | str],
        Content(
            Sequence(
                (
                    Sequence((Child("P", CRYPTO_BINARY), Child("Q", CRYPTO_BINARY)), (0, 1)),
                    Child("G", CRYPTO_BINARY, occurs=(0, 1)),
                    Child("Y", CRYPTO_BINARY),
                    Child("J", CRYPTO_BINARY, occurs=(0, 1)),
                    Sequence((Child("Seed", CRYPTO_BINARY), Child("PgenCounter", CRYPTO_BINARY)), (0, 1)),
                )
            )
        ),
    ] = []


class RSAKeyValue(XsdType, kw_only=True, metaclass=Message):
    """``RSAKeyValueType``."""

    modulus: Annotated[bytes, Element("Modulus", CRYPTO_BINARY)]
    exponent: Annotated[bytes, Element("Exponent", CRYPTO_BINARY)]


class KeyValue(XsdType, kw_only=True, metaclass=Message):
    """``KeyValueType``."""

    content: Annotated[
        list[Item | str],
        Content(
            Choice(
                (
                    Child("DSAKeyValue", DSAKeyValue, ref=True),
                    Child("RSAKeyValue", RSAKeyValue, ref=True),
                    Wildcard("##other"),
                )
            ),
            mixed=True,
        ),
    ] = []


class RetrievalMethod(XsdType, kw_only=True, metaclass=Message):
    """``RetrievalMethodType``."""

    type: Annotated[str | None, Attribute("Type", ANY_URI)] = None
    uri: Annotated[str | None, Attribute("URI", ANY_URI)] = None
    transforms: Annotated[Transforms | None, Element("Transforms", ref=True)] = None


class X509IssuerSerial(XsdType, kw_only=True, metaclass=Message):
    """``X509IssuerSerialType``: names a certificate by its issuer (RFC 4514) and serial number."""

    x509_issuer_name: Annotated[str, Element("X509IssuerName", STRING)]
    x509_serial_number: Annotated[int, Element("X509SerialNumber", INTEGER)]


class X509Data(XsdType, kw_only=True, metaclass=Message):
    """``X509DataType``."""

    content: Annotated[
        list[Item | str],
        Content(
            Sequence(
                (
                    Choice(
                        (
                            Child("X509IssuerSerial", X509IssuerSerial),
                            Child("X509SKI", BASE64),
                            Child("X509SubjectName", STRING),
                            Child("X509Certificate", BASE64),
                            Child("X509CRL", BASE64),
                            Wildcard("##other"),
                        )
                    ),
                ),
                _AT_LEAST_ONE,
            )
        ),
    ] = []


class PGPData(XsdType, kw_only=True, metaclass=Message):
    """``PGPDataType``."""

    content: Annotated[
        list[Item | str],
        Content(
            Choice(
                (
                    Sequence(
                        (
                            Child("PGPKeyID", BASE64),
                            Child("PGPKeyPacket", BASE64, occurs=(0, 1)),
                            Wildcard("##other", _ANY_NUMBER),
                        )
                    ),
                    Sequence((Child("PGPKeyPacket", BASE64), Wildcard("##other", _ANY_NUMBER))),
                )
            )
        ),
    ] = []


class SPKIData(XsdType, kw_only=True, metaclass=Message):
    """``SPKIDataType``."""

    content: Annotated[
        list[Item | str],
        Content(Sequence((Child("SPKISexp", BASE64), Wildcard("##other", (0, 1))), _AT_LEAST_ONE)),
    ] = []


class KeyInfo(XsdType, kw_only=True, metaclass=Message):
    """``KeyInfoType``; ISO 15118 does not allow it in a message."""

    id: Annotated[str | None, Attribute("Id", ID)] = None
    content: Annotated[
        list[Item | str],
        Content(
            Choice(
                (
                    Child("KeyName", STRING, ref=True),
                    Child("KeyValue", KeyValue, ref=True),
                    Child("RetrievalMethod", RetrievalMethod, ref=True),
                    Child("X509Data", X509Data, ref=True),
                    Child("PGPData", PGPData, ref=True),
                    Child("SPKIData", SPKIData, ref=True),
                    Child("MgmtData", STRING, ref=True),
                    Wildcard("##other"),
                ),
                _AT_LEAST_ONE,
            ),
            mixed=True,
        ),
    ] = []


class Object(XsdType, kw_only=True, metaclass=Message):
    """``ObjectType``; ISO 15118 does not allow it in a message."""

    encoding: Annotated[str | None, Attribute("Encoding", ANY_URI)] = None
    id: Annotated[str | None, Attribute("Id", ID)] = None
    mime_type: Annotated[str | None, Attribute("MimeType", STRING)] = None
    content: Annotated[
        list[Item | str], Content(Sequence((Wildcard("##any"),), _ANY_NUMBER), mixed=True)
    ] = []


class Signature(XsdType, kw_only=True, metaclass=Message):
    """``SignatureType``: stands in the message header and signs elements of the body."""

    id: Annotated[str | None, Attribute("Id", ID)] = None
    signed_info: Annotated[SignedInfo, Element("SignedInfo", ref=True)]
    signature_value: Annotated[SignatureValue, Element("SignatureValue", ref=True)]
    key_info: Annotated[KeyInfo | None, Element("KeyInfo", ref=True)] = None
    object: Annotated[list[Object], Element("Object", ref=True, occurs=_ANY_NUMBER)] = []


class Manifest(XsdType, kw_only=True, metaclass=Message):
    """``ManifestType``."""

    id: Annotated[str | None, Attribute("Id", ID)] = None
    reference: Annotated[list[Reference], Element("Reference", ref=True, occurs=_AT_LEAST_ONE)]


class SignatureProperty(XsdType, kw_only=True, metaclass=Message):
    """``SignaturePropertyType``."""

    id: Annotated[str | None, Attribute("Id", ID)] = None
    target: Annotated[str, Attribute("Target", ANY_URI)]
    content: Annotated[
        list[Item | str], Content(Choice((Wildcard("##other"),), _AT_LEAST_ONE), mixed=True)
    ] = []


class SignatureProperties(XsdType, kw_only=True, metaclass=Message):
    """``SignaturePropertiesType``."""

    id: Annotated[str | None, Attribute("Id", ID)] = None
    signature_property: Annotated[
        list[SignatureProperty], Element("SignatureProperty", ref=True, occurs=_AT_LEAST_ONE)
    ]


ELEMENTS = (
    GlobalElement("Signature", Signature),
    GlobalElement("SignatureValue", SignatureValue),
    GlobalElement("SignedInfo", SignedInfo),
    GlobalElement("CanonicalizationMethod", CanonicalizationMethod),
    GlobalElement("SignatureMethod", SignatureMethod),
    GlobalElement("Reference", Reference),
    GlobalElement("Transforms", Transforms),
    GlobalElement("Transform", Transform),
    GlobalElement("DigestMethod", DigestMethod),
    GlobalElement("DigestValue", DIGEST_VALUE),
    GlobalElement("KeyInfo", KeyInfo),
    GlobalElement("KeyName", STRING),
    GlobalElement("MgmtData", STRING),
    GlobalElement("KeyValue", KeyValue),
    GlobalElement("RetrievalMethod", RetrievalMethod),
    GlobalElement("X509Data", X509Data),
    GlobalElement("PGPData", PGPData),
    GlobalElement("SPKIData", SPKIData),
    GlobalElement("Object", Object),
    GlobalElement("Manifest", Manifest),
    GlobalElement("SignatureProperties", SignatureProperties),
    GlobalElement("SignatureProperty", SignatureProperty),
    GlobalElement("DSAKeyValue", DSAKeyValue),
    GlobalElement("RSAKeyValue", RSAKeyValue),
)

SCHEMA = MessageSet("xmldsig", NAMESPACE, (sys.modules[__name__],))
