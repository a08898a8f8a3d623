"""The -20 part of a vehicle folder."""

from pathlib import Path

import pytest

from evcc import config, vehicle
from evcc.errors import ConfigError
from evcc.protocols import offered
from pki.profiles import Edition
from pki.store import write_certificates, write_key
from tests.evcc.material import World
from tests.evcc.material20 import PCID, World20
from tests.evcc.scenario import build_vehicle


@pytest.fixture
def folder(tmp_path: Path, world20: World20) -> Path:
    return build_vehicle(tmp_path / "car", world20)


def refused(folder: Path, file: Path, words: str, key: str = "") -> None:
    with pytest.raises(ConfigError) as caught:
        vehicle.load(folder)
    assert caught.value.file == file
    assert caught.value.key == key
    assert words in caught.value.reason


def test_a_whole_folder(folder: Path, world20: World20) -> None:
    car = vehicle.load(folder)
    assert car.iso20 is not None
    assert car.iso20.suite is Edition.ISO20
    assert car.evccid_iso20 == f"EVCC{PCID}"
    assert car.iso20.vehicle_chain == world20.car.vehicle_chain
    assert car.iso20.provisioning_sub_cas == world20.car.provisioning_sub_cas
    assert car.iso20.v2g_roots == world20.car.v2g_roots
    assert car.contract_folders == {"iso2": folder / "contracts", "iso20": folder / "iso20" / "contracts"}
    assert car.dc is not None
    assert car.bidirectional is not None


def test_an_old_folder_still_works(tmp_path: Path, world: World) -> None:
    car = vehicle.load(build_vehicle(tmp_path / "car", world))
    assert (car.iso20, car.dc, car.bidirectional) == (None, None, None)
    assert car.evccid_iso20 == str(car.pcid)
    assert list(car.contract_folders) == ["iso2"]
    assert [protocol.edition.key for protocol in offered(config.load(None, {}), car)] == ["iso2"]


def test_the_identifier_may_be_set(folder: Path) -> None:
    settings = folder / "vehicle.toml"
    settings.write_text('evccid_iso20 = "ME-ME"\n' + settings.read_text())
    assert vehicle.load(folder).evccid_iso20 == "ME-ME"


@pytest.mark.parametrize("name", ["vehicle.pem", "vehicle.key", "provisioning.pem", "chain.pem"])
def test_a_missing_file(folder: Path, name: str) -> None:
    (folder / "iso20" / name).unlink()
    refused(folder, folder / "iso20" / name, "No such file")


def test_keys_of_another_car(folder: Path) -> None:
    other = World20(seed=4)
    write_key(folder / "iso20" / "provisioning.key", other.car.provisioning.private_key())
    refused(folder, folder / "iso20" / "provisioning.key", "does not belong")


def test_a_certificate_of_another_car(folder: Path) -> None:
    other = World20(seed=4, pcid="WPNC0000000000002X")
    place = folder / "iso20"
    write_certificates(place / "provisioning.pem", [other.car.provisioning.certificate])
    write_key(place / "provisioning.key", other.car.provisioning.private_key())
    refused(folder, place / "provisioning.pem", "it is for WPNC0000000000002X")


def test_certificates_of_the_older_generation(folder: Path, world20: World20) -> None:
    """secp256r1 is the curve of -2."""
    place = folder / "iso20"
    write_certificates(place / "provisioning.pem", [world20.oem.leaf.certificate])
    write_key(place / "provisioning.key", world20.oem.leaf.signing_key())
    refused(folder, place / "provisioning.pem", "secp256r1")


def test_too_many_certificates_above(folder: Path, world20: World20) -> None:
    chain = [world20.car.provisioning_sub_cas[0]] * 4
    write_certificates(folder / "iso20" / "chain.pem", chain)
    refused(folder, folder / "iso20" / "chain.pem", "at most 3")


def test_settings_of_dc_that_contradict_each_other(folder: Path) -> None:
    settings = folder / "vehicle.toml"
    settings.write_text(settings.read_text().replace("[dc]\n", "[dc]\nempty_voltage_v = 440.0\n"))
    refused(folder, settings, "full_voltage_v", "dc")


@pytest.mark.parametrize(
    ("overrides", "gone", "words"),
    [
        ({"protocols": ("iso20-dc",)}, "[dc]", "[dc]"),
        ({"protocols": ("iso20-ac",), "network.tls": False, "payment": "external"}, "", "TLS 1.3"),
    ],
)
def test_protocols_that_the_car_cannot_speak(
    folder: Path, overrides: dict[str, object], gone: str, words: str
) -> None:
    settings = folder / "vehicle.toml"
    if gone:
        settings.write_text(settings.read_text().partition(gone)[0])
    with pytest.raises(ConfigError, match="protocols") as caught:
        offered(config.load(None, overrides), vehicle.load(folder))
    assert words in caught.value.reason


def test_without_tls_there_are_only_the_older_generations(folder: Path) -> None:
    plain = config.load(None, {"network.tls": False, "payment": "external"})
    assert [protocol.edition.key for protocol in offered(plain, vehicle.load(folder))] == ["iso2", "din"]
