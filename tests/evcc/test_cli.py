import json
from pathlib import Path

import pytest

from evcc.cli import main
from evcc.contracts import ContractStore
from evcc.exit_codes import EXIT_CODES, ExitCode
from tests.evcc.material import EMAIDS, NOW, World
from tests.evcc.material20 import World20
from tests.evcc.scenario import build_vehicle

Capsys = pytest.CaptureFixture[str]


@pytest.fixture
def car(tmp_path: Path, world: World) -> Path:
    folder = build_vehicle(tmp_path / "car", world)
    store = ContractStore.open(folder / "contracts")
    for emaid in EMAIDS[:3]:
        store.install(world.contract(emaid), NOW)
    return folder


def contracts(car: Path, action: str, *more: str) -> int:
    return main(["contracts", action, *more, "--vehicle", str(car)])


def listed(car: Path, capsys: Capsys) -> dict[str, bool]:
    capsys.readouterr()
    assert contracts(car, "list", "--json") == 0
    return {item["emaid"]: item["chosen"] for item in json.loads(capsys.readouterr().out)["contracts"]}


def test_listing(car: Path, capsys: Capsys) -> None:
    assert contracts(car, "list") == 0
    first, second, third = capsys.readouterr().out.splitlines()
    assert first.startswith(f"  {EMAIDS[0]}")
    assert second.startswith(f"  {EMAIDS[1]}")
    assert third.startswith(f"* {EMAIDS[2]}")
    assert "MO" in third


def test_listing_as_json(car: Path, capsys: Capsys) -> None:
    assert listed(car, capsys) == {EMAIDS[0]: False, EMAIDS[1]: False, EMAIDS[2]: True}


def test_listing_nothing(tmp_path: Path, world: World, capsys: Capsys) -> None:
    assert contracts(build_vehicle(tmp_path / "new", world), "list") == 0
    assert capsys.readouterr().out == "no contracts\n"


def test_choosing(car: Path, capsys: Capsys) -> None:
    assert contracts(car, "choose", EMAIDS[0]) == 0
    assert EMAIDS[0] in capsys.readouterr().out
    assert listed(car, capsys)[EMAIDS[0]]


def test_removing(car: Path, capsys: Capsys) -> None:
    assert contracts(car, "remove", EMAIDS[2]) == 0
    assert capsys.readouterr().out == f"removed: {EMAIDS[2]}; chosen: {EMAIDS[1]}\n"
    assert set(listed(car, capsys)) == set(EMAIDS[:2])


@pytest.mark.parametrize("action", ["choose", "remove"])
def test_a_contract_that_is_not_there(car: Path, capsys: Capsys, action: str) -> None:
    assert contracts(car, action, EMAIDS[6]) == 2
    assert EMAIDS[6] in capsys.readouterr().err


def test_a_damaged_store_and_its_repair(car: Path, capsys: Capsys) -> None:
    damaged = next(car.glob(f"contracts/{EMAIDS[0]}-*.pem"))
    damaged.write_bytes(b"")
    assert contracts(car, "list") == 2
    assert str(damaged) in capsys.readouterr().err
    assert main(["run", "--vehicle", str(car), "--connect", "[::1]:1"]) == 2
    assert "repair" in capsys.readouterr().err
    assert contracts(car, "repair") == 0
    assert damaged.name in capsys.readouterr().out
    assert set(listed(car, capsys)) == set(EMAIDS[1:3])
    assert contracts(car, "repair") == 0
    assert "nothing was damaged" in capsys.readouterr().out


def test_a_vehicle_that_is_not_there(tmp_path: Path, capsys: Capsys) -> None:
    assert contracts(tmp_path / "none", "list") == 2
    assert "no such vehicle folder" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--no-tls"], "Plug & Charge"),
        (["--payment", "cash"], "payment"),
        (["--connect", "nowhere"], "HOST:PORT"),
        (["--interval", "99"], "charging.interval_s"),
        (["--config", "none.toml"], "none.toml"),
        (["--trace", "/nowhere/at/all.jsonl"], "--trace: /nowhere/at/all.jsonl"),
        (["--capture", "/nowhere/at/all.pcapng"], "--capture"),
    ],
)
def test_run_refuses_bad_configuration(car: Path, capsys: Capsys, flags: list[str], words: str) -> None:
    assert main(["run", "--vehicle", str(car), "--json", *flags]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("evcc: ")
    assert words in output.err


@pytest.mark.parametrize(
    "arguments", [[], ["run"], ["fly"], ["contracts"], ["run", "--vehicle", "x", "--sessions", "0"]]
)
def test_usage(arguments: list[str], capsys: Capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_help_explains_every_exit_code(capsys: Capsys) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    text = capsys.readouterr().out
    for code in ExitCode:
        assert f"{code:>3}  {EXIT_CODES[code]}" in text


def test_the_page_explains_every_exit_code() -> None:
    page = (Path(__file__).parents[2] / "docs" / "evcc.md").read_text()
    for code, meaning in EXIT_CODES.items():
        assert f"| {code} | {meaning} |" in page


def test_nobody_at_the_other_end(car: Path, capsys: Capsys) -> None:
    assert main(["run", "--vehicle", str(car), "--connect", "127.0.0.1:1", "--json"]) == 4
    (line,) = capsys.readouterr().out.splitlines()
    summary = json.loads(line)
    assert (summary["outcome"], summary["reason"], summary["exit_code"]) == ("failed", "no_connection", 4)


# --- both generations ---------------------------------------------------------------------------------------


@pytest.fixture
def both(tmp_path: Path, world20: World20) -> Path:
    folder = build_vehicle(tmp_path / "both", world20)
    older, newer = (
        ContractStore.open(folder / "contracts"),
        ContractStore.open(folder / "iso20" / "contracts"),
    )
    for emaid in EMAIDS[:2]:
        older.install(world20.contract(emaid), NOW)
    for emaid in EMAIDS[1:3]:
        newer.install(world20.contract20(emaid), NOW)
    return folder


def facts(both: Path, capsys: Capsys, *more: str) -> list[tuple[str, str, bool]]:
    capsys.readouterr()
    assert contracts(both, "list", "--json", *more) == 0
    found = json.loads(capsys.readouterr().out)["contracts"]
    return [(item["generation"], item["emaid"], item["chosen"]) for item in found]


def test_both_generations_are_listed(both: Path, capsys: Capsys) -> None:
    assert contracts(both, "list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert (lines[0], lines[3]) == ("ISO 15118-2:", "ISO 15118-20:")
    assert lines[5].startswith(f"* {EMAIDS[2]}")
    assert facts(both, capsys) == [
        ("iso2", EMAIDS[0], False),
        ("iso2", EMAIDS[1], True),
        ("iso20", EMAIDS[1], False),
        ("iso20", EMAIDS[2], True),
    ]
    assert facts(both, capsys, "--generation", "iso20") == facts(both, capsys)[2:]


def test_a_contract_is_chosen_wherever_it_is(both: Path, capsys: Capsys) -> None:
    assert contracts(both, "choose", EMAIDS[1]) == 0
    assert [item[1] for item in facts(both, capsys) if item[2]] == [EMAIDS[1], EMAIDS[1]]
    assert contracts(both, "choose", EMAIDS[0]) == 0
    assert [item[1] for item in facts(both, capsys) if item[2]] == [EMAIDS[0], EMAIDS[1]]


def test_a_contract_of_one_generation_is_removed(both: Path, capsys: Capsys) -> None:
    assert contracts(both, "remove", EMAIDS[1], "--generation", "iso20") == 0
    assert [item[:2] for item in facts(both, capsys)] == [
        ("iso2", EMAIDS[0]),
        ("iso2", EMAIDS[1]),
        ("iso20", EMAIDS[2]),
    ]
    assert contracts(both, "remove", EMAIDS[5]) == 2


def test_a_car_of_one_generation(car: Path, capsys: Capsys) -> None:
    assert contracts(car, "list", "--generation", "iso20") == 2
    assert "nothing of -20" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--protocols", "iso20-dc"], "iso20"),
        (["--protocols", "iso2,iso9"], "no protocol 'iso9'"),
        (["--control", "none"], "charging.control"),
    ],
)
def test_protocols_that_cannot_be(car: Path, capsys: Capsys, flags: list[str], words: str) -> None:
    assert main(["run", "--vehicle", str(car), "--json", *flags]) == 2
    assert words in capsys.readouterr().err
