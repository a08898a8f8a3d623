"""One car's connection: messages in and out, timers, and the trace. The I/O around :mod:`secc.session`.

Timers, all of them of :mod:`v2g.timing`:

* from the TCP connection to a session that is set up: the CommunicationSetup performance time [V2G2-716];
* from one response to the last byte of the next request: the sequence timeout [V2G2-443]. A car that sends
  a byte a second gains nothing by it;
* from the last byte of a request to its response: the performance time. What the charger has to wait for
  elsewhere ends a reserve before that.

After the last response, or an error, the connection is closed within five seconds [V2G2-034]: the car may
close first, for ``network.linger_s``.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from secc.charger import Charger
from secc.context import Context
from secc.errands import Errands
from secc.negotiation import negotiate, spoken_on
from secc.protocol import Protocol
from secc.session import Answer, Session
from secc.table import Errand
from v2g import timing
from v2g.connection import V2GConnection
from v2g.errors import ConnectionClosedError, FramingError, MessageError, SequenceError, V2GError
from v2g.messages.appprotocol import SupportedAppProtocolReq
from v2g.net.channel import MessageChannel, Received
from v2g.net.stream import Stream
from v2g.timing import Limit
from v2g.trace import Tracer
from v2g.v2gtp import PayloadType

_log = logging.getLogger("secc")


@dataclass(frozen=True, slots=True)
class End:
    """How a connection ended: ``outcome`` is ok, failed (a FAILED response) or aborted."""

    outcome: str
    reason: str


class Connection:
    """Serves one car over an established stream, TLS included.

    ``accepted_at`` is the monotonic time at which the TCP connection stood.
    """

    def __init__(
        self,
        charger: Charger,
        protocols: Sequence[Protocol],
        stream: Stream,
        tracer: Tracer,
        accepted_at: float,
    ) -> None:
        self._charger = charger
        self._protocols = protocols
        self._clock = charger.clock
        self._channel = MessageChannel(
            stream,
            tracer,
            charger.clock,
            initiator=False,
            connection=V2GConnection(charger.config.network.max_message_bytes),
        )
        self._setup = timing.ISO2.secc_communication_setup_performance_time.from_now(accepted_at)
        self._session: Session | None = None
        self._errands = Errands(charger.clock)

    @property
    def name(self) -> str:
        """What the log calls this connection."""
        fields = self._channel.tracer.fields
        session = f", session {fields['session']}" if fields["session"] else ""
        return f"connection {fields['connection']}{session}"

    async def run(self) -> None:
        """Serve the car to the end. Whatever happens, the outlet is free again and the stream closed.

        Raises only what is a defect of the charger itself; what a car can do wrong ends in the trace.
        """
        self._channel.tracer.event("session.started")
        end = End("aborted", "internal error")
        try:
            end = await self._converse()
        except V2GError as error:
            end = End("aborted", str(error))
        except asyncio.CancelledError:
            end = End("aborted", "the charger is shutting down")
            raise
        except Exception as error:
            self._channel.tracer.event(
                "error", type=type(error).__name__, detail=str(error), place="connection"
            )
            raise
        finally:
            await self._errands.close()
            self._conclude(end)
            await self._channel.close(end.reason)

    def _release(self) -> None:
        """Take the car off the mains and free its outlet, if it has one."""
        if self._session is None:
            return
        fault = self._session.context.release()
        if fault:
            self._channel.tracer.event("error", type="ContactorError", detail=fault, place="outlet")
            _log.error("%s: %s; the outlet is out of service", self.name, fault)

    def _conclude(self, end: End) -> None:
        self._release()
        fields: dict[str, object] = {}
        if self._session is not None:
            fields["protocol"] = self._session.protocol.key
            fields["energy_wh"] = self._session.context.energy_wh
        self._channel.tracer.event("session.ended", outcome=end.outcome, reason=end.reason, **fields)
        level = logging.INFO if end.outcome == "ok" else logging.WARNING
        _log.log(level, "%s: %s: %s", self.name, end.outcome, end.reason)

    async def _converse(self) -> End:
        protocol = await self._negotiate()
        if protocol is None:
            await self._linger()
            return End("failed", "no protocol in common")
        self._channel.use(protocol.edition.schemas)
        context = protocol.context(
            charger=self._charger, tracer=self._channel.tracer, secure=self._channel.stream.tls is not None
        )
        session = self._session = Session(protocol, context)
        timer = protocol.timing.sequence_timeout
        while True:
            received = await self._receive(context, timer)
            answer = await self._answer(session, received)
            await self._send(answer, received, protocol.timing.performance_time(answer.name))
            if answer.ends:
                break
            timer = protocol.timing.sequence_timeout_after(answer.name)
        self._release()
        await self._linger()
        if answer.refused:
            return End("failed", f"{answer.name} {answer.code}: {answer.refused}")
        return End("ok", context.finished)

    async def _negotiate(self) -> Protocol | None:
        received = await self._channel.receive(self._setup)
        if not isinstance(received.message, SupportedAppProtocolReq):
            raise SequenceError("WaitForSupportedAppProtocol", received.name)
        spoken = spoken_on(self._protocols, self._channel.stream.tls, self._charger)
        negotiated = negotiate(received.message, spoken)
        answer = Answer(
            name=type(negotiated.response).__name__,
            message=negotiated.response,
            payload_type=PayloadType.EXI,
            payload=None,
            code=str(negotiated.response.response_code),
            refused="" if negotiated.protocol else "no protocol in common",
            ends=negotiated.protocol is None,
        )
        await self._send(answer, received, timing.ISO2.performance_time(answer.name))
        return negotiated.protocol

    async def _receive(self, context: Context, timer: Limit) -> Received:
        deadline = timer.from_now(self._clock.monotonic())
        if not context.session_id:
            deadline = deadline.earlier_of(self._setup)
        return await self._channel.receive(deadline)

    async def _answer(self, session: Session, received: Received) -> Answer:
        before = session.state
        try:
            outcome = session.handle(received.message, received.payload, received.arrived_at)
        except MessageError as error:
            self._channel.tracer.event(
                "message.rejected", reason=error.reason, path=error.path, bytes=len(received.payload) + 8
            )
            raise
        if isinstance(outcome, Errand):
            performance = session.protocol.timing.performance_time(received.name)
            deadline = performance.from_now(received.arrived_at)
            outcome = session.resume(await self._errands.outcome(outcome, deadline, received.arrived_at))
        self._channel.tracer = session.context.tracer  # names the session as soon as there is one
        if session.state is not before:
            self._channel.tracer.event("state.changed", from_=before, to=session.state or "Ended")
        return outcome

    async def _send(self, answer: Answer, received: Received, limit: Limit) -> None:
        sent = await self._channel.send(
            answer.message,
            payload_type=self._stream_of(answer, received),
            payload=answer.payload,
            limit=limit,
            deadline=timing.ISO2.tcp_close.from_now(self._clock.monotonic()),
        )
        if sent.elapsed_s is not None and sent.elapsed_s > limit.seconds:
            self._channel.tracer.event("timer.expired", name=limit.name, limit_s=limit.seconds)
            _log.warning(
                "%s: %s took %.3f s, more than %g s", self.name, answer.name, sent.elapsed_s, limit.seconds
            )
        if answer.refused:
            _log.warning("%s: %s to %s: %s", self.name, answer.code, received.name, answer.refused)

    def _stream_of(self, answer: Answer, received: Received) -> PayloadType:
        """Return the payload type of a response: -20 lets some messages run beside the main stream, both ways."""
        if self._session is None:
            return answer.payload_type
        schemas = self._session.protocol.edition.schemas
        same = schemas[answer.payload_type] is schemas[received.payload_type]
        return received.payload_type if same else answer.payload_type

    async def _linger(self) -> None:
        """Let the car close first, for a while. What it still sends is read and counts for nothing."""
        try:
            async with asyncio.timeout(self._charger.config.network.linger_s):
                while True:
                    await self._drop()
        except (TimeoutError, ConnectionClosedError, FramingError):
            return

    async def _drop(self) -> None:
        try:
            await self._channel.receive()
        except MessageError:
            return
