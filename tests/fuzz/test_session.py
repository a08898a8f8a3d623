"""The machinery around the targets: workers, findings, the two files that stay."""

import json
from pathlib import Path

import pytest

from tests.fuzz import __main__ as command
from tests.fuzz import corpus, session
from tests.fuzz.registry import TARGETS
from tests.fuzz.target import Features, Target, demand
from tests.fuzz.worker import Recorder, shrunk


@pytest.fixture(autouse=True)
def places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(session, "WORK", tmp_path / "work")
    monkeypatch.setattr(corpus, "CORPUS", tmp_path / "corpus.jsonl")
    monkeypatch.setattr(corpus, "CRASHES", tmp_path / "crashes.jsonl")
    return tmp_path


def fragile(data: bytes) -> Features:
    demand(b"x" not in data, "there is no x", data)
    if b"yz" in data:
        raise ValueError(data)
    return {str(len(data))}


FRAGILE = Target("fragile", "breaks at x and yz", fragile, lambda: [b"a"], 40)


def test_each_kind_of_finding_is_written_once_and_small(tmp_path: Path) -> None:
    recorder = Recorder(FRAGILE, tmp_path / "findings")
    assert recorder.run(b"ok") == {"2"}
    for data in (b"12345x6789", b"__x", b"0123yz456", b"yz"):
        assert recorder.run(data) == set()
    lines = (tmp_path / "findings").read_text().splitlines()
    assert [bytes.fromhex(json.loads(line)["data"]) for line in lines] == [b"x", b"yz"]
    assert "there is no x" in json.loads(lines[0])["error"]


def test_shrinking_keeps_the_kind_of_finding() -> None:
    with pytest.raises(ValueError) as caught:
        fragile(b"aayzaaa")
    data, error = shrunk(FRAGILE, b"aayzaaa", caught.value)
    assert data == b"yz"
    assert isinstance(error, ValueError)


def test_the_corpus_keeps_the_smallest_that_shows_something() -> None:
    inputs = [b"bbb", b"ccc", b"dd", b"a", b"x", b"e" * 5000]
    assert corpus.minimised(FRAGILE, inputs) == [b"dd", b"bbb"]


def test_files_are_read_as_written(tmp_path: Path) -> None:
    corpus.write(tmp_path / "file", {"b": [b"\xff", b""], "a": [b"long", b"s", b"s"]})
    assert corpus.read(tmp_path / "file") == {"a": [b"s", b"long"], "b": [b"", b"\xff"]}
    assert corpus.read(tmp_path / "none") == {}


@pytest.mark.system
def test_a_short_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--time", "1", "--target", "sdp", "--engine", "mutation", "--seed", "5"]) == 0
    name, executions, *_, crashes = capsys.readouterr().out.splitlines()[-1].split()
    assert (name, crashes) == ("sdp", "0")
    assert int(executions.replace(",", "")) > 100
    assert corpus.read(corpus.CORPUS)["sdp"]


@pytest.mark.system
def test_a_worker_that_dies_is_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = TARGETS["sdp"]._replace(name="nonsense")
    result = session.fuzz(unknown, 1, "mutation", 1)
    assert "KeyError: 'nonsense'" in result.crashes[0].error


def test_a_replay_shows_what_the_input_shows(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--replay", "sdp", "01fe9000000000021000"]) == 0
    assert "SdpRequest NONE" in capsys.readouterr().out


def test_crashes_are_told_with_the_command_that_replays_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    crash = session.Crash(b"\x80\x01", "ValueError at somewhere")
    monkeypatch.setattr(command, "fuzz", lambda *_: session.Result(10, 2.0, 3, 1, [crash]))
    assert command.run(["sdp"], 1, "atheris", 1) == 1
    assert "-m tests.fuzz --replay sdp 8001" in capsys.readouterr().err
