"""A link in use: packets go in, and come out at a time, or never.

Pure: no loop, no clock; the time is an argument. Random numbers come from streams of their own, each
named by the seed and its purpose, so that the packets of one connection do not shift the draws of another.
"""

from dataclasses import dataclass, field
from ipaddress import ip_address
from random import Random

from v2g.net.link import Link


@dataclass(slots=True)
class WayCounts:
    """What happened to the packets of one way."""

    packets: int = 0
    bytes: int = 0
    lost: int = 0
    overflowed: int = 0
    cut_off: int = 0

    @property
    def missing(self) -> int:
        """Packets that never arrived: lost, dropped by a full queue, or in an outage."""
        return self.lost + self.overflowed + self.cut_off


@dataclass(slots=True)
class _Wire:
    """The state of one way: how far its queue reaches, and the state of the loss chain."""

    random: Random
    busy_until: float = 0.0
    bad: bool = False
    counts: WayCounts = field(default_factory=WayCounts)


class Medium:
    """What the connections over one link share: the queues, the loss chains and the outages.

    ``link`` may be replaced at any time; what is under way is not touched. ``origin`` is the loop's time
    from which outages count.
    """

    def __init__(self, link: Link, seed: int | str = 0, *, origin: float = 0.0) -> None:
        self.link = link
        self.seed = seed
        self.origin = origin
        self.connections = 0
        self._up = _Wire(stream_of(seed, "up"))
        self._down = _Wire(stream_of(seed, "down"))
        self._dns = stream_of(seed, "dns")

    def path(self) -> "Path":
        """Return the way of one more connection."""
        self.connections += 1
        return Path(self, stream_of(self.seed, f"connection {self.connections}"))

    def resolve_s(self, host: str) -> float:
        """Draw how long it takes to resolve a host's name; an address takes no time."""
        try:
            ip_address(host)
        except ValueError:
            return self.link.dns.sample(self._dns)
        return 0.0

    def counts(self, *, up: bool) -> WayCounts:
        """Return what happened to the packets of one way; a live object."""
        return (self._up if up else self._down).counts

    def leaves(self, size: int, now: float, *, up: bool) -> float | None:
        """Put a packet of ``size`` bytes on a way; return when its last bit has left, None if it is lost.

        A packet that is lost on the way has still taken its time on it; one that finds the queue full
        has not.
        """
        wire, way = (self._up, self.link.up) if up else (self._down, self.link.down)
        counts = wire.counts
        counts.packets += 1
        counts.bytes += size
        begin = max(now, wire.busy_until)
        if way.rate_bit_s is not None:
            waiting = (begin - now) * way.rate_bit_s / 8
            if way.queue_bytes is not None and waiting + size > way.queue_bytes:
                counts.overflowed += 1
                return None
            begin += size * 8 / way.rate_bit_s
            wire.busy_until = begin
        lost = self._is_lost(wire, up=up)
        if any(outage.covers(begin - self.origin) for outage in self.link.outages):
            counts.cut_off += 1
            return None
        if lost:
            counts.lost += 1
            return None
        return begin

    def _is_lost(self, wire: _Wire, *, up: bool) -> bool:
        loss = self.link.way(up=up).loss
        if loss.to_bad or wire.bad:
            step = wire.random.random()
            wire.bad = step >= loss.to_good if wire.bad else step < loss.to_bad
        chance = loss.bad if wire.bad else loss.good
        return chance > 0 and wire.random.random() < chance


class Path:
    """One connection's view of a medium: its round-trip time of the moment, and its order of packets."""

    def __init__(self, medium: Medium, random: Random) -> None:
        self.medium = medium
        self._random = random
        self._rtt_s = 0.0
        self._drawn_at: float | None = None
        self._latest = {True: 0.0, False: 0.0}

    @property
    def link(self) -> Link:
        """The link's figures at the moment."""
        return self.medium.link

    def carry(self, size: int, now: float, *, up: bool) -> float | None:
        """Return when a packet of ``size`` bytes that is sent ``now`` arrives; None if it never does."""
        left = self.medium.leaves(size, now, up=up)
        link = self.medium.link
        if self._drawn_at is None or now - self._drawn_at >= link.coherence_s:
            self._rtt_s = link.rtt.sample(self._random)
            self._drawn_at = now
        jitter_s = link.jitter.sample(self._random)
        if left is None:
            return None
        self._latest[up] = max(self._latest[up], left + self._rtt_s / 2 + jitter_s)
        return self._latest[up]


def stream_of(seed: int | str, purpose: str) -> Random:
    """Return a random stream of its own for a purpose; the same on every machine."""
    return Random(f"{seed}/{purpose}")  # noqa: S311 - a simulation that must repeat, no secret
