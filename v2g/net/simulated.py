"""A network in memory: streams over links, with chunking and faults, on the loop's time.

With :class:`v2g.net.virtual.VirtualTimeLoop` a delay costs nothing but is kept exactly. Bytes keep their
order, as in TCP. Without a link a connection has a constant delay; over a :class:`v2g.net.link.Link` it runs the TCP of
:mod:`v2g.net.flow`. A *fault* is a function that sees each piece on its way and decides its :class:`Fate`;
*toxics* (:mod:`v2g.net.toxics`) are faults that can be named in a file.
"""

import asyncio
import itertools
import logging
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv6Address

from v2g.endpoint import DYNAMIC_PORTS, Endpoint
from v2g.errors import ConnectError, InterfaceError, V2GError
from v2g.net.flow import Flow
from v2g.net.interfaces import Interface
from v2g.net.link import Link
from v2g.net.medium import Medium, Path, stream_of
from v2g.net.network import CONNECTION_LIMIT, StreamHandler
from v2g.net.simulated_stream import DELIVER, Fate, Fault, Piece, SimulatedStream
from v2g.net.toxics import AnyToxic, effects_of

__all__ = ["DELIVER", "Fate", "Fault", "Piece", "SimulatedNetwork", "SimulatedStream"]

_log = logging.getLogger(__name__)
_INTERFACE = Interface("sim0", 1, (IPv6Address("fe80::5ecc"),))
_DATAGRAM_HEADER_BYTES = 48
"""IPv6 and UDP."""


class SimulatedNetwork:
    """Connects what listens and what connects within one process.

    ``delay_s`` is the one-way delay where there is no link, in seconds. ``link`` is the link over which
    everything goes: its queues are shared, as the uplink of one charger. ``links`` has links of their own for
    connections to hosts, by address or name. ``toxics`` spoil every connection. ``seed`` repeats a run bit for bit.
    ``weigh`` says how many bytes a piece counts on a link, at least its own; see :mod:`v2g.net.weight`.

    ``chunk_size`` cuts what is written into pieces of at most that many bytes. ``fault`` decides the fate of
    every piece; it may be changed while the network runs. ``address`` is the host part that connecting sides get.
    """

    def __init__(
        self,
        *,
        delay_s: float = 0.0,
        chunk_size: int | None = None,
        fault: Fault | None = None,
        address: str = "fe80::e0",
        link: Link | None = None,
        links: Mapping[str, Link] | None = None,
        toxics: Sequence[AnyToxic] = (),
        seed: int | str = 0,
        weigh: Callable[[bytes], int] = len,
    ) -> None:
        self.delay_s = delay_s
        self.chunk_size = chunk_size
        self.fault = fault
        self.toxics = tuple(toxics)
        self.weigh = weigh
        self._seed = seed
        self._medium = None if link is None else Medium(link, f"{seed}/link")
        self._media = {host: Medium(own, f"{seed}/{host}") for host, own in (links or {}).items()}
        self._datagram_path: Path | None = None
        self._address = address
        self._listeners: dict[int, SimulatedListener] = {}
        self._ports = itertools.cycle(DYNAMIC_PORTS)
        self._connections = itertools.count(1)
        self._hosts = itertools.count(1)
        self._sockets: dict[str, SimulatedDatagrams] = {}

    def medium(self, host: str = "") -> Medium | None:
        """Return the link to a host in use, with its counts; None where there is none."""
        return self._media.get(host, self._medium)

    async def connect(self, host: str, port: int) -> SimulatedStream:
        """Connect to what listens on that port; ConnectError if nothing does.

        Without a link it takes one round trip; over one what its TCP takes, and a name is resolved before.
        """
        target = Endpoint(host.partition("%")[0], port)
        medium = self.medium(target.host)
        if medium is not None:
            return await self._connect_over(medium, target)
        await asyncio.sleep(2 * self.delay_s)
        listener = self._listener(target)
        if listener is None:
            raise ConnectError(str(target), "connection refused")
        near, far = self._pair(target, None)
        listener.accept(far)
        return near

    async def _connect_over(self, medium: Medium, target: Endpoint) -> SimulatedStream:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(medium.resolve_s(target.host))
        flow = Flow(medium.path(), loop, accepts=lambda: self._listener(target) is not None)
        near, far = self._pair(target, flow)
        outcome: asyncio.Future[str] = loop.create_future()

        def settle(reason: str) -> None:
            if not outcome.done():
                outcome.set_result(reason)

        def accept() -> None:
            listener = self._listener(target)
            if listener is None:
                far.abort()
            else:
                listener.accept(far)

        near.on_open, near.on_lost, far.on_open = lambda: settle(""), settle, accept
        flow.open()
        try:
            reason = await outcome
        except asyncio.CancelledError:
            flow.abandon()
            near.abort()
            raise
        if reason:
            raise ConnectError(str(target), f"connection {reason}")
        return near

    def _pair(self, target: Endpoint, flow: Flow | None) -> tuple[SimulatedStream, SimulatedStream]:
        """Return both ends of a new connection, the connecting one first."""
        local = str(Endpoint(self._address, self._free_port()))
        number = next(self._connections)
        ends = []
        for up in (True, False):
            source, destination = (local, str(target)) if up else (str(target), local)
            effects = effects_of(
                self.toxics,
                number,
                stream_of(self._seed, f"toxics {number} {up}"),
                asyncio.get_running_loop().time(),
                up=up,
            )
            half = None if flow is None else flow.near if up else flow.far
            ends.append(
                SimulatedStream(self, number, source, destination, to_listener=up, half=half, effects=effects)
            )
        near, far = ends
        near.other, far.other = far, near
        return near, far

    def _listener(self, target: Endpoint) -> "SimulatedListener | None":
        listener = self._listeners.get(target.port)
        return listener if listener is not None and listener.serves(target.host) else None

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
                arrival = self._arrival(len(data), loop.time(), up=bool(socket.group))
                if arrival is not None:
                    loop.call_at(arrival, socket.deliver, data, source)

    def _arrival(self, size: int, now: float, *, up: bool) -> float | None:
        """Return when a datagram arrives, None if it never does; what is sent to a group goes up."""
        if self._medium is None:
            return now + self.delay_s
        if self._datagram_path is None:
            self._datagram_path = self._medium.path()
        return self._datagram_path.carry(size + _DATAGRAM_HEADER_BYTES, now, up=up)

    def forget(self, socket: "SimulatedDatagrams") -> None:
        """Deliver nothing more to a socket."""
        self._sockets.pop(socket.local, None)


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
