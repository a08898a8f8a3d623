"""What :mod:`v2g.net.flow` is made of: who listens, segments, what has arrived, and the timeout."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from v2g.net.link import Tcp


class Timer(Protocol):
    """What a scheduler gives for a call that is due."""

    def cancel(self) -> None:
        """Forget the call."""


class Scheduler(Protocol):
    """The part of an asyncio loop that is needed here."""

    def time(self) -> float:
        """Return the time in seconds."""

    def call_at(self, when: float, callback: Callable[..., object], *args: object) -> Timer:
        """Call at a time; calls of the same instant in the order in which they were made."""


class Ear(Protocol):
    """Who sits at one end of a connection and is told what happens."""

    def opened(self) -> None:
        """Take note that the connection stands: for the listening side, that there is one to accept."""

    def arrived(self, count: int) -> None:
        """Take the next ``count`` bytes that the other side wrote."""

    def ended(self) -> None:
        """Take note that the other side's direction has ended, after everything it wrote."""

    def lost(self, reason: str) -> None:
        """Take note that the connection is gone: ``refused``, ``reset`` or ``timed out``."""


@dataclass(slots=True)
class Segment:
    """A segment that was sent and is not acknowledged yet: units ``start`` to ``end``."""

    start: int
    end: int
    sent_at: float
    tries: int = 1
    sacked: bool = False
    lost: bool = False

    @property
    def size(self) -> int:
        """Return its length in units of the sequence."""
        return self.end - self.start


@dataclass(slots=True)
class Received:
    """What has arrived at one end: everything before ``expected``, and the blocks beyond it."""

    expected: int = 0
    blocks: list[tuple[int, int]] = field(default_factory=list)

    def add(self, start: int, end: int) -> bool:
        """Add a segment; tell whether it was the one expected and nothing is missing before or behind it."""
        if start > self.expected:
            if not any(low <= start and end <= high for low, high in self.blocks):
                self.blocks = _merged([*self.blocks, (start, end)])
            return False
        in_order = end > self.expected and not self.blocks
        self.expected = max(self.expected, end)
        while self.blocks and self.blocks[0][0] <= self.expected:
            self.expected = max(self.expected, self.blocks.pop(0)[1])
        return in_order


def _merged(blocks: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(blocks):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


class RoundTrips:
    """The retransmission timeout of RFC 6298, from samples of the round trip."""

    def __init__(self, tcp: Tcp) -> None:
        self._tcp = tcp
        self._smoothed: float | None = None
        self._variation = 0.0
        self.timeout_s = tcp.initial_rto_s

    def sample(self, seconds: float) -> None:
        """Take a round trip of a segment that was sent once (Karn's rule)."""
        if self._smoothed is None:
            self._smoothed, self._variation = seconds, seconds / 2
        else:
            self._variation += (abs(self._smoothed - seconds) - self._variation) / 4
            self._smoothed += (seconds - self._smoothed) / 8
        self.recover()

    def recover(self) -> None:
        """Take back the doubling: something new was acknowledged."""
        if self._smoothed is not None:
            # As Linux does it: the floor is that of the variation, not of the sum.
            spread = max(self._tcp.min_rto_s, 4 * self._variation)
            self.timeout_s = min(self._smoothed + spread, self._tcp.max_rto_s)

    def back_off(self) -> None:
        """Double the timeout."""
        self.timeout_s = min(2 * self.timeout_s, self._tcp.max_rto_s)

    def forget_handshake(self) -> None:
        """Begin data with 3 s: the SYN was sent more than once, so nothing was measured (RFC 6298, 5.7)."""
        self.timeout_s = min(max(3.0, self._tcp.min_rto_s), self._tcp.max_rto_s)
