"""Old events go, but none that somebody is still to get. On virtual time."""

import asyncio
from datetime import timedelta
from pathlib import Path

from backend_stub.background import every
from backend_stub.events import Event, EventType, record
from backend_stub.events import pruning as module
from backend_stub.events.dispatcher import RetryPolicy
from backend_stub.events.interface import EndpointSettings, EndpointStatus
from backend_stub.events.outbox import record_once
from backend_stub.events.pruning import Pruning
from tests.backend_stub.events.material import HOUR_S, START, URL, Post, answering, created, on_post

DAY_S = 24 * HOUR_S
KEEP = timedelta(days=3)


def pruning(post: Post) -> Pruning:
    return Pruning(post.database, post.clock.now, KEEP)


async def dispatch_for(post: Post, seconds: float) -> None:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(post.dispatcher.run())
        await asyncio.sleep(seconds)
        task.cancel()


def test_what_is_old_goes_and_what_is_new_stays(target: str | Path) -> None:
    async def work(post: Post) -> None:
        await post.happen(created())
        await asyncio.sleep(2 * DAY_S)
        (newer,) = await post.happen(created("DEPNC000000001", at=post.clock.now()))
        assert await pruning(post).sweep() == 0
        await asyncio.sleep(1.5 * DAY_S)
        assert await pruning(post).sweep() == 1
        assert [event.id for event in await post.desk.events(0, 10)] == [newer.id]

    on_post(target, work)


def test_numbers_go_on_after_everything_was_removed(target: str | Path) -> None:
    async def work(post: Post) -> None:
        (old,) = await post.happen(created())
        await asyncio.sleep(4 * DAY_S)
        assert await pruning(post).sweep() == 1
        await post.subscribe(URL, EventType.OEM_CONTRACT_CREATED)
        (new,) = await post.happen(created(at=post.clock.now()))
        assert new.sequence > old.sequence
        await dispatch_for(post, 1)
        assert [call.event_id for call in post.courier.calls] == [new.id]

    on_post(target, work)


def test_what_an_endpoint_is_still_to_get_stays(target: str | Path) -> None:
    """Also while the endpoint is disabled; others' events before it go."""

    async def work(post: Post) -> None:
        endpoint = await post.subscribe(URL, EventType.OEM_CONTRACT_DELETED)
        settings = (await post.desk.get(endpoint)).settings
        off = EndpointSettings(URL, settings.enabled_events, status=EndpointStatus.DISABLED)
        await post.desk.replace(endpoint, off)
        await post.happen(created())
        (waiting,) = await post.happen(Event(EventType.OEM_CONTRACT_DELETED, START, "DEPNC000000001", "P"))
        await asyncio.sleep(6 * DAY_S)
        assert await pruning(post).sweep() == 1
        assert [event.id for event in await post.desk.events(0, 10)] == [waiting.id]
        await post.desk.replace(endpoint, settings)
        await dispatch_for(post, 1)
        assert [call.event_id for call in post.courier.calls] == [waiting.id]
        await pruning(post).sweep()
        assert waiting.id not in [event.id for event in await post.desk.events(0, 10)]

    on_post(target, work)


def test_an_endpoint_for_other_events_holds_nothing_back(target: str | Path) -> None:
    async def work(post: Post) -> None:
        await post.subscribe(URL, EventType.ROOT_ADDED)
        await post.happen(created())
        await asyncio.sleep(4 * DAY_S)
        assert await pruning(post).sweep() == 1

    on_post(target, work)


def test_dead_letters_can_be_read_for_as_long(target: str | Path) -> None:
    async def work(post: Post) -> None:
        endpoint = await post.subscribe(URL, EventType.OEM_CONTRACT_CREATED)
        await post.happen(created(at=START - KEEP))
        await dispatch_for(post, 1)
        await pruning(post).sweep()
        (letter,) = await post.desk.dead_letters(endpoint, 10)
        assert letter.event.type is EventType.OEM_CONTRACT_CREATED
        await asyncio.sleep(4 * DAY_S)
        await pruning(post).sweep()
        assert await post.desk.dead_letters(endpoint, 10) == []
        assert await post.types() == []

    on_post(target, work, answering(404), RetryPolicy(delays=()))


def test_every_batch_and_then_every_hour(target: str | Path) -> None:
    async def work(post: Post) -> None:
        many = [created(f"DEPNC{number:09}") for number in range(2100)]
        await post.database.write(lambda connection: record(connection, *many))
        root = Event(EventType.ROOT_EXPIRED, START)
        for told in (True, False):
            assert await post.database.write(lambda c: record_once(c, root, "a root")) is told
        async with asyncio.TaskGroup() as group:
            sweeping = group.create_task(every(module.EVERY_S, pruning(post).sweep, "pruning")())
            await asyncio.sleep(3 * DAY_S - HOUR_S / 2)
            assert len(await post.types()) == 1000
            await asyncio.sleep(2 * HOUR_S)
            assert await post.types() == ["root.cert.expired"]
            sweeping.cancel()

    on_post(target, work)
