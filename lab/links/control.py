"""Control of a running proxy: one JSON object a line each way, on a loopback address.

| request | answer |
|---|---|
| ``{"do": "status"}`` | a :class:`Status` |
| ``{"do": "set", "preset": "nb-iot", "link": {…}, "toxics": […]}`` | the same, after the change |
| ``{"do": "reset"}`` | the same, after every open connection was reset |

In ``set`` everything may be left out: ``preset`` replaces the figures, ``link`` changes some of them (as in the TOML of
presets), ``toxics`` replaces all toxics. A mistake is answered with ``{"error": …}``; what is no JSON ends the
connection, so that no web page can talk to it.
"""

import asyncio
from types import TracebackType
from typing import Any, Self

import msgspec

from lab.links.presets import PresetError, preset
from lab.links.proxy import ConnectionRecord, Proxy, ProxyError, Totals
from lab.links.quantities import QuantityError, link_of, toxic_of
from v2g.endpoint import Endpoint
from v2g.net.link import Link
from v2g.net.medium import WayCounts
from v2g.net.tcp import describe, plain_reason
from v2g.net.toxics import AnyToxic

LINE_LIMIT = 64 * 1024
_CLIENTS = 8
_IDLE_S = 30.0


class ControlError(Exception):
    """A running proxy cannot be reached, or refuses a request."""


class Request(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What is asked of a proxy; see the module."""

    do: str
    preset: str | None = None
    link: dict[str, Any] = {}
    toxics: list[dict[str, Any]] | None = None


class Status(msgspec.Struct):
    """A proxy as it is now: addresses, figures, toxics, counts, open connections."""

    address: str
    target: str
    elapsed_s: float
    link: Link
    toxics: tuple[AnyToxic, ...]
    totals: Totals
    up: WayCounts
    down: WayCounts
    open: list[ConnectionRecord]


class _Refusal(msgspec.Struct):
    error: str


def status(proxy: Proxy) -> Status:
    """Return how a proxy is."""
    return Status(
        address=proxy.address,
        target=str(proxy.target),
        elapsed_s=proxy.elapsed_s,
        link=proxy.link,
        toxics=proxy.toxics,
        totals=proxy.totals,
        up=proxy.medium.counts(up=True),
        down=proxy.medium.counts(up=False),
        open=proxy.open_connections(),
    )


def obey(proxy: Proxy, request: Request) -> Status:
    """Do what is asked, all of it or nothing; raises ControlError, PresetError, QuantityError."""
    if request.do == "set":
        link = link_of(proxy.link if request.preset is None else preset(request.preset), request.link)
        toxics = None if request.toxics is None else [toxic_of(toxic) for toxic in request.toxics]
        proxy.change(link)
        if toxics is not None:
            proxy.spoil(toxics)
    elif request.do == "reset":
        proxy.reset_all()
    elif request.do != "status":
        raise ControlError(f"there is nothing named {request.do!r} to do; there are status, set, reset")
    return status(proxy)


class Control:
    """Serves the control of ``proxy``; an async context manager."""

    def __init__(self, proxy: Proxy) -> None:
        self.address = ""
        self._proxy = proxy
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self, address: Endpoint) -> None:
        """Bind to a loopback address; ProxyError for any other, and if it cannot be."""
        if address.host not in {"127.0.0.1", "::1", "localhost"}:
            raise ProxyError(str(address), "control is for loopback addresses only: it has no password")
        try:
            self._server = await asyncio.start_server(
                self._accept, address.host, address.port, limit=LINE_LIMIT
            )
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

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= _CLIENTS:
            writer.transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer), name="control")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_IDLE_S) as patience:
                while line := await reader.readline():
                    answer = self._answer(line)
                    writer.write(msgspec.json.encode(answer) + b"\n")
                    await writer.drain()
                    patience.reschedule(asyncio.get_running_loop().time() + _IDLE_S)
        except (OSError, TimeoutError, ValueError, msgspec.DecodeError):
            return  # gone, idle, a line without an end, or no JSON: nobody we speak to
        finally:
            writer.transport.abort() if not reader.at_eof() else writer.close()

    def _answer(self, line: bytes) -> Status | _Refusal:
        msgspec.json.decode(line)
        try:
            return obey(self._proxy, msgspec.json.decode(line, type=Request))
        except (msgspec.ValidationError, ControlError, PresetError, QuantityError) as error:
            return _Refusal(str(error))


async def ask(address: Endpoint, request: Request, *, within_s: float = 5.0) -> Status:
    """Ask a running proxy; ControlError says why there is no answer, or what it refuses."""
    try:
        async with asyncio.timeout(within_s):
            reader, writer = await asyncio.open_connection(address.host, address.port, limit=2**24)
            try:
                writer.write(msgspec.json.encode(request) + b"\n")
                await writer.drain()
                line = await reader.readline()
            finally:
                writer.close()
                await writer.wait_closed()
    except TimeoutError as error:
        raise ControlError(f"{address} did not answer within {within_s:g} s") from error
    except OSError as error:
        raise ControlError(f"{address}: {plain_reason(error)}") from error
    try:
        return msgspec.json.decode(line, type=Status)
    except msgspec.DecodeError as error:
        raise ControlError(_why(line, address)) from error


def _why(line: bytes, address: Endpoint) -> str:
    try:
        return msgspec.json.decode(line, type=_Refusal).error
    except msgspec.DecodeError:
        return f"{address} is no control of a link"
