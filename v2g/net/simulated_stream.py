"""One end of a connection in memory; :class:`v2g.net.simulated.SimulatedNetwork` makes pairs of them."""

import asyncio
import functools
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from v2g.errors import ConnectionClosedError
from v2g.net.half import Half
from v2g.net.stream import TlsInfo
from v2g.net.toxics import Effect, Gate, Item, Signal


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes on their way: of which connection (counted from 1), from whom to whom, and when they left."""

    connection: int
    source: str
    destination: str
    to_listener: bool
    """True from the side that connected (the EV) to the side that listens (the charger)."""
    number: int
    """Counts the pieces of this direction from 0."""
    data: bytes
    at: float


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a piece.

    ``delay_s`` comes on top of the link's delay. ``data`` replaces the bytes. ``drop`` silences this
    direction from here on: TCP would repeat a lost segment, so what never arrives keeps back all that
    follows. ``close`` resets the connection for both sides.
    """

    delay_s: float = 0.0
    data: bytes | None = None
    drop: bool = False
    close: bool = False


DELIVER = Fate()
Fault = Callable[[Piece], Fate]


class Rules(Protocol):
    """What a network says about all of its connections; it may change while they run."""

    delay_s: float
    chunk_size: int | None
    fault: Fault | None
    weigh: Callable[[bytes], int]


class SimulatedStream:
    """One end of a simulated connection.

    Bytes go through the network's fault, then through ``effects`` (toxics), then either straight to the other
    end after the network's delay, or into ``half``, the modelled TCP, which says when they arrive.
    """

    def __init__(
        self,
        rules: Rules,
        connection: int,
        local: str,
        peer: str,
        *,
        to_listener: bool,
        half: Half | None = None,
        effects: Sequence[Effect] = (),
    ) -> None:
        self.other: SimulatedStream = self
        self.local = local
        self.peer = peer
        self.on_open: Callable[[], None] = lambda: None
        self.on_lost: Callable[[str], None] = lambda _reason: None
        self.in_flow: deque[tuple[int, bytes]] = deque()
        self._rules = rules
        self._connection = connection
        self._to_listener = to_listener
        self._received = bytearray()
        self._readable = asyncio.Event()
        self._eof = False
        self._end: ConnectionClosedError | None = None
        self._silenced = False
        self._sent = 0
        self._latest_in = 0.0
        self._held: deque[Item] = deque()
        self._latest_out = 0.0
        self._under_way: deque[Callable[[], None]] = deque()
        self._half = half
        if half is not None:
            half.ear = self
        self._enter: Callable[[Item], None] = self._carry
        if effects:
            self._enter = Gate(effects, asyncio.get_running_loop(), self._carry).feed

    @property
    def tls(self) -> TlsInfo | None:
        """None: TLS stands above this layer."""
        return None

    @property
    def readable(self) -> bool:
        """Whether a read would come back at once: with bytes, the end or an error."""
        return bool(self._received) or self._eof or self._end is not None

    async def read(self) -> bytes:
        """Wait for bytes and return all that is there; with chunking, one piece at most."""
        while not self._received:
            if self._end is not None:
                raise self._end
            if self._eof:
                return b""
            self._readable.clear()
            await self._readable.wait()
        size = self._rules.chunk_size or len(self._received)
        data = bytes(self._received[:size])
        del self._received[:size]
        return data

    async def write(self, data: bytes) -> None:
        """Put ``data`` on its way; there is room for any amount."""
        if self._end is not None:
            raise self._end
        size = self._rules.chunk_size or max(1, len(data))
        for start in range(0, len(data), size):
            self._send(data[start : start + size])

    async def close(self) -> None:
        """End the stream: what was written still arrives, what arrives is thrown away."""
        if self._end is None:
            self._end_by_us()
            if not self._silenced:
                self._later(0.0, Signal.END)

    def abort(self) -> None:
        """Reset the connection; the peer notices after the link's delay."""
        if self._end is None:
            self._end_by_us()
            self._later(0.0, Signal.RESET)

    def _end_by_us(self) -> None:
        self._end = ConnectionClosedError("the connection is closed", by="us")
        self._received.clear()
        self._readable.set()

    def _send(self, data: bytes) -> None:
        if self._silenced:
            return
        now = asyncio.get_running_loop().time()
        piece = Piece(self._connection, self.local, self.peer, self._to_listener, self._sent, data, now)
        self._sent += 1
        fate = self._rules.fault(piece) if self._rules.fault else DELIVER
        if fate.close:
            self.deliver_reset()
            self.other.deliver_reset()
        elif fate.drop:
            self._silenced = True
        else:
            self._later(fate.delay_s, data if fate.data is None else fate.data)

    def _later(self, delay_s: float, item: Item) -> None:
        """Let an item in after a delay, never before what was sent earlier."""
        now = asyncio.get_running_loop().time()
        self._latest_in = max(self._latest_in, now + delay_s)
        if self._latest_in <= now and not self._held:
            self._enter(item)
        else:
            self._held.append(item)
            asyncio.get_running_loop().call_at(self._latest_in, self._let_in)

    def _let_in(self) -> None:
        self._enter(self._held.popleft())

    def _carry(self, item: Item) -> None:
        """Send an item over the link."""
        half = self._half
        if item is Signal.RESET:
            self.deliver_reset()
            if half is not None:
                half.reset()
            else:
                self._after(self.other.deliver_reset)
        elif isinstance(item, Signal):
            if half is not None:
                half.finish()
            else:
                self._after(self.other.deliver_eof)
        elif half is None:
            self._after(functools.partial(self.other.deliver, item))
        elif item:
            weight = max(len(item), self._rules.weigh(item))
            self.in_flow.append((weight, item))
            half.write(weight)

    def _after(self, call: Callable[[], None]) -> None:
        """Call on the other side after the network's delay, never before what was sent earlier."""
        loop = asyncio.get_running_loop()
        self._latest_out = max(self._latest_out, loop.time() + self._rules.delay_s)
        # On a loop that leaves the order of equal timers open, each takes what has waited longest.
        self._under_way.append(call)
        loop.call_at(self._latest_out, self._arrive)

    def _arrive(self) -> None:
        self._under_way.popleft()()

    # What the modelled TCP says.

    def opened(self) -> None:
        """Tell the network that the connection stands."""
        self.on_open()

    def arrived(self, count: int) -> None:
        """Take bytes that the other end wrote; a piece's last byte comes when all of its weight has."""
        waiting = self.other.in_flow
        while count:
            weight, data = waiting.popleft()
            if weight > count:
                passed = data[: min(count, len(data) - 1)]
                waiting.appendleft((weight - count, data[len(passed) :]))
                count = 0
            else:
                passed = data
                count -= weight
            if passed:
                self.deliver(passed)

    def ended(self) -> None:
        """Note the other end's FIN."""
        self.deliver_eof()

    def lost(self, reason: str) -> None:
        """Note that the connection is gone."""
        self.on_lost(reason)
        self.deliver_reset("timed out" if reason == "timed out" else "reset by peer")

    # What arrives from the other end.

    def deliver(self, data: bytes) -> None:
        """Take bytes off the link."""
        if self._end is None:
            self._received += data
        self._readable.set()

    def deliver_eof(self) -> None:
        """Note that the peer has ended its direction."""
        self._eof = True
        self._readable.set()

    def deliver_reset(self, reason: str = "reset by peer") -> None:
        """Note that the connection is gone."""
        if self._end is None:
            self._end = ConnectionClosedError(f"the connection was lost: {reason}", clean=False)
        self._readable.set()
