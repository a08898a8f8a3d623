"""``evcc ota`` from the command line: what it remembers, and how it ends when nothing can be done."""

import json
import socket
from contextlib import closing
from pathlib import Path

import pytest

from evcc import cli, ota_memory
from evcc.contracts import ContractStore
from tests.evcc.material import EMAIDS, NOW, World
from tests.evcc.scenario import build_vehicle


@pytest.fixture
def car(tmp_path: Path, world: World) -> Path:
    return build_vehicle(tmp_path / "car", world)


@pytest.fixture
def nobody() -> str:
    """Where nobody listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def test_the_address_is_needed_once(car: Path, nobody: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["ota", "--vehicle", str(car)]) == 2
    assert "--telematics" in capsys.readouterr().err
    assert cli.main(["ota", "--vehicle", str(car), "--telematics", "ftp://x"]) == 2
    assert cli.main(["ota", "--vehicle", str(car), "--telematics", nobody]) == 4
    assert nobody in capsys.readouterr().err
    assert ota_memory.load(car).url == nobody
    assert cli.main(["ota", "--vehicle", str(car), "--json"]) == 4
    assert capsys.readouterr().out == ""


def test_roots_that_cannot_be_read(car: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "ota",
        "--vehicle",
        str(car),
        "--telematics",
        "https://127.0.0.1:1",
        "--ca",
        str(car / "none"),
    ]
    assert cli.main(arguments) == 2
    assert "--ca" in capsys.readouterr().err


def test_a_trace_that_cannot_be_written(car: Path, nobody: str, capsys: pytest.CaptureFixture[str]) -> None:
    trace = car / "nowhere" / "trace.jsonl"
    assert cli.main(["ota", "--vehicle", str(car), "--telematics", nobody, "--trace", str(trace)]) == 2
    assert str(trace) in capsys.readouterr().err


def test_a_choice_without_a_backend_stays_here_and_with_one_is_remembered(
    car: Path, world: World, nobody: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store = ContractStore.open(car / "contracts")
    for emaid in EMAIDS[:2]:
        store.install(world.contract(emaid), NOW)
    choose = ["contracts", "choose", EMAIDS[0], "--vehicle", str(car)]
    assert cli.main(choose) == 0
    assert capsys.readouterr().out == f"chosen: {EMAIDS[0]}\n"
    assert cli.main([*choose, "--telematics", nobody]) == 0
    assert "it will be told at the next `evcc ota`" in capsys.readouterr().out
    assert ota_memory.load(car).pending == EMAIDS[0]
    assert cli.main([*choose, "--json"]) == 0
    assert [line["chosen"] for line in json.loads(capsys.readouterr().out)["contracts"]] == [True, False]
