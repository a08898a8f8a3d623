"""A network in memory: streams with propagation delay, chunking and faults, on the loop's time.

With :class:`v2g.net.virtual.VirtualTimeLoop` a delay costs nothing but is kept exactly. Bytes keep their
order, as in TCP. A *fault* is a function that sees each piece on its way and decides its :class:`Fate`.
"""

import asyncio
import functools
import itertools
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address

from v2g.endpoint import DYNAMIC_PORTS, Endpoint
from v2g.errors import ConnectError, ConnectionClosedError, InterfaceError, V2GError
from v2g.net.interfaces import Interface
from v2g.net.network import CONNECTION_LIMIT, StreamHandler
from v2g.net.stream import TlsInfo

_log = logging.getLogger(__name__)
_INTERFACE = Interface("sim0", 1, (IPv6Address("fe80::5ecc"),))


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


class SimulatedNetwork:
    """Connects what listens and what connects within one process.

    ``delay_s`` is the one-way delay of every link, in seconds. ``chunk_size`` cuts what is written into
    pieces of at most that many bytes. ``fault`` decides the fate of every piece; it may be changed while
    the network runs. ``address`` is the host part that connecting sides get.
    """

    def __init__(
        self,
        *,
        delay_s: float = 0.0,
        chunk_size: int | None = None,
        fault: Fault | None = None,
        address: str = "fe80::e0",
    ) -> None:
        self.delay_s = delay_s
        self.chunk_size = chunk_size
        self.fault = fault
        self._address = address
        self._listeners: dict[int, SimulatedListener] = {}
        self._ports = itertools.cycle(DYNAMIC_PORTS)
        self._connections = itertools.count(1)
        self._hosts = itertools.count(1)
        self._sockets: dict[str, SimulatedDatagrams] = {}

    async def connect(self, host: str, port: int) -> "SimulatedStream":
        """Connect to what listens on that port; takes one round trip. ConnectError if nothing does."""
        await asyncio.sleep(2 * self.delay_s)
        target = Endpoint(host.partition("%")[0], port)
        listener = self._listeners.get(port)
        if listener is None or not listener.serves(target.host):
            raise ConnectError(str(target), "connection refused")
        local = str(Endpoint(self._address, self._free_port()))
        number = next(self._connections)
        near = SimulatedStream(self, number, local, str(target), to_listener=True)
        far = SimulatedStream(self, number, str(target), local, to_listener=False)
        near.other, far.other = far, near
        listener.accept(far)
        return near

    async def listen(
        self, host: str, port: int, on_stream: StreamHandler, *, connection_limit: int = CONNECTION_LIMIT
    ) -> "SimulatedListener":
        """Listen on a port (0: any); ConnectError if it is taken."""
        port = port or self._free_port()
        if port in self._listeners:
            raise ConnectError(str(Endpoint(host, port)), "cannot listen: address already in use")
        listener = SimulatedListener(
            self._listeners, host.partition("%")[0], port, on_stream, connection_limit
        )
        self._listeners[port] = listener
        return listener

    async def datagrams(
        self, interface: str, port: int = 0, group: str | None = None
    ) -> "SimulatedDatagrams":
        """Open a datagram socket; every one that joined a group gets what is sent to it."""
        self.interface(interface)
        port = port or self._free_port()
        local = str(Endpoint(f"fe80::d:{next(self._hosts):x}", port))
        socket = SimulatedDatagrams(self, local, port, group)
        self._sockets[local] = socket
        return socket

    def interface(self, name: str = "auto") -> Interface:
        """Return the one interface there is, ``sim0``; InterfaceError for any other name."""
        if name not in {"auto", _INTERFACE.name}:
            raise InterfaceError(f"there is no interface {name}", (str(_INTERFACE),))
        return _INTERFACE

    def _free_port(self) -> int:
        return next(port for port in self._ports if port not in self._listeners)

    def post(self, data: bytes, source: str, to: str) -> None:
        """Carry a datagram to whom it is addressed."""
        target = Endpoint.parse(to)
        loop = asyncio.get_running_loop()
        for local, socket in self._sockets.items():
            if str(target) in {local, socket.group}:
                loop.call_later(self.delay_s, socket.deliver, data, source)

    def forget(self, socket: "SimulatedDatagrams") -> None:
        """Deliver nothing more to a socket."""
        self._sockets.pop(socket.local, None)


class SimulatedStream:
    """One end of a simulated connection."""

    def __init__(
        self, network: SimulatedNetwork, connection: int, local: str, peer: str, *, to_listener: bool
    ) -> None:
        self.other: SimulatedStream = self
        self.local = local
        self.peer = peer
        self._network = network
        self._connection = connection
        self._to_listener = to_listener
        self._received = bytearray()
        self._readable = asyncio.Event()
        self._eof = False
        self._end: ConnectionClosedError | None = None
        self._silenced = False
        self._sent = 0
        self._latest = 0.0
        self._under_way: deque[Callable[[], None]] = deque()

    @property
    def tls(self) -> TlsInfo | None:
        """None: TLS stands above this layer."""
        return None

    async def read(self) -> bytes:
        """Wait for bytes and return all that is there; with chunking, one piece at most."""
        while not self._received:
            if self._end is not None:
                raise self._end
            if self._eof:
                return b""
            self._readable.clear()
            await self._readable.wait()
        size = self._network.chunk_size or len(self._received)
        data = bytes(self._received[:size])
        del self._received[:size]
        return data

    async def write(self, data: bytes) -> None:
        """Put ``data`` on its way; there is room for any amount."""
        if self._end is not None:
            raise self._end
        size = self._network.chunk_size or max(1, len(data))
        for start in range(0, len(data), size):
            self._send(data[start : start + size])

    async def close(self) -> None:
        """End the stream: what was written still arrives, what arrives is thrown away."""
        if self._end is None:
            self._end_by_us()
            if not self._silenced:
                self._after(0.0, self.other.deliver_eof)

    def abort(self) -> None:
        """Reset the connection; the peer notices after the link's delay."""
        if self._end is None:
            self._end_by_us()
            self._after(0.0, self.other.deliver_reset)

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
        fate = self._network.fault(piece) if self._network.fault else DELIVER
        if fate.close:
            self.deliver_reset()
            self.other.deliver_reset()
        elif fate.drop:
            self._silenced = True
        else:
            self._after(fate.delay_s, self.other.deliver, data if fate.data is None else fate.data)

    def _after(self, delay_s: float, call: "Callable[..., None]", *arguments: bytes) -> None:
        """Call on the other side after the delay, never before what was sent earlier."""
        loop = asyncio.get_running_loop()
        self._latest = max(self._latest, loop.time() + self._network.delay_s + delay_s)
        # On a loop that leaves the order of equal timers open, each takes what has waited longest.
        self._under_way.append(functools.partial(call, *arguments))
        loop.call_at(self._latest, self._arrive)

    def _arrive(self) -> None:
        self._under_way.popleft()()

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

    def deliver_reset(self) -> None:
        """Note that the connection is gone."""
        if self._end is None:
            self._end = ConnectionClosedError("the connection was lost: reset by peer", clean=False)
        self._readable.set()


class SimulatedListener:
    """A listening port of a simulated network."""

    def __init__(
        self,
        registry: "dict[int, SimulatedListener]",
        host: str,
        port: int,
        on_stream: StreamHandler,
        connection_limit: int,
    ) -> None:
        self._registry = registry
        self._host = host
        self.port = port
        self.address = str(Endpoint(host or "::", port))
        self._on_stream = on_stream
        self._limit = connection_limit
        self._handlers: set[asyncio.Task[None]] = set()

    def serves(self, host: str) -> bool:
        """Tell whether a connection to ``host`` comes here."""
        return self._host in {"", "::", "0.0.0.0", host}  # noqa: S104 - compared, not bound

    def accept(self, stream: SimulatedStream) -> None:
        """Run the handler for a new connection."""
        if len(self._handlers) >= self._limit:
            stream.abort()
            return
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._handle(stream), name=f"connection {stream.peer}")
        self._handlers.add(task)
        task.add_done_callback(self._handlers.discard)

    async def _handle(self, stream: SimulatedStream) -> None:
        try:
            await self._on_stream(stream)
        except V2GError as error:
            _log.warning("%s: connection from %s ended: %s", self.address, stream.peer, error)
        except Exception:  # noqa: BLE001 - the boundary of one connection: the others go on
            _log.exception("%s: a connection's handler failed", self.address)
        finally:
            await stream.close()

    async def close(self) -> None:
        """Stop accepting, cancel the handlers, and wait until they have ended."""
        self._registry.pop(self.port, None)
        for task in self._handlers:
            task.cancel()
        if self._handlers:
            await asyncio.wait(self._handlers)


class SimulatedDatagrams:
    """A UDP socket of a simulated network."""

    def __init__(self, network: SimulatedNetwork, local: str, port: int, group: str | None) -> None:
        self._network = network
        self.local = local
        self.port = port
        self.group = str(Endpoint(group, port)) if group else ""
        self.last_error: OSError | None = None
        self._queue: asyncio.Queue[tuple[bytes, str]] = asyncio.Queue()

    async def receive(self) -> tuple[bytes, str]:
        """Wait for a datagram and return it with its sender."""
        return await self._queue.get()

    def send(self, data: bytes, to: str) -> None:
        """Send a datagram."""
        self._network.post(data, self.local, to)

    def deliver(self, data: bytes, source: str) -> None:
        """Take a datagram off the link."""
        self._queue.put_nowait((data, source))

    async def close(self) -> None:
        """Close the socket."""
        self._network.forget(self)
