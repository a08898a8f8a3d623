"""SupportedAppProtocol messages: the schema urn:iso:15118:2:2010:AppProtocol."""

import sys
from enum import StrEnum
from typing import Annotated

from exi.schema import (
    ANY_URI,
    STRING,
    UNSIGNED_BYTE,
    UNSIGNED_INT,
    Element,
    GlobalElement,
    Message,
    MessageSet,
    XsdType,
)

NAMESPACE = "urn:iso:15118:2:2010:AppProtocol"
PREFIX = "v2gci_ap"

# The names of all types that the schema names; string tables start with them.
TYPES = "AppProtocolType idType priorityType protocolNameType protocolNamespaceType responseCodeType"

PROTOCOL_NAMESPACE = ANY_URI.restrict(max_length=100)
ID = UNSIGNED_BYTE
PRIORITY = UNSIGNED_BYTE.restrict(minimum=1, maximum=20)


class AppProtocol(XsdType, kw_only=True, metaclass=Message):
    """``AppProtocolType``."""

    protocol_namespace: Annotated[str, Element("ProtocolNamespace", PROTOCOL_NAMESPACE, ns="")]
    version_number_major: Annotated[int, Element("VersionNumberMajor", UNSIGNED_INT, ns="")]
    version_number_minor: Annotated[int, Element("VersionNumberMinor", UNSIGNED_INT, ns="")]
    schema_id: Annotated[int, Element("SchemaID", ID, ns="")]
    priority: Annotated[int, Element("Priority", PRIORITY, ns="")]


PROTOCOL_NAME = STRING.restrict(max_length=30)


class ResponseCode(StrEnum):
    """Values of ``responseCodeType``, in the order that gives their codes."""

    OK_SuccessfulNegotiation = "OK_SuccessfulNegotiation"
    OK_SuccessfulNegotiationWithMinorDeviation = "OK_SuccessfulNegotiationWithMinorDeviation"
    Failed_NoNegotiation = "Failed_NoNegotiation"


class SupportedAppProtocolReq(XsdType, kw_only=True, metaclass=Message):
    """``supportedAppProtocolReq``."""

    app_protocol: Annotated[list[AppProtocol], Element("AppProtocol", ns="", occurs=(1, 20))]


class SupportedAppProtocolRes(XsdType, kw_only=True, metaclass=Message):
    """``supportedAppProtocolRes``."""

    response_code: Annotated[ResponseCode, Element("ResponseCode", ns="")]
    schema_id: Annotated[int | None, Element("SchemaID", ID, ns="")] = None


ELEMENTS = (
    GlobalElement("supportedAppProtocolReq", SupportedAppProtocolReq),
    GlobalElement("supportedAppProtocolRes", SupportedAppProtocolRes),
)

SCHEMA = MessageSet("appprotocol", NAMESPACE, (sys.modules[__name__],), payload_types=(0x8001,))
