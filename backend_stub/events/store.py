"""The tables of the webhook endpoints: who is told, how far, and what was never taken."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from backend_stub.database import UtcDateTime
from backend_stub.events import outbox
from backend_stub.events.interface import (
    EVERYBODY,
    Audience,
    DeadLetter,
    Endpoint,
    EndpointSettings,
    EndpointStatus,
    EventType,
)

SCHEMA = sa.MetaData()

_endpoints = sa.Table(
    "event_endpoint",
    SCHEMA,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("url", sa.String(2000), nullable=False),
    sa.Column("description", sa.String(500), nullable=False),
    sa.Column("api_version", sa.String(20), nullable=False),
    sa.Column("enabled_events", sa.Text, nullable=False),
    sa.Column("metadata", sa.Text, nullable=False),
    sa.Column("status", sa.String(8), nullable=False),
    sa.Column("owner", sa.String(80), nullable=False),
    sa.Column("wmi", sa.String(3), nullable=False),
    sa.Column("provider", sa.String(5), nullable=False),
    # An HMAC needs the secret itself on both sides.
    sa.Column("secret", sa.String(64), nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_attempt_at", UtcDateTime),
    sa.Column("undelivered", sa.Integer, nullable=False),
    sa.Column("reason", sa.String(500), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
)

_dead = sa.Table(
    "event_dead_letter",
    SCHEMA,
    sa.Column("endpoint_id", sa.ForeignKey(_endpoints.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("reason", sa.String(500), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Served:
    """An endpoint with its secret, as the dispatcher needs it."""

    endpoint: Endpoint
    secret: str

    def __repr__(self) -> str:
        """Return the endpoint: never the secret."""
        return f"<Served {self.endpoint.id}>"


def insert(connection: sa.Connection, endpoint: Endpoint, secret: str) -> None:
    """Add an endpoint."""
    row = _settings(endpoint.settings) | {
        "id": endpoint.id,
        "owner": endpoint.audience.owner,
        "wmi": endpoint.audience.wmi,
        "provider": endpoint.audience.provider,
        "secret": secret,
        "position": endpoint.position,
        "attempts": 0,
        "undelivered": 0,
        "reason": "",
        "created_at": endpoint.created_at,
    }
    connection.execute(_endpoints.insert(), row)


def replace(connection: sa.Connection, endpoint_id: str, settings: EndpointSettings) -> None:
    """Change the settings; what was waiting is tried at once, with all its attempts before it."""
    changed = _settings(settings) | {"attempts": 0, "next_attempt_at": None, "undelivered": 0, "reason": ""}
    connection.execute(_endpoints.update().where(_endpoints.c.id == endpoint_id).values(**changed))


def remove(connection: sa.Connection, endpoint_id: str) -> None:
    """Remove an endpoint."""
    connection.execute(_endpoints.delete().where(_endpoints.c.id == endpoint_id))


def find(connection: sa.Connection, endpoint_id: str, audience: Audience) -> Endpoint | None:
    """Return one endpoint of ``audience``."""
    rows = connection.execute(_of(audience).where(_endpoints.c.id == endpoint_id))
    return next(map(_endpoint, rows), None)


def all_of(connection: sa.Connection, audience: Audience) -> Sequence[Endpoint]:
    """Return the endpoints of ``audience``, oldest first."""
    rows = connection.execute(_of(audience).order_by(_endpoints.c.created_at, _endpoints.c.id))
    return [_endpoint(row) for row in rows]


def served(connection: sa.Connection, endpoint_id: str) -> Served | None:
    """Return an endpoint with its secret, None when it is gone or disabled."""
    query = sa.select(_endpoints).where(
        _endpoints.c.id == endpoint_id, _endpoints.c.status == str(EndpointStatus.ENABLED)
    )
    row = connection.execute(query).first()
    return None if row is None else Served(_endpoint(row), row.secret)


def enabled(connection: sa.Connection) -> Sequence[str]:
    """Return the ids of the endpoints that are served."""
    query = sa.select(_endpoints.c.id).where(_endpoints.c.status == str(EndpointStatus.ENABLED))
    return connection.execute(query).scalars().all()


def advance(connection: sa.Connection, endpoint: Endpoint, sequence: int) -> bool:
    """Leave the event ``sequence`` behind; say whether this was ours to do.

    It is not when another dispatcher has done it, or the endpoint was removed meanwhile.
    """
    mine = _endpoints.c.id == endpoint.id, _endpoints.c.position == endpoint.position
    values = {"position": sequence, "attempts": 0, "next_attempt_at": None}
    return connection.execute(_endpoints.update().where(*mine).values(**values)).rowcount > 0


def delivered(connection: sa.Connection, endpoint_id: str) -> None:
    """Note that the endpoint works."""
    chosen = _endpoints.c.id == endpoint_id
    connection.execute(_endpoints.update().where(chosen).values(undelivered=0, reason=""))


def postpone(connection: sa.Connection, endpoint: Endpoint, reason: str, until: datetime) -> bool:
    """Note a failed attempt; say whether this was ours to do, as :func:`advance`."""
    mine = (
        _endpoints.c.id == endpoint.id,
        _endpoints.c.position == endpoint.position,
        _endpoints.c.attempts == endpoint.attempts,
    )
    values = {"attempts": endpoint.attempts + 1, "next_attempt_at": until, "reason": reason}
    return connection.execute(_endpoints.update().where(*mine).values(**values)).rowcount > 0


def bury(
    connection: sa.Connection, endpoint: Endpoint, sequence: int, reason: str, now: datetime, *, count: int
) -> None:
    """Add a dead letter; ``count`` is how many there are in a row now."""
    connection.execute(
        _dead.insert(), {"endpoint_id": endpoint.id, "sequence": sequence, "reason": reason, "at": now}
    )
    chosen = _endpoints.c.id == endpoint.id
    connection.execute(_endpoints.update().where(chosen).values(undelivered=count, reason=reason))


def disable(connection: sa.Connection, endpoint_id: str, reason: str) -> None:
    """Serve an endpoint no longer, until its owner enables it again."""
    values = {"status": str(EndpointStatus.DISABLED), "reason": reason}
    connection.execute(_endpoints.update().where(_endpoints.c.id == endpoint_id).values(**values))


def dead_letters(connection: sa.Connection, endpoint_id: str, limit: int) -> Sequence[DeadLetter]:
    """Return what an endpoint never took, newest first."""
    query = sa.select(_dead).where(_dead.c.endpoint_id == endpoint_id)
    rows = connection.execute(query.order_by(_dead.c.sequence.desc()).limit(limit)).all()
    events = outbox.by_numbers(connection, [row.sequence for row in rows])
    return [DeadLetter(events[row.sequence], row.reason, row.at) for row in rows if row.sequence in events]


def forget_dead_letters(connection: sa.Connection, before: datetime) -> int:
    """Remove the dead letters that were given up before a moment; return how many."""
    return connection.execute(_dead.delete().where(_dead.c.at < before)).rowcount


def numbers_of_dead_letters() -> "sa.Select[Any]":
    """Return the query for the numbers of the events that are dead letters."""
    return sa.select(_dead.c.sequence)


def through_with(connection: sa.Connection) -> int:
    """Return up to which number no endpoint waits for any event, also none that is disabled for now."""
    lowest = outbox.head(connection)
    for endpoint in all_of(connection, EVERYBODY):
        types = endpoint.settings.enabled_events
        waiting = outbox.after(connection, endpoint.position, 1, types, endpoint.audience)
        if waiting:
            lowest = min(lowest, waiting[0].sequence - 1)
    return lowest


def _of(audience: Audience) -> "sa.Select[tuple[Any, ...]]":
    query = sa.select(_endpoints)
    return query.where(_endpoints.c.owner == audience.owner) if audience.owner else query


def _settings(settings: EndpointSettings) -> dict[str, Any]:
    return {
        "url": settings.url,
        "description": settings.description,
        "api_version": settings.api_version,
        "enabled_events": json.dumps([str(kind) for kind in settings.enabled_events]),
        "metadata": json.dumps(dict(settings.metadata)),
        "status": str(settings.status),
    }


def _endpoint(row: "sa.Row[tuple[Any, ...]]") -> Endpoint:
    return Endpoint(
        id=row.id,
        settings=EndpointSettings(
            url=row.url,
            enabled_events=tuple(EventType(kind) for kind in json.loads(row.enabled_events)),
            description=row.description,
            api_version=row.api_version,
            metadata=json.loads(row.metadata),
            status=EndpointStatus(row.status),
        ),
        audience=Audience(row.owner, row.wmi, row.provider),
        position=row.position,
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at,
        undelivered=row.undelivered,
        reason=row.reason,
        created_at=row.created_at,
    )
