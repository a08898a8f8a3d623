"""One end of a modelled TCP connection; :mod:`v2g.net.flow` says what is modelled."""

from collections import deque
from collections.abc import Callable

from v2g.net.flow_parts import Ear, Received, RoundTrips, Scheduler, Segment, Timer
from v2g.net.link import HEADER_BYTES
from v2g.net.medium import Path

_DUPLICATES = 3
_SLACK_S = 1e-6
"""A timer that fires this much early has fired: loops round."""


class Half:
    """One end of a connection: it sends its direction, and receives the other."""

    def __init__(self, path: Path, scheduler: Scheduler, *, up: bool) -> None:
        self.other: Half = self
        self.ear: Ear | None = None
        self.complete: Callable[[], None] = self.open
        self.retransmissions = 0
        self._path = path
        self._scheduler = scheduler
        self._up = up
        self._tcp = path.link.tcp
        self._mss = path.link.mss
        self.trips = RoundTrips(self._tcp)
        self._open = False
        self._dead = False
        # Sending.
        self._written = 0
        self._fin = False
        self._acked = 0
        self._next = 0
        self._segments: deque[Segment] = deque()
        self._pipe = 0
        self._lost = 0
        self._initial_window = self._window = float(self._tcp.initial_window * self._mss)
        self._threshold = float("inf")
        self._recovery = ""
        self._recover_to = 0
        self._timeouts = 0
        self._last_sent = 0.0
        self._deadline: float | None = None
        self._alarm: tuple[float, Timer] | None = None
        # Receiving.
        self._received = Received()
        self._told = 0
        self._unacknowledged = 0
        self._ack_due: Timer | None = None

    @property
    def unacknowledged(self) -> int:
        """Bytes written that the other end has not acknowledged yet."""
        return self._written + self._fin - self._acked

    def write(self, count: int) -> None:
        """Put ``count`` more bytes on their way."""
        if self._dead or self._fin or not count:
            return
        now = self._scheduler.time()
        if not self._segments and now - self._last_sent > self.trips.timeout_s:
            self._window = min(self._window, self._initial_window)  # RFC 5681, 4.1
        self._written += count
        self._push(now)

    def finish(self) -> None:
        """Send FIN after everything written."""
        if not (self._dead or self._fin):
            self._fin = True
            self._push(self._scheduler.time())

    def reset(self) -> None:
        """Drop the connection; the other end learns it by a packet, which may be lost."""
        if not self._dead:
            self._die()
            self._send_reset()

    def open(self, window: int | None = None) -> None:
        """Begin: the handshake is through. ``window`` replaces the initial window, in segments."""
        if self._open or self._dead:
            return
        self._open = True
        if window is not None:
            self._initial_window = self._window = float(window * self._mss)
        if self.ear is not None:
            self.ear.opened()
        self._push(self._scheduler.time())

    def fail(self, reason: str) -> None:
        """End the connection at this end, and say why."""
        if not self._dead:
            self._die()
            if self.ear is not None:
                self.ear.lost(reason)

    def _die(self) -> None:
        self._dead = True
        self._deadline = None
        if self._ack_due is not None:
            self._ack_due.cancel()
        if self._alarm is not None:
            self._alarm[1].cancel()

    # Sending.

    def _push(self, now: float) -> None:
        """Send what the window lets: first what is lost, then what is new."""
        if not self._open or self._dead:
            return
        while True:
            again = next((s for s in self._segments if s.lost), None) if self._lost else None
            if again is not None:
                if self._pipe and self._pipe + again.size > self._window:
                    break
                again.lost = False
                again.tries += 1
                again.sent_at = now
                self._lost -= 1
                self.retransmissions += 1
                self._transmit(again, now)
                continue
            size = min(self._mss, self._written + self._fin - self._next)
            if size <= 0 or (self._pipe and self._pipe + size > self._window):
                break
            segment = Segment(self._next, self._next + size, now)
            self._next += size
            self._segments.append(segment)
            self._transmit(segment, now)

    def _transmit(self, segment: Segment, now: float) -> None:
        self._pipe += segment.size
        self._last_sent = now
        if self._deadline is None:
            self._set_deadline(now + self.trips.timeout_s)
        self._send(segment.start, segment.end, now)

    def _send(self, start: int, end: int, now: float) -> None:
        """Send a packet, which always carries an acknowledgement."""
        self._unacknowledged = 0
        if self._ack_due is not None:
            self._ack_due.cancel()
            self._ack_due = None
        arrival = self._path.carry(HEADER_BYTES + end - start, now, up=self._up)
        if arrival is not None:
            seen = self._received
            self._scheduler.call_at(
                arrival, self.other.take, start, end, seen.expected, tuple(seen.blocks) if seen.blocks else ()
            )

    def _send_reset(self) -> None:
        arrival = self._path.carry(HEADER_BYTES, self._scheduler.time(), up=self._up)
        if arrival is not None:
            self._scheduler.call_at(arrival, self.other.fail, "reset")

    def _set_deadline(self, when: float | None) -> None:
        """Let the retransmission timer fire at ``when``; one that fires too early only looks again."""
        self._deadline = when
        if when is None:
            return
        if self._alarm is not None:
            if self._alarm[0] <= when:
                return
            self._alarm[1].cancel()
        self._alarm = (when, self._scheduler.call_at(when, self._ring))

    def _ring(self) -> None:
        self._alarm = None
        now = self._scheduler.time()
        if self._deadline is None or self._dead:
            return
        if now + _SLACK_S < self._deadline:
            self._set_deadline(self._deadline)
            return
        self._timeouts += 1
        if self._timeouts > self._tcp.retries:
            self.fail("timed out")
            return
        if self._timeouts == 1:
            self._threshold = max(self._pipe / 2, 2.0 * self._mss)
        self._recovery, self._recover_to, self._window = "timeout", self._next, float(self._mss)
        for segment in self._segments:
            if not (segment.sacked or segment.lost):
                segment.lost = True
                self._lost += 1
        self._pipe = 0
        self.trips.back_off()
        self._deadline = None
        self._push(now)

    # Receiving.

    def take(self, start: int, end: int, acked: int, blocks: tuple[tuple[int, int], ...]) -> None:
        """Take a packet off the link."""
        if self._dead:
            self._send_reset()
            return
        if not self._open:
            self.complete()  # data completes the handshake where its last acknowledgement is lost
        now = self._scheduler.time()
        self._take_acknowledgement(acked, blocks, now)
        if end > start and not self._dead:
            self._take_data(start, end, now)

    def _take_data(self, start: int, end: int, now: float) -> None:
        seen = self._received
        in_order = seen.add(start, end)
        self._unacknowledged += 1
        if not in_order or self._unacknowledged > 1:
            self._send(self._next, self._next, now)
        elif self._ack_due is None:
            due = now + self._tcp.delayed_ack_s
            self._ack_due = self._scheduler.call_at(due, self._acknowledge)
        self._tell()

    def _acknowledge(self) -> None:
        self._ack_due = None
        if not self._dead:
            self._send(self._next, self._next, self._scheduler.time())

    def _tell(self) -> None:
        """Hand over what has become complete; the FIN is the one unit behind what was written."""
        fresh = self._received.expected - self._told
        if not fresh or self.ear is None:
            return
        self._told += fresh
        finished = self.other.has_ended_at(self._told)
        if fresh - finished:
            self.ear.arrived(fresh - finished)
        if finished:
            self.ear.ended()

    def has_ended_at(self, number: int) -> bool:
        """Tell whether the unit before ``number`` is the FIN."""
        return self._fin and number == self._written + 1

    def _take_acknowledgement(self, acked: int, blocks: tuple[tuple[int, int], ...], now: float) -> None:
        in_flight = self._pipe
        fresh = max(0, acked - self._acked)
        if fresh:
            self._acked = acked
            self._drop_acknowledged(now)
            self._timeouts = 0
            self.trips.recover()
        if blocks:
            self._mark(blocks)
        if self._recovery and self._acked >= self._recover_to:
            if self._recovery == "fast":
                self._window = self._threshold
            self._recovery = ""
        elif fresh and self._recovery != "fast":
            self._grow(fresh, in_flight)
        if fresh:
            self._set_deadline(now + self.trips.timeout_s if self._segments else None)
        self._push(now)

    def _drop_acknowledged(self, now: float) -> None:
        round_trip_s = None
        while self._segments and self._segments[0].end <= self._acked:
            segment = self._segments.popleft()
            if segment.lost:
                self._lost -= 1
            elif not segment.sacked:
                self._pipe -= segment.size
            if segment.tries == 1 and not segment.sacked:
                round_trip_s = now - segment.sent_at
        if round_trip_s is not None:
            self.trips.sample(round_trip_s)

    def _mark(self, blocks: tuple[tuple[int, int], ...]) -> None:
        """Note what has arrived beyond a hole; three such segments make the hole a loss (RFC 6675)."""
        beyond = 0
        for segment in reversed(self._segments):
            if not segment.sacked and any(a <= segment.start and segment.end <= b for a, b in blocks):
                segment.sacked = True
                if segment.lost:
                    segment.lost = False
                    self._lost -= 1
                else:
                    self._pipe -= segment.size
            if segment.sacked:
                beyond += 1
            elif beyond >= _DUPLICATES and segment.tries == 1 and not segment.lost:
                segment.lost = True
                self._lost += 1
                self._pipe -= segment.size
                if not self._recovery:
                    flight = self._next - self._acked
                    self._threshold = self._window = max(flight / 2, 2.0 * self._mss)
                    self._recovery, self._recover_to = "fast", self._next

    def _grow(self, fresh: int, in_flight: int) -> None:
        """Open the window, if it was the window that held us back (RFC 5681, RFC 7661)."""
        if 2 * in_flight < self._window:
            return
        if self._window < self._threshold:
            self._window += min(fresh, 2 * self._mss)
        else:
            self._window += self._mss * self._mss / self._window
