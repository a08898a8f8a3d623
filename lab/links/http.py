"""HTTP over a simulated network: the charger's unchanged httpx client before an unchanged ASGI market.

:class:`LinkTransport` is an httpx transport whose connections are streams of a
:class:`v2g.net.simulated.SimulatedNetwork`; connection pooling, keep-alive and HTTP/1.1 are those of httpcore, as on a
socket. :func:`asgi_handler` makes a handler for ``network.listen`` of an ASGI application. Both run in virtual time; nothing here
opens a socket. https runs real TLS in memory, so that its round trips and bytes are the true ones.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from types import TracebackType
from typing import Any, Self

import h11
import httpcore
import httpx

from v2g.endpoint import Endpoint
from v2g.errors import ConnectError, ConnectionClosedError
from v2g.net.network import StreamHandler
from v2g.net.simulated import SimulatedNetwork, SimulatedStream
from v2g.net.stream import Stream

_CHUNK = 64 * 1024
Message = MutableMapping[str, Any]
AsgiApp = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]


class LinkTransport(httpx.AsyncBaseTransport):
    """Sends httpx requests over connections of ``network``.

    ``limits`` are those of the pool (httpx gives a transport that is passed in none of its own), ``verify`` is
    the TLS context for https; without one nobody is trusted, and no roots are loaded for plain HTTP.
    """

    def __init__(
        self,
        network: SimulatedNetwork,
        *,
        limits: httpx.Limits | None = None,
        verify: ssl.SSLContext | None = None,
    ) -> None:
        limits = limits or httpx.Limits(max_connections=64, max_keepalive_connections=16, keepalive_expiry=60)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=verify or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_Backend(network),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; httpcore's errors become those of httpx."""
        assert isinstance(request.stream, httpx.AsyncByteStream)
        url = request.url
        outgoing = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _as_httpx():
            response = await self._pool.handle_async_request(outgoing)
        assert not isinstance(response.stream, bytes)
        return httpx.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_Body(response.stream),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close the pooled connections."""
        await self._pool.aclose()


class _as_httpx:  # noqa: N801 - reads as a statement
    """Raises the httpx error of the same name for an httpcore error."""

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for known in () if kind is None else kind.__mro__:
            same = getattr(httpx, known.__name__, None)
            if known.__module__.startswith("httpcore") and same is not None:
                raise same(str(error)) from error


class _Body(httpx.AsyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx():
            async for part in self._stream:
                yield part

    async def aclose(self) -> None:
        with _as_httpx():
            await self._stream.aclose()


class _Backend(httpcore.AsyncNetworkBackend):
    """Connects for httpcore."""

    def __init__(self, network: SimulatedNetwork) -> None:
        self._network = network

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,  # noqa: ARG002 - httpcore's interface
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002 - httpcore's interface
    ) -> httpcore.AsyncNetworkStream:
        """Connect over the link."""
        try:
            async with asyncio.timeout(timeout):
                stream = await self._network.connect(host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"no connection to {Endpoint(host, port)}") from error
        except ConnectError as error:
            raise httpcore.ConnectError(str(error)) from error
        return _NetworkStream(stream, stream)

    async def sleep(self, seconds: float) -> None:
        """Sleep on the loop's time."""
        await asyncio.sleep(seconds)


class _NetworkStream(httpcore.AsyncNetworkStream):
    """A stream as httpcore wants it; what was read too much waits for the next read."""

    def __init__(self, stream: Stream, wire: SimulatedStream) -> None:
        self._stream = stream
        self._wire = wire
        self._rest = b""

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - see above
        """Read at most ``max_bytes``."""
        try:
            async with asyncio.timeout(timeout):
                data = self._rest or await self._stream.read()
        except TimeoutError as error:
            raise httpcore.ReadTimeout("nothing came") from error
        except ConnectionClosedError as error:
            raise httpcore.ReadError(str(error)) from error
        self._rest = data[max_bytes:]
        return data[:max_bytes]

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - see above
        """Write everything."""
        try:
            async with asyncio.timeout(timeout):
                await self._stream.write(buffer)
        except TimeoutError as error:
            raise httpcore.WriteTimeout("the peer takes nothing") from error
        except ConnectionClosedError as error:
            raise httpcore.WriteError(str(error)) from error

    async def aclose(self) -> None:
        """Close the stream."""
        await self._stream.close()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
    ) -> httpcore.AsyncNetworkStream:
        """Run a TLS handshake over the link."""
        secured = _MemoryTls(self._stream, ssl_context, server_hostname=server_hostname)
        try:
            async with asyncio.timeout(timeout):
                await secured.handshake()
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("the TLS handshake did not finish") from error
        except (ssl.SSLError, ConnectionClosedError) as error:
            await self._stream.close()
            raise httpcore.ConnectError(str(error)) from error
        return _NetworkStream(secured, self._wire)

    def get_extra_info(self, info: str) -> Any:
        """Tell httpcore whether a pooled connection has been closed; the rest it does without."""
        return self._wire.readable if info == "is_readable" else None


class _MemoryTls:
    """Ordinary TLS of the web over a stream (that of V2G has rules of its own, in :mod:`v2g.net.tls`)."""

    tls = None

    def __init__(
        self,
        stream: Stream,
        context: ssl.SSLContext,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
    ) -> None:
        self._stream = stream
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._ssl = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_side, server_hostname=server_hostname
        )
        self.local, self.peer = stream.local, stream.peer

    async def handshake(self) -> None:
        """Shake hands; ssl.SSLError says why it failed."""
        await self._run(self._ssl.do_handshake)

    async def read(self) -> bytes:
        """Wait for decrypted bytes; ``b""`` at the end."""
        try:
            data: bytes = await self._run(lambda: self._ssl.read(_CHUNK))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""
        except ssl.SSLError as error:
            raise ConnectionClosedError(f"TLS: {error.reason}", clean=False) from error
        return data

    async def write(self, data: bytes) -> None:
        """Encrypt and send."""
        await self._run(lambda: self._ssl.write(data))

    async def close(self) -> None:
        """Close the stream below, without close_notify: HTTP's lengths tell what is whole."""
        await self._stream.close()

    def abort(self) -> None:
        """Reset the stream below."""
        self._stream.abort()

    async def _run(self, step: Callable[[], Any]) -> Any:
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                await self._flush()
                data = await self._stream.read()
                self._incoming.write(data) if data else self._incoming.write_eof()
            else:
                await self._flush()
                return result

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await self._stream.write(self._outgoing.read())


def asgi_handler(app: AsgiApp, *, tls: ssl.SSLContext | None = None) -> StreamHandler:
    """Return a handler that serves ``app`` over HTTP/1.1 with keep-alive on each stream; with ``tls``, as https.

    The application's lifespan is not run: start it before, as tests of FastAPI do.
    """

    async def handle(stream: Stream) -> None:
        secured: Stream = stream
        if tls is not None:
            wrapped = _MemoryTls(stream, tls, server_side=True)
            try:
                await wrapped.handshake()
            except ssl.SSLError as error:
                raise ConnectionClosedError(f"TLS: {error.reason}", clean=False) from error
            secured = wrapped
        async with _Exchange(app, secured, scheme="http" if tls is None else "https") as exchange:
            await exchange.run()

    return handle


class _Exchange:
    """One connection of an HTTP server."""

    def __init__(self, app: AsgiApp, stream: Stream, *, scheme: str) -> None:
        self._app = app
        self._stream = stream
        self._scheme = scheme
        self._http = h11.Connection(h11.SERVER)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stream.close()

    async def run(self) -> None:
        """Serve requests until the client leaves, or breaks the rules of HTTP."""
        try:
            while isinstance(request := await self._next(), h11.Request):
                await self._serve(request)
                if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
                    return
                self._http.start_next_cycle()
        except h11.RemoteProtocolError as error:
            raise ConnectionClosedError(f"HTTP: {error}", clean=False) from error

    async def _next(self) -> Any:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._stream.read())
        return event

    async def _serve(self, request: h11.Request) -> None:
        body = bytearray()
        while isinstance(event := await self._next(), h11.Data):
            body += event.data
        path, _, query = request.target.partition(b"?")
        client, server = (Endpoint.parse(text) for text in (self._stream.peer, self._stream.local))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": request.http_version.decode(),
            "method": request.method.decode(),
            "scheme": self._scheme,
            "path": httpx.URL(raw_path=path).path,
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in request.headers],
            "client": (client.host, client.port),
            "server": (server.host, server.port),
            "state": {},
        }
        parts: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

        async def receive() -> Message:
            if parts:
                return parts.pop()
            await asyncio.get_running_loop().create_future()  # the client stays while its answer is made
            raise AssertionError("unreachable")

        pending: list[h11.Response] = []

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                pending.append(h11.Response(status_code=message["status"], headers=message["headers"]))
                return
            data = message.get("body", b"")
            # Head and body leave in one piece, as a server's buffered socket sends them.
            out = b"".join(self._http.send(event) or b"" for event in pending)
            pending.clear()
            if data:
                out += self._http.send(h11.Data(data=data)) or b""
            if not message.get("more_body", False):
                out += self._http.send(h11.EndOfMessage()) or b""
            if out:
                await self._stream.write(out)

        await self._app(scope, receive, send)
