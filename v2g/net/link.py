"""What a link is: its figures, without anything that happens on it.

:mod:`v2g.net.medium` carries packets by these figures, :mod:`v2g.net.flow` runs TCP on top. A link has a side
that connects (the car, a charger before its backend) and a side that listens; *up* is from the first to the
second.

What is described: round-trip time drawn from a distribution, jitter of each packet, loss (independent, or in
bursts by the model of Gilbert and Elliott), rate and drop-tail queue of each way, MTU, the time a name takes,
windows in which nothing passes. What is not: reordering (packets of one way keep their order, as on links that
repeat what they lost by themselves), corruption, duplication, rates that change with the radio's state,
and queues shared with traffic that is not ours; put that into jitter and rate.
"""

from typing import Self

import msgspec

from v2g.net.distributions import ZERO, Delay

HEADER_BYTES = 72
"""IPv6 (40) and TCP (20) with time stamps (12, RFC 7323): what a segment weighs on top of its bytes."""
SMALLEST_MTU, LARGEST_MTU = 576, 65_535


class _Figures(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all the descriptions are: immutable, and strict about names."""


class Loss(_Figures, frozen=True):
    """Loss by the two-state chain of Gilbert (1960) and Elliott (1963), stepped once a packet.

    In the good state a packet is lost with ``good``, in the bad one with ``bad``; ``to_bad`` and ``to_good``
    are the chances of changing the state before the packet. Bursts therefore last packets, not
    seconds: a long silence does not end one. For seconds there is :class:`Outage`. The default loses nothing.
    """

    to_bad: float = 0.0
    to_good: float = 1.0
    good: float = 0.0
    bad: float = 1.0

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie between 0 and 1")
        if self.to_bad > 0 and self.to_good == 0:
            raise ValueError("to_good must not be 0: nothing would ever leave the bad state")

    @classmethod
    def independent(cls, rate: float) -> Self:
        """Return loss of each packet on its own with the probability ``rate``."""
        return cls(good=rate)

    @classmethod
    def bursts(cls, rate: float, length: float) -> Self:
        """Return loss of ``rate`` overall, in bursts of ``length`` packets on average (the Gilbert model)."""
        if not (0 <= rate < 1 and length >= 1):
            raise ValueError("the rate must lie between 0 and 1, and bursts have at least one packet")
        to_bad = rate / (length * (1 - rate))
        if to_bad > 1:
            raise ValueError(f"no bursts of {length:g} packets can make a loss of {rate:g}")
        return cls(to_bad=to_bad, to_good=1 / length)

    @property
    def rate(self) -> float:
        """The share of packets that is lost in the long run."""
        if self.to_bad == 0:
            return self.good
        share = self.to_bad / (self.to_bad + self.to_good)
        return share * self.bad + (1 - share) * self.good


class Way(_Figures, frozen=True):
    """One direction: ``rate_bit_s`` (None: no limit), a drop-tail queue of ``queue_bytes`` before it, and loss."""

    rate_bit_s: float | None = None
    queue_bytes: int | None = None
    loss: Loss = Loss()

    def __post_init__(self) -> None:
        if self.rate_bit_s is not None and not self.rate_bit_s > 0:
            raise ValueError("rate_bit_s must be greater than 0")
        if self.queue_bytes is not None and self.queue_bytes < SMALLEST_MTU:
            raise ValueError(f"queue_bytes must be at least {SMALLEST_MTU}: a packet has to fit")


class Outage(_Figures, frozen=True, kw_only=True):
    """From ``start_s`` on, for ``length_s``, every packet is lost; with ``every_s``, again and again.

    Seconds count from the beginning of the run.
    """

    start_s: float = 0.0
    length_s: float
    every_s: float | None = None

    def __post_init__(self) -> None:
        if self.start_s < 0 or not self.length_s > 0:
            raise ValueError("start_s must not be negative, and length_s must be greater than 0")
        if self.every_s is not None and self.every_s <= self.length_s:
            raise ValueError("every_s must be greater than length_s")

    def covers(self, elapsed_s: float) -> bool:
        """Tell whether nothing passes at that moment."""
        since = elapsed_s - self.start_s
        if since < 0:
            return False
        return (since % self.every_s if self.every_s is not None else since) < self.length_s


class Tcp(_Figures, frozen=True):
    """The constants of both ends' TCP. The defaults are those of Linux where it differs from the RFC.

    ``initial_window`` in segments (RFC 6928); ``initial_rto_s`` of SYN and first data (RFC 6298);
    ``min_rto_s`` is 0.2 in Linux, 1 in RFC 6298; ``max_rto_s``; ``syn_retries`` and ``retries`` before the
    connection is given up; ``delayed_ack_s`` (RFC 1122 allows up to 0.5).
    """

    initial_window: int = 10
    initial_rto_s: float = 1.0
    min_rto_s: float = 0.2
    max_rto_s: float = 120.0
    syn_retries: int = 6
    retries: int = 15
    delayed_ack_s: float = 0.04

    def __post_init__(self) -> None:
        if self.initial_window < 1 or self.syn_retries < 0 or self.retries < 0:
            raise ValueError("initial_window must be at least 1, retries not negative")
        if not 0 < self.min_rto_s <= self.initial_rto_s <= self.max_rto_s:
            raise ValueError("0 < min_rto_s ≤ initial_rto_s ≤ max_rto_s must hold")
        if not 0 <= self.delayed_ack_s <= 0.5:
            raise ValueError("delayed_ack_s must lie between 0 and 0.5")


class Link(_Figures, frozen=True):
    """A link between two ends.

    ``rtt`` is drawn for each connection, and again once the last draw is ``coherence_s`` old; half of it
    counts each way. ``jitter`` is drawn for each packet and added. ``dns`` is what resolving a name takes
    before a connection to it. ``up`` and ``down`` are the ways. The default is a perfect link.
    """

    name: str = "perfect"
    rtt: Delay = ZERO
    jitter: Delay = ZERO
    up: Way = Way()
    down: Way = Way()
    mtu: int = 1500
    dns: Delay = ZERO
    outages: tuple[Outage, ...] = ()
    coherence_s: float = 1.0
    tcp: Tcp = Tcp()

    def __post_init__(self) -> None:
        if not SMALLEST_MTU <= self.mtu <= LARGEST_MTU:
            raise ValueError(f"mtu must lie between {SMALLEST_MTU} and {LARGEST_MTU}")
        if not self.coherence_s > 0:
            raise ValueError("coherence_s must be greater than 0")
        for way in (self.up, self.down):
            if way.queue_bytes is not None and way.queue_bytes < self.mtu:
                raise ValueError("queue_bytes must hold at least one packet of mtu bytes")

    @property
    def mss(self) -> int:
        """Bytes of the stream in a full segment."""
        return self.mtu - HEADER_BYTES

    def way(self, *, up: bool) -> Way:
        """Return one of the two ways."""
        return self.up if up else self.down
