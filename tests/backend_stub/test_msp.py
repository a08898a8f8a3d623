"""The mobility service provider: unique numbers, whole contracts, and nothing left behind."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from backend_stub.errors import Code, MarketError
from backend_stub.msp import store
from backend_stub.msp.service import RESERVATION_LIFETIME
from pki.entropy import SystemEntropy
from pki.hierarchy import Hierarchy
from tests.backend_stub.material import SetClock, World, chain_of, open_world
from v2g.identifiers import Emaid

INSTANCE_BYTES = 36


class Killed(BaseException):
    """Stands for the end of the process: nothing in the code may catch it."""


class RiggedEntropy(SystemEntropy):
    """Gives the prepared draws for the instance part of eMAIDs first, the system's after that."""

    def __init__(self, instances: Sequence[bytes]) -> None:
        self.instances = list(instances)

    def bytes(self, count: int) -> bytes:
        if count == INSTANCE_BYTES and self.instances:
            return self.instances.pop(0)
        return super().bytes(count)


async def test_contract_has_a_proper_emaid(world: World) -> None:
    car = await world.build()
    contract = await world.market.msp.onboard(car.pcid)
    emaid = Emaid.parse(contract.emaid)
    assert (emaid.country, emaid.provider_id, len(contract.emaid)) == ("DE", "PNC", 15)
    assert contract.pcid == car.pcid
    assert contract.not_before <= world.clock.now() <= contract.not_after
    assert list(await world.market.msp.contracts(10)) == [contract]


async def test_unknown_car(world: World) -> None:
    with pytest.raises(MarketError) as caught:
        await world.market.msp.onboard("WVW00000000000001")
    assert caught.value.code is Code.UNKNOWN_PCID
    assert await world.market.msp.count() == 0


async def test_two_onboardings_that_draw_the_same_number(tmp_path: Path, hierarchy: Hierarchy) -> None:
    same = bytes(INSTANCE_BYTES)
    entropy = RiggedEntropy([same, same, same])
    async with open_world(tmp_path, hierarchy, entropy=entropy) as world:
        cars = [await world.build() for _ in range(2)]
        contracts = await asyncio.gather(*(world.market.msp.onboard(car.pcid) for car in cars))
        assert len({contract.emaid for contract in contracts}) == 2
        assert sum(contract.emaid.startswith("DEPNC000000000") for contract in contracts) == 1
        for car, contract in zip(cars, contracts, strict=True):
            assert (await world.install(car)).emaid == contract.emaid


async def test_many_onboardings_at_once(world: World) -> None:
    car = await world.build()
    contracts = await asyncio.gather(*(world.market.msp.onboard(car.pcid) for _ in range(20)))
    assert len({contract.emaid for contract in contracts}) == 20
    assert sum(entry.is_default for entry in await world.market.ccp.of_car(car.pcid)) == 1


async def test_a_source_that_repeats_itself_ends_in_a_refusal(tmp_path: Path, hierarchy: Hierarchy) -> None:
    entropy = RiggedEntropy([bytes(INSTANCE_BYTES)] * 20)
    async with open_world(tmp_path, hierarchy, entropy=entropy) as world:
        car = await world.build()
        await world.market.msp.onboard(car.pcid)
        with pytest.raises(MarketError) as caught:
            await world.market.msp.onboard(car.pcid)
        assert caught.value.code is Code.CONFLICT


async def test_refused_onboarding_leaves_no_reservation(world: World) -> None:
    car = await world.build()
    await world.market.pcp.put(
        chain_of(world.hierarchy, car.certificate, v2g_root_key_ids=(b"another root's key id",))
    )
    with pytest.raises(MarketError) as caught:
        await world.market.msp.onboard(car.pcid)
    assert caught.value.code is Code.NO_SIGNER
    later = world.clock.now() + timedelta(days=1)
    assert await world.database.read(lambda connection: store.reserved_before(connection, later)) == []


async def test_reservation_of_a_killed_process_is_released(tmp_path: Path, hierarchy: Hierarchy) -> None:
    clock = SetClock()
    async with open_world(tmp_path, hierarchy, clock=clock) as world:
        emaid, pcid = "DEPNC0000000001", "WVW00000000000001"
        await world.database.write(lambda connection: store.reserve(connection, emaid, pcid, clock.now()))
    async with open_world(tmp_path, hierarchy, clock=clock) as world:  # perhaps somebody still works on it
        assert await world.database.read(
            lambda connection: store.reserved_before(connection, clock.now() + timedelta(seconds=1))
        ) == [emaid]
    clock.moment += RESERVATION_LIFETIME + timedelta(seconds=1)
    async with open_world(tmp_path, hierarchy, clock=clock) as world:
        assert (
            await world.database.read(
                lambda connection: store.reserved_before(connection, clock.now() + timedelta(days=1))
            )
            == []
        )
        assert await world.market.msp.count() == 0


async def test_contract_that_reached_the_pool_before_the_kill_is_completed(
    tmp_path: Path, hierarchy: Hierarchy, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SetClock()
    async with open_world(tmp_path, hierarchy, clock=clock) as world:
        car = await world.build()

        def killed(*_: object, **__: object) -> None:
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(store, "complete", killed)
            with pytest.raises(Killed):
                await world.market.msp.onboard(car.pcid)
        assert await world.market.msp.count() == 0
        (entry,) = await world.market.ccp.of_car(car.pcid)
    clock.moment += RESERVATION_LIFETIME + timedelta(seconds=1)
    async with open_world(tmp_path, hierarchy, clock=clock) as world:
        (contract,) = await world.market.msp.contracts(10)
        assert (contract.emaid, contract.pcid) == (entry.emaid, car.pcid)
        assert (await world.install(car)).emaid == entry.emaid


async def test_issuing_ca_that_ran_out(world: World) -> None:
    car = await world.build()
    world.clock.forward(days=5 * 365)
    with pytest.raises(MarketError, match="issuing CA") as caught:
        await world.market.msp.onboard(car.pcid)
    assert caught.value.code is Code.CHAIN_EXPIRED


async def test_newest_contracts_come_first(world: World) -> None:
    car = await world.build()
    emaids = []
    for _ in range(3):
        emaids.append((await world.market.msp.onboard(car.pcid)).emaid)
        world.clock.forward(seconds=1)
    assert [contract.emaid for contract in await world.market.msp.contracts(2)] == emaids[:0:-1]
    assert await world.market.msp.count() == 3
