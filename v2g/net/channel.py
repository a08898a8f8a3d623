"""Messages over a stream: what EV and charger send and receive with, each step in the trace.

The EV awaits :meth:`MessageChannel.request`; the charger alternates :meth:`MessageChannel.receive` and
:meth:`MessageChannel.send`. Times are measured here, where the bytes pass.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from exi.schema import MessageSet, XsdType
from v2g.connection import (
    ConnectionBroken,
    Event,
    FrameIgnored,
    FrameReceived,
    V2GConnection,
    message_name,
    response_code,
)
from v2g.errors import ConnectionClosedError, FramingError, MessageError, V2GTimeout
from v2g.net.clock import Clock
from v2g.net.stream import Stream
from v2g.timing import Deadline, Limit
from v2g.trace import Tracer
from v2g.v2gtp import PayloadType

IGNORED_LIMIT = 50
"""Invalid frames that a connection may send; with more of them it is no V2G peer but a flood."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message from the peer.

    ``arrived_at`` is the monotonic time of its last byte, ``codec_s`` what decoding took, ``elapsed_s`` the
    time since we began to write our last message (None before that). ``payload`` is its EXI.
    """

    message: XsdType
    name: str
    payload: bytes
    payload_type: PayloadType
    arrived_at: float
    codec_s: float
    elapsed_s: float | None


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that is on its way: ``written_at`` is the monotonic time when it was handed over."""

    name: str
    payload: bytes
    payload_type: PayloadType
    written_at: float
    codec_s: float
    elapsed_s: float | None


class MessageChannel:
    """Sends and receives the messages of one connection.

    ``initiator`` is True for the EV, whose response times are measured on receiving, and False for the
    charger, whose response times are measured on sending. The schema is that of SupportedAppProtocol
    until :meth:`use` is called.
    """

    def __init__(
        self,
        stream: Stream,
        tracer: Tracer,
        clock: Clock,
        *,
        initiator: bool,
        connection: V2GConnection | None = None,
    ) -> None:
        self.stream = stream
        self.tracer = tracer
        self.arrived_at: float | None = None
        """When the last byte of the last message arrived (monotonic)."""
        self.written_at: float | None = None
        """When our last message was written (monotonic)."""
        self._writing_at: float | None = None
        self._clock = clock
        self._initiator = initiator
        self._connection = connection or V2GConnection()
        self._events: deque[Event] = deque()
        self._end_traced = False
        self._ignored = 0
        self._broken: FramingError | None = None

    def use(self, schemas: MessageSet | Mapping[PayloadType, MessageSet]) -> None:
        """Put schemas in force after the negotiation; a single one stands behind payload type 0x8001."""
        self._connection.use(schemas)

    async def send(
        self,
        message: XsdType,
        *,
        schema: MessageSet | None = None,
        payload_type: PayloadType | None = None,
        payload: bytes | None = None,
        limit: Limit | None = None,
        deadline: Deadline | None = None,
    ) -> Sent:
        """Encode a message and write it in one piece.

        ``payload`` is the message's EXI when it was made elsewhere: it goes out as it is.
        ``limit`` is the time that applies to this response (the charger's performance time); it goes to the
        trace. ``deadline`` bounds the writing to a peer that does not read. Raises ExiError (the message
        breaks its schema; nothing was written), ConnectionClosedError, V2GTimeout.
        """
        started = self._clock.monotonic()
        encoded = self._connection.encode(message, schema, payload_type, payload=payload)
        codec_s = self._clock.monotonic() - started
        # On a busy machine the peer may have read, even answered, before we run again: what we needed ends,
        # and what we wait for begins, with the writing.
        self._writing_at = self._clock.monotonic()
        async with self._bounded(deadline):
            await self._write(encoded.frame)
        self.written_at = self._clock.monotonic()
        measured = None if self._initiator or self.arrived_at is None else self._writing_at - self.arrived_at
        name = message_name(message)
        self._trace(
            "message.sent", name, message, encoded.payload_type, encoded.payload, codec_s, measured, limit
        )
        return Sent(name, encoded.payload, encoded.payload_type, self.written_at, codec_s, measured)

    async def send_raw(self, data: bytes) -> None:
        """Write bytes as they are, for deliberate nonsense; the trace does not see them."""
        await self._write(data)

    async def _write(self, data: bytes) -> None:
        try:
            await self.stream.write(data)
        except ConnectionClosedError as error:
            self._trace_end(error.reason, error.by)
            raise

    async def receive(self, deadline: Deadline | None = None) -> Received:
        """Wait for the next whole message and decode it.

        ``deadline`` bounds the whole message, however slowly its bytes come. After V2GTimeout or a
        cancellation no byte is lost; receiving can go on. Frames that the standard has us ignore are traced
        and passed over. Raises V2GTimeout; ConnectionClosedError at the end of the stream; FramingError when
        the stream cannot be read on; MessageError for a payload that is no message of the schema in
        force, after which receiving can go on.
        """
        async with self._bounded(deadline):
            event = await self._next_frame()
        self.arrived_at = event.arrived_at
        frame = event.frame
        started = self._clock.monotonic()
        try:
            message = self._connection.decode(frame)
        except MessageError as error:
            self.tracer.event(
                "message.rejected",
                reason=error.reason,
                path=error.path,
                bit_offset=error.bit_offset,
                bytes=frame.wire_length,
                exi=frame.payload,
            )
            raise
        codec_s = self._clock.monotonic() - started
        elapsed_s = None if self._writing_at is None else max(0.0, event.arrived_at - self._writing_at)
        name = message_name(message)
        limit = Limit(deadline.name, deadline.limit_s, "") if deadline is not None else None
        measured = elapsed_s if self._initiator else None
        self._trace(
            "message.received", name, message, frame.payload_type, frame.payload, codec_s, measured, limit
        )
        return Received(
            message, name, frame.payload, frame.payload_type, event.arrived_at, codec_s, elapsed_s
        )

    async def request(
        self,
        message: XsdType,
        limit: Limit,
        *,
        schema: MessageSet | None = None,
        payload_type: PayloadType | None = None,
    ) -> Received:
        """Send a request and receive its response within ``limit`` of the moment it was written.

        Raises what :meth:`send` and :meth:`receive` raise; the V2GTimeout carries the limit's name.
        """
        writing = limit.from_now(self._clock.monotonic())
        sent = await self.send(message, schema=schema, payload_type=payload_type, deadline=writing)
        return await self.receive(limit.from_now(sent.written_at))

    async def close(self, reason: str = "session ended") -> None:
        """Close the connection in order; bounded in time."""
        self._trace_end(reason, "us")
        await self.stream.close()

    def abort(self, reason: str) -> None:
        """Drop the connection at once."""
        self._trace_end(reason, "us")
        self.stream.abort()

    async def _next_frame(self) -> FrameReceived:
        if self._broken is not None:
            raise self._broken
        while True:
            while self._events:
                event = self._events.popleft()
                if isinstance(event, ConnectionBroken):
                    self._broken = event.error
                    self._trace_rejected(event.error, None)
                    raise event.error
                if isinstance(event, FrameReceived) and event.frame.payload_type in self._connection.schemas:
                    return event
                self._ignore(event)
            self._events.extend(self._connection.receive_data(await self._read(), self._clock.monotonic()))

    def _ignore(self, event: FrameReceived | FrameIgnored) -> None:
        if isinstance(event, FrameIgnored):
            error, length = event.error, event.announced_length
        else:
            number, length = event.frame.payload_type, len(event.frame.payload)
            error = FramingError(f"0x{number:04X} is not in use here", "payload_type")
        self._trace_rejected(error, length)
        self._ignored += 1
        if self._ignored > IGNORED_LIMIT:
            self._broken = FramingError(f"{self._ignored} invalid frames on one connection", error.field)
            raise self._broken

    async def _read(self) -> bytes:
        try:
            data = await self.stream.read()
        except ConnectionClosedError as error:
            self._trace_end(error.reason, error.by)
            raise
        if data:
            return data
        missing = self._connection.missing
        reason = f"inside a message, {missing} bytes before its end" if missing else "between two messages"
        self._trace_end(f"the peer closed the connection {reason}", "peer")
        raise ConnectionClosedError(f"the peer closed the connection {reason}", clean=not missing)

    @contextlib.asynccontextmanager
    async def _bounded(self, deadline: Deadline | None) -> AsyncIterator[None]:
        if deadline is None:
            yield
            return
        try:
            async with asyncio.timeout(deadline.remaining(self._clock.monotonic())) as scope:
                yield
        except TimeoutError:
            if not scope.expired():
                raise
            self.tracer.event("timer.expired", name=deadline.name, limit_s=deadline.limit_s)
            raise V2GTimeout(deadline.name, deadline.limit_s) from None

    def _trace(
        self,
        kind: str,
        name: str,
        message: XsdType,
        payload_type: PayloadType,
        payload: bytes,
        codec_s: float,
        elapsed_s: float | None,
        limit: Limit | None,
    ) -> None:
        fields: dict[str, Any] = {
            "name": name,
            "bytes": len(payload) + 8,
            "payload_type": int(payload_type),
            "codec_s": codec_s,
            "exi": payload,
        }
        if (code := response_code(message)) is not None:
            fields["response_code"] = code
        if elapsed_s is not None:
            fields["elapsed_s"] = elapsed_s
            if limit is not None:
                fields |= {"limit_s": limit.seconds, "limit_name": limit.name}
        self.tracer.event(kind, **fields)

    def _trace_rejected(self, error: FramingError, payload_length: int | None) -> None:
        size = {} if payload_length is None else {"bytes": payload_length + 8}
        self.tracer.event("message.rejected", reason=str(error), field=error.field, **size)

    def _trace_end(self, reason: str, by: str) -> None:
        if not self._end_traced:
            self._end_traced = True
            self.tracer.event("tcp.closed", reason=reason, by=by)
