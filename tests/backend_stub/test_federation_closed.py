"""Closed markets among each other: every provider wants a token, and what peers do needs the rights of a peer."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backend_stub.access import clients
from backend_stub.errors import Code, MarketError
from backend_stub.events import EventType
from backend_stub.federation.notices import Notices
from tests.backend_stub.providers import Providers, open_providers
from v2g.net.oauth import TOKEN_PATH


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "_SCRYPT_N", 2**4)


@pytest.fixture
async def market(tmp_path: Path) -> AsyncIterator[Providers]:
    async with open_providers(tmp_path, closed=True) as opened:
        yield opened


async def test_a_contract_over_three_closed_markets(market: Providers) -> None:
    """Of A, for a car of B that trusts C's root, at a charger of each."""
    car, code = await market.build("b", "c")
    emaid = await market.onboard("a", car, code)
    for charger_at in market:
        assert (await market.install(charger_at, car)).emaid == emaid
    # One token for each peer that had something to ask, however many calls there were.
    assert all(1 <= market.wires.asked(name, TOKEN_PATH) <= len(market) - 1 for name in market)


async def test_a_closed_market_is_closed_to_strangers(market: Providers) -> None:
    answer = await market["a"].http.get("/v1/root/rootCerts")
    assert answer.status_code == Code.UNAUTHENTICATED.status


async def test_a_default_for_a_contract_at_another_provider(market: Providers) -> None:
    """The driver chooses at the maker's provider; both contracts are in the pool of their operator."""
    car, code = await market.build("b", "c")
    first = await market.onboard("a", car, code)
    second = await market.onboard("a", car, await market["b"].market.oem.issue_code(car.pcid))
    for chosen in (second, first):
        await market["b"].market.ccp.set_default(car.pcid, chosen)
        assert (await market.install("c", car)).emaid == chosen
        at_a = await market["a"].market.ccp.of_car(car.pcid)
        assert [contract.emaid for contract in at_a if contract.is_default] == [chosen]
    with pytest.raises(MarketError) as caught:
        await market["b"].market.ccp.set_default(car.pcid, "DEPNA000000000")
    assert caught.value.code is Code.NO_CONTRACT


async def test_ending_a_contract_reaches_closed_pools(market: Providers) -> None:
    car, code = await market.build("b", "c")
    emaid = await market.onboard("a", car, code)
    assert await market["c"].market.ccp.find(emaid)
    await market["a"].market.msp.terminate(emaid)
    for name in market:
        assert not await market[name].market.ccp.find(emaid)


async def test_a_car_that_is_reset_has_nothing_left_anywhere(market: Providers) -> None:
    """At its maker's provider; the operator at another one hears of it."""
    car, code = await market.build("b", "c")
    emaid = await market.onboard("a", car, code)
    assert await market["b"].market.over_the_air.telematics.office.factory_reset(car.pcid) == [emaid]
    for name in market:
        assert not await market[name].market.ccp.find(emaid)
    told = await market["a"].market.over_the_air.events.events(0, 100)
    assert (EventType.FACTORY_RESET, emaid) in [(event.type, event.emaid) for event in told]
    market.wires.dead.add("a")
    with pytest.raises(MarketError) as caught:
        await market["b"].market.ccp.factory_reset(car.pcid)
    assert caught.value.code is Code.PEER


async def test_a_notice_reaches_a_closed_market(market: Providers) -> None:
    car, code = await market.build("b", "c")
    await market.onboard("a", car, code)
    before = market.wires.asked("a", "/federation/v1/notices")
    notices = Notices(market["b"].place.peers, market["b"].database, market.clock.now)
    async with notices.announced([car.pcid]):
        pass
    assert await notices.deliver() == 0
    assert market.wires.asked("a", "/federation/v1/notices") == before + 1


async def test_a_client_that_left_gets_nothing(market: Providers) -> None:
    car, code = await market.build("b", "c")
    emaid = await market.onboard("a", car, code)
    clients_file = market["a"].clients
    assert clients_file is not None
    clients.remove(clients_file, next(name for name in clients.read(clients_file) if name.endswith("-of-b")))
    with pytest.raises(MarketError):
        await market.install("b", car)
    assert (await market.install("c", car)).emaid == emaid
