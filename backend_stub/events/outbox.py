"""The log of events, written by the roles inside their own transactions.

Events become visible in the order of their numbers: a reader that has seen number 7 will never find a 6 that
was committed later. SQLite has one writer, so that is given; on PostgreSQL a lock that is held until the
commit gives it. Record as the last thing a transaction does, and the lock is held for no longer than the
commit takes. A transaction that is rolled back may leave a gap.
"""

import json
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from backend_stub.database import UtcDateTime
from backend_stub.events.interface import (
    ANY_MAKER,
    EVERYBODY,
    Audience,
    Event,
    EventType,
    RecordedEvent,
)

SCHEMA = sa.MetaData()

_log = sa.Table(
    "event_log",
    SCHEMA,
    # SQLite counts a column of this very type only.
    sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("event_id", sa.String(36), nullable=False, unique=True),
    sa.Column("event_type", sa.String(40), nullable=False),
    sa.Column("namespace", sa.String(100), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("emaid", sa.String(15)),
    sa.Column("pcid", sa.String(18)),
    sa.Column("payload", sa.Text, nullable=False),
    sqlite_autoincrement=True,  # a number is never given twice, even after old events were removed
)
sa.Index("event_log_by_type", _log.c.event_type, _log.c.sequence)
sa.Index("event_log_by_contract", _log.c.emaid, _log.c.sequence)
sa.Index("event_log_by_car", _log.c.pcid, _log.c.sequence)

_KEYS = uuid.UUID("4c6a7e0e-6f0b-4d0b-9a55-3f1f0c1f0a11")
"""The name space of the ids of :func:`record_once`."""

_ORDER_OF_COMMITS = sa.text("SELECT pg_advisory_xact_lock(15119)")
_ANY_OEM = "oem.%"
_ANY_OPERATOR = "mo.%"
_ANY_ROOT = "root.%"


def record(connection: sa.Connection, *events: Event) -> None:
    """Append events to the log; to be called inside the write transaction of the change, as its last step."""
    if not events:
        return
    _in_order(connection)
    connection.execute(_log.insert(), [_row(event) for event in events])


def record_once(connection: sa.Connection, event: Event, key: str) -> bool:
    """Append an event unless one was with the same ``key``; say whether it was appended. As :func:`record`.

    For what is found out again and again, and by several processes: the event's id follows from the key.
    """
    _in_order(connection)
    row = _row(event) | {"event_id": str(uuid.uuid5(_KEYS, key))}
    if connection.execute(sa.select(_log.c.sequence).where(_log.c.event_id == row["event_id"])).first():
        return False
    connection.execute(_log.insert(), row)
    return True


def prune(connection: sa.Connection, before: datetime, upto: int, kept: "sa.Select[Any]", limit: int) -> int:
    """Remove at most ``limit`` events, oldest first; return how many.

    Those go that happened before a moment and have a number up to ``upto``, except the numbers ``kept``, and except
    events about roots: there are few, and :func:`record_once` relies on them.
    """
    query = (
        sa.select(_log.c.sequence)
        .where(_log.c.sequence <= upto, _log.c.at < before)
        .where(_log.c.event_type.not_like(_ANY_ROOT), _log.c.sequence.not_in(kept))
        .order_by(_log.c.sequence)
        .limit(limit)
    )
    old = connection.execute(query).scalars().all()
    if old:
        connection.execute(_log.delete().where(_log.c.sequence.in_(old)))
    return len(old)


def head(connection: sa.Connection) -> int:
    """Return the number of the newest event, 0 when there is none."""
    return connection.execute(sa.select(sa.func.max(_log.c.sequence))).scalar() or 0


def after(
    connection: sa.Connection,
    number: int,
    limit: int,
    types: Sequence[EventType] = (),
    audience: Audience = EVERYBODY,
) -> Sequence[RecordedEvent]:
    """Return at most ``limit`` events after ``number``, oldest first."""
    query = sa.select(_log).where(_log.c.sequence > number).order_by(_log.c.sequence).limit(limit)
    if types:
        query = query.where(_log.c.event_type.in_([str(kind) for kind in types]))
    if audience.owner:
        query = query.where(sa.or_(*_visible(audience)))
    return [recorded(row) for row in connection.execute(query)]


def latest(
    connection: sa.Connection,
    limit: int,
    *,
    before: int | None,
    emaid: str,
    pcid: str,
    audience: Audience = EVERYBODY,
) -> Sequence[RecordedEvent]:
    """Return at most ``limit`` events, newest first."""
    query = sa.select(_log).order_by(_log.c.sequence.desc()).limit(limit)
    if before is not None:
        query = query.where(_log.c.sequence < before)
    if emaid:
        query = query.where(_log.c.emaid == emaid)
    if pcid:
        query = query.where(_log.c.pcid == pcid)
    if audience.owner:
        query = query.where(sa.or_(*_visible(audience)))
    return [recorded(row) for row in connection.execute(query)]


def recorded(row: "sa.Row[tuple[object, ...]]") -> RecordedEvent:
    """Return a row of the log as an event."""
    return RecordedEvent(
        sequence=row.sequence,
        id=row.event_id,
        type=EventType(row.event_type),
        at=row.at,
        namespace=row.namespace,
        payload=json.loads(row.payload),
    )


def by_numbers(connection: sa.Connection, numbers: Sequence[int]) -> dict[int, RecordedEvent]:
    """Return the events with these numbers."""
    rows = connection.execute(sa.select(_log).where(_log.c.sequence.in_(numbers)))
    return {row.sequence: recorded(row) for row in rows}


def _in_order(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(_ORDER_OF_COMMITS)


def _row(event: Event) -> dict[str, object]:
    named = {"emaid": event.emaid, "pcid": event.pcid}
    payload = {name: value for name, value in named.items() if value is not None} | dict(event.facts)
    return {
        "event_id": str(uuid.uuid4()),
        "event_type": str(event.type),
        "namespace": event.namespace,
        "at": event.at,
        "emaid": event.emaid,
        "pcid": event.pcid,
        "payload": json.dumps(payload),
    }


def _visible(audience: Audience) -> list[sa.ColumnElement[bool]]:
    """Return the conditions of which an event must meet one to be shown to ``audience``."""
    allowed: list[sa.ColumnElement[bool]] = [_log.c.event_type.like(_ANY_ROOT)]
    if audience.wmi == ANY_MAKER:
        allowed.append(_log.c.event_type.like(_ANY_OEM))
    elif audience.wmi:
        ours = _log.c.pcid.startswith(audience.wmi, autoescape=True)
        allowed.append(sa.and_(_log.c.event_type.like(_ANY_OEM), ours))
    if audience.provider:
        ours = _log.c.emaid.startswith(audience.provider, autoescape=True)
        allowed.append(sa.and_(_log.c.event_type.like(_ANY_OPERATOR), sa.or_(ours, _log.c.emaid.is_(None))))
    return allowed
