"""Tables over time: what to do with a database that an older program made.

A new database gets today's tables at once. An older one is brought up by the revisions in ``versions``, run
by alembic inside the transaction that the caller opened, so that a process killed on the way leaves the old
tables as they were. Tests hold the two ways against each other: both end with the same tables.
"""

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from backend_stub.errors import DatabaseError

HEAD = "0002"
"""The newest revision; a constant, so that a start with up-to-date tables need not load alembic."""

FIRST = "0001"
"""The tables of the first version. It wrote no revision, but SQLite's ``user_version`` 1."""

_SQLITE_VERSION = 2
"""SQLite's ``user_version`` of a file with revisions; the first version refuses it instead of misreading it."""

FOLDER = Path(__file__).parent

_revision = sa.table("alembic_version", sa.column("version_num", sa.String(32)))


@dataclass(frozen=True, slots=True)
class Status:
    """``found`` is the revision of the tables, None where there are none yet; ``needed`` is this program's."""

    found: str | None
    needed: str = HEAD


def status(connection: sa.Connection) -> Status:
    """Return which revision the tables of a database have."""
    if _has_revision(connection):
        return Status(connection.execute(sa.select(_revision.c.version_num)).scalar_one_or_none())
    version = (
        connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        if connection.dialect.name == "sqlite"
        else 0
    )
    return Status({0: None, 1: FIRST}.get(version, f"user_version {version}"))


def bring_up_to_date(connection: sa.Connection, schemas: tuple[sa.MetaData, ...], label: str) -> None:
    """Make or change tables until they are what ``schemas`` say; inside a write transaction.

    Raises DatabaseError, naming the database by ``label``, when a newer program has made its tables.
    """
    found = status(connection).found
    if found is None:
        for schema in schemas:
            schema.create_all(connection)
        _stamp(connection)
    elif found != HEAD:
        _upgrade(connection, found, label)
    elif not _has_revision(connection):
        _stamp(connection)


def _has_revision(connection: sa.Connection) -> bool:
    return sa.inspect(connection).has_table("alembic_version")


def _stamp(connection: sa.Connection) -> None:
    metadata = sa.MetaData()
    table = sa.Table("alembic_version", metadata, sa.Column("version_num", sa.String(32), primary_key=True))
    metadata.create_all(connection)
    connection.execute(table.insert(), {"version_num": HEAD})
    _mark(connection)


def _mark(connection: sa.Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA user_version = {_SQLITE_VERSION}")


def _upgrade(connection: sa.Connection, found: str, label: str) -> None:
    from alembic import command  # noqa: PLC0415 - a third of a second that only old databases cost
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    from backend_stub.migrations.configuration import configuration  # noqa: PLC0415

    config = configuration(connection)
    known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
    if found not in known:
        raise DatabaseError(label, f"has tables of revision {found}, this program knows them up to {HEAD}")
    if not _has_revision(connection):
        command.stamp(config, found)
    command.upgrade(config, HEAD)
    _mark(connection)
