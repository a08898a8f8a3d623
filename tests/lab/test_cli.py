"""The command line of ``pnclab``."""

import json
from pathlib import Path

import pytest

from lab import cli
from tests.lab import synthetic


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return synthetic.write_run(tmp_path / "run", synthetic.demo_run())


def test_report_writes_the_file_and_says_where(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["report", str(run)]) == 0
    assert capsys.readouterr().out.strip() == str(run / "report.html")
    assert (run / "report.html").exists()


def test_table_prints_every_session(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert cli.main(["table", str(run)]) == 0
    out = capsys.readouterr().out
    assert "Session 1: the car installed its contract live" in out
    assert "Session 2: the car used the contract it owns" in out
    assert "installation 31.0 ms = link 5.0 + charger 6.0 + HTTP 9.0 + backend 11.0" in out


def test_table_as_json(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["table", str(run), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["sessions"]) == 2


def test_table_as_picture(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["table", str(run), "--svg", str(run / "t.svg")]) == 0
    assert (run / "t.svg").read_text().startswith("<svg")
    assert capsys.readouterr().out.strip() == str(run / "t.svg")


@pytest.mark.parametrize("command", ["report", "table"])
def test_a_folder_without_trace(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([command, str(tmp_path / "nowhere")]) == 2
    assert capsys.readouterr().err.startswith(f"pnclab: {tmp_path / 'nowhere' / 'trace.jsonl'}: No such file")


@pytest.mark.parametrize("command", ["report", "table"])
def test_a_garbled_trace(command: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = run / "trace.jsonl"
    trace.write_bytes(trace.read_bytes().replace(b"\n", b"\n{garbled\n", 1))
    assert cli.main([command, str(run)]) == 2
    assert f"{trace}:2: not JSON" in capsys.readouterr().err


def test_a_half_written_last_line_is_noticed(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = run / "trace.jsonl"
    trace.write_bytes(trace.read_bytes()[:-20])
    assert cli.main(["table", str(run)]) == 0
    captured = capsys.readouterr()
    assert "half-written" in captured.err
    assert cli.main(["report", str(run)]) == 0
    assert "half-written" in (run / "report.html").read_text()


def test_a_report_that_cannot_be_written(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "report.html").mkdir()
    assert cli.main(["report", str(run)]) == 2
    assert "report.html: Is a directory" in capsys.readouterr().err


def test_a_picture_without_browser(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(run))
    assert cli.main(["report", str(run), "--png", str(run / "r.png")]) == 2
    assert "chromium" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["table"], ["demo", "--discovery", "maybe"]])
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert "usage: pnclab" in capsys.readouterr().err


def test_pki_is_mounted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["pki", "init", "--out", str(tmp_path / "pki")]) == 0
    assert cli.main(["pki", "show", str(tmp_path / "pki")]) == 0
    assert "V2G Root CA" in capsys.readouterr().out


def test_a_demo_without_its_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.demo.shutil.which", lambda *_, **__: None)
    assert cli.main(["demo", "--discovery", "off", "--out", str(tmp_path)]) == 2
    assert "backend-stub is not installed" in capsys.readouterr().err
