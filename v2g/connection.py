"""A V2G connection without I/O: bytes in, frames out; messages in, bytes out.

:class:`V2GConnection` knows the framing, and which schema stands behind each payload type at this point of
the session. It does not know who is EV and who is charger, nor the order of messages. ``now`` is an
argument, so that the owner's clock decides.

It starts with the SupportedAppProtocol schema; after the negotiation the owner calls
:meth:`V2GConnection.use`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import exi
from exi.schema import MessageSet, XsdType
from v2g.errors import FramingError, MessageError
from v2g.messages import appprotocol
from v2g.v2gtp import DEFAULT_LIMIT, Frame, FrameDecoder, PayloadType, encode_frame


@dataclass(frozen=True, slots=True)
class FrameReceived:
    """A whole frame: ``began_at`` is when its first byte arrived, ``arrived_at`` when its last did."""

    frame: Frame
    began_at: float
    arrived_at: float


@dataclass(frozen=True, slots=True)
class FrameIgnored:
    """A frame with an invalid header, which the standard has us ignore; the stream goes on behind it."""

    error: FramingError
    announced_length: int
    at: float


@dataclass(frozen=True, slots=True)
class ConnectionBroken:
    """The stream cannot be read any further; the owner closes it."""

    error: FramingError
    at: float


Event = FrameReceived | FrameIgnored | ConnectionBroken


@dataclass(frozen=True, slots=True)
class Encoded:
    """A message ready to be written: ``frame`` is the payload with its header."""

    frame: bytes
    payload: bytes
    payload_type: PayloadType


class V2GConnection:
    """Framing and codec of one connection.

    ``limit`` is the largest payload taken, in bytes; ``limits`` overrides it for single payload types.
    """

    def __init__(self, limit: int = DEFAULT_LIMIT, limits: Mapping[int, int] | None = None) -> None:
        self._decoder = FrameDecoder(limit, limits)
        self._began_at: float | None = None
        self._schemas: dict[PayloadType, MessageSet] = {PayloadType.EXI: appprotocol.SCHEMA}

    @property
    def schemas(self) -> Mapping[PayloadType, MessageSet]:
        """The schemas in force, by payload type."""
        return self._schemas

    def use(self, schemas: MessageSet | Mapping[PayloadType, MessageSet]) -> None:
        """Put schemas in force instead of those before; a single one stands behind payload type 0x8001."""
        self._schemas = {PayloadType.EXI: schemas} if isinstance(schemas, MessageSet) else dict(schemas)

    @property
    def missing(self) -> int:
        """Bytes that the message begun so far still lacks; 0 between two messages."""
        return self._decoder.missing

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        """Take bytes that arrived at ``now`` and return what they complete."""
        events: list[Event] = []
        began_at = now if self._began_at is None else self._began_at
        for event in self._decoder.feed(data):
            if isinstance(event, Frame):
                events.append(FrameReceived(event, began_at, now))
            elif event.fatal:
                events.append(ConnectionBroken(event.error, now))
            else:
                events.append(FrameIgnored(event.error, event.announced_length, now))
            began_at = now
        self._began_at = began_at if self._decoder.missing else None
        return events

    def encode(
        self,
        message: XsdType,
        schema: MessageSet | None = None,
        payload_type: PayloadType | None = None,
        *,
        payload: bytes | None = None,
    ) -> Encoded:
        """Encode a message into a frame; ExiError if it breaks its schema.

        ``payload`` is the message's EXI when it was made elsewhere: it is framed as it is.
        Without ``schema`` it is the one in force behind ``payload_type``; without that, the only one in force.
        """
        if payload_type is None:
            payload_type = self._payload_type(schema)
        if schema is None:
            schema = self._schemas[payload_type]
        if payload is None:
            payload = exi.encode(message, schema)
        return Encoded(encode_frame(payload_type, payload), payload, payload_type)

    def _payload_type(self, schema: MessageSet | None) -> PayloadType:
        fitting = [number for number, known in self._schemas.items() if schema in {None, known}]
        if len(fitting) == 1:
            return fitting[0]
        if schema is not None and not fitting:
            return PayloadType.EXI
        raise ValueError("several schemas are in force: say which payload type this message has")

    def decode(self, frame: Frame) -> XsdType:
        """Decode a frame by the schema in force.

        FramingError (``payload_type``) if none stands behind its type; MessageError if the payload is
        no message of it.
        """
        schema = self._schemas.get(frame.payload_type)
        if schema is None:
            admitted = ", ".join(f"0x{number:04X}" for number in self._schemas)
            reason = f"0x{frame.payload_type:04X} is not in use here, but {admitted}"
            raise FramingError(reason, "payload_type")
        try:
            return _message(exi.decode(frame.payload, schema))
        except exi.ExiError as error:
            raise MessageError(
                error.reason, error.path, error.bit_offset, frame.payload, frame.payload_type
            ) from error


def _message(value: object) -> XsdType:
    """Return a document's value if it is a message; signatures bring root elements that hold a mere value."""
    if isinstance(value, XsdType):
        return value
    held = type(getattr(value, "value", value)).__name__
    raise exi.ExiError(f"the root element holds a mere {held} and is no message", "", 8)


def content(message: XsdType) -> XsdType:
    """Return what a message is about: the element in its body, or the message itself."""
    body = getattr(message, "body", None)
    element = getattr(body, "body_element", None)
    return element if isinstance(element, XsdType) else message


def message_name(message: XsdType) -> str:
    """Return a message's name: that of its body element, such as ``SessionSetupReq``."""
    return type(content(message)).__name__


def response_code(message: XsdType) -> str | None:
    """Return a response's code, None for a request."""
    code = getattr(content(message), "response_code", None)
    return None if code is None else str(getattr(code, "value", code))
