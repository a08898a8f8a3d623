"""``backend-stub serve``: the market as one HTTP process."""

import asyncio
import json
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI

import exi
from backend_stub import logs
from backend_stub.database import Database
from backend_stub.errors import AddressError
from backend_stub.market import load_hierarchy, open_market
from backend_stub.web.app import create_app
from pki.entropy import SystemEntropy
from v2g.messages import iso2
from v2g.messages.xmldsig import X509IssuerSerial
from v2g.net.clock import SystemClock
from v2g.net.process import peak_rss_bytes
from v2g.security.signature import (
    sign_certificate_installation_req,
    verify_certificate_installation_req,
)
from v2g.trace import JsonlSink, NullSink, Tracer

_BACKLOG = 512
_MAX_CONNECTIONS = 900
"""Connections beyond which the server answers 503 at once. Idle ones count: a charger keeps a few open."""

_KEEP_ALIVE_S = 75
_DRAIN_S = 5
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Settings:
    """The command line of ``serve``."""

    pki: Path
    database: str | Path
    host: str = "127.0.0.1"
    port: int = 8080
    trace: Path | None = None
    json: bool = False
    verbose: bool = False


def run(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises PkiFolderError, DatabaseError, MarketError (the roots do not fit what the database holds, or it
    fails), AddressError or OSError (trace file) before the first request.
    """
    logs.configure(logging.DEBUG if settings.verbose else logging.INFO)
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    clock = SystemClock()
    hierarchy = load_hierarchy(settings.pki, now=clock.now())
    with ExitStack() as stack:
        sink = JsonlSink(settings.trace) if settings.trace else NullSink()
        stack.callback(sink.close)
        listener = stack.enter_context(_listen(settings.host, settings.port))
        database = Database(settings.database)
        stack.callback(database.close)
        tracer = Tracer("backend", sink, clock.now)
        market = await open_market(hierarchy, database, now=clock.now, entropy=SystemEntropy(), tracer=tracer)
        _warm_up()
        app = create_app(market, tracer=tracer, monotonic=clock.monotonic)
        url = _url(listener)
        over_the_air = market.over_the_air
        server = _Server(
            _config(app), _Ready(settings, url, database.label, tracer), over_the_air.events.close
        )
        async with over_the_air.delivering(_own_url(url)):
            await server.serve(sockets=[listener])
        tracer.event("process.ended", exit_code=0, peak_rss_bytes=peak_rss_bytes())


def _config(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        limit_concurrency=_MAX_CONNECTIONS,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_DRAIN_S,
    )


def _warm_up() -> None:
    """Do once what every request needs of the codec: its tables, made now, cost the first car no time."""
    key = SystemEntropy().ec_key(ec.SECP256R1())
    root = X509IssuerSerial(x509_issuer_name="CN=none", x509_serial_number=1)
    body = iso2.CertificateInstallationReq(
        id="id1",
        oem_provisioning_cert=bytes(1),
        list_of_root_certificate_ids=iso2.ListOfRootCertificateIDs(root_certificate_id=[root]),
    )
    signature = sign_certificate_installation_req(body, key)
    header = iso2.MessageHeader(session_id=bytes(8), signature=signature)
    message = iso2.V2G_Message(header=header, body=iso2.Body(body_element=body))
    exi.decode(exi.encode(message, iso2.SCHEMA), iso2.SCHEMA)
    verify_certificate_installation_req(signature, body, key.public_key())


class _Ready:
    """Tells whoever waits for it that requests are taken now, and where."""

    def __init__(self, settings: Settings, url: str, database: str, tracer: Tracer) -> None:
        self._settings = settings
        self._url = url
        self._database = database
        self._tracer = tracer

    def announce(self) -> None:
        """Print the ready line and write the trace event."""
        self._tracer.event(
            "process.ready",
            pid=os.getpid(),
            version=version("pnclab"),
            exi_engine=exi.engine_name(),
            address=self._url,
        )
        if self._settings.json:
            line = json.dumps({"ready": True, "address": self._url, "pid": os.getpid()})
        else:
            line = f"market ready at {self._url} (database {self._database}, API at {self._url}/docs)"
        print(line, flush=True)


class _Server(uvicorn.Server):
    """uvicorn's server, which ends with exit code 0 on SIGINT and SIGTERM and says when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: _Ready, end_streams: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready
        self._end_streams = end_streams

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._ready.announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._end_streams()  # they would go on as long as their readers
        await super().shutdown(sockets=sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn would raise the signal again after a clean end, and the process would die of it.
        loop = asyncio.get_running_loop()
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in _STOP_SIGNALS:
                loop.remove_signal_handler(number)


def _listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; raises AddressError naming host and port."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, OverflowError) as error:
        raise AddressError(f"{host}:{port}", str(error)) from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise AddressError(f"{host}:{port}", error.strerror or str(error)) from error
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _own_url(url: str) -> str:
    """Return where this process reaches itself when it listens at ``url``."""
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
