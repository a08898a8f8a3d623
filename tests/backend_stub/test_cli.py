"""The command line: folders, exit codes, and errors that say what to do."""

import json
import logging
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from backend_stub import cli, database, logs
from backend_stub.oem.folder import Battery, FolderError, VehicleFolder
from pki.chain import validate
from pki.entropy import SystemEntropy
from pki.hierarchy import Hierarchy
from pki.names import common_name
from pki.profiles import OEM_PROVISIONING
from pki.store import read_certificate, read_certificates, read_key
from tests.backend_stub.material import START, make_hierarchy
from tests.backend_stub.server import Server, run, serving

PCID = "WVW00000000000001"


@pytest.fixture(autouse=True)
def _keep_logging(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "configure", lambda level: logging.getLogger().isEnabledFor(level))


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a certificate folder that is valid now, as the process's own clock sees it."""
    folder = tmp_path_factory.mktemp("pki") / "pki"
    Hierarchy.create(now=datetime.now(UTC), entropy=SystemEntropy()).save(folder)
    return folder


@pytest.fixture(scope="module")
def server(pki: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(pki, tmp_path_factory.mktemp("market") / "market.db") as running:
        yield running


def fails(capsys: pytest.CaptureFixture[str], code: int, *arguments: object) -> str:
    """Run a command that must fail with ``code``; return what it says, which is one line."""
    assert cli.main([str(argument) for argument in arguments]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("backend-stub: ")
    assert printed.err.count("\n") == 1
    return printed.err


# --- serve --------------------------------------------------------------------------------------------


def test_no_certificate_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "pki"
    said = fails(capsys, cli.EXIT_CONFIG, "serve", "--pki", folder, "--database", tmp_path / "m.db")
    assert f"pnclab pki init --out {folder}" in said


@pytest.mark.parametrize(
    ("file", "damage", "expected"),
    [
        ("mo/sub_ca2.key", Path.unlink, "is missing"),
        ("cps/cps_leaf.pem", Path.unlink, "No such file"),
        ("oem/sub_ca2.key", lambda path: path.write_text("nonsense"), "not a private key"),
        ("oem/root.pem", lambda path: path.write_text("nonsense"), ""),
    ],
)
def test_certificate_folder_with_a_damaged_file(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    file: str,
    damage: Callable[[Path], object],
    expected: str,
) -> None:
    folder = tmp_path / "pki"
    make_hierarchy().save(folder)
    damage(folder / file)
    said = fails(capsys, cli.EXIT_CONFIG, "serve", "--pki", folder, "--database", tmp_path / "m.db")
    assert file in said
    assert expected in said
    assert not (tmp_path / "m.db").exists()


def test_certificates_that_ran_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "pki"
    old = START.replace(year=START.year - 30)
    Hierarchy.create(now=old, entropy=SystemEntropy()).save(folder)
    said = fails(capsys, cli.EXIT_CONFIG, "serve", "--pki", folder, "--database", tmp_path / "m.db")
    assert "sub_ca2.pem" in said or "cps_leaf.pem" in said
    assert "expired" in said


def test_locked_database(
    pki: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database.Database.__init__, "__kwdefaults__", {"busy_timeout_s": 0.0})
    path = tmp_path / "m.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = WAL").close()
        other.execute("BEGIN IMMEDIATE")
        said = fails(capsys, cli.EXIT_DATABASE, "serve", "--pki", pki, "--database", path, "--port", 0)
        other.execute("ROLLBACK")
    assert str(path) in said
    assert "locked" in said


def test_database_in_a_folder_that_is_not_there(
    pki: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "nowhere" / "m.db"
    said = fails(capsys, cli.EXIT_DATABASE, "serve", "--pki", pki, "--database", path, "--port", 0)
    assert f"folder {path.parent} does not exist" in said


def test_address_that_is_taken(pki: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        said = fails(
            capsys, cli.EXIT_ADDRESS, "serve", "--pki", pki, "--database", tmp_path / "m.db", "--port", port
        )
    assert f"127.0.0.1:{port}" in said


def test_host_that_is_none(pki: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fails(
        capsys,
        cli.EXIT_ADDRESS,
        *("serve", "--pki", pki, "--database", tmp_path / "m.db", "--host", "no such host", "--port", 0),
    )


def test_trace_that_cannot_be_written(pki: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = tmp_path / "nowhere" / "trace.jsonl"
    said = fails(
        capsys,
        cli.EXIT_CONFIG,
        *("serve", "--pki", pki, "--database", tmp_path / "m.db", "--port", 0, "--trace", trace),
    )
    assert str(trace) in said


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_port_that_is_none(capsys: pytest.CaptureFixture[str], port: str) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["serve", "--pki", "x", "--database", "y", "--port", port])
    assert caught.value.code == cli.EXIT_CONFIG
    assert "not a port number" in capsys.readouterr().err


# --- the commands that act on a running market --------------------------------------------------------


def test_nobody_serves_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    for command in (
        ("oem", "build", "--out", tmp_path / "car"),
        ("msp", "onboard", "--pcid", PCID),
        ("market", "show"),
    ):
        assert url in fails(capsys, cli.EXIT_UNREACHABLE, *command, "--url", url)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://localhost", ""])
def test_url_that_is_none(capsys: pytest.CaptureFixture[str], url: str) -> None:
    assert "--url" in fails(capsys, cli.EXIT_CONFIG, "market", "show", "--url", url)


def test_root_file_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for ca in (tmp_path / "nothing.pem", tmp_path):
        said = fails(capsys, cli.EXIT_CONFIG, "market", "show", "--url", "https://127.0.0.1:1", "--ca", ca)
        assert "--ca" in said


@pytest.mark.system
def test_build_onboard_and_show(
    server: Server, pki: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "garage" / "car"
    assert cli.main(["oem", "build", "--url", server.url, "--out", str(folder), "--json"]) == 0
    built = json.loads(capsys.readouterr().out)
    assert built["folder"] == str(folder)
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()) == [
        "code.txt",
        "oem/chain.pem",
        "oem/provisioning.key",
        "oem/provisioning.pem",
        "roots/v2g/root1.pem",
        "vehicle.toml",
    ]
    assert (folder / "contracts").is_dir()
    assert stat.S_IMODE((folder / "oem/provisioning.key").stat().st_mode) == 0o600
    assert list(folder.parent.iterdir()) == [folder]
    certificate = read_certificate(folder / "oem/provisioning.pem")
    assert common_name(certificate) == built["pcid"]
    assert read_key(folder / "oem/provisioning.key").public_key() == certificate.public_key()
    sub_cas = read_certificates(folder / "oem/chain.pem")
    roots = read_certificates(pki / "oem/root.pem")
    validate(certificate, sub_cas, roots, at=datetime.now(UTC), profile=OEM_PROVISIONING)
    assert read_certificates(folder / "roots/v2g") == read_certificates(pki / "v2g/root.pem")

    assert cli.main(["msp", "onboard", "--url", server.url, "--pcid", built["pcid"].lower(), "--json"]) == 0
    contract = json.loads(capsys.readouterr().out)
    assert contract["pcid"] == built["pcid"]
    assert cli.main(["market", "show", "--url", server.url, "--json"]) == 0
    overview = json.loads(capsys.readouterr().out)
    assert contract["emaid"] in {line["emaid"] for line in overview["contracts"]}

    for command in (
        ["oem", "build", "--out", str(tmp_path / "second")],
        ["msp", "onboard", "--pcid", built["pcid"]],
    ):
        assert cli.main([*command, "--url", server.url]) == 0
    assert built["pcid"] in capsys.readouterr().out
    assert cli.main(["market", "show", "--url", server.url]) == 0
    said = capsys.readouterr().out
    assert built["pcid"] in said
    assert contract["emaid"] in said
    assert max(map(len, said.splitlines())) < 140


@pytest.mark.system
def test_the_folder_is_what_the_car_reads(server: Server, tmp_path: Path) -> None:
    """The two packages must not import each other; that they agree is for a test to say."""
    from evcc.vehicle import load

    folder = tmp_path / "car"
    arguments = ["--capacity-wh", "50000", "--energy-wh", "1000.5", "--max-power-w", "7400"]
    assert cli.main(["oem", "build", "--url", server.url, "--out", str(folder), *arguments]) == 0
    vehicle = load(folder)
    assert str(vehicle.pcid) == common_name(vehicle.provisioning_certificate)
    assert len(vehicle.v2g_roots) == 1
    assert (vehicle.battery.capacity_wh, vehicle.battery.energy_wh, vehicle.battery.max_power_w) == (
        50000.0,
        1000.5,
        7400.0,
    )


@pytest.mark.system
def test_refusals_of_the_market(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = ("--url", server.url)
    assert PCID in fails(capsys, cli.EXIT_UNKNOWN_PCID, "msp", "onboard", *url, "--pcid", PCID)
    assert "--pcid" in fails(capsys, cli.EXIT_CONFIG, "msp", "onboard", *url, "--pcid", "nonsense")
    assert "REQUEST" in fails(capsys, cli.EXIT_REFUSED, "market", "show", *url, "--limit", "0")
    occupied = tmp_path / "occupied"
    occupied.mkdir()
    (occupied / "something").touch()
    assert str(occupied) in fails(capsys, cli.EXIT_CONFIG, "oem", "build", *url, "--out", occupied)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert cli.main(["oem", "build", *url, "--out", str(empty)]) == 0


def test_answers_that_no_market_gives(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for answer in (
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, json={"pcid": 7}),
        httpx.Response(302, headers={"location": "http://elsewhere"}),
        httpx.Response(502, content=b"Bad Gateway"),
        httpx.Response(
            201,
            json={
                "pcid": PCID,
                "evccid": "020000000000",
                "vehicleCertificate": "AAAA",
                "subCA2Certificate": "AAAA",
                "subCA1Certificate": "AAAA",
                "v2gRootCertificates": [],
                "validTo": "",
            },
        ),
    ):
        monkeypatch.setattr(httpx.Client, "request", lambda *_, answer=answer, **__: answer)
        fails(capsys, cli.EXIT_REFUSED, "oem", "build", "--url", "http://x", "--out", tmp_path / "car")
        assert list(tmp_path.iterdir()) == []


def test_batteries_that_are_none(tmp_path: Path) -> None:
    for battery in (
        Battery(0, 0, 1),
        Battery(1, 2, 1),
        Battery(1, -1, 1),
        Battery(1, 1, 0),
        Battery(float("nan"), 1, 1),
        Battery(float("inf"), 1, 1),
    ):
        with pytest.raises(FolderError), VehicleFolder(tmp_path / "car", battery):
            pass
    assert list(tmp_path.iterdir()) == []


# --- the process --------------------------------------------------------------------------------------


@pytest.mark.system
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_cleanly(pki: Path, tmp_path: Path, number: int) -> None:
    trace = tmp_path / "trace.jsonl"
    path = tmp_path / "m.db"
    with serving(pki, path, "--trace", str(trace)) as server:
        assert httpx.get(server.url + "/v1/root/rootCerts", trust_env=False).status_code == 200
        assert server.stop(number) == 0
    events = [json.loads(line) for line in trace.read_text().splitlines()]
    assert [event["kind"] for event in events] == ["process.ready", "backend.handled", "process.ended"]
    assert events[0]["address"] == server.url
    assert all(event["role"] == "backend" for event in events)
    assert events[2]["peak_rss_bytes"] < 120 * 1024 * 1024
    # A clean end leaves one file: the log is merged into it.
    assert sorted(file.name for file in tmp_path.iterdir()) == ["m.db", "trace.jsonl"]


@pytest.mark.system
def test_help_names_commands_and_exit_codes() -> None:
    done = run("--help")
    assert done.returncode == 0
    for word in ("serve", "oem", "msp", "market", "exit codes"):
        assert word in done.stdout


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from backend_stub.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([name for name in ('fastapi', 'sqlalchemy', 'httpx', 'cryptography') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
