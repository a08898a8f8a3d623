"""Transactions, on every engine."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from backend_stub.database import Database, UtcDateTime, put_row
from backend_stub.errors import Code, MarketError

SCHEMA = sa.MetaData()
THINGS = sa.Table(
    "thing",
    SCHEMA,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("at", UtcDateTime),
)
PARTS = sa.Table("part", SCHEMA, sa.Column("thing", sa.ForeignKey(THINGS.c.name), primary_key=True))


@pytest.fixture
def database(target: str | Path) -> Iterator[Database]:
    made = Database(target)
    made.create([SCHEMA])
    yield made
    made.close()


def names(connection: sa.Connection) -> list[str]:
    return list(connection.execute(sa.select(THINGS.c.name).order_by(THINGS.c.name)).scalars())


def add(connection: sa.Connection, name: str) -> None:
    connection.execute(THINGS.insert(), {"name": name})


async def test_failure_rolls_back(database: Database) -> None:
    def work(connection: sa.Connection) -> None:
        add(connection, "a")
        raise MarketError(Code.CONFLICT, "half-way")

    with pytest.raises(MarketError, match="half-way"):
        await database.write(work)
    assert await database.read(names) == []


async def test_integrity_is_enforced_and_passed_on(database: Database) -> None:
    await database.write(lambda connection: add(connection, "a"))
    with pytest.raises(IntegrityError):
        await database.write(lambda connection: add(connection, "a"))
    with pytest.raises(IntegrityError):
        await database.write(lambda connection: connection.execute(PARTS.insert(), {"thing": "nothing"}))


async def test_writers_queue(database: Database) -> None:
    await asyncio.gather(
        *(database.write(lambda connection, n=n: add(connection, f"{n:02}")) for n in range(50))  # type: ignore[misc]
    )
    assert len(await database.read(names)) == 50


async def test_times_keep_their_zone(database: Database) -> None:
    moment = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=5)))
    await database.write(lambda connection: put_row(connection, THINGS, {"name": "a"}, {"at": moment}))
    read = await database.read(lambda connection: connection.execute(sa.select(THINGS.c.at)).scalar_one())
    assert read == moment
    assert read is not None
    assert read.tzinfo is UTC


async def test_put_row_inserts_and_replaces(database: Database) -> None:
    for moment in (datetime(2026, 1, 1, tzinfo=UTC), None):
        await database.write(
            lambda connection, moment=moment: put_row(connection, THINGS, {"name": "a"}, {"at": moment})  # type: ignore[misc]
        )
        rows = await database.read(lambda connection: connection.execute(sa.select(THINGS)).all())
        assert [tuple(row) for row in rows] == [("a", moment)]


async def test_opening_again_finds_what_was_written(target: str | Path) -> None:
    for number in range(2):
        database = Database(target)
        database.create([SCHEMA])
        await database.write(lambda connection, number=number: add(connection, str(number)))  # type: ignore[misc]
        assert await database.read(names) == [str(n) for n in range(number + 1)]
        database.close()


async def test_two_servers_count_without_losing_one(target: str | Path) -> None:
    """What reads and then writes happens as if alone, also beside another process's transactions."""
    first, second = Database(target), Database(target)
    try:
        first.create([SCHEMA])
        second.create([SCHEMA])

        def next_name(connection: sa.Connection) -> None:
            number = connection.execute(sa.select(sa.func.count()).select_from(THINGS)).scalar_one()
            add(connection, f"{number:02}")

        await asyncio.gather(*(server.write(next_name) for server in (first, second) for _ in range(5)))
        assert await first.read(names) == [f"{n:02}" for n in range(10)]
    finally:
        first.close()
        second.close()


async def test_read_transaction_sees_one_moment(target: str | Path) -> None:
    database, other = Database(target), Database(target)
    try:
        database.create([SCHEMA])

        def twice(connection: sa.Connection) -> tuple[list[str], list[str]]:
            before = names(connection)
            with ThreadPoolExecutor(1) as thread:  # this one has a running event loop, or is a worker
                thread.submit(
                    lambda: asyncio.run(other.write(lambda writing: add(writing, "meanwhile")))
                ).result()
            return before, names(connection)

        assert await database.read(twice) == ([], [])
        assert await database.read(names) == ["meanwhile"]
    finally:
        database.close()
        other.close()
