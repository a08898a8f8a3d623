"""UDP on one interface, with multicast, as SDP needs it."""

import asyncio
import contextlib
import socket
import struct
from collections import deque
from typing import Protocol, cast

from v2g.endpoint import Endpoint
from v2g.errors import InterfaceError
from v2g.net.interfaces import Interface, choose_interface
from v2g.net.tcp import describe, plain_reason

_QUEUE = 64
"""Datagrams held for a slow reader; more are dropped, as UDP does."""


class Datagrams(Protocol):
    """A UDP socket."""

    @property
    def local(self) -> str:
        """Our end, as ``[address%interface]:port``; with a group, what answers are sent from."""

    @property
    def group(self) -> str:
        """The group that was joined, as ``[group]:port``; empty without one."""

    @property
    def last_error(self) -> OSError | None:
        """Why the last datagram could not be sent, if the system said so."""

    async def receive(self) -> tuple[bytes, str]:
        """Wait for a datagram; return it with the sender's ``[address%interface]:port``."""

    def send(self, data: bytes, to: str) -> None:
        """Send a datagram; one that cannot be sent is lost, as on the way."""

    async def close(self) -> None:
        """Close the socket."""


class UdpDatagrams(asyncio.DatagramProtocol):
    """A UDP socket of the operating system, bound to one interface."""

    def __init__(self, interface: Interface, group: str | None) -> None:
        self._interface = interface
        self._group = group
        self._transport: asyncio.DatagramTransport | None = None
        self._queue: deque[tuple[bytes, str]] = deque(maxlen=_QUEUE)
        self._readable = asyncio.Event()
        self._closed = asyncio.Event()
        self.local = "unconnected"
        self.group = ""
        self.last_error: OSError | None = None

    @classmethod
    async def open(cls, interface: str, port: int = 0, group: str | None = None) -> "UdpDatagrams":
        """Bind to ``port`` (0: any) of an interface and join ``group`` on it; InterfaceError says why not."""
        chosen = choose_interface(interface)
        try:
            sock = _open_socket(chosen, port, group)
        except OSError as error:
            reason = f"no UDP socket for port {port} on {interface}: {plain_reason(error)}"
            raise InterfaceError(reason, (str(chosen),)) from error
        loop = asyncio.get_running_loop()
        _, datagrams = await loop.create_datagram_endpoint(lambda: cls(chosen, group), sock=sock)
        return datagrams

    async def receive(self) -> tuple[bytes, str]:
        """Wait for a datagram and return it with its sender."""
        while not self._queue:
            self._readable.clear()
            await self._readable.wait()
        return self._queue.popleft()

    def send(self, data: bytes, to: str) -> None:
        """Send ``data``; a multicast or link-local address goes out on this socket's interface."""
        if self._transport is None or self._transport.is_closing():
            return
        endpoint = Endpoint.parse(to)
        host = endpoint.host.partition("%")[0]
        self._transport.sendto(data, (host, endpoint.port, 0, self._interface.index))

    async def close(self) -> None:
        """Close the socket and wait until it is."""
        if self._transport is not None:
            self._transport.close()
            await self._closed.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        # A cast, because asyncio's own datagram transport is no DatagramTransport before Python 3.12.
        self._transport = cast("asyncio.DatagramTransport", transport)
        port: int = transport.get_extra_info("sockname")[1]
        address = self._interface.addresses[0]
        scope = f"%{self._interface.name}" if address.is_link_local else ""
        self.local = str(Endpoint(f"{address}{scope}", port))
        self.group = str(Endpoint(self._group, port)) if self._group else ""

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Queue a datagram; the oldest goes when nobody reads."""
        self._queue.append((data, describe(addr)))
        self._readable.set()

    def error_received(self, exc: Exception) -> None:
        """Remember why sending failed, for a clear message when nobody answers."""
        if isinstance(exc, OSError):
            self.last_error = exc

    def connection_lost(self, _exc: Exception | None) -> None:
        """Note the end."""
        self._closed.set()


def _open_socket(interface: Interface, port: int, group: str | None) -> socket.socket:
    index = interface.index
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 1)
        if group is None:
            scope = index if interface.addresses[0].is_link_local else 0
            sock.bind((str(interface.addresses[0]), port, 0, scope))
        else:
            # Several chargers on one host share the port; each gets every multicast datagram.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if hasattr(socket, "SO_REUSEPORT"):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            _bind_group(sock, group, port, index)
            membership = socket.inet_pton(socket.AF_INET6, group) + struct.pack("@I", index)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, membership)
    except BaseException:
        sock.close()
        raise
    return sock


def _bind_group(sock: socket.socket, group: str, port: int, index: int) -> None:
    """Bind to the group on its interface where the system can, so that other interfaces stay apart."""
    with contextlib.suppress(OSError):
        sock.bind((group, port, 0, index))
        return
    sock.bind(("::", port))
