"""What a charger speaks: by configuration, by certificates, by its outlets."""

from pathlib import Path
from typing import Any

import pytest

from pki.hierarchy import Hierarchy
from secc.config import Config, check, convert, override
from secc.credentials import load_tls, load_trust20
from secc.errors import ConfigError
from secc.protocols import ALL, chosen
from secc.run import station_of
from secc.station import AcOutlet, DcOutlet, Kind
from tests.secc.iso20.market import market20
from tests.secc.kit import HandClock
from tests.secc.market import market


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    market().pki.save(tmp_path / "pki", iso20=market20().pki)
    return tmp_path / "pki"


def config(**changes: Any) -> Config:
    return override(Config(), {key.replace("__", "."): value for key, value in changes.items()})


def test_every_protocol_has_the_key_of_its_edition() -> None:
    assert list(ALL) == ["iso2", "din", "iso20-ac", "iso20-dc", "iso20-wpt", "iso20-acdp"]
    spoken = chosen(Config().network.protocols)
    assert [protocol.key for protocol in spoken] == ["iso2", "iso20-ac", "iso20-dc", "din"]


@pytest.mark.parametrize(
    ("protocols", "versions"),
    [
        (["iso2"], ("TLSv1.2",)),
        (["iso20-ac"], ("TLSv1.3",)),
        (["iso2", "iso20-dc"], ("TLSv1.2", "TLSv1.3")),
    ],
)
def test_tls_is_for_what_is_spoken(folder: Path, protocols: list[str], versions: tuple[str, ...]) -> None:
    made = load_tls(config(certificates__directory=str(folder), network__protocols=protocols), "test", None)
    assert made.versions == versions


def test_without_certificates_of_20_the_charger_speaks_the_old_protocol(tmp_path: Path) -> None:
    market().pki.save(tmp_path / "pki")
    settings = config(certificates__directory=str(tmp_path / "pki"))
    assert load_tls(settings, "test", None).versions == ("TLSv1.2",)
    assert load_trust20(settings.certificates, "test").mo == ()
    only = override(settings, {"network.protocols": ["iso20-ac"]})
    with pytest.raises(ConfigError, match="needs the folder iso20"):
        load_tls(only, "test", None)


def test_the_certificates_of_20_may_stand_elsewhere(tmp_path: Path) -> None:
    market20().pki.save(tmp_path / "new")
    settings = config(certificates__iso20=str(tmp_path / "new"), network__protocols=["iso20-dc"])
    assert load_tls(settings, "test", None).versions == ("TLSv1.3",)
    assert load_trust20(settings.certificates, "test").mo == (market20().pki["mo_root"].certificate,)
    missing = override(settings, {"certificates.iso20": str(tmp_path / "nowhere")})
    with pytest.raises(ConfigError, match="nowhere"):
        load_tls(missing, "test", None)


def test_the_roots_of_20_are_its_own(folder: Path) -> None:
    trust = load_trust20(config(certificates__directory=str(folder)).certificates, "test")
    pki = market20().pki
    assert trust.mo == (pki["mo_root"].certificate,)
    assert trust.v2g == (pki["v2g_root"].certificate,)
    assert trust.oem == (pki["oem_root"].certificate,)


def test_other_roots_may_be_named(folder: Path, tmp_path: Path) -> None:
    root = tmp_path / "other"
    hierarchy: Hierarchy = market20().pki
    hierarchy.save(root)
    settings = config(
        certificates__directory=str(folder),
        certificates__oem_roots=str(root / "mo" / "root.pem"),
        certificates__vehicle_roots=str(root / "mo" / "root.pem"),
    )
    assert load_trust20(settings.certificates, "test").oem == (hierarchy["mo_root"].certificate,)
    assert load_tls(settings, "test", None).roots_iso20 == [hierarchy["mo_root"].certificate]
    missing = override(settings, {"certificates.vehicle_roots": str(tmp_path / "none.pem")})
    with pytest.raises(ConfigError, match="vehicle_roots"):
        load_tls(missing, "test", None)


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"network": {"protocols": ["iso3"]}}, "network.protocols"),
        ({"network": {"protocols": []}}, "network.protocols"),
        ({"backend": {"iso20_namespace": "urn:x"}}, "backend.iso20_namespace"),
        ({"security": {"dialect": "klingon"}}, "security.dialect"),
        ({"installation": {"give_up": "never"}}, "installation.give_up"),
        ({"station": {"outlets": 0, "dc_outlets": 0}}, "station"),
        ({"dc": {"min_voltage_v": 500.0, "max_voltage_v": 400.0}}, "dc"),
    ],
)
def test_settings_that_cannot_be(data: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        convert(data, "secc.toml")
    assert caught.value.key == key


def test_20_needs_tls() -> None:
    bare = {"network__tls": False, "network__sdp": False, "network__listen": "[::1]:0"}
    with pytest.raises(ConfigError, match="needs TLS"):
        check(config(**bare, network__protocols=["iso20-ac"]), "test")
    check(config(**bare, network__protocols=["iso20-ac"], network__iso20_plain=True), "test")
    check(config(**bare), "test")


def test_the_station_is_what_the_configuration_says() -> None:
    station = station_of(
        config(station__outlets=1, station__dc_outlets=1, station__bidirectional=False, dc__max_power_w=5e4),
        HandClock(),
    )
    first, second = station.outlets
    assert isinstance(first, AcOutlet)
    assert isinstance(second, DcOutlet)
    assert (first.rating.bidirectional, second.supply.rating.bidirectional) == (False, False)
    assert second.supply.rating.max_power_w == 5e4
    assert [outlet.kind for outlet in station.outlets] == [Kind.AC, Kind.DC]
