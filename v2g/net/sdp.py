"""SECC discovery on a network: the charger's server, and the EV's search."""

import asyncio
import logging
from collections.abc import Callable

from v2g.capture import Capture
from v2g.endpoint import Endpoint
from v2g.errors import DiscoveryError, FramingError
from v2g.net.clock import Clock
from v2g.net.datagram import Datagrams
from v2g.net.network import Network
from v2g.net.tcp import plain_reason
from v2g.sdp import GROUP, PORT, SdpRequest, SdpResponse, Security
from v2g.timing import SDP_RETRY_INTERVAL_S, SDP_TRIES
from v2g.trace import Tracer

_log = logging.getLogger(__name__)

Answer = Callable[[SdpRequest, str], SdpResponse | None]
"""Decides the response to a request from ``[address%interface]:port``; None keeps silent."""


class SdpServer:
    """Answers discovery requests on one interface; a charger on several has one for each.

    Invalid requests are traced and get no answer. Use it as an asynchronous context manager, or
    :meth:`open` and :meth:`close`. InterfaceError says why an interface cannot be used.
    """

    def __init__(
        self,
        network: Network,
        interface: str,
        answer: Answer,
        *,
        tracer: Tracer,
        clock: Clock,
        capture: Capture | None = None,
        port: int = PORT,
    ) -> None:
        self._network = network
        self._interface = interface
        self._answer = answer
        self._tracer = tracer
        self._clock = clock
        self._capture = capture
        self._port = port
        self._datagrams: Datagrams | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Join the group and start to answer."""
        self._datagrams = await self._network.datagrams(self._interface, self._port, GROUP)
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._serve(self._datagrams), name=f"SDP server {self._interface}")

    async def close(self) -> None:
        """Stop answering."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._datagrams is not None:
            await self._datagrams.close()
        if self._task is not None and not self._task.cancelled() and (error := self._task.exception()):
            raise error

    async def __aenter__(self) -> "SdpServer":
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _serve(self, datagrams: Datagrams) -> None:
        while True:
            datagram, peer = await datagrams.receive()
            if self._capture is not None:
                self._capture.add_udp(peer, datagrams.group, datagram, self._clock.now())
            try:
                request = SdpRequest.decode(datagram)
            except FramingError as error:
                self._tracer.event(
                    "message.rejected", reason=str(error), field=error.field, bytes=len(datagram)
                )
                continue
            self._tracer.event(
                "sdp.received",
                message="SDPRequest",
                address=peer,
                security=request.security.name,
                bytes=len(datagram),
            )
            response = self._answer(request, peer)
            if response is None:
                continue
            encoded = response.encode()
            datagrams.send(encoded, peer)
            if self._capture is not None:
                self._capture.add_udp(datagrams.local, peer, encoded, self._clock.now())
            _trace_response(self._tracer, "sdp.sent", response, len(encoded))


async def discover(
    network: Network,
    interface: str,
    security: Security,
    *,
    tracer: Tracer,
    clock: Clock,
    capture: Capture | None = None,
    port: int = PORT,
    interval_s: float = SDP_RETRY_INTERVAL_S,
    tries: int = SDP_TRIES,
) -> SdpResponse:
    """Look for a charger on an interface: a request every 250 ms, at most 50 [V2G2-159][V2G2-161].

    Returns the first valid response, whose security may differ from what was asked for: that is the caller's
    decision. DiscoveryError after the last try; InterfaceError if the interface cannot be used.
    """
    datagrams = await network.datagrams(interface)
    request = SdpRequest(security).encode()
    group = str(Endpoint(GROUP, port))
    try:
        for _ in range(tries):
            datagrams.send(request, group)
            if capture is not None:
                capture.add_udp(datagrams.local, group, request, clock.now())
            tracer.event(
                "sdp.sent", message="SDPRequest", address=group, security=security.name, bytes=len(request)
            )
            try:
                async with asyncio.timeout(interval_s):
                    return await _response(datagrams, tracer, clock, capture)
            except TimeoutError:
                continue
        reason = f"no charger answered {tries} requests on {interface} within {tries * interval_s:g} s"
        failure = f" ({plain_reason(datagrams.last_error)})" if datagrams.last_error else ""
        raise DiscoveryError(reason + failure, tries)
    finally:
        await datagrams.close()


async def _response(
    datagrams: Datagrams, tracer: Tracer, clock: Clock, capture: Capture | None
) -> SdpResponse:
    """Wait for the first valid response."""
    while True:
        datagram, peer = await datagrams.receive()
        if capture is not None:
            capture.add_udp(peer, datagrams.local, datagram, clock.now())
        try:
            response = SdpResponse.decode(datagram)
        except FramingError as error:
            tracer.event("message.rejected", reason=str(error), field=error.field, bytes=len(datagram))
            continue
        _trace_response(tracer, "sdp.received", response, len(datagram))
        return response


def _trace_response(tracer: Tracer, kind: str, response: SdpResponse, size: int) -> None:
    tracer.event(
        kind,
        message="SDPResponse",
        address=str(response.address),
        port=response.port,
        security=response.security.name,
        bytes=size,
    )
