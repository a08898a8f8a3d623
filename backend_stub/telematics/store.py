"""The tables of the telematics backend: the mailboxes, which events were dealt with, and who it is."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

import sqlalchemy as sa

from backend_stub.database import UtcDateTime, put_row
from backend_stub.telematics.interface import (
    Action,
    CarContract,
    CarLine,
    Item,
    Mailbox,
    Notice,
    Outcome,
    Result,
    State,
)

SCHEMA = sa.MetaData()

_REMEMBER_EVENTS = timedelta(days=90)

# One row a contract: the newest item replaces what a car has not settled yet.
_contracts = sa.Table(
    "telematics_contract",
    SCHEMA,
    sa.Column("emaid", sa.String(15), primary_key=True),
    sa.Column("pcid", sa.String(18), nullable=False, index=True),
    sa.Column("item_id", sa.String(36), nullable=False),
    sa.Column("state", sa.String(9), nullable=False),
    sa.Column("is_default", sa.Boolean, nullable=False),
    sa.Column("namespace", sa.String(100), nullable=False),
    sa.Column("document", sa.LargeBinary, nullable=False),
    sa.Column("certificate", sa.LargeBinary, nullable=False),
    sa.Column("valid_until", UtcDateTime, nullable=False),
    sa.Column("v2g_root_fingerprint", sa.String(64), nullable=False),
    sa.Column("reason", sa.String(500), nullable=False),
    sa.Column("queued_at", UtcDateTime, nullable=False),
    sa.Column("delivered_at", UtcDateTime),
    sa.Column("settled_at", UtcDateTime),
    sa.Column("changed_at", UtcDateTime, nullable=False, index=True),
)

_events = sa.Table(
    "telematics_event",
    SCHEMA,
    sa.Column("event_id", sa.String(36), primary_key=True),
    sa.Column("event_type", sa.String(40), nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("reason", sa.String(500), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False, index=True),
)

_proofs = sa.Table(
    "telematics_proof",
    SCHEMA,
    sa.Column("nonce", sa.String(32), primary_key=True),
    sa.Column("expires_at", UtcDateTime, nullable=False, index=True),
)

_settings = sa.Table(
    "telematics_setting",
    SCHEMA,
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("value", sa.String(200), nullable=False),
)

_PENDING = (State.QUEUED, State.DELIVERED, State.REMOVING)
_LIVE = (State.QUEUED, State.DELIVERED, State.INSTALLED)
_RESULTS: Mapping[Action, Mapping[Result, State | None]] = {
    Action.INSTALL: {Result.INSTALLED: State.INSTALLED, Result.REJECTED: State.REJECTED},
    Action.REMOVE: {Result.REMOVED: None},
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """A checked bundle on its way into a mailbox."""

    emaid: str
    pcid: str
    namespace: str
    document: bytes
    certificate: bytes
    valid_until: datetime
    v2g_root_fingerprint: str


def queue(connection: sa.Connection, delivery: Delivery, now: datetime) -> bool:
    """Put a bundle into the mailbox; say whether the car has anything to do about it.

    A new signature over what the car has installed already is only noted.
    """
    known = _row(connection, delivery.emaid)
    values: dict[str, Any] = {
        "pcid": delivery.pcid,
        "namespace": delivery.namespace,
        "document": delivery.document,
        "certificate": delivery.certificate,
        "valid_until": delivery.valid_until,
        "v2g_root_fingerprint": delivery.v2g_root_fingerprint,
        "changed_at": now,
    }
    installed = (
        known is not None
        and known.state == State.INSTALLED
        and (known.pcid, known.certificate) == (delivery.pcid, delivery.certificate)
    )
    if not installed:
        values |= {
            "item_id": str(uuid.uuid4()),
            "state": str(State.QUEUED),
            "reason": "",
            "queued_at": now,
            "delivered_at": None,
            "settled_at": None,
            "is_default": known is not None and known.is_default,
        }
    put_row(connection, _contracts, {"emaid": delivery.emaid}, values)
    return not installed


def withdraw(connection: sa.Connection, emaid: str, reason: str, now: datetime) -> bool:
    """Have a contract removed from the car; say whether the car was to have it.

    What the car never fetched, or turned down, it need not remove.
    """
    known = _row(connection, emaid)
    if known is None:
        return False
    chosen = _contracts.c.emaid == emaid
    if known.state in {State.QUEUED, State.REJECTED}:
        connection.execute(_contracts.delete().where(chosen))
    elif known.state != State.REMOVING:
        values = {
            "item_id": str(uuid.uuid4()),
            "state": str(State.REMOVING),
            "is_default": False,
            "document": b"",
            "reason": reason,
            "queued_at": now,
            "delivered_at": None,
            "settled_at": None,
            "changed_at": now,
        }
        connection.execute(_contracts.update().where(chosen).values(**values))
    return True


def set_default(connection: sa.Connection, pcid: str, emaid: str, now: datetime) -> bool:
    """Note which contract is a car's default; say whether it is one of the car's."""
    mine = _contracts.c.pcid == pcid, _contracts.c.state != str(State.REMOVING)
    found = connection.execute(
        sa.select(_contracts.c.is_default).where(*mine, _contracts.c.emaid == emaid)
    ).scalar()
    if found is None:
        return False
    if not found:
        is_default = _contracts.c.emaid == emaid
        connection.execute(_contracts.update().where(*mine).values(is_default=is_default, changed_at=now))
    return True


def live_count(connection: sa.Connection, pcid: str, without: str, now: datetime) -> int:
    """Return how many places in the car are taken by contracts other than ``without``."""
    query = (
        sa.select(sa.func.count())
        .select_from(_contracts)
        .where(
            _contracts.c.pcid == pcid,
            _contracts.c.emaid != without,
            _contracts.c.state.in_([str(state) for state in _LIVE]),
            _contracts.c.valid_until >= now,
        )
    )
    return int(connection.execute(query).scalar_one())


def mailbox(connection: sa.Connection, pcid: str) -> Mailbox:
    """Return what is there for a car."""
    rows = _rows(connection, pcid)
    items = [
        Item(
            id=row.item_id,
            action=Action.REMOVE if row.state == State.REMOVING else Action.INSTALL,
            emaid=row.emaid,
            namespace=row.namespace,
            document=row.document,
        )
        for row in rows
        if row.state in _PENDING
    ]
    return Mailbox(items, [_contract(row) for row in rows if row.state != State.REMOVING])


def mark_delivered(connection: sa.Connection, pcid: str, items: Sequence[str], now: datetime) -> None:
    """Note that the car has fetched these items."""
    fetched = _contracts.c.pcid == pcid, _contracts.c.item_id.in_(items), _contracts.c.delivered_at.is_(None)
    values = {
        "state": sa.case(
            (_contracts.c.state == str(State.QUEUED), str(State.DELIVERED)), else_=_contracts.c.state
        ),
        "delivered_at": now,
        "changed_at": now,
    }
    connection.execute(_contracts.update().where(*fetched).values(**values))


def requeue(connection: sa.Connection, pcid: str, now: datetime) -> None:
    """Put everything that the car should have into its mailbox once more."""
    chosen = _contracts.c.pcid == pcid, _contracts.c.state.in_([str(State.INSTALLED), str(State.REJECTED)])
    for emaid in connection.execute(sa.select(_contracts.c.emaid).where(*chosen)).scalars().all():
        values = {
            "item_id": str(uuid.uuid4()),
            "state": str(State.QUEUED),
            "reason": "",
            "queued_at": now,
            "delivered_at": None,
            "settled_at": None,
            "changed_at": now,
        }
        connection.execute(_contracts.update().where(_contracts.c.emaid == emaid).values(**values))


class StaleItemError(Exception):
    """The item was replaced or never was, or the result does not fit it; the text says which."""


def settle(
    connection: sa.Connection, pcid: str, item_id: str, result: Result, reason: str, now: datetime
) -> None:
    """Note what the car did with an item; raises StaleItemError."""
    mine = _contracts.c.pcid == pcid, _contracts.c.item_id == item_id
    row = connection.execute(sa.select(_contracts).where(*mine)).first()
    if row is None:
        raise StaleItemError(f"item {item_id} is not in the mailbox any more: look again")
    action = Action.REMOVE if row.state == State.REMOVING else Action.INSTALL
    if result not in _RESULTS[action]:
        raise StaleItemError(f"item {item_id} is to {action}, {result} does not fit")
    state = _RESULTS[action][result]
    if state is None:
        connection.execute(_contracts.delete().where(*mine))
        return
    values = {"state": str(state), "reason": reason, "settled_at": now, "changed_at": now}
    if row.delivered_at is None:
        values["delivered_at"] = now
    connection.execute(_contracts.update().where(*mine).values(**values))


def forget(connection: sa.Connection, pcid: str, emaids: Sequence[str], but_item: str) -> None:
    """Remove contracts that the car has thrown out of its own accord for ``but_item``; none on its way to it."""
    gone = (
        _contracts.c.pcid == pcid,
        _contracts.c.emaid.in_(emaids),
        _contracts.c.state == str(State.INSTALLED),
        _contracts.c.item_id != but_item,
    )
    connection.execute(_contracts.delete().where(*gone))


def contracts(connection: sa.Connection, pcid: str) -> Sequence[CarContract]:
    """Return a car's contracts, oldest first."""
    return [_contract(row) for row in _rows(connection, pcid)]


def cars(connection: sa.Connection, limit: int) -> Sequence[CarLine]:
    """Return the cars that something happened to last."""
    waiting = _contracts.c.state.in_([str(state) for state in _PENDING])
    query = (
        sa.select(
            _contracts.c.pcid,
            sa.func.count().label("contracts"),
            sa.func.sum(sa.case((waiting, 1), else_=0)).label("waiting"),
        )
        .group_by(_contracts.c.pcid)
        .order_by(sa.func.max(_contracts.c.changed_at).desc(), _contracts.c.pcid)
        .limit(limit)
    )
    return [CarLine(row.pcid, row.contracts, row.waiting) for row in connection.execute(query)]


def outcome(connection: sa.Connection, event_id: str) -> Outcome | None:
    """Return what became of an event before, None for a new one."""
    row = connection.execute(sa.select(_events).where(_events.c.event_id == event_id)).first()
    return None if row is None else Outcome(HTTPStatus(row.status), row.reason)


def remember(connection: sa.Connection, notice: Notice, became: Outcome, now: datetime) -> None:
    """Note what became of an event; raises IntegrityError when it was dealt with already."""
    connection.execute(
        _events.insert(),
        {
            "event_id": notice.id,
            "event_type": str(notice.type),
            "status": int(became.status),
            "reason": became.reason,
            "at": now,
        },
    )


def forget_old(connection: sa.Connection, now: datetime) -> None:
    """Forget events so old that nobody sends them again, and challenges that have run out."""
    connection.execute(_events.delete().where(_events.c.at < now - _REMEMBER_EVENTS))
    connection.execute(_proofs.delete().where(_proofs.c.expires_at < now))


def use_nonce(connection: sa.Connection, nonce: str, expires_at: datetime, now: datetime) -> None:
    """Use up a challenge; raises IntegrityError when it was used before."""
    connection.execute(_proofs.delete().where(_proofs.c.expires_at < now))
    connection.execute(_proofs.insert(), {"nonce": nonce, "expires_at": expires_at})


def setting(connection: sa.Connection, name: str) -> str | None:
    """Return a setting."""
    return connection.execute(sa.select(_settings.c.value).where(_settings.c.name == name)).scalar()


def set_setting(connection: sa.Connection, name: str, value: str) -> None:
    """Change a setting."""
    put_row(connection, _settings, {"name": name}, {"value": value})


def _row(connection: sa.Connection, emaid: str) -> "sa.Row[tuple[Any, ...]] | None":
    return connection.execute(sa.select(_contracts).where(_contracts.c.emaid == emaid)).first()


def _rows(connection: sa.Connection, pcid: str) -> Sequence["sa.Row[tuple[Any, ...]]"]:
    query = sa.select(_contracts).where(_contracts.c.pcid == pcid)
    return connection.execute(query.order_by(_contracts.c.queued_at, _contracts.c.emaid)).all()


def _contract(row: "sa.Row[tuple[Any, ...]]") -> CarContract:
    return CarContract(
        emaid=row.emaid,
        pcid=row.pcid,
        state=State(row.state),
        is_default=row.is_default,
        valid_until=row.valid_until,
        v2g_root_fingerprint=row.v2g_root_fingerprint,
        reason=row.reason,
        queued_at=row.queued_at,
        delivered_at=row.delivered_at,
        settled_at=row.settled_at,
    )
