"""Delivery of webhooks on virtual time: order, retries, refusals, slow and dead endpoints, restarts."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backend_stub.events import EventType
from backend_stub.events.courier import NotReachedError, TargetError
from backend_stub.events.dispatcher import RetryPolicy
from backend_stub.events.interface import Audience, EndpointSettings, EndpointStatus
from tests.backend_stub.events.material import (
    EMAID,
    HOUR_S,
    PCID,
    URL,
    Post,
    always_ok,
    answering,
    created,
    on_post,
)

OTHER = "https://hooks.example/b"


@asynccontextmanager
async def dispatching(post: Post) -> Any:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(post.dispatcher.run(), name="dispatcher")
        try:
            yield
        finally:
            task.cancel()


async def after(post: Post, seconds: float) -> None:
    """Let virtual time pass while everything else works."""
    async with dispatching(post):
        await asyncio.sleep(seconds)


def test_an_event_is_delivered_signed_and_the_operator_is_told(target: str | Path) -> None:
    async def work(post: Post) -> None:
        await post.subscribe(URL, EventType.OEM_CONTRACT_CREATED)
        (event,) = await post.happen(created())
        await after(post, 1)
        (call,) = post.courier.calls
        assert call.body == {
            "timestamp": "2026-03-01T12:00:00+00:00",
            "eventId": event.id,
            "eventType": "oem.contract.created",
            "xsdMsgDefNamespace": "urn:iso:15118:2:2013:MsgDef",
            "payload": {"emaid": EMAID, "pcid": PCID, "contractCert": "AAAA"},
        }
        post.check_signatures()
        assert await post.types() == [
            "oem.contract.created",
            "mo.contract.created.sent.to.oem",
            "mo.contract.delivered.to.oem",
        ]
        (told,) = post.sink.of("webhook.delivered")
        assert told["event_id"] == event.id

    on_post(target, work)


def test_events_before_the_subscription_are_not_sent(target: str | Path) -> None:
    async def work(post: Post) -> None:
        await post.happen(created())
        await post.subscribe()
        await after(post, 1)
        assert post.courier.calls == []

    on_post(target, work)


def test_three_retries_an_hour_apart_then_a_dead_letter(target: str | Path) -> None:
    async def work(post: Post) -> None:
        endpoint_id = await post.subscribe(URL, EventType.OEM_CONTRACT_CREATED)
        (event,) = await post.happen(created())
        await after(post, 10 * HOUR_S)
        assert [call.at_s for call in post.courier.calls] == [0, HOUR_S, 2 * HOUR_S, 3 * HOUR_S]
        # Each attempt is signed anew and says when it was sent, so that the receiver may ask for freshness.
        assert [call.body["timestamp"][11:16] for call in post.courier.calls] == [
            "12:00",
            "13:00",
            "14:00",
            "15:00",
        ]
        post.check_signatures()
        (letter,) = await post.desk.dead_letters(endpoint_id, 10)
        assert letter.event.id == event.id
        assert letter.reason == "answered 503: because"
        assert (await post.desk.get(endpoint_id)).settings.status is EndpointStatus.ENABLED
        assert await post.types() == ["oem.contract.created", "mo.contract.queued.to.oem"]

    on_post(target, work, answering(503))


def test_an_endpoint_that_comes_back_gets_everything_in_order(target: str | Path) -> None:
    async def work(post: Post) -> None:
        await post.subscribe(URL, EventType.OEM_CONTRACT_CREATED)
        events = await post.happen(*(created() for _ in range(5)))
        await after(post, 3 * HOUR_S)
        ids = [event.id for event in events]
        assert [call.event_id for call in post.courier.calls] == [ids[0], ids[0], *ids]
        assert [call.at_s for call in post.courier.calls] == [0, HOUR_S, *[2 * HOUR_S] * 5]
        assert (await post.types()).count("mo.contract.delivered.to.oem") == 5

    on_post(target, work, answering(NotReachedError("refused"), 429, 200))


@pytest.mark.parametrize("status", [400, 409])
def test_a_refusal_is_final_and_told_to_the_operator(target: str | Path, status: int) -> None:
    async def work(post: Post) -> None:
        endpoint_id = await post.subscribe(URL, EventType.OEM_CONTRACT_CREATED)
        first, second = await post.happen(created(), created())
        await after(post, 10 * HOUR_S)
        assert [call.event_id for call in post.courier.calls] == [first.id, second.id]
        told = await post.desk.events(0, 10, types=[EventType.REJECTED])
        assert [event.payload["oemEventId"] for event in told] == [first.id]
        assert told[0].payload["reason"] == f"answered {status}: because"
        assert told[0].emaid == EMAID
        (letter,) = await post.desk.dead_letters(endpoint_id, 10)
        assert letter.event.id == first.id
        assert (await post.desk.get(endpoint_id)).undelivered == 0

    on_post(target, work, answering(status, 200))


@pytest.mark.parametrize("answer", [301, 401, 404, 413, TargetError("a private address")])
def test_what_trying_again_would_not_help_is_a_dead_letter_at_once(
    target: str | Path, answer: int | Exception
) -> None:
    async def work(post: Post) -> None:
        endpoint_id = await post.subscribe()
        await post.happen(created())
        await after(post, 1)
        assert len(await post.desk.dead_letters(endpoint_id, 10)) >= 1
        assert "mo.contract.rejected.by.oem" not in await post.types()

    on_post(target, work, answering(answer))


def test_an_endpoint_that_is_gone_is_disabled(target: str | Path) -> None:
    async def work(post: Post) -> None:
        endpoint_id = await post.subscribe()
        await post.happen(created(), created())
        await after(post, 1)
        assert len(post.courier.calls) == 1
        assert (await post.desk.get(endpoint_id)).settings.status is EndpointStatus.DISABLED

    on_post(target, work, answering(410))


def test_many_lost_in_a_row_disable_and_enabling_goes_on_where_it_stopped(target: str | Path) -> None:
    policy = RetryPolicy(delays=(timedelta(seconds=10),), disable_after=2)
    working = False

    async def answer(_url: str, _body: Mapping[str, Any]) -> int:
        return 200 if working else 500

    async def work(post: Post) -> None:
        nonlocal working
        endpoint_id = await post.subscribe(URL, EventType.OEM_CONTRACT_CREATED)
        events = await post.happen(*(created() for _ in range(4)))
        await after(post, 3600)
        endpoint = await post.desk.get(endpoint_id)
        assert endpoint.settings.status is EndpointStatus.DISABLED
        assert "disabled after 2 events in a row" in endpoint.reason
        assert len(post.courier.calls) == 4
        working = True
        async with dispatching(post):
            await post.desk.replace(endpoint_id, EndpointSettings(URL, (EventType.OEM_CONTRACT_CREATED,)))
            await asyncio.sleep(1)
        assert [call.event_id for call in post.courier.calls[4:]] == [event.id for event in events[2:]]
        assert [letter.event.id for letter in await post.desk.dead_letters(endpoint_id, 10)] == [
            events[1].id,
            events[0].id,
        ]

    on_post(target, work, answer, policy)


def test_a_slow_endpoint_delays_no_other(target: str | Path) -> None:
    async def answer(url: str, _body: Mapping[str, Any]) -> int:
        await asyncio.sleep(9 if url == URL else 0)
        return 200

    async def work(post: Post) -> None:
        await post.subscribe(URL, EventType.OEM_CONTRACT_CREATED)
        await post.subscribe(OTHER, EventType.OEM_CONTRACT_CREATED)
        await post.happen(*(created() for _ in range(3)))
        await after(post, 60)
        assert [call.at_s for call in post.courier.to(OTHER)] == [0, 0, 0]
        assert [call.at_s for call in post.courier.to(URL)] == [0, 9, 18]

    on_post(target, work, answer)


def test_killed_between_delivery_and_note_it_is_sent_again_with_the_same_id(target: str | Path) -> None:
    hang = asyncio.Event()

    async def answer(_url: str, _body: Mapping[str, Any]) -> int:
        if not hang.is_set():
            hang.set()
            await asyncio.sleep(1000)
        return 200

    async def first(post: Post) -> None:
        await post.subscribe(URL, EventType.OEM_CONTRACT_CREATED)
        await post.happen(created())
        async with dispatching(post):
            await hang.wait()  # the dispatcher dies while the receiver has the event

    async def second(post: Post) -> None:
        await after(post, 1)
        assert len(post.courier.calls) == 1
        assert (await post.types()).count("mo.contract.delivered.to.oem") == 1

    on_post(target, first, answer)
    on_post(target, second)


def test_two_dispatchers_deliver_at_least_once_and_note_once(target: str | Path) -> None:
    async def answer(_url: str, _body: Mapping[str, Any]) -> int:
        await asyncio.sleep(1)
        return 200

    async def work(post: Post) -> None:
        await post.subscribe(URL, EventType.OEM_CONTRACT_CREATED)
        events = await post.happen(*(created() for _ in range(3)))
        async with dispatching(post), dispatching(post):
            await asyncio.sleep(60)
        ids = [event.id for event in events]
        assert list(dict.fromkeys(call.event_id for call in post.courier.calls)) == ids
        assert (await post.types()).count("mo.contract.delivered.to.oem") == 3

    on_post(target, work, answer)


def test_subscriptions_come_and_go_while_it_runs(target: str | Path) -> None:
    async def work(post: Post) -> None:
        async with dispatching(post):
            await asyncio.sleep(1)
            endpoint_id = await post.subscribe()
            await post.happen(created())
            await asyncio.sleep(1)
            assert len(post.courier.calls) >= 1
            await post.desk.remove(endpoint_id)
            count = len(post.courier.calls)
            await post.happen(created())
            await asyncio.sleep(1)
            assert len(post.courier.calls) == count

    on_post(target, work)


def test_an_audience_is_told_of_its_own_only(target: str | Path) -> None:
    maker = Audience("oem PNC", wmi="PNC")
    operator = Audience("msp DEXYZ", provider="DEXYZ")

    async def work(post: Post) -> None:
        await post.subscribe(URL, audience=maker)
        await post.subscribe(OTHER, audience=operator)
        await post.happen(created(), created("DEXYZ1A2B3C4D59", "WVW00000000000001"))
        await after(post, 1)
        assert [call.body["payload"]["pcid"] for call in post.courier.to(URL)] == [PCID]
        # Nobody delivers to the other maker, so the other operator hears nothing; and never of the first.
        assert post.courier.to(OTHER) == []

    on_post(target, work)


Work = Callable[[Post], Awaitable[None]]


def test_it_ends_with_the_log(target: str | Path) -> None:
    async def work(post: Post) -> None:
        await post.subscribe()
        async with asyncio.TaskGroup() as group:
            group.create_task(post.dispatcher.run())
            await asyncio.sleep(1)
            post.desk.close()

    on_post(target, work, always_ok)
