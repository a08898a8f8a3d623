"""The proxy before real sockets: bytes whole, ends kept apart, faults, limits, control. No test asserts speed."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from lab.links.control import Control, ControlError, Request, ask, status
from lab.links.proxy import BACKLOG_BYTES, ConnectionRecord, Proxy, ProxyError
from v2g.endpoint import Endpoint
from v2g.net.distributions import Constant
from v2g.net.link import Link, Loss, Way
from v2g.net.toxics import AnyToxic, Direction, Reset, Silence, Truncate

HOST = "127.0.0.1"
QUICK = Link(name="quick", rtt=Constant(0.002))
DATA = bytes(range(256)) * 2000
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.write(b"bye")


@dataclass
class Scene:
    proxy: Proxy
    ended: list[ConnectionRecord] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def on_end(self, record: ConnectionRecord) -> None:
        self.ended.append(record)
        self.changed.set()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        at = Endpoint.parse(self.proxy.address)
        return await asyncio.open_connection(at.host, at.port)

    async def told(self, count: int) -> list[ConnectionRecord]:
        async with asyncio.timeout(20.0):
            while len(self.ended) < count:
                self.changed.clear()
                await self.changed.wait()
        return self.ended


@contextlib.asynccontextmanager
async def before(serve: Serve | None = echo, link: Link = QUICK, **options: Any) -> AsyncIterator[Scene]:
    """A proxy before a server, or before nobody."""
    handlers: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def handle() -> None:
            assert serve is not None
            with contextlib.suppress(OSError):
                await serve(reader, writer)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

        task = asyncio.get_running_loop().create_task(handle())
        handlers.add(task)
        task.add_done_callback(handlers.discard)

    server = await asyncio.start_server(accept, HOST, 0)
    target = Endpoint(HOST, server.sockets[0].getsockname()[1])
    if serve is None:
        server.close()
        await server.wait_closed()
    proxy = Proxy(target, link, **options)
    scene = Scene(proxy)
    proxy._on_end = scene.on_end
    try:
        async with asyncio.timeout(60.0), proxy:
            await proxy.listen(Endpoint(HOST, 0))
            yield scene
    finally:
        server.close()
        for task in handlers:
            task.cancel()
        if handlers:
            await asyncio.wait(handlers)


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def test_everything_arrives_and_each_direction_ends_by_itself() -> None:
    way = Way(rate_bit_s=200e6, loss=Loss.bursts(0.02, 2))
    async with before(link=Link(rtt=Constant(0.002), up=way, down=way), seed=3) as scene:
        reader, writer = await scene.connect()

        async def write() -> None:
            writer.write(DATA)
            await writer.drain()
            writer.write_eof()

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(write())
            received = tasks.create_task(reader.read(-1))
        # The server speaks once more after our end: half-closed connections work.
        assert received.result() == DATA + b"bye"
        await close(writer)
        (record,) = await scene.told(1)
        assert (record.bytes_up, record.bytes_down) == (len(DATA), len(DATA) + 3)
        assert record.ended == "closed"
        assert scene.proxy.medium.counts(up=True).lost > 0
        assert record.retransmissions > 0


async def test_many_connections_at_once() -> None:
    async with before() as scene:

        async def one(number: int) -> None:
            reader, writer = await scene.connect()
            writer.write(f"{number}".encode() * 500)
            writer.write_eof()
            assert await reader.read(-1) == f"{number}".encode() * 500 + b"bye"
            await close(writer)

        async with asyncio.TaskGroup() as tasks:
            for number in range(60):
                tasks.create_task(one(number))
        assert len(await scene.told(60)) == scene.proxy.totals.connections == 60


async def test_a_peer_that_reads_nothing_stops_the_sender() -> None:
    release = asyncio.Event()

    async def deaf(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        _reader._transport.pause_reading()  # type: ignore[attr-defined]
        await release.wait()

    async with before(deaf) as scene:
        _, writer = await scene.connect()
        sent = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                while sent < 64_000_000:
                    writer.write(bytes(100_000))
                    await writer.drain()
                    sent += 100_000
        (record,) = scene.proxy.open_connections()
        ((_, near, far),) = scene.proxy._open.values()
        assert near._waiting() + far._out_bytes <= 2 * (BACKLOG_BYTES + 16_384)
        assert record.bytes_up < sent < 64_000_000
        writer.transport.abort()
        release.set()


async def test_a_reset_of_one_end_reaches_the_other() -> None:
    seen: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def wait(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.read(100):
                pass
            seen.set_result("end")
        except ConnectionResetError:
            seen.set_result("reset")

    async with before(wait) as scene:
        _, writer = await scene.connect()
        writer.write(b"hello")
        await writer.drain()
        sock: socket.socket = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        assert await seen == "reset"
        (record,) = await scene.told(1)
        assert record.ended == "reset by peer"


@pytest.mark.parametrize(
    ("toxics", "received", "error"),
    [
        ((Truncate(after_bytes=3, direction=Direction.DOWN),), b"hel", None),
        ((Reset(after_bytes=3, direction=Direction.DOWN),), b"", ConnectionResetError),
        ((Reset(connection=2),), b"hellobye", None),
    ],
)
async def test_toxics(toxics: tuple[AnyToxic, ...], received: bytes, error: type[Exception] | None) -> None:
    async with before(toxics=toxics) as scene:
        reader, writer = await scene.connect()
        writer.write(b"hello")
        writer.write_eof()
        if error is not None:
            with pytest.raises(error):
                await reader.readexactly(8)
        else:
            assert await reader.read(-1) == received
        await close(writer)


async def test_nobody_behind_it_is_a_reset() -> None:
    async with before(None) as scene:
        reader, writer = await scene.connect()
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(1)
        await close(writer)
        (record,) = await scene.told(1)
        assert record.ended == "refused"
        assert scene.proxy.totals.failed == 1


async def test_no_more_connections_than_the_limit() -> None:
    async with before(connection_limit=1) as scene:
        reader, writer = await scene.connect()
        writer.write(b"x")
        assert await reader.read(1) == b"x"
        late_reader, late_writer = await scene.connect()
        with pytest.raises(ConnectionResetError):
            await late_reader.readexactly(1)
        assert scene.proxy.totals.refused == 1
        await close(late_writer)
        await close(writer)


async def test_leaving_ends_open_connections() -> None:
    async with before(link=Link(rtt=Constant(0.01))) as scene:
        reader, writer = await scene.connect()
        writer.write(b"x")
        assert await reader.read(1) == b"x"
    with pytest.raises(ConnectionResetError):
        await reader.readexactly(1)
    await close(writer)
    assert [record.ended for record in scene.ended] == ["stopped"]


async def test_an_address_in_use_is_told() -> None:
    async with before() as scene:
        with pytest.raises(ProxyError, match=r"cannot listen at 127\.0\.0\.1:"):
            await scene.proxy.listen(Endpoint.parse(scene.proxy.address))


# --- control ----------------------------------------------------------------------------------------------


async def test_figures_and_toxics_change_under_open_connections() -> None:
    async with before() as scene, Control(scene.proxy) as control:
        await control.listen(Endpoint(HOST, 0))
        at = Endpoint.parse(control.address)
        reader, writer = await scene.connect()
        writer.write(b"x")
        assert await reader.read(1) == b"x"
        request = Request(
            do="set", preset="lte-good", link={"up": {"loss": {"good": 0.25}}, "name": "mine"}, toxics=[{"kind": "silence"}]
        )  # fmt: skip
        now = await ask(at, request)
        assert (now.link.name, now.link.up.loss.rate, now.link.up.rate_bit_s) == ("mine", 0.25, 12e6)
        assert now.toxics == (Silence(),)
        assert [record.number for record in now.open] == [1]
        writer.write(b"nobody hears this")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await reader.read(1)
        assert (await ask(at, Request(do="status"))).toxics == (Silence(),)
        await ask(at, Request(do="reset"))
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(1)
        await close(writer)


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (Request(do="explode"), "nothing named 'explode'"),
        (Request(do="set", preset="5g"), "there is no preset '5g'"),
        (Request(do="set", link={"mtu": 3}), "mtu must lie between"),
        (Request(do="set", toxics=[{"kind": "late"}]), "delay_s"),
    ],
)
async def test_a_mistake_changes_nothing_and_is_told(request_: Request, reason: str) -> None:
    async with before() as scene, Control(scene.proxy) as control:
        await control.listen(Endpoint(HOST, 0))
        with pytest.raises(ControlError, match=reason):
            await ask(Endpoint.parse(control.address), request_)
        assert scene.proxy.link == QUICK
        assert scene.proxy.toxics == ()


@pytest.mark.parametrize(
    "said", [b"POST / HTTP/1.1\r\n\r\n", b"x" * 200_000, b"\xff\xfe\n", b"[1, 2\n", b""], ids=range(5)
)
async def test_who_speaks_no_json_gets_no_answer(said: bytes) -> None:
    async with before() as scene, Control(scene.proxy) as control:
        await control.listen(Endpoint(HOST, 0))
        at = Endpoint.parse(control.address)
        reader, writer = await asyncio.open_connection(at.host, at.port)
        with contextlib.suppress(OSError):
            writer.write(said + b'{"do": "reset"}\n' if said else said)
            writer.write_eof()
            assert await reader.read(-1) == b""
        await close(writer)
        assert (await ask(at, Request(do="status"))).address == scene.proxy.address


async def test_control_listens_on_loopback_only() -> None:
    async with before() as scene, Control(scene.proxy) as control:
        with pytest.raises(ProxyError, match="loopback"):
            await control.listen(Endpoint("0.0.0.0", 0))


async def test_what_is_no_control_is_told() -> None:
    async with before() as scene:
        with pytest.raises(ControlError, match="is no control of a link"):
            await ask(Endpoint.parse(scene.proxy.address), Request(do="status"), within_s=0.3)
        assert msgspec.json.decode(msgspec.json.encode(status(scene.proxy)))["target"]
