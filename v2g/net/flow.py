"""TCP over a link as a flow of numbered bytes: it tells when what was written arrives.

Only counts of bytes are handled; who writes keeps the bytes and hands over as many as :meth:`Ear.arrived`
says. Every segment, acknowledgement and timer is an event on a scheduler, an asyncio loop for instance,
so it runs on virtual time and in real time alike, and connections compete for the queues of their link.

What is modelled: the handshake with SYN and SYN-ACK repeated after 1 s, 2 s, 4 s … (RFC 6298); initial window
of 10 segments (RFC 6928), of one after a lost SYN, slow start, congestion avoidance, restart after idleness
(RFC 5681); retransmission timer with at least 200 ms as in Linux, doubled each time, Karn's rule (RFC 6298);
fast retransmit and recovery by selective acknowledgements (RFC 2018, RFC 6675, without its rescue
retransmission); acknowledgements of every second segment or after 40 ms, at once for what is out of order
(RFC 1122, RFC 5681), and carried by data; FIN and RST.

What is not: CUBIC, ECN, pacing, tail loss probes and RACK (RFC 8985; they find some losses sooner than we do),
TCP Fast Open, Nagle's algorithm (both sides of V2G and of our HTTP switch it off), and the receive window: it never
limits, whoever writes bounds what is under way.
"""

from collections.abc import Callable

from v2g.net.flow_parts import Scheduler, Timer
from v2g.net.half import Half
from v2g.net.link import HEADER_BYTES
from v2g.net.medium import Path

SYN_BYTES = 80
"""A SYN with its options, in IPv6."""


class Flow:
    """A TCP connection over a path: :attr:`near` connects, :attr:`far` listens.

    ``accepts`` is asked when a SYN arrives whether anybody listens.
    """

    def __init__(self, path: Path, scheduler: Scheduler, accepts: Callable[[], bool] = lambda: True) -> None:
        self.near = Half(path, scheduler, up=True)
        self.far = Half(path, scheduler, up=False)
        self.near.other, self.far.other = self.far, self.near
        self.far.complete = self._complete
        self.syns = 0
        self._path = path
        self._scheduler = scheduler
        self._accepts = accepts
        self._tcp = path.link.tcp
        self._established = False
        self._far_open = False
        self._given_up = False
        self._syn_acks = 0
        self._answered_at: float | None = None
        self._timer: Timer | None = None
        self._far_timer: Timer | None = None

    def open(self) -> None:
        """Send the SYN; the ears hear what becomes of it."""
        self._send_syn()

    def abandon(self) -> None:
        """Stop the handshake: whoever wanted the connection has left."""
        self._given_up = True
        for timer in (self._timer, self._far_timer):
            if timer is not None:
                timer.cancel()

    def _send_syn(self) -> None:
        if self._established or self._given_up:
            return
        if self.syns > self._tcp.syn_retries:
            self.abandon()
            self.near.fail("timed out")
            return
        now = self._scheduler.time()
        wait_s = min(self._tcp.initial_rto_s * 2**self.syns, self._tcp.max_rto_s)
        self.syns += 1
        self._timer = self._scheduler.call_at(now + wait_s, self._send_syn)
        arrival = self._path.carry(SYN_BYTES, now, up=True)
        if arrival is not None:
            self._scheduler.call_at(arrival, self._take_syn, now)

    def _take_syn(self, sent_at: float) -> None:
        if self._given_up:
            return
        if not self._accepts():
            arrival = self._path.carry(HEADER_BYTES, self._scheduler.time(), up=False)
            if arrival is not None:
                self._scheduler.call_at(arrival, self._take_refusal)
            return
        self._answer(sent_at)

    def _take_refusal(self) -> None:
        if not (self._established or self._given_up):
            self.abandon()
            self.near.fail("refused")

    def _answer(self, sent_at: float | None) -> None:
        """Send the SYN-ACK, and again until its acknowledgement comes."""
        if self._given_up or self._far_open or self._syn_acks > self._tcp.syn_retries:
            return
        now = self._scheduler.time()
        wait_s = min(self._tcp.initial_rto_s * 2**self._syn_acks, self._tcp.max_rto_s)
        self._syn_acks += 1
        self._answered_at = now
        if self._far_timer is not None:
            self._far_timer.cancel()
        self._far_timer = self._scheduler.call_at(now + wait_s, self._answer, None)
        arrival = self._path.carry(SYN_BYTES, now, up=False)
        if arrival is not None:
            self._scheduler.call_at(arrival, self._take_answer, sent_at)

    def _take_answer(self, sent_at: float | None) -> None:
        if self._given_up:
            return
        now = self._scheduler.time()
        arrival = self._path.carry(HEADER_BYTES, now, up=True)
        if arrival is not None:
            self._scheduler.call_at(arrival, self._complete)
        if self._established:
            return
        self._established = True
        if self._timer is not None:
            self._timer.cancel()
        if self.syns == 1 and sent_at is not None:
            self.near.trips.sample(now - sent_at)
        else:
            self.near.trips.forget_handshake()
        self.near.open(None if self.syns == 1 and self._syn_acks == 1 else 1)

    def _complete(self) -> None:
        """Let the listening side begin: the handshake's last acknowledgement, or data, has come."""
        if self._far_open:
            return
        self._far_open = True
        if self._far_timer is not None:
            self._far_timer.cancel()
        if self._syn_acks == 1 and self._answered_at is not None:
            self.far.trips.sample(self._scheduler.time() - self._answered_at)
        self.far.open(None if self._syn_acks == 1 else 1)
