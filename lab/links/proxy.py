"""A stream proxy that is a link: any process can be put behind it, without root.

Each accepted connection is connected on to the target at once, and runs the TCP of :mod:`v2g.net.flow` in
between, in real time: bytes pass when the model says that they would have arrived. Loss is the delay of the
retransmission that it would have caused. What each end sees of its kernel's own TCP costs nothing beside it when both are
on this machine.

A client's ``connect`` therefore returns at once; the model's handshake, and what names cost, come before its
first byte passes. A connection that nobody would have answered is reset.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import msgspec

from v2g.endpoint import Endpoint
from v2g.net.flow import Flow
from v2g.net.half import Half
from v2g.net.link import Link
from v2g.net.medium import Medium, stream_of
from v2g.net.tcp import abort_with_reset, describe, plain_reason
from v2g.net.toxics import AnyToxic, Effect, Gate, Item, Signal, effects_of

_log = logging.getLogger(__name__)

CONNECTION_LIMIT = 256
"""Connections that are served at a time; more are closed at once."""
BACKLOG_BYTES = 64 * 1024
"""Bytes of one direction that may wait here; then the sender is not read any more."""
_CHUNK = 16 * 1024
CONNECT_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 1.0
HALF_OPEN_S = 60.0
"""How long a side may live on that has not learned, because the packet was lost, that the other is gone."""


class ProxyError(Exception):
    """The proxy cannot listen at ``address``."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"cannot listen at {address}: {reason}")
        self.address = address


class ConnectionRecord(msgspec.Struct):
    """One connection: who, how long, how much, and how it ended (empty while it lasts)."""

    number: int
    peer: str
    started_s: float
    seconds: float = 0.0
    bytes_up: int = 0
    bytes_down: int = 0
    retransmissions: int = 0
    ended: str = ""


class Totals(msgspec.Struct):
    """What has happened since the proxy began. Bytes are those handed on."""

    connections: int = 0
    refused: int = 0
    failed: int = 0
    bytes_up: int = 0
    bytes_down: int = 0


class Side:
    """One socket of a connection, and the half of the modelled TCP that stands for it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, half: Half) -> None:
        self.other: Side = self
        self.half = half
        self.reader = reader
        self.writer = writer
        self.passed = 0
        self.reason = ""
        self.gate = Gate((), asyncio.get_running_loop(), self._enter)
        self.is_open = asyncio.Event()
        self._under_way = bytearray()
        self._out: asyncio.Queue[Item] = asyncio.Queue()
        self._out_bytes = 0
        self._space = asyncio.Event()
        self._half_open: asyncio.TimerHandle | None = None
        half.ear = self

    def _enter(self, item: Item) -> None:
        if item is Signal.RESET:
            self.half.reset()
            self.lost("reset")
        elif isinstance(item, Signal):
            self.half.finish()
        else:
            self._under_way += item
            self.half.write(len(item))

    # What the modelled TCP says.

    def opened(self) -> None:
        """Let this side begin."""
        self.is_open.set()

    def arrived(self, count: int) -> None:
        """Hand bytes of the other side to this side's socket."""
        source = self.other._under_way  # noqa: SLF001 - the two sides are one connection
        data = bytes(source[:count])
        del source[:count]
        self._out_bytes += count
        self._out.put_nowait(data)

    def ended(self) -> None:
        """End the socket's direction behind what was handed on."""
        self._out.put_nowait(Signal.END)

    def lost(self, reason: str) -> None:
        """Reset the socket and let both tasks of this side end."""
        if not self.reason:
            self.reason = reason
            self.gate.close()
            abort_with_reset(self.writer.transport)
            self._out.put_nowait(Signal.RESET)
            self._space.set()
            self.is_open.set()
            loop = asyncio.get_running_loop()
            self._half_open = loop.call_later(HALF_OPEN_S, self.other.lost, "half open")

    # What the tasks do.

    def _waiting(self) -> int:
        return self.gate.held + len(self._under_way) + self.other._out_bytes  # noqa: SLF001 - see arrived()

    async def take(self) -> None:
        """Read the socket to its end; stop reading while too much is under way."""
        await self.is_open.wait()
        try:
            while data := await self.reader.read(_CHUNK):
                self.gate.feed(data)
                while self._waiting() > BACKLOG_BYTES and not self.reason:
                    self._space.clear()
                    await self._space.wait()
        except OSError:
            self._break_off()
            return
        self.gate.feed(Signal.END)

    async def give(self) -> None:
        """Write what arrives to the socket, until the direction ends."""
        try:
            while isinstance(item := await self._out.get(), bytes):
                self.writer.write(item)
                await self.writer.drain()
                self.passed += len(item)
                self._out_bytes -= len(item)
                self.other._space.set()  # noqa: SLF001 - see arrived()
            if item is Signal.END:
                self.writer.write_eof()
        except OSError:
            self._break_off()

    def _break_off(self) -> None:
        """Let the other side learn over the link that this socket was reset."""
        self.half.reset()
        self.lost("reset by peer")

    async def close(self) -> None:
        """Close the socket, and wait until it is; one whose peer takes nothing is reset."""
        if self._half_open is not None:
            self._half_open.cancel()
        self.gate.close()
        self.half.ear = None
        self.half.reset()
        self.writer.close()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self.writer.wait_closed()
        except TimeoutError:
            abort_with_reset(self.writer.transport)
        except OSError:
            return  # it was reset, which is an end as well


class Proxy:
    """Listens, and passes each connection on to ``target`` over ``link``.

    ``toxics`` spoil connections; ``seed`` makes the draws repeat. ``on_end`` is told of each connection that has
    ended. Use as an async context manager: leaving it ends every connection.
    """

    def __init__(
        self,
        target: Endpoint,
        link: Link,
        *,
        toxics: Sequence[AnyToxic] = (),
        seed: int | str = 0,
        connection_limit: int = CONNECTION_LIMIT,
        on_end: Callable[[ConnectionRecord], None] = lambda _record: None,
    ) -> None:
        self.target = target
        self.totals = Totals()
        self.address = ""
        self._toxics = tuple(toxics)
        self._seed = seed
        self._limit = connection_limit
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self.medium = Medium(link, seed, origin=self._loop.time())
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._open: dict[int, tuple[ConnectionRecord, Side, Side]] = {}

    @property
    def link(self) -> Link:
        """The link's figures at the moment."""
        return self.medium.link

    @property
    def toxics(self) -> tuple[AnyToxic, ...]:
        """The toxics at the moment."""
        return self._toxics

    @property
    def elapsed_s(self) -> float:
        """Seconds since the proxy began: what outages count from."""
        return self._loop.time() - self.medium.origin

    async def listen(self, address: Endpoint) -> None:
        """Bind and start to accept; ProxyError if that cannot be."""
        try:
            self._server = await asyncio.start_server(self._accept, address.host or None, address.port)
        except OSError as error:
            raise ProxyError(str(address), plain_reason(error)) from error
        self.address = describe(self._server.sockets[0].getsockname())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._server is not None:
            await self._server.wait_closed()

    def change(self, link: Link) -> None:
        """Go on with other figures; TCP's constants and the MTU count for new connections only."""
        self.medium.link = link

    def spoil(self, toxics: Sequence[AnyToxic]) -> None:
        """Go on with other toxics, on open connections too; byte counts begin anew there."""
        self._toxics = tuple(toxics)
        for record, near, far in self._open.values():
            for side, up in ((near, True), (far, False)):
                side.gate.replace(self._effects(record.number, up=up))

    def reset_all(self) -> int:
        """Reset every open connection at both ends, and return how many there were."""
        for _, near, far in self._open.values():
            for side in (near, far):
                side.lost("reset on request")
        return len(self._open)

    def open_connections(self) -> list[ConnectionRecord]:
        """Return what is known of the connections that are open."""
        for record, near, far in self._open.values():
            self._note(record, near, far)
        return [record for record, _, _ in self._open.values()]

    def _effects(self, number: int, *, up: bool) -> list[Effect]:
        random = stream_of(self._seed, f"toxics {number} {up}")
        return effects_of(self._toxics, number, random, self._loop.time(), up=up)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= self._limit:
            self.totals.refused += 1
            abort_with_reset(writer.transport)
            return
        self.totals.connections += 1
        number = self.totals.connections
        task = self._loop.create_task(self._serve(number, reader, writer), name=f"connection {number}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = describe(writer.get_extra_info("peername"))
        record = ConnectionRecord(number, peer, self.elapsed_s)
        try:
            await self._pass(record, reader, writer)
        except Exception:  # noqa: BLE001 - the boundary of one connection: the others go on
            _log.exception("connection %d from %s failed", number, peer)
            record.ended = "failed"
        finally:
            abort_with_reset(writer.transport) if record.ended == "failed" else writer.close()
            record.ended = record.ended or "stopped"
            record.seconds = self.elapsed_s - record.started_s
            self.totals.bytes_up += record.bytes_up
            self.totals.bytes_down += record.bytes_down
            self._on_end(record)

    async def _pass(
        self, record: ConnectionRecord, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        target = await self._connect()
        path = self.medium.path()
        flow = Flow(path, self._loop, accepts=lambda: target is not None)
        near = Side(reader, writer, flow.near)
        if target is None:
            record.ended = await self._refuse(flow, near)
            return
        far = Side(*target, flow.far)
        near.other, far.other = far, near
        self._open[record.number] = record, near, far
        try:
            for side, up in ((near, True), (far, False)):
                side.gate.replace(self._effects(record.number, up=up))
            flow.open()
            async with asyncio.TaskGroup() as tasks:
                for side in (near, far):
                    tasks.create_task(side.take())
                    tasks.create_task(side.give())
            record.ended = near.reason or far.reason or "closed"
        except asyncio.CancelledError:
            for side in (near, far):
                side.lost("stopped")
            raise
        finally:
            del self._open[record.number]
            self._note(record, near, far)
            flow.abandon()
            for side in (near, far):
                await side.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """Connect to the target; None where nobody answers."""
        await asyncio.sleep(self.medium.resolve_s(self.target.host))
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                return await asyncio.open_connection(self.target.host, self.target.port)
        except (OSError, TimeoutError) as error:
            self.totals.failed += 1
            _log.warning("no connection to %s: %s", self.target, plain_reason(error))
            return None

    @staticmethod
    async def _refuse(flow: Flow, near: Side) -> str:
        """Let the client learn over the link that nobody listens."""
        flow.open()
        await near.is_open.wait()
        flow.abandon()
        await near.close()
        return near.reason

    def _note(self, record: ConnectionRecord, near: Side, far: Side) -> None:
        record.seconds = self.elapsed_s - record.started_s
        record.bytes_up, record.bytes_down = far.passed, near.passed
        record.retransmissions = near.half.retransmissions + far.half.retransmissions
