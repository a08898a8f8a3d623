"""Parts of the demo that need no processes; with processes it runs in tests/system."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from lab import demo
from lab.narration import Narrator
from lab.runs import build
from lab.trace_file import Event, Trace
from tests.lab import synthetic


def new(tmp_path: Path, *, discovery: bool) -> demo.Demo:
    return demo.Demo(tmp_path, Narrator(Console(file=io.StringIO()), quiet=True), discovery)


def test_with_discovery_nobody_is_told_an_address(tmp_path: Path) -> None:
    run = new(tmp_path, discovery=True)
    charger = demo._charger_command(run, "http://127.0.0.1:1")
    car = demo._car_command(run, "[::1]:7", 1, "iso2", "capture.pcapng")
    assert "--interface" in charger
    assert "--interface" in car
    assert not {"--no-sdp", "--listen"} & set(charger)
    assert "--connect" not in car


def test_without_discovery_the_car_is_told(tmp_path: Path) -> None:
    run = new(tmp_path, discovery=False)
    assert {"--no-sdp", "--listen"} <= set(demo._charger_command(run, "http://127.0.0.1:1"))
    car = demo._car_command(run, "[::1]:7", 1, "iso2", "capture.pcapng")
    assert car[car.index("--connect") + 1] == "[::1]:7"
    assert [name for name, _ in run.traces] == ["charger", "car-1"]


def test_all_keys_lie_below_pki(tmp_path: Path) -> None:
    run = new(tmp_path, discovery=False)
    assert run.vehicle.is_relative_to(run.pki)


def test_latest_leads_to_the_newest_run(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        demo._point_latest(tmp_path, tmp_path / name)
    assert (tmp_path / "latest").readlink() == Path("b")


def test_a_folder_named_latest_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    demo._point_latest(tmp_path, tmp_path / "a")
    assert not (tmp_path / "latest").is_symlink()


@pytest.mark.parametrize("output", ["", "nonsense", "[1]"])
def test_a_command_that_talks_nonsense(output: str) -> None:
    with pytest.raises(demo.DemoError):
        demo._answer(output)


def test_the_machinery_names_the_largest_of_each_kind() -> None:
    line = demo.machinery(build(Trace(tuple(synthetic.demo_run())))).plain
    assert line == "EXI engine python   peak memory  car 58 MB  charger 61 MB  market 92 MB"


def test_without_figures_the_machinery_is_short() -> None:
    line = demo.machinery(build(Trace((Event(1, "evcc", "tcp.connected", 1),)))).plain
    assert line == "EXI engine unknown"


def test_paths_are_shown_as_short_as_they_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert demo.shown(tmp_path / "runs" / "x") == "runs/x"
    assert demo.shown(Path("/")) == "/"
