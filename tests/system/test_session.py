"""A market, a charger and cars as real processes over real sockets."""

import asyncio
from pathlib import Path

import pytest

from lab.model import Outcome
from tests.system.kit import stage

pytestmark = pytest.mark.system


async def test_a_car_installs_its_contract_and_uses_it_the_next_time(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.market()
        vehicle = await on.vehicle()
        await on.charger()
        code, first = await on.car(vehicle, name="first")
        assert (code, first["outcome"], first["contract_installed"]) == (0, "ok", True)
        code, second = await on.car(vehicle, name="second")
        assert (code, second["outcome"], second["contract_installed"]) == (0, "ok", False)
        assert first["emaid"] == second["emaid"] != ""
    sessions = on.told().sessions
    assert [session.outcome for session in sessions] == [Outcome.OK, Outcome.OK]
    assert [session.installation is not None for session in sessions] == [True, False]
    names = [exchange.name for exchange in sessions[0].exchanges]
    assert names == [
        "SupportedAppProtocol",
        "SessionSetup",
        "ServiceDiscovery",
        "ServiceDetail",
        "PaymentServiceSelection",
        "CertificateInstallation",
        "PaymentDetails",
        "Authorization",
        "ChargeParameterDiscovery",
        "PowerDelivery",
        "ChargingStatus",
        "ChargingStatus",
        "PowerDelivery",
        "SessionStop",
    ]
    for exchange in sessions[0].exchanges:
        assert exchange.served is not None  # the charger's trace tells the same session
        assert exchange.limit_s is not None
        assert exchange.share is not None


async def test_several_cars_at_once_each_get_their_own_contract(tmp_path: Path) -> None:
    cars = [f"car-{number}" for number in range(4)]
    async with stage(tmp_path) as on:
        await on.market()
        folders = {name: await on.vehicle(name) for name in cars}
        await on.charger()
        async with asyncio.TaskGroup() as group:
            runs = {name: group.create_task(on.car(folder, name=name)) for name, folder in folders.items()}
    results = {name: run.result() for name, run in runs.items()}
    assert {code for code, _ in results.values()} == {0}
    assert all(result["contract_installed"] for _, result in results.values())
    assert len({result["emaid"] for _, result in results.values()}) == len(cars)
    told = on.told()
    assert len(told.sessions) == len(cars)
    assert {session.emaid for session in told.sessions} == {result["emaid"] for _, result in results.values()}
    assert all(exchange.served is not None for session in told.sessions for exchange in session.exchanges)


async def test_external_payment_without_tls(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.market()
        vehicle = await on.vehicle(contract=False)
        await on.charger("--no-tls")
        code, result = await on.car(vehicle, "--no-tls", "--payment", "external")
        assert (code, result["outcome"], result["emaid"]) == (0, "ok", None)
    session = on.told().sessions[0]
    assert session.tls is None
    assert session.installation is None
    assert "PaymentDetails" not in [exchange.name for exchange in session.exchanges]


async def test_no_plug_and_charge_without_tls(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.market()
        vehicle = await on.vehicle()
        await on.charger("--no-tls")
        code, _ = await on.car(vehicle, "--no-tls")
        assert code == 2


async def test_a_charger_of_another_world_is_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "foreign").mkdir()
    async with stage(tmp_path) as on, stage(tmp_path / "foreign") as foreign:
        await on.market()
        vehicle = await on.vehicle()
        await foreign.charger(backend="")
        on.charger_address = foreign.charger_address
        code, result = await on.car(vehicle)
        assert code == 5
        assert not result["contract_installed"]
    assert on.told().sessions[0].exchanges == ()
