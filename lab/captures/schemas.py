"""Which edition two sides agreed on, and what a payload is when that is not known or not obeyed."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

import exi
from exi.detect import identify
from exi.schema import MessageSet, XsdType
from v2g.messages import appprotocol
from v2g.protocols import DIN, ISO2, ISO20_AC, ISO20_ACDP, ISO20_DC, ISO20_WPT, Edition
from v2g.v2gtp import Frame, PayloadType

_ISO20 = (ISO20_AC, ISO20_DC, ISO20_WPT, ISO20_ACDP)
EDITIONS: Mapping[str, Edition] = MappingProxyType(
    {edition.namespace: edition for edition in (DIN, ISO2, *_ISO20)}
)
"""The editions by the namespace that SupportedAppProtocol names."""

ANY_ISO20 = replace(
    ISO20_AC,
    key="iso20",
    name="ISO 15118-20",
    schemas=MappingProxyType(
        {number: schema for edition in _ISO20 for number, schema in edition.schemas.items()}
    ),
)
"""ISO 15118-20 where the energy service is not known; the payload types tell the schemas apart."""


class NegotiationError(Exception):
    """The SupportedAppProtocol exchange does not lead to a schema; the message says why."""


def negotiated(
    request: appprotocol.SupportedAppProtocolReq | None, response: appprotocol.SupportedAppProtocolRes
) -> Edition | None:
    """Return what was agreed on, None if the charger refused; raises :class:`NegotiationError`."""
    if response.response_code is appprotocol.ResponseCode.Failed_NoNegotiation:
        return None
    if request is None:
        raise NegotiationError("supportedAppProtocolReq is not in the capture")
    offers = request.app_protocol
    if response.schema_id is None and len(offers) > 1:
        raise NegotiationError("supportedAppProtocolRes names no SchemaID")
    chosen = next((offer for offer in offers if response.schema_id in {None, offer.schema_id}), None)
    if chosen is None:
        raise NegotiationError(f"SchemaID {response.schema_id} was not offered")
    edition = EDITIONS.get(chosen.protocol_namespace)
    if edition is None:
        raise NegotiationError(f"there is no schema for {chosen.protocol_namespace!r}")
    return edition


def guessed(frame: Frame) -> Edition | None:
    """Return the edition that a message is of, judged by itself; None if it is of none."""
    if frame.payload_type is not PayloadType.EXI:
        return ANY_ISO20 if frame.payload_type in ANY_ISO20.schemas else None
    found = identify(
        frame.payload, (ISO2.schemas[PayloadType.EXI], DIN.schemas[PayloadType.EXI]), fragment=False
    )
    if not found.candidates:
        return None
    schema = found.candidates[0].schema
    return next(edition for edition in (ISO2, DIN) if edition.schemas[PayloadType.EXI] is schema)


def fitting(payload: bytes, schemas: Iterable[MessageSet]) -> XsdType | None:
    """Return the message that a payload is by any of several schemas, whatever its payload type says."""
    for schema in dict.fromkeys(schemas):
        try:
            message = exi.decode(payload, schema)
        except exi.ExiError:
            continue
        if isinstance(message, XsdType):
            return message
    return None
