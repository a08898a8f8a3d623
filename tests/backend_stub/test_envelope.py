"""What surrounds every request: limits, trace ids, and the last resort."""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator

import pytest
from starlette.types import Message, Receive, Scope, Send

from backend_stub.logs import configure
from backend_stub.web.answers import TRACE_ID
from backend_stub.web.envelope import MAX_BODY_BYTES, Envelope
from tests.backend_stub.material import DOOR, SetClock, World
from tests.conftest import VirtualTime
from v2g.trace import ListSink, Tracer

JSON_TYPE = {"content-type": "application/json"}


async def in_chunks(size: int, chunk: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, size, chunk):
        yield b" " * min(chunk, size - start)


async def test_body_that_says_it_is_too_large(world: World) -> None:
    response = await world.http.post(DOOR, content=b" " * (MAX_BODY_BYTES + 1), headers=JSON_TYPE)
    assert response.status_code == 413
    assert response.json()["errorMessages"][0].startswith("[TOO_LARGE]")
    (event,) = world.sink.of("backend.handled")
    assert (event["status"], event["reason"]) == (413, "TOO_LARGE")


async def test_length_beyond_all_measure(world: World) -> None:
    for length in ("9" * 30, "9" * 5000):
        headers = JSON_TYPE | {"content-length": length}
        assert (await world.http.post(DOOR, content=b"{}", headers=headers)).status_code == 413


async def test_body_that_turns_out_to_be_too_large(world: World) -> None:
    response = await world.http.post(DOOR, content=in_chunks(MAX_BODY_BYTES + 1), headers=JSON_TYPE)
    assert response.status_code == 413


async def test_largest_body_is_read(world: World) -> None:
    for content in (b" " * MAX_BODY_BYTES, in_chunks(MAX_BODY_BYTES)):
        assert (await world.http.post(DOOR, content=content, headers=JSON_TYPE)).status_code == 400


async def test_unexpected_failure_is_one_answer_and_one_log_entry(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object) -> None:
        raise ZeroDivisionError("what the caller must not see")

    monkeypatch.setattr(world.market.msp, "onboard", fail)
    response = await world.http.post("/msp/v1/contracts", json={"pcid": "WVW00000000000001"})
    assert response.status_code == 500
    body = response.json()
    assert body["errorMessages"] == ["[INTERNAL] unexpected failure; see the log"]
    assert "must not see" in caplog.text
    (event,) = world.sink.of("backend.handled")
    assert (event["status"], event["reason"], event["trace_id"]) == (500, "INTERNAL", body["traceId"])
    assert (await world.http.get("/v1/root/rootCerts")).status_code == 200


async def test_each_request_has_a_trace_id_of_its_own(world: World) -> None:
    ids = {(await world.http.get("/v1/root/rootCerts")).headers["x-trace-id"] for _ in range(3)}
    assert len(ids) == 3
    assert all(str(uuid.UUID(text)) == text for text in ids)
    assert {event["trace_id"] for event in world.sink.of("backend.handled")} == ids
    assert TRACE_ID.get() == "-"


class Client:
    """An ASGI client that sends what it is told and keeps what it gets."""

    def __init__(self, *incoming: Message) -> None:
        self.incoming = list(incoming)
        self.answer: list[Message] = []

    async def receive(self) -> Message:
        if self.incoming:
            return self.incoming.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def send(self, message: Message) -> None:
        self.answer.append(message)


SCOPE = {"type": "http", "method": "POST", "path": "/", "headers": []}


async def unreached(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("the application must not see this request")


def new_envelope() -> tuple[Envelope, ListSink]:
    clock, sink = SetClock(), ListSink()
    return Envelope(unreached, tracer=Tracer("backend", sink, clock.now), monotonic=clock.monotonic), sink


def test_body_that_never_ends(virtual_time: VirtualTime) -> None:
    client = Client({"type": "http.request", "body": b"{", "more_body": True})
    middleware, sink = new_envelope()
    virtual_time(middleware(dict(SCOPE), client.receive, client.send))
    assert client.answer[0]["status"] == 408
    (event,) = sink.of("backend.handled")
    assert event["reason"] == "SLOW"


async def test_client_that_goes_away(world: World) -> None:
    client = Client({"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"})
    middleware, sink = new_envelope()
    await middleware(dict(SCOPE), client.receive, client.send)
    assert client.answer == []
    assert sink.records == []


async def test_what_is_not_http_passes(world: World) -> None:
    seen = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    client = Client()
    clock = SetClock()
    middleware = Envelope(app, tracer=Tracer("backend", ListSink(), clock.now), monotonic=clock.monotonic)
    await middleware({"type": "lifespan"}, client.receive, client.send)
    assert seen == ["lifespan"]


def test_log_lines_carry_the_trace_id(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    monkeypatch.setattr(logging, "captureWarnings", lambda capture: capture)
    configure(logging.INFO)
    token = TRACE_ID.set("the-trace-id")
    try:
        logging.getLogger("anything").info("hello %s", "forged\nline")
    finally:
        TRACE_ID.reset(token)
    assert capsys.readouterr().err.endswith("[the-trace-id] hello forged\\nline\n")
