"""The conversation of one connection: V2GTP frames, the schema agreed on, messages, times, and how it ended.

Bytes of both sides in, events of a trace out. Times are those at the place of capture: ``elapsed_s`` of a response
goes from the first byte of its request to its own last one.
"""

from collections.abc import Iterator
from typing import Any

from exi.schema import XsdType
from lab.captures.checks import Checker
from lab.captures.schemas import NegotiationError, fitting, guessed, negotiated
from lab.captures.telling import Teller
from lab.trace_file import Event
from v2g.connection import (
    ConnectionBroken,
    FrameIgnored,
    FrameReceived,
    V2GConnection,
    message_name,
    response_code,
)
from v2g.errors import FramingError, MessageError
from v2g.messages import appprotocol
from v2g.protocols import DIN, ISO2, Edition
from v2g.v2gtp import HEADER_LENGTH, VERSION, Frame, PayloadType

_LOSS_MARK = bytes((VERSION, VERSION ^ 0xFF))


def is_v2gtp(data: bytes) -> bool:
    """Say whether a stream that begins with these bytes (four or more) is V2GTP."""
    return len(data) >= 4 and data[:2] == _LOSS_MARK and data[2] in {0x80, 0x81, 0x90}


class Dialogue:
    """One V2G connection; ``car`` is the side of the car (None: the first message tells).

    ``decoded`` and ``failed`` count messages that could be decoded, and frames that could not be.
    """

    def __init__(self, tell: Teller, checker: Checker, car: int | None) -> None:
        self.edition: Edition | None = None
        self.decoded = 0
        self.failed = 0
        self._tell, self._checker, self._car = tell, checker, car
        self._framers = [V2GConnection(), V2GConnection()]
        self._resuming = [False, False]
        self._offers: appprotocol.SupportedAppProtocolReq | None = None
        self._asked: tuple[str, FrameReceived] | None = None
        self._last_name = ""
        self._unjudged = True
        self._stopped = ""
        self._refusal = ""

    def feed(self, side: int, data: bytes, t: float) -> Iterator[Event]:
        """Take the next bytes of a side, captured at ``t``."""
        if self._resuming[side]:
            if not is_v2gtp(data):
                return
            self._resuming[side] = False
        for event in self._framers[side].receive_data(data, t):
            if isinstance(event, FrameReceived):
                yield from self._frame(side, event)
            else:
                yield self._rejected_frame(event)

    def lost(self, side: int, length: int, t: float) -> Iterator[Event]:
        """Note that bytes are missing, and go on with the next message that begins at the beginning of a segment."""
        self.failed += 1
        who = "car" if self._car in {None, side} else "charger"
        reason = f"{length} bytes of the {who} are missing in the capture"
        yield self._tell(t, "message.rejected", reason=reason)
        framer = V2GConnection()
        framer.use(self._framers[side].schemas)
        self._framers[side], self._resuming[side] = framer, True

    def closed(self, side: int | None, t: float, *, reset: bool) -> Iterator[Event]:
        """End the session; ``side`` is who ended it, None if the capture ends first."""
        open_ends = [framer.missing for framer in self._framers]
        inside = f", {max(open_ends)} bytes before the end of a message" if any(open_ends) else ""
        if side is not None:
            car = side == (self._car or 0)
            how = "reset" if reset else "closed"
            yield self._tell(
                t,
                "tcp.closed",
                reason=f"the {'car' if car else 'charger'} {how} the connection{inside}",
                by="us" if car else "peer",
            )
        if side is None and not self._stopped:
            return
        outcome = "ok" if self._stopped else "failed" if self._refusal else "aborted"
        after = f"the connection ended after {self._last_name or 'nothing'}{inside}"
        yield self._tell(
            t,
            "session.ended",
            outcome=outcome,
            reason=self._stopped or self._refusal or after,
            protocol=None if self.edition is None else self.edition.key,
            energy_wh=None,
        )

    def _frame(self, side: int, received: FrameReceived) -> Iterator[Event]:
        frame, remark = received.frame, ""
        self._settle(frame)
        try:
            message = self._framers[side].decode(frame)
        except (MessageError, FramingError) as error:
            found = self._elsewhere(frame) if isinstance(error, FramingError) else None
            if found is None:
                yield self._rejected_message(received, error)
                return
            message, remark = found, f"payload type 0x{frame.payload_type:04X} does not fit this message"
        self.decoded += 1
        name = message_name(message)
        if self._car is None:
            self._car = 1 - side if name.endswith("Res") else side
        outbound = side == self._car
        fields: dict[str, Any] = {"remark": remark} if remark else {}
        first = not self._last_name
        if isinstance(message, appprotocol.SupportedAppProtocolReq):
            self._offers, self._unjudged = message, False
        else:
            self._note_session(message)
        if first:
            yield self._tell(received.began_at, "session.started")
        yield self._message_event(received, message, outbound=outbound, **fields)
        self._last_name = name
        if isinstance(message, appprotocol.SupportedAppProtocolRes):
            yield from self._negotiate(message, received.arrived_at)
        elif self.edition is not None and self.edition is not DIN:
            yield from self._checker.message(self._tell, message, received.arrived_at)

    def _message_event(
        self, received: FrameReceived, message: XsdType, *, outbound: bool, **fields: Any
    ) -> Event:
        name, frame = message_name(message), received.frame
        fields = {
            "name": name,
            "bytes": frame.wire_length,
            "payload_type": int(frame.payload_type),
            "exi": frame.payload,
        } | fields
        if (code := response_code(message)) is not None:
            fields["response_code"] = code
            if code.upper().startswith("FAILED"):
                self._refusal = f"{name} says {code}"
        if outbound:
            self._asked = (name, received)
            return self._tell(received.began_at, "message.sent", **fields)
        if self._asked is not None:
            asked, request = self._asked
            fields["elapsed_s"] = max(0.0, received.arrived_at - request.began_at)
            timing = (self.edition or ISO2).timing
            try:
                limit = timing.message_timeout(asked)
            except KeyError:
                pass  # a message that the edition has no timer for
            else:
                fields |= {"limit_s": limit.seconds, "limit_name": limit.name}
            self._asked = None
        if name == "SessionStopRes" and not self._refusal:
            self._stopped = "SessionStop"
        return self._tell(received.arrived_at, "message.received", **fields)

    def _settle(self, frame: Frame) -> None:
        """Find the edition of a session whose negotiation is not in the capture."""
        if self.edition is not None or not self._unjudged:
            return
        if (
            frame.payload_type is PayloadType.EXI
            and fitting(frame.payload, (appprotocol.SCHEMA,)) is not None
        ):
            return
        edition = guessed(frame)
        if edition is not None:
            self._use(edition)
            self._unjudged = False

    def _use(self, edition: Edition) -> None:
        self.edition = edition
        for framer in self._framers:
            framer.use(edition.schemas)

    def _negotiate(self, response: appprotocol.SupportedAppProtocolRes, t: float) -> Iterator[Event]:
        try:
            edition = negotiated(self._offers, response)
        except NegotiationError as error:
            self._unjudged = True
            yield self._tell(t, "error", type="NegotiationError", detail=str(error))
            return
        if edition is not None:
            self._use(edition)

    def _note_session(self, message: XsdType) -> None:
        """Take the SessionID: that of the session set-up's response, or of what comes first."""
        edition = self.edition
        if edition is None or isinstance(message, appprotocol.SupportedAppProtocolRes):
            return
        try:
            session_id = edition.open(message).session_id
        except MessageError:
            return
        if any(session_id) and (self._tell.session is None or message_name(message) == "SessionSetupRes"):
            self._tell.session = session_id.hex()

    def _elsewhere(self, frame: Frame) -> XsdType | None:
        """Return the message of a frame whose payload type is another one's, as some stacks send them."""
        return None if self.edition is None else fitting(frame.payload, self.edition.schemas.values())

    def _rejected_message(self, received: FrameReceived, error: MessageError | FramingError) -> Event:
        self.failed += 1
        frame = received.frame
        fields: dict[str, Any] = {"bytes": frame.wire_length, "payload_type": int(frame.payload_type)}
        if isinstance(error, MessageError):
            fields |= {"path": error.path, "bit_offset": error.bit_offset}
        return self._tell(
            received.arrived_at, "message.rejected", reason=error.reason, exi=frame.payload, **fields
        )

    def _rejected_frame(self, event: FrameIgnored | ConnectionBroken) -> Event:
        self.failed += 1
        fields: dict[str, Any] = {"reason": str(event.error), "field": event.error.field}
        if isinstance(event, FrameIgnored):
            fields["bytes"] = event.announced_length + HEADER_LENGTH
        return self._tell(event.at, "message.rejected", **fields)
