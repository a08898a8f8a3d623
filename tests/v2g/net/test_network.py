"""Real sockets: connecting, listening, and surviving what happens to a listening port."""

import asyncio
import contextlib
import errno
import logging
import socket

import pytest

from v2g.endpoint import DYNAMIC_PORTS, Endpoint
from v2g.errors import ConnectError, ConnectionClosedError
from v2g.net import network as network_module
from v2g.net import tcp
from v2g.net.interfaces import list_interfaces
from v2g.net.network import TcpNetwork
from v2g.net.stream import Stream
from v2g.net.tcp import READ_HIGH_WATER, TcpStream

LINK_LOCAL = [item for item in list_interfaces() if item.link_local is not None and not item.loopback]


async def echo(stream: Stream) -> None:
    while data := await stream.read():
        await stream.write(data)


async def until_paused(stream: TcpStream) -> None:
    """Let the loop run until so much has arrived that no more is taken."""
    while not stream._reading_paused:  # noqa: ASYNC110 - there is no event for it, and none is needed
        await asyncio.sleep(0)


async def talk(host: str, port: int, data: bytes = b"hello") -> tuple[bytes, str, str]:
    stream = await TcpNetwork().connect(host, port)
    await stream.write(data)
    answer = b""
    while len(answer) < len(data):
        answer += await stream.read()
    await stream.close()
    return answer, stream.local, stream.peer


@pytest.mark.parametrize("host", ["::1", "127.0.0.1", "localhost"])
async def test_an_echo(host: str) -> None:
    listener = await TcpNetwork().listen(host, 0, echo)
    answer, local, peer = await talk(host, listener.port)
    assert answer == b"hello"
    assert peer == listener.address
    assert listener.port in DYNAMIC_PORTS
    assert Endpoint.parse(local).ip.is_loopback
    await listener.close()


async def test_any_address_serves_both_families() -> None:
    listener = await TcpNetwork().listen("::", 0, echo)
    for host in ("::1", "127.0.0.1"):
        answer, _, _ = await talk(host, listener.port)
        assert answer == b"hello"
    await listener.close()


@pytest.mark.skipif(not LINK_LOCAL, reason="no interface with an IPv6 link-local address")
async def test_a_link_local_address_with_its_interface() -> None:
    interface = LINK_LOCAL[0]
    host = f"{interface.link_local}%{interface.name}"
    listener = await TcpNetwork().listen(host, 0, echo)
    assert listener.address == f"[{host}]:{listener.port}"
    answer, local, peer = await talk(host, listener.port)
    assert answer == b"hello"
    assert peer == listener.address
    assert local.startswith(f"[{host}]:")
    with pytest.raises(ConnectError, match=r"needs its interface, as in fe80::1%eth0"):
        await TcpNetwork().connect(str(interface.link_local), listener.port)
    await listener.close()


async def test_a_large_message_passes_in_both_directions() -> None:
    listener = await TcpNetwork().listen("::1", 0, echo)
    data = bytes(range(256)) * 8000
    stream = await TcpNetwork().connect("::1", listener.port)

    async def send() -> None:
        await stream.write(data)

    async with asyncio.TaskGroup() as group:
        group.create_task(send())
        received = b""
        while len(received) < len(data):
            received += await stream.read()
    assert received == data
    await stream.close()
    await listener.close()


async def test_small_messages_are_not_held_back() -> None:
    listener = await TcpNetwork().listen("::1", 0, echo)
    stream = await TcpNetwork().connect("::1", listener.port)
    assert stream._transport is not None
    sock = stream._transport.get_extra_info("socket")
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    await stream.close()
    await listener.close()


async def test_nobody_listens() -> None:
    with pytest.raises(ConnectError, match=r"cannot connect to \[::1\]:1: Connection refused"):
        await TcpNetwork().connect("::1", 1)
    with pytest.raises(ConnectError, match=r"cannot connect to no-such-host\.invalid:1"):
        await TcpNetwork().connect("no-such-host.invalid", 1)


async def test_a_taken_port_is_named() -> None:
    listener = await TcpNetwork().listen("::1", 0, echo)
    with pytest.raises(
        ConnectError, match=rf"\[::1\]:{listener.port}: cannot listen: Address already in use"
    ):
        await TcpNetwork().listen("::1", listener.port, echo)
    with pytest.raises(ConnectError, match="cannot listen: Cannot assign requested address"):
        await TcpNetwork().listen("2001:db8::1", 0, echo)
    await listener.close()


async def test_a_reading_that_is_cancelled_loses_nothing() -> None:
    release = asyncio.Event()

    async def late(stream: Stream) -> None:
        await release.wait()
        await stream.write(b"answer")
        await stream.read()

    listener = await TcpNetwork().listen("::1", 0, late)
    stream = await TcpNetwork().connect("::1", listener.port)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await stream.read()
    release.set()
    assert await stream.read() == b"answer"
    await stream.close()
    await listener.close()


async def test_the_last_words_survive_unread_input() -> None:
    """Closing with unread bytes must not make the kernel's reset swallow our answer."""

    async def refuse(stream: Stream) -> None:
        await stream.write(b"FAILED")

    listener = await TcpNetwork().listen("::1", 0, refuse)
    stream = await TcpNetwork().connect("::1", listener.port)
    await stream.write(b"nobody reads this" * 1000)
    received = b""
    while data := await stream.read():
        received += data
    assert received == b"FAILED"
    await stream.close()
    await listener.close()


async def test_an_abort_is_a_reset_at_the_other_end() -> None:
    ended: asyncio.Future[ConnectionClosedError] = asyncio.get_running_loop().create_future()

    async def wait(stream: Stream) -> None:
        try:
            await stream.read()
        except ConnectionClosedError as error:
            ended.set_result(error)

    listener = await TcpNetwork().listen("::1", 0, wait)
    stream = await TcpNetwork().connect("::1", listener.port)
    stream.abort()
    error = await ended
    assert not error.clean
    assert str(error) == "the connection was lost: Connection reset by peer"
    for call in (stream.read(), stream.write(b"x")):
        with pytest.raises(ConnectionClosedError) as caught:
            await call
        assert caught.value.by == "us"
    await stream.close()
    await listener.close()


async def test_writing_to_a_peer_that_has_gone() -> None:
    gone = asyncio.Event()

    async def reset(stream: Stream) -> None:
        await stream.read()
        stream.abort()
        gone.set()

    listener = await TcpNetwork().listen("::1", 0, reset)
    stream = await TcpNetwork().connect("::1", listener.port)
    await stream.write(b"x")
    await gone.wait()
    with pytest.raises(ConnectionClosedError):
        await stream.read()
    with pytest.raises(ConnectionClosedError, match="lost"):
        await stream.write(b"x")
    await stream.close()
    await listener.close()


async def test_a_failing_handler_harms_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    async def fragile(stream: Stream) -> None:
        data = await stream.read()
        if data == b"bad":
            raise LookupError("a defect")
        if data == b"rude":
            raise ConnectionClosedError("rudely")
        await stream.write(data)

    listener = await TcpNetwork().listen("::1", 0, fragile)
    with caplog.at_level(logging.WARNING):
        for data in (b"bad", b"rude"):
            stream = await TcpNetwork().connect("::1", listener.port)
            await stream.write(data)
            assert await stream.read() == b""
            await stream.close()
    answer, _, _ = await talk("::1", listener.port)
    assert answer == b"hello"
    await listener.close()
    assert "LookupError: a defect" in caplog.text
    assert "ended: rudely" in caplog.text


async def test_a_slow_reader_holds_the_sender_back() -> None:
    data = bytes(8 * 1024 * 1024)
    written = asyncio.Event()

    async def pour(stream: Stream) -> None:
        await stream.write(data)
        written.set()
        await stream.read()

    listener = await TcpNetwork().listen("::1", 0, pour)
    stream = await TcpNetwork().connect("::1", listener.port)
    await until_paused(stream)
    assert stream._size < 2 * READ_HIGH_WATER
    assert not written.is_set()
    size = 0
    while size < len(data):
        size += len(await stream.read())
    await written.wait()
    await stream.close()
    await listener.close()


async def test_a_peer_that_takes_nothing_cannot_hold_up_the_close(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLOSE_TIMEOUT_S", "LINGER_S"):
        monkeypatch.setattr(tcp, name, 0.01)
    closed = asyncio.Event()

    async def pour(stream: Stream) -> None:
        async def write() -> None:
            with pytest.raises(ConnectionClosedError):
                await stream.write(bytes(16 * 1024 * 1024))

        async with asyncio.TaskGroup() as group:
            group.create_task(write())
            await asyncio.sleep(0)
            await stream.close()
        closed.set()

    listener = await TcpNetwork().listen("::1", 0, pour)
    stream = await TcpNetwork().connect("::1", listener.port)
    await closed.wait()
    stream.abort()
    await stream.close()
    await listener.close()


async def test_closing_throws_away_what_nobody_will_read() -> None:
    async def pour(stream: Stream) -> None:
        with contextlib.suppress(ConnectionClosedError):
            await stream.write(bytes(4 * 1024 * 1024))

    listener = await TcpNetwork().listen("::1", 0, pour)
    stream = await TcpNetwork().connect("::1", listener.port)
    await until_paused(stream)
    await stream.close()
    with pytest.raises(ConnectionClosedError, match="is closed"):
        await stream.read()
    await stream.close()
    await listener.close()


async def test_no_more_connections_than_the_limit(caplog: pytest.LogCaptureFixture) -> None:
    listener = await TcpNetwork().listen("::1", 0, echo, connection_limit=2)
    streams = [await TcpNetwork().connect("::1", listener.port) for _ in range(2)]
    for stream in streams:
        await stream.write(b"here")
        assert await stream.read() == b"here"
    for _ in range(3):
        refused = await TcpNetwork().connect("::1", listener.port)
        with contextlib.suppress(ConnectionClosedError):  # a reset will do as well
            assert await refused.read() == b""
        await refused.close()
    assert caplog.text.count("refuses") == 1
    await streams[0].close()
    await streams[1].write(b"still here")
    assert await streams[1].read() == b"still here"
    await streams[1].close()
    await listener.close()


async def test_a_shortage_of_descriptors_passes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loop = asyncio.get_running_loop()
    accept = loop.sock_accept
    failures = [errno.EMFILE, errno.ECONNABORTED, errno.ENFILE, errno.EMFILE]

    async def scarce(sock: socket.socket) -> tuple[socket.socket, object]:
        if failures:
            number = failures.pop()
            raise OSError(number, "injected")
        return await accept(sock)

    monkeypatch.setattr(loop, "sock_accept", scarce)
    monkeypatch.setattr(network_module, "_ACCEPT_PAUSE_S", 0.0)
    listener = await TcpNetwork().listen("::1", 0, echo)
    answer, _, _ = await talk("::1", listener.port)
    assert answer == b"hello"
    assert not failures
    assert caplog.text.count("Too many open files") == 1
    await listener.close()


async def test_closing_cancels_the_handlers_and_waits_for_them() -> None:
    started, cleaned = asyncio.Event(), asyncio.Event()

    async def stubborn(stream: Stream) -> None:
        started.set()
        try:
            await stream.read()
        finally:
            await stream.write(b"goodbye")
            cleaned.set()

    listener = await TcpNetwork().listen("::1", 0, stubborn)
    stream = await TcpNetwork().connect("::1", listener.port)
    await started.wait()
    async with asyncio.TaskGroup() as group:
        closing = group.create_task(listener.close())
        assert await stream.read() == b"goodbye"
        assert await stream.read() == b""
        await stream.close()
    assert closing.done()
    assert cleaned.is_set()
    with pytest.raises(ConnectError):
        await TcpNetwork().connect("::1", listener.port)


async def test_closing_at_once_leaks_nothing() -> None:
    listener = await TcpNetwork().listen("::1", 0, echo)
    streams = [await TcpNetwork().connect("::1", listener.port) for _ in range(5)]
    await listener.close()
    for stream in streams:
        await stream.close()
