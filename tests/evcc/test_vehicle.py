from pathlib import Path

import pytest

from evcc import vehicle
from evcc.dc import DcInlet
from evcc.errors import ConfigError
from evcc.vehicle import Bidirectional
from pki.store import write_certificates, write_key
from tests.evcc.material import World
from tests.evcc.scenario import build_vehicle


@pytest.fixture
def folder(tmp_path: Path, world: World) -> Path:
    return build_vehicle(tmp_path / "car", world)


def refused(folder: Path, file: Path, words: str, key: str = "") -> None:
    with pytest.raises(ConfigError) as caught:
        vehicle.load(folder)
    assert caught.value.file == file
    assert caught.value.key == key
    assert words in caught.value.reason


def test_a_whole_vehicle(folder: Path, world: World) -> None:
    car = vehicle.load(folder)
    assert str(car.pcid) == "WPNC0000000000001"
    assert str(car.evccid) == "0200005E1001"
    assert car.provisioning_certificate == world.oem.leaf.certificate
    assert car.v2g_roots == (world.v2g_root.certificate,)
    assert car.battery.capacity_wh == 60_000
    assert car.ac.phases == 3
    assert car.contracts_directory == folder / "contracts"
    assert repr(car) == f"<Vehicle WPNC0000000000001 in {folder}>"


def test_all_keys(folder: Path) -> None:
    settings = folder / "vehicle.toml"
    more = 'vin = "WPN12345678901234"\n' + settings.read_text() + "taper_from = 0.7\n[ac]\nphases = 1\n"
    settings.write_text(more)
    car = vehicle.load(folder)
    assert car.vin == "WPN12345678901234"
    assert car.battery.taper_from == 0.7
    assert car.ac.phases == 1


def test_no_folder(tmp_path: Path) -> None:
    refused(tmp_path / "none", tmp_path / "none", "no such vehicle folder")


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("", "pcid", "missing"),
        ('pcid = "SHORT"', "pcid", "17 or 18"),
        ('pcid = "WPNC0000000000002"', "pcid", "is not the WPNC0000000000001"),
        ('evccid = "xyz"', "evccid", "hex"),
        ("capacity_wh = 0", "battery.capacity_wh", "> 0"),
        ("energy_wh = 70000.0", "battery", "energy_wh"),
        ('max_power_w = "much"', "battery.max_power_w", "float"),
        ("colour = 'red'", "battery.colour", "no such key"),
    ],
)
def test_settings_that_are_wrong(folder: Path, text: str, key: str, words: str) -> None:
    settings = folder / "vehicle.toml"
    if not text:
        settings.write_text(settings.read_text().partition("\n")[2])
    else:
        name = text.partition(" ")[0]
        lines = [line for line in settings.read_text().splitlines() if not line.startswith(f"{name} ")]
        if key.startswith("battery"):
            lines.append(text)
        else:
            lines.insert(0, text)
        settings.write_text("\n".join(lines))
    refused(folder, settings, words, key)


def test_a_missing_certificate(folder: Path) -> None:
    (folder / "oem" / "provisioning.pem").unlink()
    refused(folder, folder / "oem" / "provisioning.pem", "No such file")


def test_a_damaged_key(folder: Path) -> None:
    (folder / "oem" / "provisioning.key").write_text("-----BEGIN PRIVATE KEY-----\nnone\n")
    refused(folder, folder / "oem" / "provisioning.key", "not a private key")


def test_a_key_of_another_car(folder: Path, foreign: World) -> None:
    write_key(folder / "oem" / "provisioning.key", foreign.oem.leaf.signing_key())
    refused(folder, folder / "oem" / "provisioning.key", "does not belong")


def test_no_roots(folder: Path) -> None:
    (folder / "roots" / "v2g" / "root.pem").unlink()
    refused(folder, folder / "roots" / "v2g", "no certificate file")
    (folder / "roots" / "v2g").rmdir()
    refused(folder, folder / "roots" / "v2g", "no such folder")


def test_more_roots_than_a_request_can_name(folder: Path) -> None:
    roots = [World(seed=100 + number).v2g_root.certificate for number in range(21)]
    write_certificates(folder / "roots" / "v2g" / "root.pem", roots)
    refused(folder, folder / "roots" / "v2g", "21 roots")


def test_the_page_shows_a_vehicle(folder: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "evcc.md").read_text()
    example = page.partition("## Vehicle folder")[2].partition("```toml\n")[2].partition("```")[0]
    plain = vehicle.load(folder)
    (folder / "vehicle.toml").write_text(example)
    documented = vehicle.load(folder)
    assert (documented.battery, documented.ac) == (plain.battery, plain.ac)
    more = page.partition("## Vehicle folder")[2].split("```toml\n")[2].partition("```")[0]
    (folder / "vehicle.toml").write_text(example + more)
    documented = vehicle.load(folder)
    assert documented.dc == DcInlet()
    assert documented.bidirectional == Bidirectional(max_discharge_power_w=10_000)
