"""The database file: durable, exclusive where it must be, and clear about what is wrong with it."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from backend_stub.database import SCHEMA_VERSION, Database, UtcDateTime, put_row
from backend_stub.errors import Code, DatabaseError, MarketError

SCHEMA = sa.MetaData()
THINGS = sa.Table(
    "thing",
    SCHEMA,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("at", UtcDateTime),
)
PARTS = sa.Table("part", SCHEMA, sa.Column("thing", sa.ForeignKey(THINGS.c.name), primary_key=True))


def opened(path: Path) -> Database:
    return Database(path, busy_timeout_s=0.0)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = opened(tmp_path / "file.db")
    made.create([SCHEMA])
    yield made
    made.close()


def names(connection: sa.Connection) -> list[str]:
    return list(connection.execute(sa.select(THINGS.c.name).order_by(THINGS.c.name)).scalars())


def add(connection: sa.Connection, name: str) -> None:
    connection.execute(THINGS.insert(), {"name": name})


async def test_pragmas(database: Database) -> None:
    def pragmas(connection: sa.Connection) -> list[object]:
        return [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "user_version")
        ]

    full = 2
    assert await database.read(pragmas) == ["wal", full, 1, SCHEMA_VERSION]
    assert await database.write(pragmas) == ["wal", full, 1, SCHEMA_VERSION]


async def test_what_was_written_is_in_the_file(database: Database) -> None:
    await database.write(lambda connection: add(connection, "a"))
    with closing(sqlite3.connect(database.path)) as other:
        assert other.execute("SELECT name FROM thing").fetchall() == [("a",)]


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


async def test_reading_does_not_wait_for_a_writer_elsewhere(database: Database) -> None:
    await database.write(lambda connection: add(connection, "a"))
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO thing(name) VALUES ('b')")
        assert await database.read(names) == ["a"]
        with pytest.raises(MarketError) as caught:
            await database.write(lambda connection: add(connection, "c"))
        assert caught.value.code is Code.STORE
        other.execute("ROLLBACK")
    await database.write(lambda connection: add(connection, "c"))
    assert await database.read(names) == ["a", "c"]


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


def test_opening_again(tmp_path: Path) -> None:
    for _ in range(2):
        database = opened(tmp_path / "file.db")
        database.create([SCHEMA])
        database.close()


def refused(path: Path, reason: str) -> None:
    database = opened(path)
    try:
        with pytest.raises(DatabaseError, match=reason) as caught:
            database.create([SCHEMA])
        assert caught.value.path == str(path)
    finally:
        database.close()


def test_folder_that_is_not_there(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere" / "file.db", "folder .*nowhere does not exist")


def test_folder_instead_of_a_file(tmp_path: Path) -> None:
    refused(tmp_path, "is a folder")


def test_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to be looked at" * 100)
    refused(path, "not an SQLite database")


def test_locked_file(tmp_path: Path) -> None:
    path = tmp_path / "file.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = WAL").close()
        other.execute("BEGIN IMMEDIATE")
        refused(path, "locked")
        other.execute("ROLLBACK")


def test_file_of_another_version(tmp_path: Path) -> None:
    path = tmp_path / "file.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    refused(path, "version")
