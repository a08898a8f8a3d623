"""``backend-stub serve --market``: all providers of a market in one process, or one of them."""

import asyncio
import json
import logging
import os
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import exi
from backend_stub import logs
from backend_stub.access.settings import from_description, open_gate
from backend_stub.database import Database
from backend_stub.description import Description, DescriptionError, Provider
from backend_stub.description_file import load
from backend_stub.market import Market, load_hierarchy, open_market
from backend_stub.places import place_of
from backend_stub.serve import warm_up
from backend_stub.server import Server, listen, own_url, server_config, url_of
from backend_stub.web.app import create_app
from pki.entropy import SystemEntropy
from v2g.net.clock import SystemClock
from v2g.net.process import peak_rss_bytes
from v2g.trace import JsonlSink, NullSink, Tracer

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class MarketSettings:
    """The command line of ``serve --market``. Without ``providers`` all run that have a certificate folder."""

    market: Path
    providers: Sequence[str] = ()
    trace: Path | None = None
    json: bool = False
    verbose: bool = False


def run(settings: MarketSettings) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises DescriptionError, PkiFolderError, DatabaseError, MarketError (the roots do not fit what a database
    holds, or it fails), AddressError or OSError (trace file) before the first request.
    """
    logs.configure(logging.DEBUG if settings.verbose else logging.INFO)
    asyncio.run(_serve(settings))


async def _serve(settings: MarketSettings) -> None:
    description = load(settings.market)
    chosen = _chosen(description, settings.providers)
    with ExitStack() as stack:
        sink = JsonlSink(settings.trace) if settings.trace else NullSink()
        stack.callback(sink.close)
        tracer = Tracer("backend", sink, SystemClock().now)
        listeners = {
            provider.name: stack.enter_context(_listening(provider, description)) for provider in chosen
        }
        async with AsyncExitStack() as ending:
            stands = [
                await _open(provider, description, listeners[provider.name], tracer, ending)
                for provider in chosen
            ]
            warm_up()
            await _run(stands, settings, tracer)
        tracer.event("process.ended", exit_code=0, peak_rss_bytes=peak_rss_bytes())


class _Server(Server):
    """One of several servers of a process; the signals are for all of them, see :func:`_run`."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to whoever started this server."""
        yield


@dataclass(slots=True)
class _Stand:
    """One provider in this process."""

    provider: Provider
    market: Market
    server: _Server
    listener: socket.socket
    up: asyncio.Event

    async def serve(self) -> None:
        """Serve until the server is told to end."""
        async with asyncio.TaskGroup() as group:
            work = [group.create_task(run()) for run in self.market.background]
            async with self.market.over_the_air.delivering(own_url(url_of(self.listener))):
                await self.server.serve(sockets=[self.listener])
            for task in work:
                task.cancel()


async def _open(
    provider: Provider,
    description: Description,
    listener: socket.socket,
    tracer: Tracer,
    ending: AsyncExitStack,
) -> _Stand:
    """Make one provider ready to serve; what it holds is closed with ``ending``."""
    clock = SystemClock()
    hierarchy = load_hierarchy(_pki(description, provider), now=clock.now())
    database = Database(provider.database)
    ending.callback(database.close)
    place = place_of(description, provider, hierarchy, clock.monotonic)
    for peer in place.peers:
        ending.push_async_callback(peer.close)
    market = await open_market(
        hierarchy,
        database,
        now=clock.now,
        entropy=SystemEntropy(),
        tracer=tracer,
        public_url=provider.url,
        place=place,
    )
    access = from_description(description.raw, description.path.absolute().parent)
    access.check_host(listener.getsockname()[0])
    gate = await open_gate(
        access, database, now=clock.now, monotonic=clock.monotonic, entropy=SystemEntropy()
    )
    app = create_app(
        market,
        tracer=tracer,
        monotonic=clock.monotonic,
        gate=gate,
        strict_opnc=access.strict_opnc,
    )
    up = asyncio.Event()
    server = _Server(server_config(app), up.set, market.over_the_air.events.close)
    return _Stand(provider, market, server, listener, up)


async def _run(stands: Sequence[_Stand], settings: MarketSettings, tracer: Tracer) -> None:
    """Serve all until SIGINT or SIGTERM; say so once all take requests."""

    def end() -> None:
        for stand in stands:
            stand.server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, end)
    try:
        async with asyncio.TaskGroup() as group:
            for stand in stands:
                group.create_task(stand.serve())
            for stand in stands:
                await stand.up.wait()
            _announce(stands, settings, tracer)
    finally:
        for number in _STOP_SIGNALS:
            loop.remove_signal_handler(number)


def _announce(stands: Sequence[_Stand], settings: MarketSettings, tracer: Tracer) -> None:
    urls = {stand.provider.name: url_of(stand.listener) for stand in stands}
    pid = os.getpid()
    address = next(iter(urls.values()))
    tracer.event(
        "process.ready",
        pid=pid,
        version=version("pnclab"),
        exi_engine=exi.engine_name(),
        address=address,
        providers=urls,
    )
    if settings.json:
        print(json.dumps({"ready": True, "address": address, "providers": urls, "pid": pid}), flush=True)
        return
    for name, url in urls.items():
        print(f"provider {name} ready at {url} (API at {url}/docs)", flush=True)


def _chosen(description: Description, names: Sequence[str]) -> Sequence[Provider]:
    """Return the providers to run; raises DescriptionError for one that runs elsewhere."""
    if names:
        chosen = [description.provider(name) for name in dict.fromkeys(names)]
        for provider in chosen:
            _pki(description, provider)
        return chosen
    chosen = [provider for provider in description.providers if provider.pki is not None]
    if not chosen:
        raise DescriptionError(
            description.path, "provider", "none has a certificate folder (pki) to run it with"
        )
    return chosen


def _pki(description: Description, provider: Provider) -> Path:
    if provider.pki is None:
        place = f"provider {provider.name!r}: pki"
        raise DescriptionError(description.path, place, "is missing: this provider runs elsewhere")
    return provider.pki


def _listening(provider: Provider, description: Description) -> socket.socket:
    if provider.listen is None:
        raise DescriptionError(description.path, f"provider {provider.name!r}: listen", "is missing")
    return listen(provider.listen.host, provider.listen.port)
