"""The two database engines, as far as they differ: SQLite in a file, PostgreSQL by URL.

Both give the same promises to :class:`backend_stub.database.Database`: a write transaction that returned is
durable and happened as if alone, a read transaction sees one moment, foreign keys hold.

SQLite: WAL with ``synchronous=FULL``, so what was acknowledged survives a killed process and a lost power
supply. Measured on two cores: such a commit takes about 0.5 ms, and a read 57 µs in place against 240 µs
through a thread. Hence one thread writes (SQLite has one writer anyway, and the queue in front of it replaces
lock contention), and reads, which WAL never lets wait for the writer, run where they are called.

PostgreSQL: several servers may share it, so transactions are SERIALIZABLE, and one that lost a race against
another server's is run again. Reads and writes go through threads, because an answer comes over a socket.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError

from backend_stub.errors import DatabaseError

BUSY_TIMEOUT_S = 2.0
"""How long to wait for another process that holds the lock, or for a server that does not answer."""

_POSTGRESQL_CONNECTIONS = 8
_SERIALIZATION_FAILURE = "40001"
_DEADLOCK = "40P01"


class Engine(Protocol):
    """One database, ready to open transactions in.

    ``label`` names it in messages, without a password. ``reads_in_place`` tells whether a read is so quick
    that it may run on the event loop; ``threads`` is how many may work for it at a time.
    """

    label: str
    reads_in_place: bool
    threads: int

    def reading(self) -> AbstractContextManager[sa.Connection]:
        """Open a read transaction."""
        ...

    def writing(self) -> AbstractContextManager[sa.Connection]:
        """Open a write transaction; it commits at the end of the ``with`` block, an exception rolls back."""
        ...

    def migrating(self) -> AbstractContextManager[sa.Connection]:
        """Open a write transaction for changing tables, while no other process does."""
        ...

    def lost_race(self, error: DBAPIError) -> bool:
        """Return whether the same work may succeed when it is run again at once."""
        ...

    def in_words(self, error: DBAPIError) -> str:
        """Say what is wrong in terms of what the user can do."""
        ...

    def close(self) -> None:
        """Close every connection."""
        ...


def open_engine(target: str | Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Engine:
    """Return the engine for a file, or for a URL: ``sqlite:///FILE`` or ``postgresql://USER@HOST/NAME``.

    Nothing is connected yet. Raises DatabaseError for a URL that is none of these, or when the driver for
    PostgreSQL is not installed.
    """
    if isinstance(target, Path) or "://" not in target:
        return SqliteEngine(Path(target), busy_timeout_s)
    try:
        url = sa.make_url(target)
    except (ArgumentError, ValueError) as error:
        raise DatabaseError(target.split("@")[-1], "is no database URL") from error
    backend = url.get_backend_name()
    if backend == "sqlite" and url.database:
        return SqliteEngine(Path(url.database), busy_timeout_s)
    if backend in {"postgresql", "postgres"}:
        return PostgresqlEngine(url, busy_timeout_s)
    label = url.render_as_string(hide_password=True)
    raise DatabaseError(label, "must be a file, sqlite:///FILE or postgresql://USER@HOST/NAME")


class SqliteEngine:
    """SQLite in WAL mode."""

    reads_in_place = True
    threads = 1

    _PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON")

    def __init__(self, path: Path, busy_timeout_s: float) -> None:
        self.path = path
        self.label = str(path)
        self._engine = sa.create_engine(
            sa.URL.create("sqlite", database=str(path)),
            connect_args={"timeout": busy_timeout_s, "check_same_thread": False},
        )
        event.listen(self._engine, "connect", self._configure)
        event.listen(self._engine, "begin", _begin)
        # IMMEDIATE takes the write lock at once: a transaction that reads and then writes cannot fail halfway.
        self._writing = self._engine.execution_options(sqlite_begin="IMMEDIATE")

    def reading(self) -> AbstractContextManager[sa.Connection]:
        """See :class:`Engine`."""
        return self._engine.connect()

    def writing(self) -> AbstractContextManager[sa.Connection]:
        """See :class:`Engine`."""
        return self._writing.begin()

    @contextmanager
    def migrating(self) -> Iterator[sa.Connection]:
        """See :class:`Engine`.

        SQLite changes a column by copying the table and dropping the old one, which would delete what refers
        to it. So foreign keys are off meanwhile, which only works outside of a transaction, and are checked
        at the end.
        """
        with self._writing.connect() as connection:
            driver: Any = connection.connection.dbapi_connection
            driver.execute("PRAGMA foreign_keys = OFF").close()
            try:
                with connection.begin():
                    yield connection
                    if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                        raise DatabaseError(self.label, "has rows that refer to rows that are not there")
            finally:
                driver.execute("PRAGMA foreign_keys = ON").close()

    def lost_race(self, _error: DBAPIError) -> bool:
        """See :class:`Engine`. With one writer there are no races."""
        return False

    def in_words(self, error: DBAPIError) -> str:
        """See :class:`Engine`."""
        text, path = str(error.orig), self.path
        if "locked" in text:
            return "locked: another process is writing to it"
        if "readonly" in text or "read-only" in text:
            return "not writable"
        if "unable to open" in text:
            if path.is_dir():
                return "is a folder, not a file"
            if not path.parent.is_dir():
                return f"cannot be created: folder {path.parent} does not exist"
            return "cannot be opened or created: check the permissions of the file and its folder"
        if "not a database" in text:
            return "is not an SQLite database; give another file name"
        return text

    def close(self) -> None:
        """See :class:`Engine`."""
        self._engine.dispose()

    @classmethod
    def _configure(cls, connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver's own BEGIN would come too late; see _begin
        for pragma in cls._PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: sa.Connection) -> None:
    mode = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {mode}")


class PostgresqlEngine:
    """PostgreSQL through psycopg."""

    reads_in_place = False
    threads = _POSTGRESQL_CONNECTIONS

    def __init__(self, url: sa.URL, busy_timeout_s: float) -> None:
        self.label = url.render_as_string(hide_password=True)
        try:
            self._engine = sa.create_engine(
                url.set(drivername="postgresql+psycopg"),
                isolation_level="SERIALIZABLE",
                pool_size=_POSTGRESQL_CONNECTIONS,
                max_overflow=0,
                connect_args={
                    "connect_timeout": max(2, round(busy_timeout_s)),
                    "application_name": "pnclab market",
                },
            )
        except ModuleNotFoundError as error:
            raise DatabaseError(
                self.label, "needs the driver for PostgreSQL: pip install 'pnclab[postgresql]'"
            ) from error
        self._reading = self._engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )

    def reading(self) -> AbstractContextManager[sa.Connection]:
        """See :class:`Engine`."""
        return self._reading.begin()

    def writing(self) -> AbstractContextManager[sa.Connection]:
        """See :class:`Engine`."""
        return self._engine.begin()

    @contextmanager
    def migrating(self) -> Iterator[sa.Connection]:
        """See :class:`Engine`."""
        # One statement at a time sees what the process before us did; a snapshot from before the lock would not.
        with self._engine.execution_options(isolation_level="READ COMMITTED").begin() as connection:
            # Any constant will do, as long as every version of this program takes the same one.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(15118)")
            yield connection

    def lost_race(self, error: DBAPIError) -> bool:
        """See :class:`Engine`.

        A row that another transaction inserted first shows as a violated unique key; run again, the work
        sees that row and decides for itself. A connection that was lost, because the server was restarted, is
        replaced; asking before each transaction whether it still stands would cost every one a round trip.
        """
        code = getattr(error.orig, "sqlstate", None)
        return isinstance(error, IntegrityError) or code in {_SERIALIZATION_FAILURE, _DEADLOCK}

    def in_words(self, error: DBAPIError) -> str:
        """See :class:`Engine`."""
        text = " ".join(str(error.orig).split())
        for sign, words in _POSTGRESQL_WORDS:
            if sign in text:
                return words(text)
        return text

    def close(self) -> None:
        """See :class:`Engine`."""
        self._engine.dispose()


_POSTGRESQL_WORDS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("Connection refused", lambda _: "no PostgreSQL server answers at this address"),
    ("password", lambda _: "the server refuses user or password"),
    ("does not exist", lambda text: text.rsplit("FATAL:", maxsplit=1)[-1].strip()),
    ("permission denied", lambda _: "the user may not create tables there"),
)
