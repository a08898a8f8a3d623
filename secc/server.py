"""The charger's process inside: listeners, discovery, TLS, and one :class:`Connection` a car."""

import asyncio
import itertools
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address

from secc.charger import Charger
from secc.connection import Connection
from secc.errors import StartError
from secc.negotiation import spoken_on
from secc.protocol import Protocol
from v2g.capture import Capture
from v2g.endpoint import Endpoint
from v2g.errors import ConnectError, InterfaceError, TlsError
from v2g.net.interfaces import Interface
from v2g.net.network import Listener, Network
from v2g.net.sdp import SdpServer
from v2g.net.stream import Stream, TlsInfo
from v2g.net.tap import TappedStream
from v2g.net.tls import ServerTls, server_tls
from v2g.sdp import SdpRequest, SdpResponse, Security, negotiate
from v2g.timing import ISO2
from v2g.trace import Tracer

_log = logging.getLogger("secc")


@dataclass(frozen=True, slots=True)
class Door:
    """One port that cars come in by."""

    security: Security
    listener: Listener


class Server:
    """Listens for cars and serves them until it is stopped.

    ``tls`` is None for a charger without TLS. ``interface`` is where discovery is answered, None for
    nowhere. Everything that differs between a real and a simulated charger is an argument: network, clock,
    station, source and randomness (the latter four in ``charger``).
    """

    def __init__(
        self,
        charger: Charger,
        protocols: Sequence[Protocol],
        network: Network,
        tracer: Tracer,
        *,
        tls: ServerTls | None = None,
        interface: Interface | None = None,
        capture: Capture | None = None,
    ) -> None:
        self._charger = charger
        self._protocols = protocols
        self._network = network
        self._tracer = tracer
        self._tls = tls
        self.interface = interface
        self._capture = capture
        self._numbers = itertools.count(1)
        self._open = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._sdp: SdpServer | None = None
        self.doors: list[Door] = []

    async def start(self) -> None:
        """Open the ports, and discovery when there is an interface; raises StartError."""
        try:
            for security, endpoint in self._endpoints():
                self.doors.append(Door(security, await self._listen(security, endpoint)))
            if self.interface is not None:
                self._sdp = SdpServer(
                    self._network,
                    self.interface.name,
                    self._answer,
                    tracer=self._tracer,
                    clock=self._charger.clock,
                    capture=self._capture,
                )
                await self._sdp.open()
        except ConnectError as error:
            await self._close()
            raise StartError(f"{error.address}: {error.reason}") from error
        except InterfaceError as error:
            await self._close()
            raise StartError(str(error)) from error

    async def stop(self) -> None:
        """End in order: no new session, cars that charge are asked to stop, then everything is closed.

        Cars have ``network.shutdown_grace_s`` to finish.
        """
        self._charger.stopping = True
        try:
            async with asyncio.timeout(self._charger.config.network.shutdown_grace_s):
                await self._idle.wait()
        except TimeoutError:
            _log.info("%d connections are still open: closing them", self._open)
        finally:
            await self._close()

    def door(self, security: Security) -> Door | None:
        """Return the port with or without TLS, None if there is none."""
        return next((door for door in self.doors if door.security is security), None)

    def protocols(self) -> list[Protocol]:
        """Return what is spoken here, on one port or another."""
        versions = self._tls.versions if self._tls is not None else ()
        ways: list[TlsInfo | None] = [TlsInfo(version, "", 0.0) for version in versions]
        if self.door(Security.NONE) is not None:
            ways.append(None)
        found = [spoken_on(self._protocols, way, self._charger) for way in ways]
        spoken = {protocol.key for protocols in found for protocol in protocols}
        return [protocol for protocol in self._protocols if protocol.key in spoken]

    async def _close(self) -> None:
        if self._sdp is not None:
            await self._sdp.close()
        for door in self.doors:
            await door.listener.close()

    def _endpoints(self) -> list[tuple[Security, Endpoint]]:
        """Return where to listen; ports may be 0."""
        settings = self._charger.config.network
        main = self._main_endpoint()
        if self._tls is None:
            return [(Security.NONE, main)]
        found = [(Security.TLS, main)]
        if settings.listen_plain:
            found.append((Security.NONE, Endpoint.parse(settings.listen_plain)))
        elif settings.plain and self.interface is not None:
            found.append((Security.NONE, Endpoint(main.host, 0)))
        return found

    def _main_endpoint(self) -> Endpoint:
        settings = self._charger.config.network
        if settings.listen:
            return Endpoint.parse(settings.listen)
        if self.interface is None:
            raise StartError("network.listen: an address is needed where discovery is off, such as [::]:0")
        if self.interface.link_local is None:
            raise StartError(f"{self.interface} has no IPv6 link-local address: give one to listen on")
        return Endpoint(f"{self.interface.link_local}%{self.interface.name}", 0)

    async def _listen(self, security: Security, endpoint: Endpoint) -> Listener:
        async def on_stream(stream: Stream) -> None:
            await self._serve(stream, security)

        limit = self._charger.config.network.max_connections
        return await self._network.listen(endpoint.host, endpoint.port, on_stream, connection_limit=limit)

    def _answer(self, request: SdpRequest, _peer: str) -> SdpResponse | None:
        """Answer discovery with the port for the security asked for, else with the one there is."""
        if self._charger.stopping:
            return None
        door = self.door(negotiate(request.security, [door.security for door in self.doors]))
        address = self._address(door)
        return SdpResponse(address, door.listener.port, door.security) if door and address else None

    def _address(self, door: Door | None) -> IPv6Address | None:
        """Return the address that discovery names: that of the port, or the interface's own for any."""
        if door is None or self.interface is None:
            return None
        ip = Endpoint.parse(door.listener.address).ip
        if ip.is_unspecified:
            return self.interface.link_local
        return ip if isinstance(ip, IPv6Address) else None

    async def _serve(self, stream: Stream, security: Security) -> None:
        if self._charger.stopping:
            return
        self._open += 1
        self._idle.clear()
        try:
            await self._serve_numbered(stream, security)
        finally:
            self._open -= 1
            if not self._open:
                self._idle.set()

    async def _serve_numbered(self, stream: Stream, security: Security) -> None:
        clock = self._charger.clock
        accepted_at = clock.monotonic()
        number = next(self._numbers)
        tracer = self._tracer.bind(connection=number)
        tracer.event("tcp.accepted", local=stream.local, peer=stream.peer)
        _log.info(
            "connection %d: %s from %s",
            number,
            "TLS" if security is Security.TLS else "plain TCP",
            stream.peer,
        )
        if self._capture is not None:
            stream = TappedStream(stream, self._capture, clock, outgoing=False)
        if security is Security.TLS:
            assert self._tls is not None
            patience_s = min(
                self._charger.config.network.handshake_timeout_s,
                ISO2.secc_communication_setup_performance_time.seconds,
            )
            try:
                stream = await server_tls(
                    stream, self._tls, handshake_timeout_s=patience_s, clock=clock, tracer=tracer
                )
            except TlsError as error:
                tracer.event("tcp.closed", reason=str(error), by="peer" if error.code == "CLOSED" else "us")
                _log.warning("connection %d: %s", number, error)
                return
        await Connection(self._charger, self._protocols, stream, tracer, accepted_at).run()
