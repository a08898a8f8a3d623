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

from starlette.types import ASGIApp

import exi
from backend_stub import logs
from backend_stub.access.settings import from_description, open_gate
from backend_stub.background import at_work
from backend_stub.database import Database
from backend_stub.description import Description, DescriptionError, Provider
from backend_stub.description_file import load
from backend_stub.market import Market, load_hierarchy, load_iso20, open_market
from backend_stub.places import pins_hold, place_of, role_secret, roles_elsewhere
from backend_stub.remote.door import RoleDoor
from backend_stub.roles import Role
from backend_stub.serve import warm_up
from backend_stub.server import Server, listen, names_of, own_url, server_config, url_of
from backend_stub.web.app import create_app
from pki.entropy import SystemEntropy
from v2g.net.clock import SystemClock
from v2g.net.process import peak_rss_bytes
from v2g.trace import JsonlSink, NullSink, Tracer

DOORS = "doors"

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MarketSettings:
    """The command line of ``serve --market``. Without ``providers`` all run that have a certificate folder."""

    market: Path
    providers: Sequence[str] = ()
    roles: Sequence[str] = ()
    """Of one provider these only, the others in processes of their own; ``doors``: none of them, only its address."""
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
    roles = _roles(description, chosen, settings.roles)
    with ExitStack() as stack:
        sink = JsonlSink(settings.trace) if settings.trace else NullSink()
        stack.callback(sink.close)
        tracer = Tracer("backend", sink, SystemClock().now)
        listeners = {provider.name: _listening(provider, description, roles, stack) for provider in chosen}
        async with AsyncExitStack() as ending:
            stands = [
                await _open(_Choice(description, provider, roles), listeners[provider.name], tracer, ending)
                for provider in chosen
            ]
            warm_up(iso20=True)
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
    listeners: Sequence[socket.socket]
    up: asyncio.Event
    delivers: bool
    """Events are delivered from here: from one process of the provider only, that of its contract pool."""

    async def serve(self) -> None:
        """Serve until the server is told to end."""
        async with AsyncExitStack() as beside:
            await beside.enter_async_context(at_work(self.market.background))
            if self.delivers:
                url = own_url(url_of(self.listeners[0]))
                await beside.enter_async_context(self.market.over_the_air.delivering(url))
            await self.server.serve(sockets=list(self.listeners))


@dataclass(frozen=True, slots=True)
class _Choice:
    """What of a provider runs here; ``roles`` None: everything."""

    description: Description
    provider: Provider
    roles: frozenset[Role] | None


async def _open(
    choice: _Choice, listeners: Sequence[socket.socket], tracer: Tracer, ending: AsyncExitStack
) -> _Stand:
    """Make one provider ready to serve; what it holds is closed with ``ending``."""
    description, provider = choice.description, choice.provider
    clock = SystemClock()
    pki = _pki(description, provider)
    hierarchy, iso20 = load_hierarchy(pki, now=clock.now()), load_iso20(pki, now=clock.now())
    database = Database(provider.database)
    ending.callback(database.close)
    elsewhere = {}
    if choice.roles is not None:
        elsewhere = roles_elsewhere(description, provider, choice.roles)
    for connection in elsewhere.values():
        ending.push_async_callback(connection.close)
    place = place_of(description, provider, hierarchy, clock.monotonic, elsewhere)
    if iso20 is not None and not pins_hold(provider, iso20):
        _log.warning(
            "provider %s: its roots of ISO 15118-20 are not pinned; it speaks -2 only", provider.name
        )
        iso20 = None
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
        iso20=iso20,
    )
    access = from_description(description.raw, description.path.absolute().parent)
    for listener in listeners:
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
        own_names=names_of(provider.url),
    )
    up = asyncio.Event()
    asgi: ASGIApp = app
    if choice.roles is not None:
        asgi = RoleDoor(app, market.inside, role_secret(description, provider))
    server = _Server(server_config(asgi), up.set, market.over_the_air.events.close)
    delivers = choice.roles is None or Role.CCP in choice.roles
    return _Stand(provider, market, server, listeners, up, delivers)


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
    urls = {stand.provider.name: url_of(stand.listeners[0]) for stand in stands}
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


def _roles(
    description: Description, chosen: Sequence[Provider], names: Sequence[str]
) -> frozenset[Role] | None:
    """Return the roles to run here, None for all in one process; raises DescriptionError."""
    if not names:
        return None
    if len(chosen) != 1:
        raise DescriptionError(description.path, "provider", "--role needs --provider NAME: whose role?")
    roles = frozenset(Role(name) for name in names if name != DOORS)
    if roles and DOORS in names:
        raise DescriptionError(description.path, "", f"--role {DOORS} is a process without any role")
    if strange := roles - chosen[0].roles:
        key = f"provider {chosen[0].name!r}: roles"
        raise DescriptionError(description.path, key, f"does not have {', '.join(sorted(strange))}")
    return roles


def _listening(
    provider: Provider, description: Description, roles: frozenset[Role] | None, stack: ExitStack
) -> Sequence[socket.socket]:
    """Listen at the provider's address, or where each of the roles of this process is expected."""
    places = {"listen": provider.listen}
    if roles:
        places = {f"role_listen.{role}": provider.role_listen.get(role) for role in Role if role in roles}
    listeners = []
    for key, address in places.items():
        if address is None:
            raise DescriptionError(description.path, f"provider {provider.name!r}: {key}", "is missing")
        listeners.append(stack.enter_context(listen(address.host, address.port)))
    return listeners
