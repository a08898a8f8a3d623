"""The OPCP client against backends that do everything wrong, in virtual time."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from secc.errors import BundleError, BundleFailure
from secc.sources import Bundles, Wanted
from secc.sources.opcp import PATH, OpcpSource
from tests.conftest import VirtualTime
from tests.secc.market import NOW, market
from v2g.messages import iso2
from v2g.net.clock import LoopClock, SystemClock
from v2g.net.network import TcpNetwork
from v2g.net.stream import Stream
from v2g.timing import Deadline
from v2g.trace import ListSink, Tracer

BUDGET_S = 4.25
REQUEST = b"\x80 a request"
WANTED = Wanted(REQUEST, iso2.NAMESPACE)
Backend = Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]


def answer(bundle: bytes | str, **extra: object) -> dict[str, Any]:
    text = bundle if isinstance(bundle, str) else base64.b64encode(bundle).decode()
    return {"CCPResponse": {"emaidContent": [{"messageDef": {"certificateInstallationRes": text} | extra}]}}


class Result:
    """What a call brought, how long it took, and what the trace says of it."""

    def __init__(
        self, bundles: Bundles | None, error: BundleError | None, elapsed_s: float, sink: ListSink
    ) -> None:
        self.bundles = bundles
        self.error = error
        self.elapsed_s = elapsed_s
        self.kinds = [record["kind"] for record in sink.records]
        self.last = sink.records[-1]


async def call(backend: Backend, *, max_bytes: int = 65_536) -> Result:
    clock = LoopClock(NOW)
    sink = ListSink()
    source = OpcpSource(
        "http://backend.test/", clock=clock, max_bytes=max_bytes, transport=httpx.MockTransport(backend)
    )
    started = clock.monotonic()
    bundles = error = None
    try:
        bundles = await source.fetch(
            WANTED,
            Tracer("secc", sink, clock.now),
            Deadline.after(BUDGET_S, started),
        )
    except BundleError as failure:
        error = failure
    elapsed_s = clock.monotonic() - started
    await source.close()
    return Result(bundles, error, elapsed_s, sink)


def reply(status: int = 200, **content: Any) -> Backend:
    async def backend(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, **content)

    return backend


def refusal(status: int, *messages: str) -> Backend:
    return reply(status, json={"errorMessages": list(messages), "traceId": "t1"})


def test_the_bundle_is_what_the_backend_sent(virtual_time: VirtualTime) -> None:
    seen: list[httpx.Request] = []

    async def backend(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        await asyncio.sleep(1)
        return httpx.Response(200, json=answer(b"the bundle", emaid="DE1", unknown=[1]))

    result = virtual_time(call(backend))
    assert result.bundles == (b"the bundle",)
    assert result.kinds == ["backend.request", "backend.response"]
    assert result.last["status"] == 200
    assert result.last["elapsed_s"] == pytest.approx(1)
    (request,) = seen
    assert request.method == "POST"
    assert str(request.url) == "http://backend.test" + PATH
    assert request.headers["X-Deadline-Ms"] == "4250"
    assert msgspec.json.decode(request.content) == {
        "certificateInstallationReq": base64.b64encode(REQUEST).decode(),
        "xsdMsgDefNamespace": "urn:iso:15118:2:2013:MsgDef",
    }


@pytest.mark.parametrize(
    ("status", "messages", "kind"),
    [
        (404, ["[NO_CONTRACT] no contract for PCID X"], BundleFailure.NOT_FOUND),
        (404, [], BundleFailure.NOT_FOUND),
        (401, ["[SIGNATURE] wrong"], BundleFailure.SIGNATURE),
        (403, ["[CHAIN] foreign root"], BundleFailure.CHAIN),
        (403, ["[CHAIN_EXPIRED] sub-CA 2"], BundleFailure.CHAIN_EXPIRED),
        (403, ["[REVOKED] replaced"], BundleFailure.REVOKED),
        (403, ["no code here", "[REVOKED] but here"], BundleFailure.REVOKED),
        (504, ["[DEADLINE] not finished"], BundleFailure.LATE),
        (401, ["who are you"], BundleFailure.REFUSED),
        (400, ["[EXI] undecodable"], BundleFailure.REFUSED),
        (409, ["[CONFLICT] no"], BundleFailure.REFUSED),
        (422, [], BundleFailure.REFUSED),
        (429, [], BundleFailure.REFUSED),
        (500, ["[INTERNAL] sorry"], BundleFailure.DOWN),
        (503, [], BundleFailure.DOWN),
        (204, [], BundleFailure.GARBLED),
        (302, [], BundleFailure.GARBLED),
    ],
)
def test_refusals(virtual_time: VirtualTime, status: int, messages: list[str], kind: BundleFailure) -> None:
    result = virtual_time(call(refusal(status, *messages)))
    assert result.error is not None
    assert result.error.kind is kind
    assert f"HTTP {status}" in result.error.detail
    assert result.kinds == ["backend.request", "backend.failed"]
    assert result.last["status"] == status


@pytest.mark.parametrize(
    "content",
    [
        {"content": b""},
        {"content": b"\xff\xfe"},
        {"text": "<html>welcome to the hotel's network</html>"},
        {"json": []},
        {"json": {}},
        {"json": {"CCPResponse": {"emaidContent": {}}}},
        {"json": {"CCPResponse": {"emaidContent": [{"messageDef": {}}]}}},
        {"json": answer("not base64!")},
        {"json": answer("AAA")},
    ],
)
def test_garbled_answers(virtual_time: VirtualTime, content: dict[str, Any]) -> None:
    result = virtual_time(call(reply(**content)))
    assert result.error is not None
    assert result.error.kind is BundleFailure.GARBLED


def test_an_answer_without_contracts(virtual_time: VirtualTime) -> None:
    result = virtual_time(call(reply(json={"CCPResponse": {"emaidContent": []}})))
    assert result.error is not None
    assert result.error.kind is BundleFailure.NOT_FOUND


def test_errors_whose_body_cannot_be_read_count_by_status(virtual_time: VirtualTime) -> None:
    result = virtual_time(call(reply(404, text="nothing here")))
    assert result.error is not None
    assert result.error.kind is BundleFailure.NOT_FOUND


def test_a_redirect_is_not_followed(virtual_time: VirtualTime) -> None:
    seen: list[str] = []

    async def backend(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(307, headers={"Location": "http://elsewhere.test/"})

    result = virtual_time(call(backend))
    assert result.error is not None
    assert result.error.kind is BundleFailure.GARBLED
    assert len(seen) == 1


def test_too_large_an_answer_is_cut_off(virtual_time: VirtualTime) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1000
            yield bytes(1000)

    result = virtual_time(call(reply(content=endless()), max_bytes=5000))
    assert result.error is not None
    assert result.error.kind is BundleFailure.GARBLED
    assert read <= 7000


def test_silence_ends_with_the_budget(virtual_time: VirtualTime) -> None:
    async def backend(_request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(3600)
        return httpx.Response(200)

    result = virtual_time(call(backend))
    assert result.error is not None
    assert result.error.kind is BundleFailure.LATE
    assert result.elapsed_s == pytest.approx(BUDGET_S)
    assert "status" not in result.last


def test_a_body_that_trickles_ends_with_the_budget(virtual_time: VirtualTime) -> None:
    async def trickle() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0.5)
            yield b" "

    result = virtual_time(call(reply(content=trickle())))
    assert result.error is not None
    assert result.error.kind is BundleFailure.LATE
    assert result.elapsed_s == pytest.approx(BUDGET_S)


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("refused"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("not HTTP"),
        httpx.DecodingError("bad gzip"),
    ],
)
def test_transport_errors(virtual_time: VirtualTime, error: httpx.TransportError) -> None:
    async def backend(_request: httpx.Request) -> httpx.Response:
        raise error

    result = virtual_time(call(backend))
    assert result.error is not None
    assert result.error.kind is BundleFailure.DOWN
    assert type(error).__name__ in result.error.detail


# --- over real sockets ------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def http_server(connections: list[int]) -> AsyncIterator[int]:
    """Run a minimal HTTP server that keeps connections alive and answers with the bundle."""
    body = msgspec.json.encode(answer(market().bundle_exi()))
    response = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

    async def serve(stream: Stream) -> None:
        connections.append(1)
        received = b""
        while data := await stream.read():
            received += data
            if received.startswith(b"HEAD") and received.endswith(b"\r\n\r\n"):
                received = b""
                await stream.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            if received.endswith(b"}"):  # the whole JSON request
                received = b""
                await stream.write(response)

    listener = await TcpNetwork().listen("127.0.0.1", 0, serve)
    try:
        yield listener.port
    finally:
        await listener.close()


async def test_connections_are_used_again() -> None:
    connections: list[int] = []
    clock = SystemClock()
    tracer = Tracer("secc", ListSink(), clock.now)
    async with http_server(connections) as port:
        source = OpcpSource(f"http://127.0.0.1:{port}", clock=clock)
        for _ in range(3):
            deadline = Deadline.after(30, clock.monotonic())
            assert await source.fetch(WANTED, tracer, deadline) == (market().bundle_exi(),)
        await source.close()
    assert len(connections) == 1


async def test_a_connection_can_stand_ready_before_the_first_car() -> None:
    connections: list[int] = []
    clock = SystemClock()
    tracer = Tracer("secc", ListSink(), clock.now)
    async with http_server(connections) as port:
        source = OpcpSource(f"http://127.0.0.1:{port}/", clock=clock)
        deadline = Deadline.after(30, clock.monotonic())
        await source.prepare(deadline)
        assert len(connections) == 1
        assert await source.fetch(WANTED, tracer, deadline) == (market().bundle_exi(),)
        await source.close()
    assert len(connections) == 1


async def test_a_backend_that_is_not_there() -> None:
    clock = SystemClock()
    async with http_server([]) as port:
        pass
    source = OpcpSource(f"http://127.0.0.1:{port}", clock=clock)
    deadline = Deadline.after(30, clock.monotonic())
    with pytest.raises(BundleError):
        await source.prepare(deadline)
    with pytest.raises(BundleError) as caught:
        await source.fetch(WANTED, Tracer("secc", ListSink(), clock.now), deadline)
    assert caught.value.kind is BundleFailure.DOWN
    await source.close()


async def test_the_roots_of_an_https_backend_must_be_readable(tmp_path: Path) -> None:
    bad = tmp_path / "ca.pem"
    bad.write_text("no certificate")
    for path in (bad, tmp_path / "missing.pem"):
        with pytest.raises(OSError):
            OpcpSource("https://backend.test", clock=SystemClock(), ca_file=str(path))
