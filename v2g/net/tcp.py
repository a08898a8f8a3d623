"""One TCP connection as a :class:`v2g.net.stream.Stream`."""

import asyncio
import contextlib
import os
import socket
import struct
from collections import deque

from v2g.endpoint import Endpoint
from v2g.errors import ConnectionClosedError
from v2g.net.stream import TlsInfo

READ_HIGH_WATER = 256 * 1024
"""Bytes received and not yet read at which the connection stops taking more."""
CLOSE_TIMEOUT_S = 1.0
"""How long a close waits for a peer that does not take what was written."""
LINGER_S = 0.3
"""How long a close waits for the peer's own close, so that no reset overtakes our last message."""
_LINGER_RESET = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


class TcpStream(asyncio.Protocol):
    """A connection on an asyncio transport; ``loop.create_connection(TcpStream, …)`` makes one."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received: deque[bytes] = deque()
        self._size = 0
        self._reading_paused = False
        self._end: ConnectionClosedError | None = None
        self._eof = False
        self._closing = False
        self._lost = asyncio.Event()
        self._ended = asyncio.Event()
        self._readable = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._local = self._peer = "unconnected"

    @property
    def local(self) -> str:
        """Our end, as ``[address]:port``."""
        return self._local

    @property
    def peer(self) -> str:
        """The other end, as ``[address]:port``."""
        return self._peer

    @property
    def tls(self) -> TlsInfo | None:
        """None: TLS stands above this layer."""
        return None

    async def read(self) -> bytes:
        """Wait for bytes and return all that is there."""
        while not self._received:
            if self._closing:
                raise ConnectionClosedError("the connection is closed", by="us")
            if self._eof:
                return b""
            if self._end is not None:
                raise self._end
            self._readable.clear()
            await self._readable.wait()
        data = self._received.popleft() if len(self._received) == 1 else b"".join(self._received)
        self._forget_received()
        return data

    async def write(self, data: bytes) -> None:
        """Hand ``data`` to the kernel in one piece; wait while more than the high-water mark is queued."""
        self._check_writable()
        assert self._transport is not None
        self._transport.write(data)
        if not self._writable.is_set():
            await self._writable.wait()
            self._check_writable()

    def _check_writable(self) -> None:
        if self._closing:
            raise ConnectionClosedError("the connection is closed", by="us")
        if self._end is not None:
            raise self._end
        if self._lost.is_set():
            raise ConnectionClosedError("the peer has closed the connection")

    async def close(self) -> None:
        """Send what is queued and FIN, then wait a little for the peer's FIN.

        Closing a socket that has unread bytes makes the kernel send a reset, and a reset makes the peer
        forget what it has not read yet: perhaps the answer that says why we close. So our direction ends
        first, and what still arrives is thrown away. A peer that takes nothing is given up after a second.
        """
        transport = self._transport
        if transport is None or self._lost.is_set():
            self._closing = True
            return
        try:
            if not self._closing:
                self._closing = True
                self._forget_received()
                with contextlib.suppress(OSError):  # the peer may have reset the connection meanwhile
                    transport.write_eof()
                await self._wait(self._ended, LINGER_S)
            transport.close()
            await self._wait(self._lost, CLOSE_TIMEOUT_S)
        finally:
            if not self._lost.is_set():
                transport.abort()

    def _forget_received(self) -> None:
        self._received.clear()
        self._size = 0
        if self._reading_paused and self._transport is not None:
            self._reading_paused = False
            self._transport.resume_reading()

    @staticmethod
    async def _wait(event: asyncio.Event, limit_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await event.wait()

    def abort(self) -> None:
        """Drop the connection with a reset."""
        self._closing = True
        if self._transport is not None:
            abort_with_reset(self._transport)

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._local = describe(transport.get_extra_info("sockname"))
        self._peer = describe(transport.get_extra_info("peername"))
        sock: socket.socket = transport.get_extra_info("socket")
        with contextlib.suppress(OSError):  # the peer may be gone already
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        """Queue what arrived; stop reading while too much is queued."""
        if self._closing:
            return
        self._received.append(data)
        self._size += len(data)
        self._readable.set()
        if self._size >= READ_HIGH_WATER and not self._reading_paused and self._transport is not None:
            self._reading_paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """Note the peer's FIN; our own direction stays open for a last answer."""
        self._eof = True
        self._ended.set()
        self._readable.set()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake whoever waits."""
        if exc is not None:
            self._end = ConnectionClosedError(f"the connection was lost: {plain_reason(exc)}", clean=False)
        elif not self._eof:
            self._end = ConnectionClosedError(
                "the connection is closed", by="us" if self._closing else "peer"
            )
        self._lost.set()
        self._ended.set()
        self._readable.set()
        self._writable.set()

    def pause_writing(self) -> None:
        """Note that the peer is slower than we are."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let writers go on."""
        self._writable.set()


def abort_with_reset(transport: asyncio.WriteTransport) -> None:
    """Drop a connection at once, and have the kernel send a reset instead of a FIN."""
    sock = transport.get_extra_info("socket")
    with contextlib.suppress(OSError):  # it may be closed already
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
    transport.abort()


def describe(sockaddr: "tuple[str, int] | tuple[str, int, int, int] | str | None") -> str:
    """Write a socket address as ``[address%interface]:port``."""
    if not isinstance(sockaddr, tuple):
        return "unknown"
    host = sockaddr[0]
    if len(sockaddr) == 4 and sockaddr[3] and "%" not in host:
        try:
            host = f"{host}%{socket.if_indextoname(sockaddr[3])}"
        except OSError:  # the interface has gone meanwhile
            host = f"{host}%{sockaddr[3]}"
    return str(Endpoint(host, sockaddr[1]))


def plain_reason(error: Exception) -> str:
    """Return what the operating system says, without numbers and addresses."""
    number = getattr(error, "errno", None)
    if isinstance(number, int) and number > 0:
        return os.strerror(number)
    return str(getattr(error, "strerror", None) or str(error) or type(error).__name__)
