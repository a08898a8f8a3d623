"""``pnclab demo`` as a newcomer runs it, and what it leaves."""

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from scapy.utils import PcapNgReader

from lab.demo import command
from pki.store import read_key
from tests.system.kit import texts_of

pytestmark = pytest.mark.system

TSHARK = shutil.which("tshark")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one green run."""
    out = tmp_path_factory.mktemp("runs")
    done = demo(out, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert result["ok"] is True
    return Path(result["directory"])


def demo(out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [command("pnclab"), "demo", "--discovery", "off", "--out", str(out), *options],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        env={**os.environ, "COLUMNS": "100"},
    )


def test_it_leaves_what_it_promises(run: Path) -> None:
    assert {path.name for path in run.iterdir()} == {
        "capture.pcapng",
        "capture-2.pcapng",
        "logs",
        "pki",
        "report.html",
        "trace.jsonl",
    }
    assert (run.parent / "latest").resolve() == run.resolve()


def test_two_sessions_one_contract_in_two_editions(run: Path) -> None:
    table = subprocess.run(
        [command("pnclab"), "table", str(run), "--json"], capture_output=True, text=True, check=True
    )
    first, second = json.loads(table.stdout)["sessions"]
    assert (first["outcome"], first["contract_installed"]) == ("ok", True)
    assert (second["outcome"], second["contract_installed"]) == ("ok", True)
    assert first["emaid"] == second["emaid"]
    assert first["energy_wh"] > 0
    assert set(first["installation_s"]) == {"link", "charger", "http", "pool"}
    names = [row["name"] for row in second["messages"]]
    assert {"AuthorizationSetup", "CertificateInstallation"} <= set(names)  # those of -20
    memory = {process["name"]: process["peak_rss_bytes"] for process in json.loads(table.stdout)["processes"]}
    assert set(memory) == {"market", "charger", "car-1", "car-2"}
    assert all(memory.values())


def test_the_report_can_be_made_again_from_the_trace_alone(run: Path, tmp_path: Path) -> None:
    shutil.copy(run / "trace.jsonl", tmp_path / "trace.jsonl")
    subprocess.run([command("pnclab"), "report", str(tmp_path)], check=True, capture_output=True)
    page = (tmp_path / "report.html").read_text()
    assert "The car got its contract in" in page
    assert "checks the request, finds the signed bundle" in page


def test_the_story_is_told(tmp_path: Path) -> None:
    done = demo(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for words in (
        "It owns no contract.",
        "Has its contract",
        "ISO 15118-20",
        "contract, sealed and signed",
        "deadline",
        "next",
    ):
        assert words in done.stdout
    assert "Traceback" not in done.stderr
    assert done.stderr == ""


def test_scapy_opens_the_capture(run: Path) -> None:
    with PcapNgReader(str(run / "capture.pcapng")) as reader:
        packets = list(reader)
    assert len(packets) > 30


@pytest.mark.skipif(TSHARK is None, reason="tshark is not installed")
def test_tshark_decrypts_the_capture_without_a_key_file(run: Path) -> None:
    assert TSHARK is not None
    done = subprocess.run(
        [
            *(TSHARK, "-r", str(run / "capture.pcapng"), "-Y", "tls.app_data"),
            *("-T", "fields", "-e", "data.data"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    plain = "".join(done.stdout.split()).replace(":", "")
    assert "01fe8001" in plain  # V2GTP version, inverse, EXI payload type
    trace = [json.loads(line) for line in (run / "trace.jsonl").read_text().splitlines()]
    sent = [
        e for e in trace if e["role"] == "evcc" and e["kind"] == "message.sent" and e["process"] == "car-1"
    ]
    for event in sent:
        assert event["exi"] in plain, event["name"]


def encodings(key: ec.EllipticCurvePrivateKey) -> list[bytes]:
    """Every way in which the secret of a key may have slipped into a file."""
    number = key.private_numbers().private_value
    raw = number.to_bytes((key.key_size + 7) // 8, "big")
    found = [raw, raw.hex().encode(), raw.hex().upper().encode(), str(number).encode()]
    # Base64 inside of something larger starts at one of three places; the edges mix with neighbours.
    return found + [base64.b64encode(bytes(shift) + raw)[4:-4] for shift in range(3)]


def contract_keys(run: Path) -> list[ec.EllipticCurvePrivateKey]:
    """The keys of the installed contracts: one of -2, one of -20."""
    stored = sorted((run / "pki" / "vehicle").rglob("contracts/*.pem"))
    assert [path.parent.parent.name for path in stored] == ["vehicle", "iso20"]
    return [read_key(path) for path in stored]


def test_no_private_key_leaves_its_folder(run: Path) -> None:
    keys = [read_key(path) for path in sorted((run / "pki").rglob("*.key"))]
    # 13 of the hierarchy, 15 of that of -20, the car's provisioning keys, its vehicle key
    assert len(keys) == 31
    keys += contract_keys(run)
    for path, content in texts_of(run, without=("pki",)).items():
        assert b"PRIVATE KEY" not in content, path
        for key in keys:
            for encoded in encodings(key):
                assert encoded not in content, path


def test_the_market_keeps_no_contract_key(run: Path) -> None:
    forms = [encoded for key in contract_keys(run) for encoded in encodings(key)]
    for path in (run / "pki").glob("market.sqlite*"):
        content = path.read_bytes()
        assert not any(encoded in content for encoded in forms), path


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="waits on processes by Linux pidfds")
@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGKILL, -9)],
)
def test_whatever_ends_it_no_process_stays_behind(tmp_path: Path, number: signal.Signals, code: int) -> None:
    process = subprocess.Popen(
        [command("pnclab"), "demo", "--discovery", "off", "--out", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            if "charger" in line and "Ready" in line:
                break
        watched = [os.pidfd_open(child) for child in children_of(process.pid)]
        assert len(watched) >= 2
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        try:
            for descriptor in watched:
                assert select.select([descriptor], [], [], 30)[0], "a child is still there"
        finally:
            for descriptor in watched:
                os.close(descriptor)
    assert process.returncode == code
    assert "Traceback" not in errors


def children_of(pid: int) -> list[int]:
    """Return the processes that Linux knows as children of ``pid``."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


def test_runs_never_overwrite_each_other(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    from lab.demo import new_run_directory

    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    made = [new_run_directory(tmp_path / "runs", now) for _ in range(3)]
    assert [path.name for path in made] == [
        "2026-01-02T030405Z",
        "2026-01-02T030405Z-2",
        "2026-01-02T030405Z-3",
    ]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = demo(tmp_path / "file")
    assert done.returncode == 2
    assert "file" in done.stderr
    assert "Traceback" not in done.stderr


BREAKING = """\
import sys
print('{{"ready": false}}' if {talks} else '', flush=True)
print('the disk is on fire', file=sys.stderr)
sys.exit(9)
"""


@pytest.mark.parametrize("broken", ["backend-stub", "secc", "evcc"])
def test_a_process_that_fails_is_named_with_its_last_words(tmp_path: Path, broken: str) -> None:
    """One of the three commands is replaced by one that fails; the environment is otherwise ours."""
    beside = tmp_path / "bin"
    beside.mkdir()
    for name in ("backend-stub", "secc", "evcc"):
        (beside / name).symlink_to(command(name))
    (beside / broken).unlink()
    (beside / broken).write_text(f"#!{sys.executable}\n" + BREAKING.format(talks=broken != "evcc"))
    (beside / broken).chmod(0o755)
    program = (
        "import sys, lab.demo, lab.cli; "
        f"lab.demo.command = lambda name: {str(beside)!r} + '/' + name; "
        "sys.exit(lab.cli.main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "demo", "--discovery", "off", "--out", str(tmp_path / "runs")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 3
    assert "failed" in done.stdout
    if broken == "evcc":
        assert "the disk is on fire" in done.stdout
        assert "report.html" in done.stdout
    assert "Traceback" not in done.stderr
