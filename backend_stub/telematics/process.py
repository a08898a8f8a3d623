"""``backend-stub telematics serve``: the telematics backend as a process of its own, beside any OPCP market."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI

from backend_stub import logs
from backend_stub.client import UsageError
from backend_stub.database import Database
from backend_stub.errors import MarketError
from backend_stub.events.bell import Bell
from backend_stub.over_the_air import TelematicsDesk, open_telematics
from backend_stub.server import Ready, Server, listen, own_url, server_config, url_of
from backend_stub.telematics import following, routes, store
from backend_stub.telematics.opcp import OpcpMarket, Subscription
from backend_stub.telematics.service import SUBSCRIBED
from backend_stub.web.answers import install_error_handlers
from backend_stub.web.envelope import Envelope
from pki.entropy import SystemEntropy
from v2g.net.clock import Clock, SystemClock
from v2g.net.oauth import ClientCredentials, CredentialsError, from_environment
from v2g.net.process import peak_rss_bytes
from v2g.trace import JsonlSink, NullSink, Tracer

_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 60.0

_log = logging.getLogger(__name__)


class Mode(StrEnum):
    """How the backend hears of events."""

    WEBHOOK = "webhook"
    POLL = "poll"
    STREAM = "stream"


@dataclass(frozen=True, slots=True)
class Settings:
    """The command line. ``public_url`` is where the market reaches this process; empty: where it listens.

    The credentials for a closed market are those that the environment names, as for every command.
    """

    market: str
    database: str
    host: str = "127.0.0.1"
    port: int = 8090
    mode: Mode = Mode.WEBHOOK
    poll_s: float = 5.0
    wmi: str = ""
    public_url: str = ""
    ca: Path | None = None
    trace: Path | None = None
    json: bool = False
    verbose: bool = False


def run(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises UsageError, DatabaseError, AddressError, MarketError (the database) or OSError (trace file) before
    the first request. A market that cannot be reached yet is tried again and again.
    """
    logs.configure(logging.DEBUG if settings.verbose else logging.INFO)
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        sink = JsonlSink(settings.trace) if settings.trace else NullSink()
        stack.callback(sink.close)
        listener = stack.enter_context(listen(settings.host, settings.port))
        database = Database(settings.database)
        stack.callback(database.close)
        database.create([store.SCHEMA])
        market = _market(settings, clock)
        stack.push_async_callback(market.close)
        tracer = Tracer("telematics", sink, clock.now)
        bell = Bell()
        database.on_commit(bell.ring)
        desk = await open_telematics(
            database, market, bell, now=clock.now, entropy=SystemEntropy(), tracer=tracer, wmi=settings.wmi
        )
        url = url_of(listener)
        app = create_app(desk, tracer, clock)
        words = f"telematics backend ready at {url} (market {market.url}, {settings.mode})"
        server = Server(server_config(app), Ready(url, words, settings.json, tracer).announce, bell.close)
        async with _hearing(settings, desk, market, settings.public_url or own_url(url), tracer):
            await server.serve(sockets=[listener])
        tracer.event("process.ended", exit_code=0, peak_rss_bytes=peak_rss_bytes())


def create_app(desk: TelematicsDesk, tracer: Tracer, clock: Clock) -> FastAPI:
    """Return the application of the telematics backend alone."""
    app = FastAPI(title="PnC Lab telematics backend", version=version("pnclab"), redirect_slashes=False)
    app.include_router(routes.router(desk.office, desk.cars))
    install_error_handlers(app)
    app.add_middleware(Envelope, tracer=tracer, monotonic=clock.monotonic)
    return app


@asynccontextmanager
async def _hearing(
    settings: Settings, desk: TelematicsDesk, market: OpcpMarket, url: str, tracer: Tracer
) -> AsyncIterator[None]:
    """Hear of events in the chosen way while the body runs."""
    async with asyncio.TaskGroup() as group:
        match settings.mode:
            case Mode.WEBHOOK:
                hearing = _subscribe(desk, market, url + routes.WEBHOOK_PATH, tracer)
            case Mode.POLL:
                hearing = following.poll(desk.office, market, settings.poll_s)
            case Mode.STREAM:
                hearing = following.stream(desk.office, market)
        task = group.create_task(hearing, name="events")
        try:
            yield
        finally:
            task.cancel()


async def _subscribe(desk: TelematicsDesk, market: OpcpMarket, url: str, tracer: Tracer) -> None:
    """Have the events about cars sent to ``url``, as soon as the market can be reached."""
    wanted = Subscription(url, await desk.office.webhook_secret(), desk.name)
    pause_s = _FIRST_PAUSE_S
    while True:
        try:
            await market.subscribe(wanted, SUBSCRIBED)
        except MarketError as error:
            _log.warning("not subscribed yet: %s; trying again in %g s", error, pause_s)
        else:
            _log.info("subscribed at %s for %s", market.url, url)
            tracer.event("telematics.subscribed", market=market.url, url=url)
            return
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def _market(settings: Settings, clock: Clock) -> OpcpMarket:
    if not settings.market.startswith(("http://", "https://")):
        raise UsageError(f"--market {settings.market}: expected http://HOST:PORT or https://HOST:PORT")
    try:
        credentials = from_environment()
    except CredentialsError as error:
        raise UsageError(f"--credentials {error}") from error
    auth = None
    if credentials is not None:
        auth = ClientCredentials(credentials, settings.market, clock.monotonic)
    try:
        trust = ssl.create_default_context(cafile=settings.ca) if settings.ca else None
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"--ca {settings.ca}: {error.strerror or error}") from error
    return OpcpMarket(settings.market, trust=trust, auth=auth)
