"""The protocol editions, as car and charger have them in common.

An :class:`Edition` says how one is announced in SupportedAppProtocol, which schema stands behind each payload
type, which timers hold, and how the outside of a message is taken apart and put around a body. What a side
does with the messages, and in which order, is that side's own.

In ISO 15118-2 and DIN 70121 a message is a body in an envelope of its own class. In ISO 15118-20 every
message carries the header itself; one that is still to be sent is made with :data:`UNSENT` in that place.
Each -20 energy service is an edition: it is negotiated by the namespace of its messages, and brings the
common messages with it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from exi.schema import MessageSet, XsdType
from v2g import timing
from v2g.errors import MessageError
from v2g.messages import din, iso2, iso20
from v2g.messages.iso20 import common_types
from v2g.messages.xmldsig import Signature
from v2g.timing import Timing
from v2g.v2gtp import PayloadType

UNSENT = common_types.MessageHeader(session_id=bytes(8), time_stamp=0)
"""The header of a -20 message until it is sent: :attr:`Edition.wrap` puts the session's in its place."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The outside of a message: what its header carries, and its body (None when it is empty)."""

    session_id: bytes
    signature: Signature | None
    body: XsdType | None


@dataclass(frozen=True, slots=True)
class Edition:
    """One protocol edition.

    ``key``                                        what commands and configurations call it: ``iso20-ac``
    ``name``                                       what people call it
    ``namespace``, ``major``, ``minor``            what SupportedAppProtocol announces and compares
    ``schemas``                                    how messages are coded, by payload type
    ``timing``                                     its timers
    ``no_session``                                 the SessionID of a car that has none yet
    ``open``                                       takes a message apart; raises MessageError for what is none
    ``wrap``                                       makes a message of SessionID, body, signature and the time
                                                   in seconds since 1970, which only -20 transmits
    """

    key: str
    name: str
    namespace: str
    major: int
    minor: int
    schemas: Mapping[PayloadType, MessageSet]
    timing: Timing
    no_session: bytes
    open: Callable[[XsdType], Envelope]
    wrap: Callable[[bytes, XsdType, Signature | None, int], XsdType]

    def __str__(self) -> str:
        """Return the name."""
        return self.name

    def payload_type(self, message: XsdType) -> PayloadType:
        """Return the payload type that a message of this edition is sent with: that of its main stream."""
        module = type(message).__module__
        return next(
            (number for number, schema in self.schemas.items() if schema.modules[0].__name__ == module),
            next(iter(self.schemas)),
        )


def _open_iso2(message: XsdType) -> Envelope:
    """Take a V2G_Message apart; the schema has eighty other roots."""
    if not isinstance(message, iso2.V2G_Message):
        raise _foreign(message, "a V2G_Message")
    header = message.header
    return Envelope(header.session_id, header.signature, message.body.body_element)


def _wrap_iso2(
    session_id: bytes, body: XsdType, signature: Signature | None, _time_stamp: int
) -> iso2.V2G_Message:
    if not isinstance(body, iso2.BodyBase):
        raise TypeError(f"{type(body).__name__} is no ISO 15118-2 body")
    return iso2.V2G_Message(
        header=iso2.MessageHeader(session_id=session_id, signature=signature),
        body=iso2.Body(body_element=body),
    )


def _open_din(message: XsdType) -> Envelope:
    """Take a V2G_Message of DIN 70121 apart."""
    if not isinstance(message, din.V2G_Message):
        raise _foreign(message, "a V2G_Message of DIN 70121")
    header = message.header
    return Envelope(header.session_id, header.signature, message.body.body_element)


def _wrap_din(
    session_id: bytes, body: XsdType, signature: Signature | None, _time_stamp: int
) -> din.V2G_Message:
    if not isinstance(body, din.BodyBase):
        raise TypeError(f"{type(body).__name__} is no DIN 70121 body")
    return din.V2G_Message(
        header=din.MessageHeader(session_id=session_id, signature=signature),
        body=din.Body(body_element=body),
    )


def _open_iso20(message: XsdType) -> Envelope:
    """Read the header of a message; the schemas have roots that are none, such as those of signatures."""
    if not isinstance(message, common_types.V2GMessage):
        raise _foreign(message, "an ISO 15118-20 message")
    return Envelope(message.header.session_id, message.header.signature, message)


def _wrap_iso20(session_id: bytes, body: XsdType, signature: Signature | None, time_stamp: int) -> XsdType:
    if not isinstance(body, common_types.V2GMessage):
        raise TypeError(f"{type(body).__name__} is no ISO 15118-20 message")
    body.header = common_types.MessageHeader(
        session_id=session_id, time_stamp=time_stamp, signature=signature
    )
    return body


def _foreign(message: XsdType, expected: str) -> MessageError:
    name = type(message).__name__
    return MessageError(f"{name} instead of {expected}", f"/{name}", None)


def _iso20(
    service: str, namespace: str, payload_type: PayloadType, schema: MessageSet, *beside: PayloadType
) -> Edition:
    """Describe an energy service; ``beside`` the main stream its messages may run, too, as common ones do."""
    common = (PayloadType.ISO20_SCHEDULE, PayloadType.ISO20_METERING, PayloadType.ISO20_PARKING)
    schemas = {PayloadType.ISO20_MAIN: iso20.COMMON_MESSAGES, payload_type: schema}
    schemas |= dict.fromkeys(common, iso20.COMMON_MESSAGES) | dict.fromkeys(beside, schema)
    return Edition(
        key=f"iso20-{service.lower()}",
        name=f"ISO 15118-20 {service}",
        namespace=namespace,
        major=1,
        minor=0,
        schemas=MappingProxyType(schemas),
        timing=timing.ISO20,
        no_session=bytes(8),
        open=_open_iso20,
        wrap=_wrap_iso20,
    )


DIN = Edition(
    key="din",
    name="DIN 70121",
    namespace=din.NAMESPACE,
    major=2,
    minor=0,
    schemas=MappingProxyType({PayloadType.EXI: din.SCHEMA}),
    timing=timing.DIN,
    no_session=b"\x00",
    open=_open_din,
    wrap=_wrap_din,
)
ISO2 = Edition(
    key="iso2",
    name="ISO 15118-2",
    namespace=iso2.NAMESPACE,
    major=2,
    minor=0,
    schemas=MappingProxyType({PayloadType.EXI: iso2.SCHEMA}),
    timing=timing.ISO2,
    no_session=b"\x00",
    open=_open_iso2,
    wrap=_wrap_iso2,
)
ISO20_AC = _iso20("AC", iso20.ac.NAMESPACE, PayloadType.ISO20_AC, iso20.AC)
ISO20_DC = _iso20("DC", iso20.dc.NAMESPACE, PayloadType.ISO20_DC, iso20.DC)
ISO20_WPT = _iso20("WPT", iso20.wpt.NAMESPACE, PayloadType.ISO20_WPT, iso20.WPT)
ISO20_ACDP = _iso20(
    "ACDP", iso20.acdp.NAMESPACE, PayloadType.ISO20_ACDP, iso20.ACDP, PayloadType.ISO20_ACDP_STATUS
)
