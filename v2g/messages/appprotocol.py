"""SupportedAppProtocol messages: the schema urn:iso:15118:2:2010:AppProtocol."""

import sys
from enum import StrEnum
from typing import Annotated

from exi.schema import (
    ANY_URI,
    STRING,
    UNSIGNED_BYTE,
    UNSIGNED_INT,
    Element as E,
    GlobalElement,
    MessageSet,
    XsdType,
)

NAMESPACE = "urn:iso:15118:2:2010:AppProtocol"

PROTOCOL_NAMESPACE = ANY_URI.restrict(max_length=100)
ID = UNSIGNED_BYTE
PRIORITY = UNSIGNED_BYTE.restrict(minimum=1, maximum=20)


class AppProtocol(XsdType, kw_only=True):
    """``AppProtocolType``."""

    protocol_namespace: Annotated[str, E("ProtocolNamespace", PROTOCOL_NAMESPACE, ns="")]
    version_number_major: Annotated[int, E("VersionNumberMajor", UNSIGNED_INT, ns="")]
    version_number_minor: Annotated[int, E("VersionNumberMinor", UNSIGNED_INT, ns="")]
    schema_id: Annotated[int, E("SchemaID", ID, ns="")]
    priority: Annotated[int, E("Priority", PRIORITY, ns="")]


PROTOCOL_NAME = STRING.restrict(max_length=30)


class ResponseCode(StrEnum):
    """Values of ``responseCodeType``, in the order that gives their codes."""

    OK_SuccessfulNegotiation = "OK_SuccessfulNegotiation"
    OK_SuccessfulNegotiationWithMinorDeviation = "OK_SuccessfulNegotiationWithMinorDeviation"
    Failed_NoNegotiation = "Failed_NoNegotiation"


class SupportedAppProtocolReq(XsdType, kw_only=True):
    """``supportedAppProtocolReq``."""

    app_protocol: Annotated[list[AppProtocol], E("AppProtocol", ns="", occurs=(1, 20))]


class SupportedAppProtocolRes(XsdType, kw_only=True):
    """``supportedAppProtocolRes``."""

    response_code: Annotated[ResponseCode, E("ResponseCode", ns="")]
    schema_id: Annotated[int | None, E("SchemaID", ID, ns="")] = None


ELEMENTS = (
    GlobalElement("supportedAppProtocolReq", SupportedAppProtocolReq),
    GlobalElement("supportedAppProtocolRes", SupportedAppProtocolRes),
)

SCHEMA = MessageSet("appprotocol", NAMESPACE, (sys.modules[__name__],))
