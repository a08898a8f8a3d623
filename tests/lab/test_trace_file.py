"""Traces are read strictly, merged in the order of time, and survive a killed writer."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.trace_file import Event, TraceFileError, encode_event, merge, read_trace, write_trace

LINE = b'{"t": 1.5, "role": "evcc", "connection": 1, "session": null, "kind": "x", "bytes": 7}\n'


def test_reads_what_was_written(tmp_path: Path) -> None:
    events = [
        Event(1.0, "evcc", "message.sent", 1, "aa", "car-1", {"name": "SessionSetupReq", "bytes": 30}),
        Event(2.0, "secc", "process.ready", None, None, "", {"pid": 4}),
    ]
    write_trace(tmp_path / "t.jsonl", events)
    assert list(read_trace(tmp_path / "t.jsonl").events) == events


@pytest.mark.parametrize(
    ("garbled", "reason"),
    [
        (b"{", "not JSON"),
        (b"[1]", "not a JSON object"),
        (b'{"role": "evcc", "kind": "x"}', "field t"),
        (b'{"t": true, "role": "evcc", "kind": "x"}', "field t"),
        (b'{"t": "now", "role": "evcc", "kind": "x"}', "field t"),
        (b'{"t": ' + b"9" * 400 + b', "role": "evcc", "kind": "x"}', "field t"),
        (b'{"t": 1, "role": 5, "kind": "x"}', "role and kind"),
        (b'{"t": 1, "role": "evcc"}', "role and kind"),
        (b"[" * 100_000, "not JSON"),
        (b"\xff\xfe", "not JSON"),
    ],
)
def test_a_garbled_line_is_named(tmp_path: Path, garbled: bytes, reason: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(LINE + garbled + b"\n" + LINE)
    with pytest.raises(TraceFileError) as caught:
        read_trace(path)
    assert caught.value.line == 2
    assert reason in caught.value.reason
    assert str(caught.value).startswith(f"{path}:2: ")


def test_a_half_written_last_line_is_left_out_with_a_notice(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(LINE + LINE[:40])
    trace = read_trace(path)
    assert len(trace.events) == 1
    assert trace.notices == (f"{path}:2: the last line is half-written and was left out",)


def test_a_last_line_without_line_end_that_is_whole_counts(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(LINE + LINE.rstrip())
    trace = read_trace(path)
    assert (len(trace.events), trace.notices) == (2, ())


def test_a_garbled_last_line_with_its_line_end_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(LINE + b"nonsense\n")
    with pytest.raises(TraceFileError, match=":2: "):
        read_trace(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TraceFileError) as caught:
        read_trace(tmp_path / "absent.jsonl")
    assert caught.value.line is None
    assert "absent.jsonl: No such file" in str(caught.value)


def test_an_empty_file_is_an_empty_trace(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_bytes(b"")
    assert read_trace(tmp_path / "t.jsonl").events == ()


def test_merge_sorts_by_time_and_names_processes(tmp_path: Path) -> None:
    write_trace(tmp_path / "a", [Event(1.0, "evcc", "a"), Event(3.0, "evcc", "c")])
    write_trace(tmp_path / "b", [Event(2.0, "secc", "b", process="kept")])
    merged = merge([("car", tmp_path / "a"), ("charger", tmp_path / "b"), ("nobody", tmp_path / "c")])
    assert [(event.kind, event.process) for event in merged.events] == [
        ("a", "car"),
        ("b", "kept"),
        ("c", "car"),
    ]


def test_merge_keeps_the_order_of_equal_times(tmp_path: Path) -> None:
    write_trace(tmp_path / "a", [Event(1.0, "evcc", str(number)) for number in range(20)])
    assert [event.kind for event in merge([("car", tmp_path / "a")]).events] == [str(n) for n in range(20)]


def test_fields_are_read_without_trust() -> None:
    event = Event(1, "evcc", "x", fields={"n": "7", "b": True, "f": 2.5, "i": 3, "o": {"a": 1}, "none": None})
    assert event.number("n") is None
    assert event.number("b") is None
    assert event.number("f") == 2.5
    assert event.number("i") == 3.0
    assert event.integer("f") is None
    assert event.integer("b") is None
    assert event.integer("i") == 3
    assert event.text("o") == '{"a":1}'
    assert event.text("none") is None
    assert event.flag("b")
    assert not event.flag("i")


@given(st.binary(max_size=200))
def test_any_bytes_give_a_trace_or_the_one_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("t") / "t.jsonl"
    path.write_bytes(data)
    with contextlib.suppress(TraceFileError):
        for event in read_trace(path).events:
            assert encode_event(event).endswith(b"\n")
