"""The log: one transaction with the change, in the order of commits, shown to whom it concerns."""

import asyncio
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from backend_stub.database import Database
from backend_stub.events import Event, EventType, outbox, record
from backend_stub.events.interface import Audience
from tests.backend_stub.events.material import EMAID, PCID, SCHEMAS, START, created


def opened(target: str | Path) -> Database:
    database = Database(target)
    database.create(SCHEMAS)
    return database


async def seen(database: Database, audience: Audience) -> Sequence[tuple[str, str | None, str | None]]:
    events = await database.read(lambda connection: outbox.after(connection, 0, 100, audience=audience))
    return [(str(event.type), event.emaid, event.pcid) for event in events]


async def test_a_change_that_is_rolled_back_leaves_no_event(target: str | Path) -> None:
    def work(connection: sa.Connection) -> None:
        record(connection, created())
        raise RuntimeError("the change fails after all")

    with closing(opened(target)) as database:
        with pytest.raises(RuntimeError):
            await database.write(work)
        assert await database.read(outbox.head) == 0


async def test_what_is_recorded_is_read_back(target: str | Path) -> None:
    facts = {"reason": "ended", "count": 3, "flag": True}
    event = Event(EventType.OEM_CONTRACT_DELETED, START, EMAID, PCID, facts, "urn:iso:15118:20:2022:MsgDef")
    with closing(opened(target)) as database:
        await database.write(lambda connection: record(connection, event, created()))
        first, second = await database.read(lambda connection: outbox.after(connection, 0, 10))
        assert (first.type, first.at, first.namespace) == (event.type, START, event.namespace)
        assert first.payload == {"emaid": EMAID, "pcid": PCID, **facts}
        assert first.sequence < second.sequence
        assert first.id != second.id
        assert await database.read(lambda connection: outbox.after(connection, first.sequence, 10)) == [
            second
        ]


async def test_numbers_become_visible_in_their_order(target: str | Path) -> None:
    """A reader that goes on from the last number it has seen misses nothing, however many write at once."""
    with closing(opened(target)) as database, closing(Database(target)) as other:
        read: list[int] = []
        done = asyncio.Event()

        async def reader() -> None:
            while True:
                last = done.is_set()
                after = read[-1] if read else 0
                found = await database.read(partial(outbox.after, number=after, limit=7))
                read.extend(event.sequence for event in found)
                if last and not found:
                    return
                await asyncio.sleep(0)

        async with asyncio.TaskGroup() as group:
            group.create_task(reader())
            async with asyncio.TaskGroup() as writers:
                for number in range(40):
                    store = (database, other)[number % 2]
                    writers.create_task(
                        store.write(lambda connection: record(connection, created(), created()))
                    )
            done.set()
        assert len(read) == len(set(read)) == 80
        assert read == sorted(read)


async def test_everybody_sees_what_concerns_him(target: str | Path) -> None:
    root = Event(EventType.ROOT_ADDED, START)
    told = Event(EventType.DELIVERED, START, EMAID, PCID)
    other_contract = Event(EventType.DELIVERED, START, "DEXYZ1A2B3C4D59", PCID)
    of_a_car = Event(EventType.PROVISIONING_UPDATED, START, pcid=PCID)
    elsewhere = created(pcid="WVW00000000000001")
    with closing(opened(target)) as database:
        everything = (root, told, other_contract, of_a_car, created(), elsewhere)
        await database.write(lambda connection: record(connection, *everything))
        assert len(await seen(database, Audience())) == 6
        assert await seen(database, Audience("oem PNC", wmi="PNC")) == [
            ("root.cert.added", None, None),
            ("oem.contract.created", EMAID, PCID),
        ]
        assert await seen(database, Audience("msp DEPNC", provider="DEPNC")) == [
            ("root.cert.added", None, None),
            ("mo.contract.delivered.to.oem", EMAID, PCID),
            ("mo.prov.cert.updated", None, PCID),
        ]
        assert await seen(database, Audience("cpo DEPNC")) == [("root.cert.added", None, None)]
        assert await seen(database, Audience("msp X", provider="%_%__")) == [
            ("root.cert.added", None, None),
            ("mo.prov.cert.updated", None, PCID),
        ]


async def test_types_and_limit(target: str | Path) -> None:
    with closing(opened(target)) as database:
        later = Event(EventType.ROOT_REVOKED, START + timedelta(days=1))
        await database.write(lambda connection: record(connection, created(), later, created()))
        types = [EventType.OEM_CONTRACT_CREATED]
        found = await database.read(lambda connection: outbox.after(connection, 0, 10, types))
        assert [event.type for event in found] == types * 2
        assert len(await database.read(lambda connection: outbox.after(connection, 0, 1))) == 1
        assert await database.read(lambda connection: outbox.after(connection, 10**9, 1)) == []


async def test_recording_nothing_is_nothing(target: str | Path) -> None:
    with closing(opened(target)) as database:
        await database.write(record)
        assert await database.read(outbox.head) == 0
