"""The provider's books after a car got another key, or is gone."""

import asyncio

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from backend_stub.errors import Code, MarketError
from backend_stub.events import EventType
from backend_stub.msp.following import VoidContracts
from backend_stub.msp.interface import DriverContract, MobilityServiceProvider, State
from pki.entropy import SystemEntropy
from pki.revocation import Reason
from tests.backend_stub.material import World, signing_request


def following(world: World, *, remake: bool = False) -> VoidContracts:
    market = world.market
    return VoidContracts(market.msp, market.ccp, market.over_the_air.events, remake=remake)


async def look(world: World, *, remake: bool = False) -> None:
    """Look at every contract that left the pool so far."""
    log = world.market.over_the_air.events
    for event in await log.events(0, 1000, types=[EventType.OEM_CONTRACT_DELETED]):
        await following(world, remake=remake).look_at(event)


async def state(msp: MobilityServiceProvider, emaid: str) -> State:
    contract = await msp.find(emaid)
    assert contract is not None
    return contract.state


async def built(world: World) -> tuple[str, str]:
    key = SystemEntropy().ec_key(ec.SECP256R1())
    made = await world.market.oem.build(signing_request(key))
    return made.vehicle.pcid, (await world.market.msp.onboard(made.vehicle.pcid)).emaid


async def rekeyed(world: World, pcid: str, *, new_pcid: bool = False) -> None:
    key = SystemEntropy().ec_key(ec.SECP256R1())
    await world.market.oem.rekey(pcid, signing_request(key), new_pcid=new_pcid)


async def test_a_contract_for_a_key_that_is_gone_ends(world: World) -> None:
    pcid, emaid = await built(world)
    await rekeyed(world, pcid)
    assert await state(world.market.msp, emaid) is State.ACTIVE
    for _ in range(2):
        await look(world)
        assert await state(world.market.msp, emaid) is State.ENDED


async def test_or_is_made_anew_for_the_new_key(world: World) -> None:
    pcid, emaid = await built(world)
    before = (await world.market.msp.of_car(pcid))[0].certificate_serial
    await rekeyed(world, pcid)
    await look(world, remake=True)
    (pooled,) = await world.market.ccp.of_car(pcid)
    assert (pooled.emaid, await state(world.market.msp, emaid)) == (emaid, State.ACTIVE)
    assert pooled.certificate.serial_number != before
    await look(world)  # what is in the pool again stays
    assert await state(world.market.msp, emaid) is State.ACTIVE


async def test_a_car_with_another_pcid_needs_another_contract(world: World) -> None:
    pcid, emaid = await built(world)
    await rekeyed(world, pcid, new_pcid=True)
    await look(world, remake=True)
    assert await state(world.market.msp, emaid) is State.ENDED


async def test_a_car_that_was_withdrawn(world: World) -> None:
    pcid, emaid = await built(world)
    await world.market.pcp.delete(pcid)
    await look(world, remake=True)
    assert await state(world.market.msp, emaid) is State.ENDED


async def test_a_reset_car_leaves_the_books_alone(world: World) -> None:
    """The contract stands: its operator was told, and may send it again."""
    pcid, emaid = await built(world)
    await world.market.ccp.factory_reset(pcid)
    await look(world)
    assert await state(world.market.msp, emaid) is State.ACTIVE


async def test_trouble_that_may_pass_is_told_to_the_caller(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    pcid, emaid = await built(world)
    await rekeyed(world, pcid)

    async def away(_emaid: str) -> None:
        raise MarketError(Code.PEER, "nobody there")

    with monkeypatch.context() as patch:
        patch.setattr(world.market.msp, "renew", away)
        with pytest.raises(MarketError):
            await look(world, remake=True)
    assert await state(world.market.msp, emaid) is State.ACTIVE
    await look(world, remake=True)
    assert await world.market.ccp.of_car(pcid)


async def test_the_log_is_followed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    pcid, emaid = await built(world)
    ended = asyncio.Event()
    terminate = world.market.msp.terminate

    async def noticed(emaid: str, reason: Reason) -> DriverContract:
        contract = await terminate(emaid, reason)
        ended.set()
        return contract

    monkeypatch.setattr(world.market.msp, "terminate", noticed)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(following(world).run())
        await rekeyed(world, pcid)
        async with asyncio.timeout(30):
            await ended.wait()
        running.cancel()
    assert await state(world.market.msp, emaid) is State.ENDED
