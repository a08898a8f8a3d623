"""One session, from the first request after SupportedAppProtocol to its end. No I/O, no clock.

The engine takes a decoded request and says what to send. Its rules hold for every protocol, state and
request, so that no handler repeats them:

1. A message that is no request of the protocol, or has no body, gets no answer: SequenceError.
2. A request that the table does not name for the state gets FAILED_SequenceError in the response type
   that belongs to it [V2G2-459][V2G2-538].
3. A request with another SessionID than the session's gets FAILED_UnknownSession [V2G2-460].
4. A handler's Refusal gets its code. Every response that is not OK has valid placeholders in its mandatory
   fields [V2G20-2202]; a FAILED one ends the session [V2G2-539][V2G20-2222], after a WARNING it goes on.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from exi.schema import XsdType
from secc.context import Context
from secc.protocol import Protocol
from secc.table import Errand, Refusal, Reply, Request, Row
from v2g.errors import SequenceError
from v2g.messages.xmldsig import Signature
from v2g.v2gtp import PayloadType

NO_SESSION = bytes(8)
"""The SessionID in an answer to a car that has no session [V2G2-750]."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send: the whole ``message``, or ``payload``, its EXI, when that is ready.

    ``payload_type`` is that of its main stream. ``code`` is its response code, ``refused`` the reason when
    that is not OK (else empty), ``ends`` tells that nothing more is expected in this session.
    """

    name: str
    message: XsdType
    payload_type: PayloadType
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
        self._pending: tuple[Row, Errand[Any]] | None = None

    def handle(self, message: XsdType, payload: bytes, arrived_at: float) -> Answer | Errand[Any]:
        """Take a request and return the answer, or an errand that :meth:`resume` must be told the end of.

        ``payload`` is the EXI that ``message`` was decoded from. Raises SequenceError for a message that
        no response type belongs to, MessageError for what is no message; the caller closes the connection.
        """
        if self.state is None or self._pending is not None:
            raise SequenceError(str(self.state), type(message).__name__)
        envelope = self.protocol.edition.open(message)
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

    def resume(self, outcome: object) -> Answer:
        """Take what the errand brought, and return the answer to the request that it was for.

        A BundleError stands for its failure, None for "not yet".
        """
        if self._pending is None:
            raise RuntimeError("no errand is under way")
        row, errand = self._pending
        self._pending = None
        return self._settle(row, errand.then(outcome))

    def _settle(self, row: Row, outcome: Reply | Refusal) -> Answer:
        if isinstance(outcome, Refusal) and outcome.next is None:
            return self._refuse(row.request, outcome)
        if all(to.state is not outcome.next for to in row.to):
            raise RuntimeError(f"{row.state}: {row.request.__name__} must not lead to {outcome.next}")
        if isinstance(outcome, Refusal):
            return self._refuse(row.request, outcome)
        self.state = outcome.next
        code = str(getattr(outcome.response, "response_code"))  # noqa: B009 - every response has one
        return self._answer(outcome.response, code, payload=outcome.payload, signature=outcome.signature)

    def _refuse(self, request: type[XsdType], refusal: Refusal) -> Answer:
        try:
            response = self.protocol.refuse(request, refusal.code, self.context)
        except KeyError:
            raise SequenceError(str(self.state), request.__name__) from None
        self.state = refusal.next
        return self._answer(response, refusal.code, refused=refusal.reason)

    def _answer(
        self,
        response: XsdType,
        code: str,
        *,
        refused: str = "",
        payload: bytes | None = None,
        signature: Signature | None = None,
    ) -> Answer:
        edition = self.protocol.edition
        now = int(self.context.charger.clock.now().timestamp())
        return Answer(
            name=type(response).__name__,
            message=edition.wrap(self.context.session_id or NO_SESSION, response, signature, now),
            payload_type=edition.payload_type(response),
            payload=payload,
            code=code,
            refused=refused,
            ends=self.state is None,
        )
