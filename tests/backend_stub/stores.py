"""Databases for tests: a file of SQLite, and PostgreSQL where ``PNCLAB_POSTGRES_URL`` names a server.

Every test gets a database of its own there, which is dropped afterwards.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

VARIABLE = "PNCLAB_POSTGRES_URL"
ENGINES = ("sqlite", "postgresql") if os.environ.get(VARIABLE) else ("sqlite",)


@contextmanager
def fresh_target(engine: str, directory: Path) -> Iterator[str | Path]:
    """Return what to open an empty database with."""
    if engine == "sqlite":
        yield directory / "market.db"
        return
    url = sa.make_url(os.environ[VARIABLE])
    name = f"pnclab_test_{secrets.token_hex(8)}"
    _run(url, f'CREATE DATABASE "{name}"')
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        _run(url, f'DROP DATABASE "{name}" WITH (FORCE)')


def _run(url: sa.URL, statement: str) -> None:
    engine = sa.create_engine(url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
    finally:
        engine.dispose()
