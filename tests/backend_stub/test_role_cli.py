"""Acting as every role from the shell, on a real server: what is printed, and the exit codes."""

import json
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from backend_stub import cli
from backend_stub.oem.folder import FolderError, KeyReplacement, read_code, read_pcid
from pki.entropy import SystemEntropy
from pki.hierarchy import Hierarchy
from pki.store import read_certificate, read_certificates, read_key
from tests.backend_stub.server import Server, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("market")
    Hierarchy.create(now=datetime.now(UTC), entropy=SystemEntropy()).save(folder / "pki")
    with serving(folder / "pki", folder / "market.db") as running:
        yield running


class Shell:
    """Runs commands against one market."""

    def __init__(self, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        self._url = url
        self._capsys = capsys

    def json(self, *arguments: object) -> Any:
        code = cli.main([*map(str, arguments), "--url", self._url, "--json"])
        printed = self._capsys.readouterr()
        assert (code, printed.err) == (0, "")
        return json.loads(printed.out)

    def says(self, *arguments: object) -> str:
        assert cli.main([*map(str, arguments), "--url", self._url]) == 0
        return self._capsys.readouterr().out

    def fails(self, code: int, *arguments: object) -> str:
        assert cli.main([*map(str, arguments), "--url", self._url]) == code
        return self._capsys.readouterr().err


@pytest.fixture
def shell(server: Server, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(server.url, capsys)


def test_the_life_of_a_contract(shell: Shell, tmp_path: Path) -> None:
    car = tmp_path / "car"
    built = shell.json("oem", "build", "--out", car)
    assert read_pcid(car) == built["pcid"]
    assert read_code(car) == built["code"]
    assert stat.S_IMODE((car / "code.txt").stat().st_mode) == 0o600
    assert built["pcid"] in shell.says("oem", "list")
    contract = shell.json("msp", "onboard", "--vehicle", car)
    emaid = contract["emaid"]
    assert shell.json("msp", "show", emaid)["state"] == "active"
    assert "[ENTITLEMENT]" in shell.fails(cli.EXIT_ENTITLEMENT, "msp", "onboard", "--vehicle", car)
    code = shell.json("oem", "code", "--pcid", built["pcid"])["code"]
    second = shell.json("msp", "onboard", "--pcid", built["pcid"], "--code", code)["emaid"]
    pooled = shell.json("ccp", "list", "--pcid", built["pcid"])
    assert [(entry["emaid"], entry["defaultContract"]) for entry in pooled] == [
        (emaid, True),
        (second, False),
    ]
    shell.json("ccp", "default", built["pcid"], second)
    assert shell.json("ccp", "list", "--emaid", second)[0]["defaultContract"] is True
    renewed = shell.json("msp", "renew", emaid)
    assert renewed["certificateSerial"] != contract["certificateSerial"]
    ended = shell.json("msp", "terminate", emaid.lower(), "--reason", "superseded")
    assert (ended["state"], ended["endReason"]) == ("ended", "superseded")
    assert "[NO_CONTRACT]" in shell.fails(cli.EXIT_NO_CONTRACT, "msp", "renew", emaid)
    assert "[NO_CONTRACT]" in shell.fails(cli.EXIT_NO_CONTRACT, "ccp", "list", "--emaid", emaid)
    shell.json("ccp", "delete", second)
    assert shell.json("ccp", "list", "--pcid", built["pcid"]) == []
    assert len(shell.json("msp", "list", "--pcid", built["pcid"])) == 2
    assert second in shell.says("msp", "list")


def test_a_series(shell: Shell, tmp_path: Path) -> None:
    for expected in (3, 5):
        said = shell.says(
            "oem", "build", "--count", expected - len(list(tmp_path.glob("car-*"))), "--out", tmp_path
        )
        assert "built car" in said
        assert len(list(tmp_path.glob("car-*"))) == expected
    pcids = {read_pcid(folder) for folder in tmp_path.glob("car-*")}
    vins = {
        line
        for folder in tmp_path.glob("car-*")
        for line in (folder / "vehicle.toml").read_text().split("\n")
        if line.startswith("vin")
    }
    assert len(pcids) == len(vins) == 5


def test_replacing_a_key(shell: Shell, tmp_path: Path) -> None:
    car = tmp_path / "car"
    built = shell.json("oem", "build", "--out", car)
    shell.json("msp", "onboard", "--vehicle", car)
    before = read_certificate(car / "oem/provisioning.pem")
    made = shell.json("oem", "rekey", "--vehicle", car)
    after = read_certificate(car / "oem/provisioning.pem")
    assert made["pcid"] == built["pcid"]
    assert after.public_key() != before.public_key()
    assert read_key(car / "oem/provisioning.key").public_key() == after.public_key()
    assert len(read_certificates(car / "oem/chain.pem")) == 2
    assert shell.json("ccp", "list", "--pcid", built["pcid"]) == []
    moved = shell.json("oem", "rekey", "--vehicle", car, "--new-pcid")
    assert read_pcid(car) == moved["pcid"] != built["pcid"]
    assert sorted(path.name for path in car.iterdir()) == [
        "code.txt",
        "contracts",
        "oem",
        "roots",
        "vehicle.toml",
    ]
    shell.json("msp", "onboard", "--vehicle", car)
    shell.fails(cli.EXIT_UNKNOWN_PCID, "pcp", "show", built["pcid"])


def test_a_replacement_that_was_cut_off_goes_on_with_the_same_key(shell: Shell, tmp_path: Path) -> None:
    car = tmp_path / "car"
    shell.json("oem", "build", "--out", car)
    with KeyReplacement(car) as first:
        key = first.key
    (car / "oem").rename(car / "oem.old")  # between the two renames
    made = shell.json("oem", "rekey", "--vehicle", car)
    assert read_certificate(car / "oem/provisioning.pem").public_key() == key.public_key()
    assert made["pcid"] == read_pcid(car)


def test_vehicle_folders_that_are_none(shell: Shell, tmp_path: Path) -> None:
    assert "vehicle.toml" in shell.fails(cli.EXIT_CONFIG, "oem", "rekey", "--vehicle", tmp_path / "none")
    (tmp_path / "vehicle.toml").write_text("nonsense")
    assert "names no PCID" in shell.fails(cli.EXIT_CONFIG, "msp", "onboard", "--vehicle", tmp_path)
    with pytest.raises(FolderError):
        read_pcid(tmp_path)


def test_the_register(shell: Shell, tmp_path: Path) -> None:
    built = shell.json("oem", "build", "--out", tmp_path / "car")
    entry = ["--number", "B-PN 77", "--vin", built["vin"], "--pcid", built["pcid"], "--keeper", "A. Fahrer"]
    made = shell.json("register", "add", *entry)
    assert shell.json("register", "find", "--vin", built["vin"])["pcid"] == built["pcid"]
    assert "BPN77" in shell.says("register", "find", "--number", "b pn 77")
    contract = shell.json("msp", "onboard", "--registration", "B PN 77", "--document", made["document"])
    assert contract["pcid"] == built["pcid"]
    shell.fails(cli.EXIT_REFUSED, "msp", "onboard", "--registration", "X 1", "--code", "x")
    assert "[CONFLICT]" in shell.fails(
        cli.EXIT_REFUSED, "register", "add", *entry[:2], "--vin", "1M8GDM9AXKP042788", *entry[4:]
    )


def test_pools_and_signers(shell: Shell, tmp_path: Path) -> None:
    built = shell.json("oem", "build", "--out", tmp_path / "car")
    assert {root["rootType"] for root in shell.json("rcp", "list")} == {"V2G", "OEM", "MO"}
    (root,) = shell.json("rcp", "list", "--type", "mo", "--out", tmp_path / "mo")
    assert root["rootType"] == "MO"
    assert len(read_certificates(tmp_path / "mo")) == 1
    assert "CPS Leaf" in shell.says("cps", "signers")
    assert built["pcid"] in shell.says("pcp", "show", built["pcid"])
    assert "fingerprint" in shell.json("pcp", "show", built["pcid"])
    shell.json("pcp", "delete", built["pcid"])
    assert "[UNKNOWN_PCID]" in shell.fails(cli.EXIT_UNKNOWN_PCID, "pcp", "show", built["pcid"])


@pytest.mark.parametrize("command", ["oem", "msp", "register", "rcp", "pcp", "ccp", "cps", "market", "serve"])
def test_every_command_shows_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main([command, "--help"])
    assert caught.value.code == 0
    assert "usage: backend-stub" in capsys.readouterr().out


def test_market_init_prints_where_things_will_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # An address of the loopback network that nothing else listens on.
    where = ("--host", "127.83.17.5", "--base-port", "8081")
    assert (
        cli.main(["market", "init", "--out", str(tmp_path / "m"), "--providers", "2", *where, "--json"]) == 0
    )
    made = json.loads(capsys.readouterr().out)
    assert made["providers"] == {"a": "http://127.83.17.5:8081", "b": "http://127.83.17.5:8091"}
    assert cli.main(["market", "show", "--market", made["market"]]) == cli.EXIT_UNREACHABLE
