"""Connections whose header never ends, on virtual time."""

import asyncio
from typing import Any

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from backend_stub.web.protocol import HEADER_TIMEOUT_S, GuardedProtocol
from tests.conftest import VirtualTime

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
KEEP_ALIVE_S = 75


class Line(asyncio.Transport):
    """The server's end of a connection that goes nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.closed_at: float | None = None

    def write(self, data: Any) -> None:
        self.sent += bytes(data)

    def close(self) -> None:
        if self.closed_at is None:
            self.closed_at = asyncio.get_running_loop().time()

    def is_closing(self) -> bool:
        return self.closed_at is not None

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def pause_reading(self) -> None:
        return

    def resume_reading(self) -> None:
        return


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def connect() -> tuple[GuardedProtocol, Line]:
    config = uvicorn.Config(
        app, http=GuardedProtocol, ws="none", lifespan="off", log_config=None, timeout_keep_alive=KEEP_ALIVE_S
    )
    config.load()
    protocol, line = GuardedProtocol(config, ServerState(), {}), Line()
    protocol.connection_made(line)
    return protocol, line


async def wait(seconds: float) -> None:
    await asyncio.sleep(seconds)


def test_a_header_that_stalls(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        protocol, line = connect()
        begun = asyncio.get_running_loop().time()
        for piece in (b"GET / HT", b"TP/1.1\r\n", b"Host: a\r\n", b"X-A: b\r\n"):
            protocol.data_received(piece)  # a byte now and then keeps nothing alive
            await wait(HEADER_TIMEOUT_S / 5)
        await wait(HEADER_TIMEOUT_S)
        assert line.closed_at == begun + HEADER_TIMEOUT_S
        assert line.sent.startswith(b"HTTP/1.1 408 ")
        assert b"[SLOW]" in line.sent
        protocol.connection_lost(None)

    virtual_time(scenario())


def test_silence_from_the_beginning(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        protocol, line = connect()
        begun = asyncio.get_running_loop().time()
        await wait(HEADER_TIMEOUT_S + 1)
        assert (line.closed_at, line.sent) == (begun + HEADER_TIMEOUT_S, b"")
        protocol.connection_lost(None)

    virtual_time(scenario())


def test_the_second_header_is_timed_as_well(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        protocol, line = connect()
        protocol.data_received(REQUEST)
        await wait(HEADER_TIMEOUT_S * 2)  # keep-alive is allowed longer than a header
        assert line.sent.startswith(b"HTTP/1.1 204 ")
        assert not line.is_closing()
        protocol.data_received(REQUEST[:-2])
        begun = asyncio.get_running_loop().time()
        await wait(HEADER_TIMEOUT_S + 1)
        assert line.closed_at == begun + HEADER_TIMEOUT_S
        assert b"HTTP/1.1 408 " in line.sent
        protocol.connection_lost(None)

    virtual_time(scenario())


def test_a_beginning_behind_a_whole_request_is_timed(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        protocol, line = connect()
        protocol.data_received(REQUEST + b"GET")
        begun = asyncio.get_running_loop().time()
        await wait(HEADER_TIMEOUT_S + 1)
        assert line.closed_at == begun + HEADER_TIMEOUT_S
        protocol.connection_lost(None)

    virtual_time(scenario())


def test_requests_in_time_are_answered(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        protocol, line = connect()
        for _ in range(3):
            protocol.data_received(REQUEST[:10])
            await wait(HEADER_TIMEOUT_S - 1)
            protocol.data_received(REQUEST[10:])
            await wait(1)
        assert line.sent.count(b"HTTP/1.1 204 ") == 3
        assert line.closed_at is None
        protocol.connection_lost(None)

    virtual_time(scenario())
