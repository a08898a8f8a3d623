"""DC of ISO 15118-2, CertificateUpdate and DIN 70121, as real processes over real sockets."""

from pathlib import Path

import pytest

from tests.system.kit import Stage, stage

pytestmark = pytest.mark.system

DC = ["ChargeParameterDiscovery", "CableCheck", "PreCharge", "PowerDelivery", "CurrentDemand"]


async def dc_vehicle(on: Stage) -> Path:
    """A car with a DC inlet."""
    folder = await on.vehicle()
    settings = folder / "vehicle.toml"
    text = settings.read_text()
    settings.write_text(text if "[dc]" in text else f"{text}\n[dc]\n")
    return folder


async def test_dc_with_installation_and_then_an_update(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.market()
        vehicle = await dc_vehicle(on)
        await on.charger()
        code, first = await on.car(vehicle, "--protocols", "iso2", name="first")
        assert (code, first["outcome"], first["energy_transfer_mode"]) == (0, "ok", "DC_extended")
        renew = tmp_path / "renew.toml"
        renew.write_text('[contract]\nrenewal = "update"\nrenew_before_h = 26280.0\n')
        code, second = await on.car(vehicle, "--protocols", "iso2", "--config", str(renew), name="second")
        assert (code, second["outcome"], second["contract_updated"]) == (0, "ok", True), second
        assert second["emaid"] == first["emaid"]
        code, third = await on.car(vehicle, "--protocols", "iso2", name="third")
        assert (code, third["outcome"], third["contract_installed"]) == (0, "ok", False)
    sessions = on.told().sessions
    names = [exchange.name for exchange in sessions[0].exchanges]
    assert [name for name in dict.fromkeys(names) if name in DC] == DC
    assert "CertificateUpdate" in [exchange.name for exchange in sessions[1].exchanges]


async def test_din(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.market()
        vehicle = await dc_vehicle(on)
        await on.charger("--protocols", "din")
        code, result = await on.car(vehicle, "--protocols", "din")
        assert (code, result["outcome"], result["protocol"]) == (0, "ok", "din"), result
        assert result["energy_transfer_mode"] == "DC_extended"
    names = [exchange.name for exchange in on.told().sessions[0].exchanges]
    assert [name for name in dict.fromkeys(names) if name in DC] == DC
