"""What is particular to SQLite and to PostgreSQL, and how each says what is wrong with it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from backend_stub.database import Database
from backend_stub.errors import Code, DatabaseError, MarketError
from tests.backend_stub.stores import ENGINES, VARIABLE, fresh_target

SCHEMA = sa.MetaData()
THINGS = sa.Table("thing", SCHEMA, sa.Column("name", sa.String, primary_key=True))


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

    full, with_revisions = 2, 2
    assert await database.read(pragmas) == ["wal", full, 1, with_revisions]
    assert await database.write(pragmas) == ["wal", full, 1, with_revisions]


async def test_what_was_written_is_in_the_file(database: Database) -> None:
    await database.write(lambda connection: add(connection, "a"))
    with closing(sqlite3.connect(database.label)) as other:
        assert other.execute("SELECT name FROM thing").fetchall() == [("a",)]


async def test_reading_does_not_wait_for_a_writer_elsewhere(database: Database) -> None:
    await database.write(lambda connection: add(connection, "a"))
    with closing(sqlite3.connect(database.label, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO thing(name) VALUES ('b')")
        assert await database.read(names) == ["a"]
        with pytest.raises(MarketError) as caught:
            await database.write(lambda connection: add(connection, "c"))
        assert caught.value.code is Code.STORE
        other.execute("ROLLBACK")
    await database.write(lambda connection: add(connection, "c"))
    assert await database.read(names) == ["a", "c"]


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


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://nobody:secret@127.0.0.1:1/market", "no PostgreSQL server answers"),
        ("postgresql://host:port/market", "no database URL"),
        ("mysql://user:secret@host/market", "must be a file, sqlite:///FILE or postgresql://"),
        ("sqlite://", "must be a file"),
    ],
)
def test_url_that_cannot_be_used(url: str, reason: str) -> None:
    with pytest.raises(DatabaseError, match=reason) as caught:
        _create(url)
    assert "secret" not in str(caught.value)


def _create(target: str) -> None:
    database = Database(target)
    try:
        database.create([SCHEMA])
    finally:
        database.close()


def test_url_of_a_file(tmp_path: Path) -> None:
    _create(f"sqlite:///{tmp_path / 'file.db'}")
    assert (tmp_path / "file.db").exists()


async def test_driver_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with pytest.raises(DatabaseError, match=r"pip install 'pnclab\[postgresql\]'"):
        Database("postgresql://localhost/market")


@pytest.mark.skipif("postgresql" not in ENGINES, reason=f"{VARIABLE} names no PostgreSQL server")
async def test_connections_that_the_server_closed_are_replaced(tmp_path: Path) -> None:
    with fresh_target("postgresql", tmp_path) as target:
        database, other = Database(target), Database(target)
        try:
            database.create([SCHEMA])
            await database.write(lambda connection: add(connection, "a"))
            assert await database.read(names) == ["a"]
            for number, use in enumerate((database.read, database.write)):
                await other.write(
                    lambda connection: connection.exec_driver_sql(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )
                )
                assert await use(names) == ["a"], number
        finally:
            database.close()
            other.close()
