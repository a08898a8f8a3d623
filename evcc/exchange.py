"""One request, one response: sent in time, received in time, and of the right kind.

This is where the car keeps the timers that concern single messages, from the tables of the protocol edition
in force:

* V2G_EVCC_Msg_Timeout, from the request to its response [V2G2-436];
* V2G_EVCC_CommunicationSetup_Timeout, until the session is set up [V2G2-714 ff.];
* V2G_EVCC_Ongoing_Timeout, passed in by whoever repeats a request (``within``);
* V2G_EVCC_Sequence_Performance_Time, from a response to our next request; where the charger waits less
  than that, as after a ChargeLoopRes of -20, what it waits.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from evcc.config import Config
from evcc.errors import ProtocolViolationError, ResponseTimeoutError
from exi.schema import XsdType
from v2g.errors import ResponseCodeError, SequenceError, V2GTimeout
from v2g.messages import appprotocol, xmldsig
from v2g.net.channel import MessageChannel, Received
from v2g.net.clock import Clock
from v2g.protocols import ISO2, Edition
from v2g.timing import Deadline, Limit, base_name
from v2g.trace import Tracer
from v2g.v2gtp import PayloadType

R = TypeVar("R")

Signing = xmldsig.Signature | Callable[[Any], xmldsig.Signature]
"""A signature, or what makes it of the message as it will be sent, header included."""


class Exchange:
    """The car's side of the conversation on one connection.

    It begins with SupportedAppProtocol; :meth:`speak` puts the edition in force that came out of it.
    """

    def __init__(self, channel: MessageChannel, clock: Clock, config: Config, setup: Deadline) -> None:
        self.edition: Edition = ISO2
        self.session_id = ISO2.no_session
        self.messages = 0
        """Requests that were answered."""
        self.signature: xmldsig.Signature | None = None
        """The signature in the header of the last response."""
        self._channel = channel
        self._clock = clock
        self._config = config
        self._setup: Deadline | None = setup
        self._last = ""

    def speak(self, edition: Edition, session_id: bytes | None = None) -> None:
        """Put ``edition`` in force; ``session_id`` is that of a paused session to resume."""
        self.edition = edition
        self.session_id = edition.no_session if session_id is None else session_id
        self._channel.use(edition.schemas)

    async def negotiate(
        self, request: appprotocol.SupportedAppProtocolReq
    ) -> appprotocol.SupportedAppProtocolRes:
        """Send the list of protocols and return the charger's choice; raises as :meth:`ask` does."""
        received = await self._ask(request, "SupportedAppProtocol", PayloadType.EXI, None)
        response = received.message
        if not isinstance(response, appprotocol.SupportedAppProtocolRes):
            raise SequenceError("waiting for SupportedAppProtocolRes", received.name)
        if response.response_code is appprotocol.ResponseCode.Failed_NoNegotiation:
            raise ResponseCodeError(received.name, response.response_code)
        return response

    async def open(self, request: XsdType, expected: type[R]) -> R:
        """Send the request that begins a session, and take the SessionID of its response [V2G2-750 ff.].

        Raises as :meth:`ask`.
        """
        session_id, response = await self._ask_body(request, expected, None, None)
        if not any(session_id):
            raise ProtocolViolationError(expected.__name__, "the new SessionID is zero")
        self.session_id = session_id
        return response

    async def ask(
        self,
        request: XsdType,
        expected: type[R],
        *,
        signature: Signing | None = None,
        within: Deadline | None = None,
    ) -> R:
        """Send a request and return the response, once it is one that allows to go on.

        ``within`` is a deadline that applies besides the message's own. A WARNING code of -20 is left to
        the caller. Raises :class:`ResponseTimeoutError` with the timer that expired,
        :class:`v2g.errors.SequenceError` for another message, :class:`v2g.errors.ResponseCodeError` for a
        FAILED code, :class:`ProtocolViolationError` for a foreign SessionID, and what
        :meth:`v2g.net.channel.MessageChannel.receive` raises.
        """
        session_id, response = await self._ask_body(request, expected, signature, within)
        if session_id != self.session_id:
            found = session_id.hex() or "nothing"
            reason = f"the SessionID changed from {self.session_id.hex()} to {found}"
            raise ProtocolViolationError(expected.__name__, reason)
        return response

    def settled(self, tracer: Tracer) -> None:
        """Stop the communication set-up timer: there is a session, which ``tracer`` names from now on."""
        self._setup = None
        self._channel.tracer = tracer

    def expired(self, name: str, limit_s: float, message: str) -> ResponseTimeoutError:
        """Note in the trace that a timer expired, and return the error to raise."""
        self._channel.tracer.event("timer.expired", name=name, limit_s=limit_s)
        return ResponseTimeoutError(name, limit_s, message)

    async def _ask_body(
        self,
        request: XsdType,
        expected: type[R],
        signature: Signing | None,
        within: Deadline | None,
    ) -> tuple[bytes, R]:
        """Send a request in its envelope; return SessionID and body of the response."""
        edition = self.edition
        now = int(self._clock.now().timestamp())
        if callable(signature):
            signature = signature(edition.wrap(self.session_id, request, None, now))
        message = edition.wrap(self.session_id, request, signature, now)
        name = base_name(type(request).__name__)
        received = await self._ask(message, name, edition.payload_type(message), within)
        envelope = edition.open(received.message)
        if not isinstance(envelope.body, expected):
            raise SequenceError(f"waiting for {expected.__name__}", received.name)
        code = str(getattr(envelope.body, "response_code", ""))
        if code.startswith("FAILED"):
            raise ResponseCodeError(received.name, code, envelope.body)
        if code.startswith("WARNING"):
            self._channel.tracer.event("response.warning", name=received.name, code=code)
        self.signature = envelope.signature
        return envelope.session_id, envelope.body

    async def _ask(
        self, message: XsdType, name: str, payload_type: PayloadType, within: Deadline | None
    ) -> Received:
        self._check_pace(name)
        limit = self._config.message_timeout(name, self.edition.timing)
        deadline = self._deadline(limit.from_now(self._now()), within)
        if deadline.passed(self._now()):
            raise self.expired(deadline.name, deadline.limit_s, f"{name}Res")
        try:
            sent = await self._channel.send(message, payload_type=payload_type, deadline=deadline)
            deadline = self._deadline(limit.from_now(sent.written_at), within)
            received = await self._channel.receive(deadline)
        except V2GTimeout as error:
            raise ResponseTimeoutError(error.name, error.limit_s, f"{name}Res") from None
        self.messages += 1
        self._last = received.name
        return received

    def _deadline(self, own: Deadline, within: Deadline | None) -> Deadline:
        return own.earlier_of(within).earlier_of(self._setup)

    def _check_pace(self, name: str) -> None:
        """Give up when we ourselves took longer than a car may between two messages."""
        limit, arrived_at = self._pace(), self._channel.arrived_at
        if arrived_at is not None and self._now() - arrived_at > limit.seconds:
            raise self.expired(limit.name, limit.seconds, f"{name}Req")

    def _pace(self) -> Limit:
        timing = self.edition.timing
        usual = timing.sequence_performance_time
        waits_s = timing.sequence_timeout_after(self._last).seconds
        return Limit(usual.name, min(usual.seconds, waits_s), usual.clause)

    def _now(self) -> float:
        return self._clock.monotonic()
