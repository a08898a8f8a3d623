"""A broken configuration gets file, key and reason, and exit code 2."""

import subprocess
from pathlib import Path

import pytest

from lab.demo import command
from tests.system.kit import stage

pytestmark = pytest.mark.system


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [command(arguments[0]), *arguments[1:]], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[network\n", "TOML"),
        ("[network]\nlisten = 5\n", "network.listen"),
        ("[network]\nlissten = '[::1]:0'\n", "lissten"),
        ("[backend]\nreserve_s = 99.0\n", "backend.reserve_s"),
        (
            "[network]\nlisten = '[::1]:0'\n[certificates]\ndirectory = '/nowhere/at/all'\n",
            "certificates.directory",
        ),
    ],
)
def test_charger(tmp_path: Path, text: str, key: str) -> None:
    file = tmp_path / "secc.toml"
    file.write_text(text)
    done = run("secc", "run", "--config", str(file), "--no-sdp")
    assert done.returncode == 2
    assert str(file) in done.stderr
    assert key in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("charging = 5\n", "charging"),
        ("[charging]\nrounds = -1\n", "charging.rounds"),
        ("[charging]\nspeed = 1\n", "speed"),
        ("[timers.messages]\nHello = 1.0\n", "timers.messages.Hello"),
    ],
)
async def test_car(tmp_path: Path, text: str, key: str) -> None:
    file = tmp_path / "car.toml"
    file.write_text(text)
    async with stage(tmp_path) as on:
        await on.market()
        vehicle = await on.vehicle(contract=False)
    done = run("evcc", "run", "--vehicle", str(vehicle), "--config", str(file), "--connect", "[::1]:1")
    assert done.returncode == 2
    assert str(file) in done.stderr
    assert key in done.stderr
    assert "Traceback" not in done.stderr


def test_market(tmp_path: Path) -> None:
    done = run("backend-stub", "serve", "--pki", str(tmp_path / "nowhere"), "--database", str(tmp_path / "d"))
    assert done.returncode == 2
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr


def test_car_without_folder(tmp_path: Path) -> None:
    done = run("evcc", "run", "--vehicle", str(tmp_path / "nowhere"))
    assert done.returncode == 2
    assert "nowhere" in done.stderr
