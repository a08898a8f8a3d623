"""TCP reassembly: segments in the order of capture in, bytes in the order of the stream out.

* Segments out of order wait until what is before them comes; at most :data:`HELD_LIMIT` bytes wait in one direction.
* Of bytes that come twice, those count that are handed on first, and nothing is taken back: of a retransmission those
  captured first, of segments that wait and overlap those of the segment that begins earlier.
* Bytes are given up as :class:`Missing` when the other side answers with data that acknowledge what waits behind them
  (it had them, the capture does not), when too much waits, and at the end of connection or capture.

Side 0 is who opened the connection, as far as its SYN was captured; otherwise who sent the first segment captured.
"""

from collections import OrderedDict
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

from lab.captures.link import ACK, FIN, RST, SYN, Segment
from v2g.endpoint import Endpoint

HELD_LIMIT = 1 << 20
HELD_SEGMENTS = 1024
CONNECTION_LIMIT = 8192
"""So many connections are known at a time; when one more comes, the one longest silent is given up."""

SILENT_S = 600.0
"""A connection is given up when so much time of the capture passes without a segment of it."""
HALF_CLOSED_S = 30.0
"""The same for one that a side has finished: the other side's FIN is not in the capture."""

_MODULUS = 1 << 32


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection; ``begun`` says that its SYN is in the capture."""

    connection: int
    ends: tuple[Endpoint, Endpoint]
    t: float
    begun: bool


@dataclass(frozen=True, slots=True)
class Data:
    """The next bytes of ``side``'s stream, captured at ``t``."""

    connection: int
    side: int
    data: bytes
    t: float


@dataclass(frozen=True, slots=True)
class Missing:
    """So many bytes of ``side``'s stream are not in the capture."""

    connection: int
    side: int
    length: int
    t: float


@dataclass(frozen=True, slots=True)
class Closed:
    """The connection ended: ``side`` was the first to end it (None: given up, or the capture ends)."""

    connection: int
    side: int | None
    reset: bool
    t: float


TcpEvent = Opened | Data | Missing | Closed


@dataclass(slots=True)
class _Stream:
    """One direction: ``next`` is the sequence number of the first byte not handed on yet."""

    next: int | None = None
    held: dict[int, tuple[bytes, float]] = field(default_factory=dict)
    held_size: int = 0
    fin: int | None = None

    @property
    def finished(self) -> bool:
        return self.fin is not None and self.fin == self.next

    def take(self, sequence: int, data: bytes, t: float) -> Iterator[tuple[bytes, float] | int]:
        """Give the bytes (with their time) that are next now, and the length of what is given up."""
        if self.next is None:
            self.next = sequence
        if _ahead(sequence, self.next) > 0:
            known = self.held.get(sequence)
            if known is None or len(known[0]) < len(data):
                self.held_size += len(data) - (len(known[0]) if known else 0)
                # The longer one begins with what came first.
                self.held[sequence] = (known[0] + data[len(known[0]) :] if known else data, t)
            while self.held_size > HELD_LIMIT or len(self.held) > HELD_SEGMENTS:
                yield from self.give_up()
            return
        yield from self._hand_on(sequence, data, t)
        yield from self._drain()

    def give_up(self) -> Iterator[tuple[bytes, float] | int]:
        """Go on behind the first gap, if something waits there."""
        if self.held and self.next is not None:
            nearest = min(_ahead(sequence, self.next) for sequence in self.held)
            if nearest > 0:
                yield nearest
                self.next = (self.next + nearest) % _MODULUS
            yield from self._drain()

    def _drain(self) -> Iterator[tuple[bytes, float] | int]:
        while self.held:
            assert self.next is not None
            start = self.next
            sequence = min(self.held, key=lambda held: _ahead(held, start))
            if _ahead(sequence, start) > 0:
                return
            data, t = self.held.pop(sequence)
            self.held_size -= len(data)
            yield from self._hand_on(sequence, data, t)

    def _hand_on(self, sequence: int, data: bytes, t: float) -> Iterator[tuple[bytes, float]]:
        assert self.next is not None
        fresh = data[-_ahead(sequence, self.next) :] if sequence != self.next else data
        if fresh and _ahead(sequence, self.next) + len(data) > 0:
            self.next = (self.next + len(fresh)) % _MODULUS
            yield fresh, t

    def acknowledges_held(self, acknowledged: int) -> bool:
        """Say whether the peer has what waits here behind a gap."""
        return self.next is not None and any(
            _ahead(acknowledged, sequence) > 0 and _ahead(sequence, self.next) > 0 for sequence in self.held
        )


@dataclass(slots=True)
class _Connection:
    number: int
    ends: tuple[Endpoint, Endpoint]
    streams: tuple[_Stream, _Stream]
    opening: int | None
    first_fin: int | None = None
    over: bool = False
    last_t: float = 0.0


class Reassembler:
    """Puts the streams of all connections together."""

    def __init__(self) -> None:
        self._connections: OrderedDict[tuple[str, str], _Connection] = OrderedDict()
        self._count = 0

    def feed(self, segment: Segment, t: float) -> Iterator[TcpEvent]:
        """Take the next segment."""
        yield from self._forget(t)
        key = _key(segment.source, segment.destination)
        connection = self._connections.get(key)
        syn = bool(segment.flags & SYN)
        if connection is not None and syn and not segment.flags & ACK and self._is_new(connection, segment):
            yield from self._close(connection, None, t, reset=False)
            connection = None
        if connection is None:
            if not syn and not segment.payload:
                return
            connection = yield from self._open(key, segment, t)
        self._connections.move_to_end(key)
        if connection.over:
            return
        connection.last_t = t
        side = 0 if segment.source == connection.ends[0] else 1
        stream, other = connection.streams[side], connection.streams[1 - side]
        if syn:
            if stream.next is None:
                stream.next = (segment.sequence + 1) % _MODULUS
            return
        if segment.payload:
            if segment.flags & ACK and other.acknowledges_held(segment.acknowledged):
                yield from self._told(connection, 1 - side, other.give_up(), t)
            yield from self._told(connection, side, stream.take(segment.sequence, segment.payload, t), t)
        if segment.flags & FIN:
            if connection.first_fin is None:
                connection.first_fin = side
            stream.fin = (segment.sequence + len(segment.payload)) % _MODULUS
            if stream.next is None:
                stream.next = stream.fin
        if segment.flags & RST:
            yield from self._close(connection, side, t, reset=True)
        elif all(end.finished for end in connection.streams):
            yield from self._close(connection, connection.first_fin, t, reset=False)

    def end(self) -> Iterator[TcpEvent]:
        """Hand on what still waits, and close every connection, because the capture ends."""
        for connection in list(self._connections.values()):
            yield from self._close(connection, connection.first_fin, connection.last_t, reset=False)
        self._connections.clear()

    def _forget(self, t: float) -> Iterator[TcpEvent]:
        """Drop the connections that are over or silent, those first that have been silent longest."""
        while self._connections:
            key, oldest = next(iter(self._connections.items()))
            ending = oldest.over or oldest.first_fin is not None
            if t - oldest.last_t <= (HALF_CLOSED_S if ending else SILENT_S):
                return
            del self._connections[key]
            yield from self._close(oldest, oldest.first_fin, oldest.last_t, reset=False)

    def _open(
        self, key: tuple[str, str], segment: Segment, t: float
    ) -> Generator[TcpEvent, None, _Connection]:
        if len(self._connections) >= CONNECTION_LIMIT:
            _, oldest = self._connections.popitem(last=False)
            yield from self._close(oldest, None, oldest.last_t, reset=False)
        self._count += 1
        answers = segment.flags & SYN and segment.flags & ACK
        ends = (segment.destination, segment.source) if answers else (segment.source, segment.destination)
        opening = segment.sequence if segment.flags & SYN and not answers else None
        connection = _Connection(self._count, ends, (_Stream(), _Stream()), opening)
        self._connections[key] = connection
        connection.last_t = t
        yield Opened(connection.number, ends, t, bool(segment.flags & SYN))
        return connection

    @staticmethod
    def _is_new(connection: _Connection, segment: Segment) -> bool:
        """Say whether a SYN opens another connection between the same two ends, not this one once more."""
        return connection.over or connection.opening != segment.sequence

    def _close(
        self, connection: _Connection, side: int | None, t: float, *, reset: bool
    ) -> Iterator[TcpEvent]:
        if connection.over:
            return
        for index, stream in enumerate(connection.streams):
            while stream.held:
                yield from self._told(connection, index, stream.give_up(), t)
            if (
                stream.fin is not None
                and stream.next is not None
                and 0 < _ahead(stream.fin, stream.next) < HELD_LIMIT
            ):
                yield Missing(connection.number, index, _ahead(stream.fin, stream.next), t)
        connection.over = True
        yield Closed(connection.number, side, reset, t)

    @staticmethod
    def _told(
        connection: _Connection, side: int, parts: Iterator[tuple[bytes, float] | int], t: float
    ) -> Iterator[TcpEvent]:
        for part in parts:
            if isinstance(part, int):
                yield Missing(connection.number, side, part, t)
            else:
                yield Data(connection.number, side, *part)


def _key(first: Endpoint, second: Endpoint) -> tuple[str, str]:
    one, other = str(first), str(second)
    return (one, other) if one < other else (other, one)


def _ahead(sequence: int, start: int) -> int:
    """Return how far ``sequence`` lies behind ``start`` (negative: before it), numbers wrapping around."""
    return (sequence - start + (1 << 31)) % _MODULUS - (1 << 31)
