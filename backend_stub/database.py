"""The database of a market: transactions as functions, tables made and brought up to date at the start.

A role passes functions that take a connection; each runs in one transaction, and may be run again from its
beginning when another server's transaction got in its way. What differs between SQLite and PostgreSQL is in
:mod:`backend_stub.engines`.
"""

import asyncio
import contextvars
import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError

from backend_stub import migrations
from backend_stub.engines import BUSY_TIMEOUT_S, open_engine
from backend_stub.errors import Code, DatabaseError, MarketError

T = TypeVar("T")

_ATTEMPTS = 12
"""How often a transaction is run that loses races: with eight writers on one row the last needs eight."""

_LONGEST_IDENTIFIER = 18

_log = logging.getLogger(__name__)


class UtcDateTime(sa.TypeDecorator[datetime]):
    """A moment in UTC, stored without a time zone; this column type takes it off and puts it back."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Any) -> datetime | None:
        """Turn an aware datetime into what is stored."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, _dialect: Any) -> datetime | None:
        """Turn what is stored into an aware datetime."""
        return None if value is None else value.replace(tzinfo=UTC)


def put_row(
    connection: sa.Connection, table: sa.Table, key: Mapping[str, Any], values: Mapping[str, Any]
) -> None:
    """Update the row that ``key`` selects, or insert it; to be called inside a write transaction."""
    chosen = [table.c[name] == value for name, value in key.items()]
    if connection.execute(table.update().where(*chosen).values(**values)).rowcount == 0:
        connection.execute(table.insert(), {**key, **values})


def begins_with(column: sa.Column[Any], prefix: str) -> sa.ColumnElement[bool]:
    """Return the condition that an identifier begins with ``prefix``, as a range that an index serves.

    LIKE would not do: whether an index serves it depends on the database and its collation. For identifiers of
    digits and capital letters only, of at most :data:`_LONGEST_IDENTIFIER` characters.
    """
    text = "".join(letter for letter in prefix.upper() if letter.isascii() and letter.isalnum())
    if text != prefix:
        return sa.false()
    return column.between(text, text + "Z" * _LONGEST_IDENTIFIER)


class Database:
    """One database that several roles keep their own tables in.

    ``target`` is an SQLite file, or a URL (see :func:`backend_stub.engines.open_engine`, also for the errors).
    ``busy_timeout_s`` is how long to wait for another process that holds the write lock.
    """

    def __init__(self, target: str | Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self._engine = open_engine(target, busy_timeout_s=busy_timeout_s)
        self.label = self._engine.label
        self._workers = ThreadPoolExecutor(self._engine.threads, thread_name_prefix="database")
        self._listeners: list[Callable[[], None]] = []

    def on_commit(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` in the event loop after each write of this process from now on."""
        self._listeners.append(listener)

    def create(self, schemas: Iterable[sa.MetaData]) -> None:
        """Make the tables, or bring those of an older program up to date; what they hold stays.

        Raises DatabaseError with the reason in words.
        """
        try:
            with self._engine.migrating() as connection:
                migrations.bring_up_to_date(connection, tuple(schemas), self.label)
        except DBAPIError as error:
            raise DatabaseError(self.label, self._engine.in_words(error)) from error

    def status(self) -> migrations.Status:
        """Return which revision the tables have; raises DatabaseError."""
        try:
            with self._engine.reading() as connection:
                return migrations.status(connection)
        except DBAPIError as error:
            raise DatabaseError(self.label, self._engine.in_words(error)) from error

    async def read(self, work: Callable[[sa.Connection], T]) -> T:
        """Run ``work`` in a read transaction. Raises MarketError(STORE) when the database cannot be read."""
        if self._engine.reads_in_place:
            return self._read(work)
        return await self._in_thread(self._read, work)

    async def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Run ``work`` in a write transaction; return after it is durable.

        An exception rolls back. IntegrityError passes through, for the callers that retry on it; any other
        failure of the database raises MarketError(STORE). A cancelled caller learns nothing of the outcome:
        the transaction then either happens as a whole or not at all.
        """
        result = await self._in_thread(self._write, work)
        for listener in self._listeners:
            listener()
        return result

    def close(self) -> None:
        """Finish what is being written and close every connection."""
        self._workers.shutdown(wait=True)
        self._engine.close()

    async def _in_thread(
        self, run: Callable[[Callable[[sa.Connection], T]], T], work: Callable[[sa.Connection], T]
    ) -> T:
        loop = asyncio.get_running_loop()
        context = contextvars.copy_context()  # so that the thread's log lines carry the trace id
        return await loop.run_in_executor(self._workers, context.run, run, work)

    def _read(self, work: Callable[[sa.Connection], T]) -> T:
        try:
            try:
                with self._engine.reading() as connection:
                    return work(connection)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
            with self._engine.reading() as connection:
                return work(connection)
        except DBAPIError as error:
            raise self._unavailable(error) from error

    def _write(self, work: Callable[[sa.Connection], T]) -> T:
        for attempt in range(1, _ATTEMPTS + 1):
            done = False
            try:
                with self._engine.writing() as connection:
                    result = work(connection)
                    done = True
            except DBAPIError as error:
                # A connection that was lost before the commit has changed nothing; after it, nobody knows.
                again = self._engine.lost_race(error) or (error.connection_invalidated and not done)
                # A violated key that is still violated when the work is run again is the work's own.
                own = isinstance(error, IntegrityError) and attempt > 1
                if again and not own and attempt < _ATTEMPTS:
                    continue
                if isinstance(error, IntegrityError):
                    raise
                raise self._unavailable(error) from error
            else:
                return result
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _unavailable(self, error: DBAPIError) -> MarketError:
        _log.error("database %s: %s", self.label, error.orig)
        return MarketError(Code.STORE, "the database cannot be used at the moment")
