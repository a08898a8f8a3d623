"""One HTTP process: listening, the uvicorn server, its end by a signal, and the word that it is ready."""

import asyncio
import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from urllib.parse import urlsplit

import uvicorn
from starlette.types import ASGIApp

import exi
from backend_stub.errors import AddressError
from backend_stub.web.protocol import GuardedProtocol
from v2g.trace import Tracer

_BACKLOG = 512
_MAX_CONNECTIONS = 900
"""Connections beyond which the server answers 503 at once. Idle ones count: a charger keeps a few open."""

_KEEP_ALIVE_S = 75
_DRAIN_S = 5
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def server_config(app: ASGIApp) -> uvicorn.Config:
    """Return how ``app`` is served."""
    return uvicorn.Config(
        app,
        loop="asyncio",
        http=GuardedProtocol,
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


@dataclass(frozen=True, slots=True)
class Ready:
    """Tells whoever waits for it that requests are taken now, and where. ``words`` is the line for people."""

    url: str
    words: str
    as_json: bool
    tracer: Tracer

    def announce(self) -> None:
        """Print the ready line and write the trace event."""
        self.tracer.event(
            "process.ready",
            pid=os.getpid(),
            version=version("pnclab"),
            exi_engine=exi.engine_name(),
            address=self.url,
        )
        line = {"ready": True, "address": self.url, "pid": os.getpid()}
        print(json.dumps(line) if self.as_json else self.words, flush=True)


class Server(uvicorn.Server):
    """uvicorn's server, which ends with exit code 0 on SIGINT and SIGTERM and says when it is ready.

    ``announce`` is called once requests are taken; ``end_streams`` is called first of all when it ends, for answers that would go on as long as their readers.
    """

    def __init__(
        self, config: uvicorn.Config, announce: Callable[[], None], end_streams: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._announce = announce
        self._end_streams = end_streams

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say that requests are taken now."""
        await super().startup(sockets=sockets)
        self._announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End streams, then let the other requests finish."""
        self._end_streams()
        await super().shutdown(sockets=sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on SIGINT and SIGTERM."""
        # uvicorn would raise the signal again after a clean end, and the process would die of it.
        loop = asyncio.get_running_loop()
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in _STOP_SIGNALS:
                loop.remove_signal_handler(number)


def listen(host: str, port: int) -> socket.socket:
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


def url_of(listener: socket.socket) -> str:
    """Return the URL of what listens."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def names_of(*places: str) -> frozenset[str]:
    """Return the host names in URLs, and those that stand by themselves."""
    hosts = (urlsplit(place if "//" in place else f"//{place}").hostname for place in places)
    return frozenset(host for host in hosts if host)


def own_url(url: str) -> str:
    """Return where this process reaches itself when it listens at ``url``."""
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
