"""One request, one response: sent in time, received in time, and of the right kind.

This is where the car keeps the timers that concern single messages:

* V2G_EVCC_Msg_Timeout, from the request to its response [V2G2-436];
* V2G_EVCC_CommunicationSetup_Timeout, until the session is set up [V2G2-714 ff.];
* V2G_EVCC_Ongoing_Timeout, passed in by whoever repeats a request (``within``);
* V2G_EVCC_Sequence_Performance_Time, from a response to our next request.
"""

from typing import TypeVar

from evcc.config import Config
from evcc.errors import ProtocolViolationError, ResponseTimeoutError
from exi.schema import XsdType
from v2g.errors import ResponseCodeError, SequenceError, V2GTimeout
from v2g.messages import appprotocol, iso2, xmldsig
from v2g.net.channel import MessageChannel, Received
from v2g.net.clock import Clock
from v2g.timing import ISO2, Deadline, base_name
from v2g.trace import Tracer

NO_SESSION = b"\x00"
"""The SessionID of a car that has none yet: one zero byte in -2, eight in -20."""

R = TypeVar("R", bound=iso2.BodyBase)


class Exchange:
    """The car's side of the conversation on one connection."""

    def __init__(self, channel: MessageChannel, clock: Clock, config: Config, setup: Deadline) -> None:
        self.session_id = NO_SESSION
        self.messages = 0
        """Requests that were answered."""
        self.header = iso2.MessageHeader(session_id=NO_SESSION)
        """The header of the last -2 response."""
        self._channel = channel
        self._clock = clock
        self._config = config
        self._setup: Deadline | None = setup

    async def negotiate(
        self, request: appprotocol.SupportedAppProtocolReq
    ) -> appprotocol.SupportedAppProtocolRes:
        """Send the list of protocols and return the charger's choice; raises as :meth:`ask` does."""
        received = await self._ask(request, "SupportedAppProtocol", None)
        response = received.message
        if not isinstance(response, appprotocol.SupportedAppProtocolRes):
            raise SequenceError("waiting for SupportedAppProtocolRes", received.name)
        if response.response_code is appprotocol.ResponseCode.Failed_NoNegotiation:
            raise ResponseCodeError(received.name, response.response_code)
        return response

    async def ask(
        self,
        request: iso2.BodyBase,
        expected: type[R],
        *,
        signature: xmldsig.Signature | None = None,
        within: Deadline | None = None,
    ) -> R:
        """Send a -2 request and return the response, once it is one that allows to go on.

        ``within`` is a deadline that applies besides the message's own. Raises
        :class:`ResponseTimeoutError` with the timer that expired, :class:`v2g.errors.SequenceError` for
        another message, :class:`v2g.errors.ResponseCodeError` for a FAILED code,
        :class:`ProtocolViolationError` for a foreign SessionID, and what
        :meth:`v2g.net.channel.MessageChannel.receive` raises.
        """
        header = iso2.MessageHeader(session_id=self.session_id, signature=signature)
        message = iso2.V2G_Message(header=header, body=iso2.Body(body_element=request))
        received = await self._ask(message, base_name(type(request).__name__), within)
        answer = received.message
        body = answer.body.body_element if isinstance(answer, iso2.V2G_Message) else None
        if not isinstance(answer, iso2.V2G_Message) or not isinstance(body, expected):
            raise SequenceError(f"waiting for {expected.__name__}", received.name)
        code = str(getattr(body, "response_code", ""))
        if code.startswith("FAILED"):
            raise ResponseCodeError(received.name, code)
        self._check_session(answer.header.session_id, expected)
        self.header = answer.header
        return body

    def settled(self, tracer: Tracer) -> None:
        """Stop the communication set-up timer: there is a session, which ``tracer`` names from now on."""
        self._setup = None
        self._channel.tracer = tracer

    def _check_session(self, found: bytes, expected: type[iso2.BodyBase]) -> None:
        """Take the new SessionID from the session set-up; afterwards it must stay [V2G2-750 ff.]."""
        if expected is iso2.SessionSetupRes:
            if not any(found):
                raise ProtocolViolationError("SessionSetupRes", "the new SessionID is zero")
            self.session_id = found
        elif found != self.session_id:
            reason = f"the SessionID changed from {self.session_id.hex()} to {found.hex() or 'nothing'}"
            raise ProtocolViolationError(expected.__name__, reason)

    async def _ask(self, message: XsdType, name: str, within: Deadline | None) -> Received:
        self._check_pace(name)
        limit = self._config.message_timeout(name)
        deadline = self._deadline(limit.from_now(self._now()), within)
        if deadline.passed(self._now()):
            raise self.expired(deadline.name, deadline.limit_s, f"{name}Res")
        try:
            sent = await self._channel.send(message, deadline=deadline)
            deadline = self._deadline(limit.from_now(sent.written_at), within)
            received = await self._channel.receive(deadline)
        except V2GTimeout as error:
            raise ResponseTimeoutError(error.name, error.limit_s, f"{name}Res") from None
        self.messages += 1
        return received

    def expired(self, name: str, limit_s: float, message: str) -> ResponseTimeoutError:
        """Note in the trace that a timer expired, and return the error to raise."""
        self._channel.tracer.event("timer.expired", name=name, limit_s=limit_s)
        return ResponseTimeoutError(name, limit_s, message)

    def _deadline(self, own: Deadline, within: Deadline | None) -> Deadline:
        return own.earlier_of(within).earlier_of(self._setup)

    def _check_pace(self, name: str) -> None:
        """Give up when we ourselves took longer than a car may between two messages."""
        limit = ISO2.sequence_performance_time
        arrived_at = self._channel.arrived_at
        if arrived_at is not None and self._now() - arrived_at > limit.seconds:
            raise self.expired(limit.name, limit.seconds, f"{name}Req")

    def _now(self) -> float:
        return self._clock.monotonic()
