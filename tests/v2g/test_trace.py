"""The trace: one JSON object a line, and never a reason for a session to fail."""

import errno
import json
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import pytest

from v2g.trace import FanOut, JsonlSink, ListSink, NullSink, Tracer, null_tracer

NOW = datetime(2026, 1, 2, 3, 4, 5, 123_456, tzinfo=UTC)


def tracer(sink: JsonlSink | ListSink | FanOut) -> Tracer:
    return Tracer("evcc", sink, lambda: NOW)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


class Code(StrEnum):
    OK = "OK"


def test_an_event_has_the_agreed_shape(tmp_path: Path) -> None:
    sink = JsonlSink(tmp_path / "trace.jsonl")
    bound = tracer(sink).bind(connection=3, session="ab12")
    bound.event("message.sent", name="SessionSetupReq", elapsed_s=0.123456789, exi=b"\x80\x98", code=Code.OK)
    tracer(sink).event("state.changed", from_="A", to="B", references=("id1", "id2"))
    sink.close()
    assert lines(sink.path) == [
        {
            "t": NOW.timestamp(),
            "role": "evcc",
            "connection": 3,
            "session": "ab12",
            "kind": "message.sent",
            "name": "SessionSetupReq",
            "elapsed_s": 0.123457,
            "exi": "8098",
            "code": "OK",
        },
        {
            "t": NOW.timestamp(),
            "role": "evcc",
            "connection": None,
            "session": None,
            "kind": "state.changed",
            "from": "A",
            "to": "B",
            "references": ["id1", "id2"],
        },
    ]


def test_anything_can_be_traced() -> None:
    sink = ListSink()
    tracer(sink).event(
        "error", at=NOW, place=Path("x"), numbers={1.00000049, 2}, nested={"a": [b"\x01"]}, no=None
    )
    (record,) = sink.of("error")
    assert record["at"] == "2026-01-02T03:04:05.123456+00:00"
    assert record["place"] == "x"
    assert sorted(record["numbers"]) == [1.0, 2]
    assert record["nested"] == {"a": ["01"]}
    assert record["no"] is None


def test_events_are_in_the_file_at_once(tmp_path: Path) -> None:
    sink = JsonlSink(tmp_path / "trace.jsonl")
    tracer(sink).event("first")
    assert [record["kind"] for record in lines(sink.path)] == ["first"]
    sink.close()
    tracer(sink).event("too late")
    assert len(lines(sink.path)) == 1


def test_two_writers_share_a_file(tmp_path: Path) -> None:
    sinks = [JsonlSink(tmp_path / "trace.jsonl") for _ in range(2)]

    def write(number: int) -> None:
        tracer(sinks[number % 2]).event("message.sent", number=number, exi=b"x" * 5000)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(200)))
    for sink in sinks:
        sink.close()
    assert sorted(int(str(record["number"])) for record in lines(sinks[0].path)) == list(range(200))


def test_a_full_disk_is_said_once_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sink = JsonlSink(tmp_path / "trace.jsonl")
    real_write = os.write

    def full(descriptor: int, data: bytes) -> int:
        if len(data) < 20:
            return real_write(descriptor, data)
        if room.pop():
            return real_write(descriptor, data[:20])
        raise OSError(errno.ENOSPC, "No space left on device")

    room = [False, True]
    with monkeypatch.context() as patched, caplog.at_level(logging.WARNING):
        patched.setattr(os, "write", full)
        tracer(sink).event("torn")
        tracer(sink).event("lost")
    tracer(sink).event("after")
    sink.close()
    assert [record.getMessage() for record in caplog.records] == [
        f"trace {sink.path} loses events: only 20 of 85 bytes were taken"
    ]
    torn, after = sink.path.read_text().splitlines()
    assert len(torn) == 20
    assert json.loads(after)["kind"] == "after"


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        JsonlSink(tmp_path / "missing" / "trace.jsonl")


def test_fan_out_and_null() -> None:
    first, second = ListSink(), ListSink()
    both = FanOut(first, second, NullSink())
    tracer(both).event("x")
    both.close()
    assert first.records == second.records
    assert len(first.records) == 1
    null_tracer().event("nothing")


def test_binding_leaves_the_parent_alone() -> None:
    sink = ListSink()
    parent = tracer(sink)
    child = parent.bind(connection=1)
    parent.event("p")
    child.bind(session="s").event("c")
    assert [(record["connection"], record["session"]) for record in sink.records] == [(None, None), (1, "s")]
    assert child.fields == {"connection": 1, "session": None}
