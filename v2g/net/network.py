"""Connecting and listening: the network that EV and charger are given.

:class:`TcpNetwork` is the real one; :class:`v2g.net.simulated.SimulatedNetwork` has the same face.
"""

import asyncio
import errno
import logging
import os
import random
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from v2g.endpoint import DYNAMIC_PORTS, Endpoint
from v2g.errors import ConnectError, V2GError
from v2g.net.datagram import Datagrams, UdpDatagrams
from v2g.net.interfaces import Interface, choose_interface
from v2g.net.stream import Stream
from v2g.net.tcp import TcpStream, describe, plain_reason

_log = logging.getLogger(__name__)

StreamHandler = Callable[[Stream], Awaitable[None]]
"""Serves one accepted connection; the connection is closed when it returns or raises."""

CONNECTION_LIMIT = 64
_BACKLOG = 128
_PORT_TRIES = 32
_OUT_OF_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_ACCEPT_PAUSE_S = 0.1


class Listener(Protocol):
    """A listening port with the connections accepted on it."""

    @property
    def address(self) -> str:
        """Where it listens, as ``[address]:port``."""

    @property
    def port(self) -> int:
        """The port number."""

    async def close(self) -> None:
        """Stop accepting, cancel the handlers, and wait until they have ended."""


class Network(Protocol):
    """Makes streams and datagram sockets."""

    def interface(self, name: str = "auto") -> Interface:
        """Return the named interface, or the first usable one; InterfaceError says what there is."""

    async def connect(self, host: str, port: int) -> Stream:
        """Open a connection; ConnectError says why there is none. The caller bounds the time."""

    async def listen(
        self, host: str, port: int, on_stream: StreamHandler, *, connection_limit: int = CONNECTION_LIMIT
    ) -> Listener:
        """Accept connections and run ``on_stream`` for each, at most ``connection_limit`` at a time.

        Port 0 takes a free one of the dynamic range that the standard asks for.
        """

    async def datagrams(self, interface: str, port: int = 0, group: str | None = None) -> Datagrams:
        """Open a UDP socket on an interface; ``group`` is a multicast group to join."""


class TcpNetwork:
    """The operating system's TCP and UDP."""

    def interface(self, name: str = "auto") -> Interface:
        """Return the named interface, or the first usable one; see :func:`choose_interface`."""
        return choose_interface(name)

    async def connect(self, host: str, port: int) -> TcpStream:
        """Open a TCP connection; a link-local address needs its ``%interface``."""
        loop = asyncio.get_running_loop()
        try:
            _, stream = await loop.create_connection(TcpStream, host, port)
        except OSError as error:
            hint = ""
            if host.lower().startswith("fe80:") and "%" not in host:
                hint = "; a link-local address needs its interface, as in fe80::1%eth0"
            raise ConnectError(str(Endpoint(host, port)), plain_reason(error) + hint) from error
        return stream

    async def listen(
        self, host: str, port: int, on_stream: StreamHandler, *, connection_limit: int = CONNECTION_LIMIT
    ) -> "TcpListener":
        """Bind and start to accept; OSError from binding becomes ConnectError with the address."""
        try:
            sock = await _bind(host, port)
        except OSError as error:
            raise ConnectError(str(Endpoint(host, port)), f"cannot listen: {plain_reason(error)}") from error
        return TcpListener(sock, on_stream, connection_limit)

    async def datagrams(self, interface: str, port: int = 0, group: str | None = None) -> UdpDatagrams:
        """Open a UDP socket on the named interface."""
        return await UdpDatagrams.open(interface, port, group)


class _ListeningSocket(socket.socket):
    """Remembers what it accepted until somebody serves it.

    A task that is cancelled in the instant in which asyncio accepts for it never sees the connection.
    """

    def __init__(self, family: int) -> None:
        super().__init__(family, socket.SOCK_STREAM)
        self.unserved: set[socket.socket] = set()

    def accept(self) -> tuple[socket.socket, Any]:
        connection, address = super().accept()
        self.unserved.add(connection)
        return connection, address

    def close(self) -> None:
        for connection in self.unserved:
            connection.close()
        self.unserved.clear()
        super().close()


async def _bind(host: str, port: int) -> _ListeningSocket:
    """Return a listening socket on the first of the host's addresses that can be bound."""
    loop = asyncio.get_running_loop()
    infos = await loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    # IPv6 first: "any address" in IPv6 serves IPv4 as well.
    infos = sorted(infos, key=lambda info: info[0] != socket.AF_INET6)
    ports = [port] if port else [*random.sample(DYNAMIC_PORTS, _PORT_TRIES), 0]
    failure: OSError | None = None
    for family, _, _, _, address in infos:
        for candidate in ports:
            try:
                return _listening_socket(
                    family, (address[0], candidate, *address[2:]), dual=host in {"", "::"}
                )
            except OSError as error:
                failure = failure or error
                if error.errno != errno.EADDRINUSE:
                    break
    raise failure or OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))


def _listening_socket(family: int, address: tuple[Any, ...], *, dual: bool) -> _ListeningSocket:
    sock = _ListeningSocket(family)
    try:
        sock.setblocking(False)
        if os.name == "posix":  # elsewhere the option lets two processes share the port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not dual))
        sock.bind(address)
        sock.listen(_BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


class TcpListener:
    """Accepts connections; neither a failing handler nor a shortage of descriptors ends it."""

    def __init__(self, sock: _ListeningSocket, on_stream: StreamHandler, connection_limit: int) -> None:
        self._sock = sock
        self._on_stream = on_stream
        self._limit = connection_limit
        self._open = 0
        self._in_trouble = False
        self.address = describe(sock.getsockname())
        self.port: int = sock.getsockname()[1]
        self._task = asyncio.get_running_loop().create_task(self._serve(), name=f"listener {self.address}")

    async def close(self) -> None:
        """Stop accepting, cancel the handlers, and wait until they have ended."""
        self._task.cancel()
        await asyncio.wait([self._task])
        self._sock.close()
        if not self._task.cancelled() and (error := self._task.exception()) is not None:
            raise error

    async def wait(self) -> None:
        """Wait until the listener has ended, which takes :meth:`close` or a failure of the socket."""
        await asyncio.wait([self._task])

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as connections:
            while True:
                try:
                    accepted, address = await loop.sock_accept(self._sock)
                except ConnectionError:
                    continue  # the peer gave up before we took it
                except OSError as error:
                    if error.errno not in _OUT_OF_RESOURCES:
                        raise
                    self._say_once("%s cannot accept: %s; waiting", self.address, plain_reason(error))
                    await asyncio.sleep(_ACCEPT_PAUSE_S)  # nothing tells when descriptors are free again
                    continue
                if self._open >= self._limit:
                    self._sock.unserved.discard(accepted)
                    accepted.close()
                    peer = describe(address)
                    self._say_once("%s refuses %s: %d connections are open", self.address, peer, self._open)
                    continue
                self._in_trouble = False
                self._open += 1
                connections.create_task(self._handle(accepted), name=f"connection {describe(address)}")

    def _say_once(self, message: str, *arguments: object) -> None:
        """Warn once until a connection has been served again: a storm is not to fill the log."""
        if not self._in_trouble:
            _log.warning(message, *arguments)
        self._in_trouble = True

    async def _handle(self, accepted: socket.socket) -> None:
        stream: TcpStream | None = None
        self._sock.unserved.discard(accepted)
        try:
            loop = asyncio.get_running_loop()
            _, stream = await loop.connect_accepted_socket(TcpStream, accepted)
            await self._on_stream(stream)
        except V2GError as error:
            _log.warning(
                "%s: connection from %s ended: %s", self.address, stream.peer if stream else "?", error
            )
        except Exception:  # noqa: BLE001 - the boundary of one connection: the others go on
            _log.exception("%s: a connection's handler failed", self.address)
        finally:
            self._open -= 1
            if stream is None:
                accepted.close()
            else:
                await stream.close()
