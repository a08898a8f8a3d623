"""The command ``pnclab decode``, on the published samples and on what is none."""

import json
from pathlib import Path

import pytest

from lab.captures import samples
from lab.captures.files import Packet, Secrets, open_items
from lab.cli import main
from lab.trace_file import read_trace
from tests.lab.captures import files as made
from tests.lab.captures.conftest import Scene

DOCS = Path(__file__).parents[3] / "docs" / "captures"


@pytest.mark.parametrize("name", ["iso2", "iso20"])
def test_the_published_samples_hold(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    samples.check(DOCS, name)
    roots = str(DOCS / f"{name}-roots")
    assert main(["decode", str(DOCS / f"{name}-installation.pcapng"), "--roots", roots]) == 0
    out, err = capsys.readouterr()
    assert "the car installed its contract live" in out
    assert "CertificateInstallation" in out
    assert "1 V2G session" in err


def test_json_is_a_trace(scene2: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", str(scene2.capture), "--json"]) == 0
    lines = capsys.readouterr().out
    trace = tmp_path / "trace.jsonl"
    trace.write_text(lines)
    events = read_trace(trace).events
    assert [e.text("name") for e in events if e.kind.startswith("message.")] == [
        name for name, _ in scene2.messages
    ]
    summary = json.loads(lines.splitlines()[-1])
    assert (summary["kind"], summary["sessions"], summary["messages"]) == (
        "capture.summary",
        1,
        len(scene2.messages),
    )


def test_the_report_is_a_run_for_the_other_commands(scene20: Scene, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["decode", str(scene20.capture), "--report", str(out)]) == 0
    assert "CertificateInstallation" in (out / "report.html").read_text()
    assert main(["table", str(out)]) == 0
    assert main(["explain", str(out), "--trust", str(scene20.roots)]) == 0


def test_keys_beside_the_capture(scene20: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    items = list(open_items(scene20.capture))
    log, bare = tmp_path / "keys.log", tmp_path / "bare.pcap"
    log.write_bytes(b"".join(item.lines for item in items if isinstance(item, Secrets)))
    bare.write_bytes(made.pcap([(item.t, item.data) for item in items if isinstance(item, Packet)]))
    assert main(["decode", str(bare)]) == 5
    assert "no keys for client random" in capsys.readouterr().err
    assert main(["decode", str(bare), "--key-log", str(log)]) == 0


def test_chains_that_do_not_hold_have_their_exit_code(
    scene2: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["decode", str(scene2.capture), "--roots", str(scene2.roots)]) == 4
    assert "is not a trusted root" in " ".join(capsys.readouterr().out.split())


def test_one_session_of_several(scene2: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", str(scene2.capture), "--session", "2"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file"), (b"plain text", "neither pcap nor pcapng"), (b"", "empty")],
)
def test_unreadable_files(
    tmp_path: Path, content: bytes | None, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "capture"
    if content is not None:
        path.write_bytes(content)
    assert main(["decode", str(path)]) == 2
    assert reason in capsys.readouterr().err


def test_a_key_log_that_is_none(scene2: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "keys.log"
    log.write_text("hello\n")
    assert main(["decode", str(scene2.capture), "--key-log", str(log)]) == 2
    assert "no line of a TLS key log" in capsys.readouterr().err
