"""One session, from the first request after SupportedAppProtocol to its end. No I/O, no clock.

The engine takes a decoded request and says what to send. Its rules hold for every protocol, state and
request, so that no handler repeats them:

1. A message that is no request of the protocol, or has no body, gets no answer: SequenceError.
2. A request that the table does not name for the state gets FAILED_SequenceError in the response type
   that belongs to it [V2G2-459][V2G2-538].
3. A request with another SessionID than the session's gets FAILED_UnknownSession [V2G2-460].
4. A handler's Refusal gets its code. Every FAILED response has valid placeholders in its mandatory
   fields, and ends the session [V2G2-539].
"""

from dataclasses import dataclass
from enum import StrEnum

from exi.schema import XsdType
from secc.context import Context
from secc.errors import BundleError
from secc.protocol import Protocol
from secc.table import Errand, Refusal, Reply, Request, Row
from v2g.errors import SequenceError


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send: the whole ``message``, or ``payload``, its EXI, when that is ready.

    ``code`` is its response code, ``refused`` the reason when that is a FAILED one (else empty), ``ends``
    tells that nothing more is expected in this session.
    """

    name: str
    message: XsdType
    payload: bytes | None
    code: str
    refused: str
    ends: bool


class Session:
    """The state of one session. ``state`` is None once it has ended."""

    def __init__(self, protocol: Protocol, context: Context) -> None:
        self.protocol = protocol
        self.context = context
        self.state: StrEnum | None = protocol.table.start
        self._pending: tuple[Row, Errand] | None = None

    def handle(self, message: XsdType, payload: bytes, arrived_at: float) -> Answer | Errand:
        """Take a request and return the answer, or an errand that :meth:`resume` must be told the end of.

        ``payload`` is the EXI that ``message`` was decoded from. Raises SequenceError for a message that
        no response type belongs to, MessageError for what is no message; the caller closes the connection.
        """
        if self.state is None or self._pending is not None:
            raise SequenceError(str(self.state), type(message).__name__)
        envelope = self.protocol.open(message)
        body = envelope.body
        if body is None:
            raise SequenceError(self.state, "a message without body")
        row = self.protocol.table.find(self.state, type(body))
        if row is None:
            expected = " or ".join(t.__name__ for t in self.protocol.table.expected(self.state))
            reason = f"{type(body).__name__} in state {self.state}, which expects {expected}"
            return self._refuse(type(body), Refusal(self.protocol.sequence_error, reason))
        if row.request is not self.protocol.sets_up and envelope.session_id != self.context.session_id:
            reason = f"SessionID {envelope.session_id.hex()} is not that of this session"
            return self._refuse(row.request, Refusal(self.protocol.unknown_session, reason))
        request = Request(body, envelope.session_id, envelope.signature, payload, arrived_at)
        outcome = row.handle(request, self.context)
        if isinstance(outcome, Errand):
            self._pending = (row, outcome)
            return outcome
        return self._settle(row, outcome)

    def resume(self, outcome: bytes | BundleError) -> Answer:
        """Take what the errand brought, and return the answer to the request that it was for."""
        if self._pending is None:
            raise RuntimeError("no errand is under way")
        row, errand = self._pending
        self._pending = None
        return self._settle(row, errand.then(outcome))

    def _settle(self, row: Row, outcome: Reply | Refusal) -> Answer:
        if isinstance(outcome, Refusal):
            return self._refuse(row.request, outcome)
        return self._reply(row, outcome)

    def _reply(self, row: Row, reply: Reply) -> Answer:
        if all(to.state is not reply.next for to in row.to):
            raise RuntimeError(f"{row.state}: {row.request.__name__} must not lead to {reply.next}")
        self.state = reply.next
        return Answer(
            name=type(reply.response).__name__,
            message=self.protocol.wrap(self.context.session_id, reply.response),
            payload=reply.payload,
            code=str(getattr(reply.response, "response_code")),  # noqa: B009 - every response has one
            refused="",
            ends=self.state is None,
        )

    def _refuse(self, request: type[XsdType], refusal: Refusal) -> Answer:
        try:
            response = self.protocol.refuse(request, refusal.code, self.context)
        except KeyError:
            raise SequenceError(str(self.state), request.__name__) from None
        self.state = None
        return Answer(
            name=type(response).__name__,
            message=self.protocol.wrap(self.context.session_id, response),
            payload=None,
            code=refusal.code,
            refused=refusal.reason,
            ends=True,
        )
