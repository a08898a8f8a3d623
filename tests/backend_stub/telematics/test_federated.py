"""Over the air between connected providers: the operator at one, the car's maker at another, the root of a third."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backend_stub.errors import Code, MarketError
from backend_stub.telematics.following import poll
from backend_stub.telematics.interface import Action, Result
from tests.backend_stub.material import open_contract_key, response_of
from tests.backend_stub.providers import Providers, open_providers


class EnoughError(Exception):
    """The test has seen enough."""


async def stop(_seconds: float) -> None:
    raise EnoughError


@pytest.fixture
async def market(tmp_path: Path) -> AsyncIterator[Providers]:
    async with open_providers(tmp_path) as opened:
        yield opened


async def ask_peers(market: Providers, name: str) -> None:
    """Have the telematics backend of a provider ask each peer once."""
    air = market[name].market.over_the_air
    for peer, feed in air.feeds.items():
        with pytest.raises(EnoughError):
            await poll(air.telematics.office, feed, 1, feed=peer, wmi=air.wmi, sleep=stop)


async def test_a_contract_of_a_for_a_car_of_b_under_the_root_of_c(market: Providers) -> None:
    car, code = await market.build("b", "c")
    emaid = await market.onboard("a", car, code)
    office = market["b"].market.over_the_air.telematics.office
    await ask_peers(market, "b")
    (item,) = (await office.mailbox(car.pcid)).items
    assert (item.action, item.emaid) == (Action.INSTALL, emaid)
    _, body = response_of(item.document)
    open_contract_key(car, body)
    await office.settle(car.pcid, item.id, Result.INSTALLED)
    # The makers at A and C have nothing to do with this car.
    for other in ("a", "c"):
        await ask_peers(market, other)
        assert await market[other].market.over_the_air.telematics.office.cars(10) == []

    await market["a"].market.ccp.delete(emaid)
    await ask_peers(market, "b")
    (item,) = (await office.mailbox(car.pcid)).items
    assert (item.action, item.emaid) == (Action.REMOVE, emaid)


async def test_what_was_read_is_not_asked_for_again(market: Providers) -> None:
    car, code = await market.build("b", "c")
    await ask_peers(market, "b")
    office = market["b"].market.over_the_air.telematics.office
    before = await office.position("a")
    assert before > 0  # nothing of concern, and yet read
    await market.onboard("a", car, code)
    await ask_peers(market, "b")
    assert await office.position("a") > before
    assert await office.position("c") > 0


async def test_a_peer_that_is_away_is_asked_later(market: Providers) -> None:
    car, code = await market.build("b", "c")
    emaid = await market.onboard("a", car, code)
    air = market["b"].market.over_the_air
    market.wires.dead.add("a")
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            market.wires.dead.clear()
        if len(pauses) == 4:
            raise EnoughError

    with pytest.raises(EnoughError):
        await poll(air.telematics.office, air.feeds["a"], 9, feed="a", wmi=air.wmi, sleep=pause)
    assert pauses == [1, 2, 4, 9]
    assert [item.emaid for item in (await air.telematics.office.mailbox(car.pcid)).items] == [emaid]


async def test_the_driver_chooses_in_the_pool_of_another_provider(market: Providers) -> None:
    car, code = await market.build("b", "c")
    emaid = await market.onboard("a", car, code)
    office = market["b"].market.over_the_air.telematics.office
    await ask_peers(market, "b")
    await office.choose(car.pcid, emaid)
    assert [contract.is_default for contract in await office.contracts(car.pcid)] == [True]
    with pytest.raises(MarketError) as caught:
        await office.choose(car.pcid, "DEPNA1A2B3C4D5X")
    assert caught.value.code is Code.NO_CONTRACT
