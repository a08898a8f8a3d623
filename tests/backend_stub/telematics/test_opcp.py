"""The telematics backend beside a market, through the market's doors: what it asks, hears and survives."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from backend_stub.ccp.interface import Collection
from backend_stub.errors import Code, MarketError
from backend_stub.events import EventType
from backend_stub.telematics.following import stream
from backend_stub.telematics.opcp import OpcpMarket, Subscription
from backend_stub.telematics.service import SUBSCRIBED
from tests.backend_stub.material import World
from tests.backend_stub.telematics.material import Office
from v2g.messages.iso2 import NAMESPACE

HOOK = "http://127.0.0.1:9000/telematics/v1/webhook"


@asynccontextmanager
async def beside(transport: httpx.AsyncBaseTransport) -> AsyncIterator[OpcpMarket]:
    market = OpcpMarket("http://market", transport=transport)
    try:
        yield market
    finally:
        await market.close()


@asynccontextmanager
async def scripted(answer: Callable[[httpx.Request], httpx.Response]) -> AsyncIterator[OpcpMarket]:
    async with beside(httpx.MockTransport(answer)) as market:
        yield market


async def test_everything_a_bundle_needs(world: World) -> None:
    car, emaid = await world.car_with_contract()
    async with beside(httpx.ASGITransport(app=world.app)) as market:
        known = await market.car(car.pcid)
        assert known is not None
        assert known.certificate == car.certificate
        assert len(known.v2g_root_key_ids) == 1
        assert await market.car("PNC00000000000000") is None
        assert list(await market.v2g_roots()) == list(car.v2g_roots)
        found = await market.collect(Collection(emaid, car.pcid), NAMESPACE)
        assert found == await world.market.ccp.collect(Collection(emaid, car.pcid))
        with pytest.raises(MarketError) as caught:
            await market.collect(Collection("DEPNC1A2B3C4D5U", car.pcid), NAMESPACE)
        assert caught.value.code is Code.NO_CONTRACT
        await market.set_default(car.pcid, emaid)


async def test_a_subscription_is_made_once_and_moves(world: World) -> None:
    desk = world.market.over_the_air.events
    async with beside(httpx.ASGITransport(app=world.app)) as market:
        for url in (HOOK, HOOK, HOOK + "2"):
            await market.subscribe(Subscription(url, "s" * 64, "me"), SUBSCRIBED)
            (endpoint,) = await desk.list()
            assert endpoint.settings.url == url
            assert endpoint.settings.enabled_events == SUBSCRIBED
        await market.subscribe(Subscription(HOOK, "s" * 64, "another"), SUBSCRIBED)
        assert len(await desk.list()) == 2


async def test_events_are_asked_for_page_by_page(world: World) -> None:
    _, first = await world.car_with_contract()
    _, second = await world.car_with_contract()
    async with beside(httpx.ASGITransport(app=world.app)) as market:
        page, following = await market.events(0, 1, [EventType.OEM_CONTRACT_CREATED])
        assert [event.payload["emaid"] for event in page] == [first]
        page, following = await market.events(following, 10, [EventType.OEM_CONTRACT_CREATED])
        assert [event.payload["emaid"] for event in page] == [second]
        assert await market.events(following, 10, SUBSCRIBED) == ([], following)
        assert await market.events(0, 10, SUBSCRIBED, "WVW") == ([], following)


BLOCKS = (
    ": heartbeat\n\n"
    "id: 7\nevent: oem.contract.deleted\n"
    'data: {"eventId": "e7", "eventType": "oem.contract.deleted", "xsdMsgDefNamespace": "n", "payload": {"x": 1}}\n\n'
    "event: without data\n\n"
)


async def test_a_stream_is_read_and_its_end_is_told() -> None:
    async with scripted(lambda _: httpx.Response(200, text=BLOCKS)) as market:
        seen: list[tuple[int, str, object]] = []

        async def read() -> None:
            async for event in market.stream(3, SUBSCRIBED):
                seen.append((event.sequence, event.eventId, event.payload))  # noqa: PERF401 - it ends with an error

        with pytest.raises(MarketError, match="ended the stream") as caught:
            await read()
        assert caught.value.code is Code.PEER
        assert seen == [(7, "e7", {"x": 1})]


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(503, json={"errorMessages": ["later"]}),
        httpx.Response(200, text="data: {}\nid: 1\n\n"),
        httpx.Response(200, text="id: x\ndata: nonsense\n\n"),
        httpx.Response(200, text="data: " + "x" * 70_000 + "\n\n"),
    ],
)
async def test_streams_that_are_none(response: httpx.Response) -> None:
    async with scripted(lambda _: response) as market:
        with pytest.raises(MarketError) as caught:
            async for _ in market.stream(0, SUBSCRIBED):
                pass
        assert caught.value.code is Code.PEER


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (httpx.Response(200, text="<html>"), Code.PEER),
        (httpx.Response(200, json={"certificateInstallationRes": "?"}), Code.PEER),
        (
            httpx.Response(200, json={"certificateInstallationRes": "", "pcid": "WVW00000000000001"}),
            Code.CONFLICT,
        ),
        (httpx.Response(500, text="no"), Code.PEER),
        (httpx.Response(401, json={"errorMessages": ["token"]}), Code.PEER),
        (httpx.Response(429, json={"errorMessages": ["slow down"]}), Code.TOO_MANY),
        (httpx.Response(403, json={"errorMessages": ["not yours"]}), Code.FORBIDDEN),
        (httpx.Response(599, text=""), Code.PEER),
    ],
)
async def test_answers_that_no_market_gives_and_refusals(response: httpx.Response, code: Code) -> None:
    async with scripted(lambda _: response) as market:
        with pytest.raises(MarketError) as caught:
            await market.collect(Collection("DEPNC1A2B3C4D5U", "PNC4XF0EJ21CJ6T2S"), NAMESPACE)
        assert caught.value.code is code


async def test_nobody_there() -> None:
    def refuse(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody listens")

    async with scripted(refuse) as market:
        with pytest.raises(MarketError, match="nobody listens") as caught:
            await market.v2g_roots()
        assert caught.value.code is Code.PEER


async def test_a_stream_that_breaks_goes_on_behind_the_last_event(world: World) -> None:
    car, emaid = await world.car_with_contract()
    office = Office.of(world)
    (event,) = await office.news()
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params["after"])
        if len(asked) == 3:
            raise asyncio.CancelledError
        if len(asked) == 2:
            return httpx.Response(200, text="")

        bad = json.dumps(event.body() | {"payload": {}, "eventId": "bad"})
        text = f"id: {event.sequence}\ndata: {json.dumps(event.body())}\n\nid: 99\ndata: {bad}\n\n"
        return httpx.Response(200, text=text)

    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    async with scripted(answer) as market:
        with pytest.raises(asyncio.CancelledError):
            await stream(office.office, market, pause)
    assert asked == ["0", "99", "99"]
    assert pauses == [1, 2]
    assert await office.states(car.pcid) == {emaid: "queued"}
