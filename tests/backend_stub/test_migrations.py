"""Databases of older programs are brought up to date; those of newer ones are refused."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.command import downgrade, upgrade
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from backend_stub.database import Database
from backend_stub.engines import open_engine
from backend_stub.errors import DatabaseError
from backend_stub.market import SCHEMAS
from backend_stub.migrations import FIRST, HEAD, Status
from backend_stub.migrations.configuration import configuration


def differences(connection: sa.Connection) -> list[object]:
    """Return in what the tables there are not those of the program."""
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    everything = sa.MetaData()
    for schema in SCHEMAS:
        for table in schema.tables.values():
            table.to_metadata(everything)
    return list(compare_metadata(context, everything))


def migrate(target: str | Path, revision: str) -> None:
    engine = open_engine(target)
    try:
        with engine.migrating() as connection:
            upgrade(configuration(connection), revision)
    finally:
        engine.close()


def created(target: str | Path) -> None:
    database = Database(target)
    try:
        database.create(SCHEMAS)
        assert database.status() == Status(HEAD)
    finally:
        database.close()


def found_in(target: str | Path) -> list[object]:
    engine = open_engine(target)
    try:
        with engine.reading() as connection:
            return differences(connection)
    finally:
        engine.close()


def test_head_is_the_newest_script(tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "file.db")
    try:
        with engine.migrating() as connection:
            scripts = ScriptDirectory.from_config(configuration(connection))
            assert scripts.get_heads() == [HEAD]
    finally:
        engine.close()


def test_new_database_has_todays_tables(target: str | Path) -> None:
    created(target)
    assert found_in(target) == []


def test_revisions_lead_to_todays_tables(target: str | Path) -> None:
    migrate(target, "head")
    assert found_in(target) == []


def test_old_database_is_brought_up_to_date(target: str | Path) -> None:
    migrate(target, FIRST)
    created(target)
    assert found_in(target) == []


def test_file_of_the_first_version_keeps_what_it_holds(tmp_path: Path) -> None:
    """It has no revision written in it, only SQLite's user_version."""
    path = tmp_path / "file.db"
    migrate(path, FIRST)
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("DROP TABLE alembic_version")
        other.execute("PRAGMA user_version = 1")
        other.execute(
            "INSERT INTO ccp_contract VALUES ('DEPNC1', 'PNC1', 'k', x'00', 1, '2026-01-01', '2027-01-01', '2026-01-01')"
        )
        other.execute("INSERT INTO ccp_bundle VALUES ('DEPNC1', 'r', x'00', '2027-01-01', '2026-01-01')")
    created(path)
    assert found_in(path) == []
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT emaid FROM ccp_contract JOIN ccp_bundle USING (emaid)").fetchall() == [
            ("DEPNC1",)
        ]


def test_all_the_way_down(target: str | Path) -> None:
    migrate(target, "head")
    engine = open_engine(target)
    try:
        with engine.migrating() as connection:
            downgrade(configuration(connection), "base")
        with engine.reading() as connection:
            assert sa.inspect(connection).get_table_names() == ["alembic_version"]
    finally:
        engine.close()


@pytest.mark.parametrize("statement", ["UPDATE alembic_version SET version_num = '9999'"])
def test_tables_of_a_newer_program_are_refused(target: str | Path, statement: str) -> None:
    created(target)
    engine = open_engine(target)
    try:
        with engine.writing() as connection:
            connection.exec_driver_sql(statement)
    finally:
        engine.close()
    database = Database(target)
    try:
        with pytest.raises(DatabaseError, match=f"revision 9999, this program knows them up to {HEAD}"):
            database.create(SCHEMAS)
    finally:
        database.close()


def test_file_of_an_unknown_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 77")
    database = Database(path)
    try:
        with pytest.raises(DatabaseError, match="user_version 77"):
            database.create(SCHEMAS)
    finally:
        database.close()


def test_database_without_tables(target: str | Path) -> None:
    database = Database(target)
    try:
        assert database.status() == Status(None)
    finally:
        database.close()
