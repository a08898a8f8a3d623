"""The tables of the contract certificate pool."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

import sqlalchemy as sa

from backend_stub.ccp.interface import Contract
from backend_stub.certificates import der, stored
from backend_stub.database import UtcDateTime, put_row

SCHEMA = sa.MetaData()

_contracts = sa.Table(
    "ccp_contract",
    SCHEMA,
    sa.Column("emaid", sa.String(15), primary_key=True),
    sa.Column("pcid", sa.String(18), nullable=False, index=True),
    sa.Column("receiver_key", sa.String(64), nullable=False),
    sa.Column("certificate", sa.LargeBinary, nullable=False),
    sa.Column("is_default", sa.Boolean, nullable=False),
    sa.Column("not_before", UtcDateTime, nullable=False),
    sa.Column("not_after", UtcDateTime, nullable=False),
    sa.Column("stored_at", UtcDateTime, nullable=False),
)
sa.Index(
    "ccp_one_default",
    _contracts.c.pcid,
    unique=True,
    sqlite_where=_contracts.c.is_default,
    postgresql_where=_contracts.c.is_default,
)

_bundles = sa.Table(
    "ccp_bundle",
    SCHEMA,
    sa.Column(
        "emaid",
        sa.ForeignKey(_contracts.c.emaid, ondelete="CASCADE", onupdate="CASCADE"),
        primary_key=True,
    ),
    sa.Column("v2g_root_fingerprint", sa.String(64), primary_key=True),
    sa.Column("document", sa.LargeBinary, nullable=False),
    sa.Column("cps_not_after", UtcDateTime, nullable=False),
    sa.Column("stored_at", UtcDateTime, nullable=False),
)

_JOINED = _contracts.join(_bundles, _bundles.c.emaid == _contracts.c.emaid)
_ENTRIES = (
    sa.select(
        _contracts.c.emaid,
        _contracts.c.pcid,
        _contracts.c.certificate,
        _contracts.c.is_default,
        _bundles.c.v2g_root_fingerprint,
    )
    .select_from(_JOINED)
    .order_by(_contracts.c.stored_at, _contracts.c.emaid, _bundles.c.stored_at)
)
_BUNDLES = (
    sa.select(
        _contracts.c.emaid,
        _contracts.c.not_before,
        _contracts.c.not_after,
        _bundles.c.v2g_root_fingerprint,
        _bundles.c.document,
        _bundles.c.cps_not_after,
    )
    .select_from(_JOINED)
    .where(
        _contracts.c.pcid == sa.bindparam("pcid"),
        _contracts.c.receiver_key == sa.bindparam("receiver_key"),
    )
    .order_by(_bundles.c.stored_at, _bundles.c.v2g_root_fingerprint)
)
_READY = _BUNDLES.where(_contracts.c.is_default)
_ONE = _BUNDLES.where(_contracts.c.emaid == sa.bindparam("emaid"))


@dataclass(frozen=True, slots=True)
class ReadyBundle:
    """A bundle of a car's contract."""

    emaid: str
    not_before: datetime
    not_after: datetime
    cps_not_after: datetime
    """When the first certificate of the CPS chain runs out: after that no car accepts the signature."""
    v2g_root_fingerprint: str
    document: bytes


def ready(connection: sa.Connection, pcid: str, receiver_key: str) -> Sequence[ReadyBundle]:
    """Return the bundles of a car's default contract that are sealed for ``receiver_key``."""
    return _bundles_of(connection.execute(_READY, {"pcid": pcid, "receiver_key": receiver_key}))


def ready_one(connection: sa.Connection, emaid: str, pcid: str, receiver_key: str) -> Sequence[ReadyBundle]:
    """Return the bundles of one contract of a car that are sealed for ``receiver_key``."""
    chosen = {"emaid": emaid, "pcid": pcid, "receiver_key": receiver_key}
    return _bundles_of(connection.execute(_ONE, chosen))


def _bundles_of(
    rows: "sa.CursorResult[tuple[str, datetime, datetime, str, bytes, datetime]]",
) -> Sequence[ReadyBundle]:
    return [
        ReadyBundle(
            emaid=row.emaid,
            not_before=row.not_before,
            not_after=row.not_after,
            cps_not_after=row.cps_not_after,
            v2g_root_fingerprint=row.v2g_root_fingerprint,
            document=row.document,
        )
        for row in rows
    ]


def owner(connection: sa.Connection, emaid: str) -> str | None:
    """Return the PCID that holds a contract, None when there is no such contract."""
    return connection.execute(sa.select(_contracts.c.pcid).where(_contracts.c.emaid == emaid)).scalar()


@dataclass(frozen=True, slots=True)
class NewBundle:
    """What :func:`put` stores beside the contract itself."""

    receiver_key: str
    cps_not_after: datetime
    document: bytes


class Change(Enum):
    """What :func:`put` did to the contract."""

    NOTHING = auto()
    CREATED = auto()
    UPDATED = auto()


def put(
    connection: sa.Connection, contract: Contract, bundle: NewBundle, now: datetime
) -> tuple[Contract, Change]:
    """Insert or replace a contract and one bundle of it; return it with its place among the car's contracts."""
    certificate = der(contract.certificate)
    known = connection.execute(
        sa.select(_contracts.c.certificate, _contracts.c.receiver_key, _contracts.c.is_default).where(
            _contracts.c.emaid == contract.emaid
        )
    ).first()
    if known is None:
        is_default = not connection.execute(
            sa.select(sa.exists().where(_contracts.c.pcid == contract.pcid, _contracts.c.is_default))
        ).scalar_one()
    else:
        is_default = known.is_default
        if (known.certificate, known.receiver_key) != (certificate, bundle.receiver_key):
            # Renewed: what was signed for the old certificate or key is of no use under any root.
            connection.execute(_bundles.delete().where(_bundles.c.emaid == contract.emaid))
    values = {
        "pcid": contract.pcid,
        "receiver_key": bundle.receiver_key,
        "certificate": certificate,
        "is_default": is_default,
        "not_before": contract.certificate.not_valid_before_utc,
        "not_after": contract.certificate.not_valid_after_utc,
    }
    if known is None:
        values["stored_at"] = now
    put_row(connection, _contracts, {"emaid": contract.emaid}, values)
    key = {"emaid": contract.emaid, "v2g_root_fingerprint": contract.v2g_root_fingerprint}
    same = connection.execute(
        sa.select(_bundles.c.document).where(*(_bundles.c[name] == value for name, value in key.items()))
    ).scalar()
    put_row(
        connection,
        _bundles,
        key,
        {"document": bundle.document, "cps_not_after": bundle.cps_not_after, "stored_at": now},
    )
    change = Change.CREATED if known is None else Change.UPDATED
    placed = Contract(
        emaid=contract.emaid,
        pcid=contract.pcid,
        certificate=contract.certificate,
        v2g_root_fingerprint=contract.v2g_root_fingerprint,
        is_default=is_default,
    )
    return placed, Change.NOTHING if same == bundle.document else change


@dataclass(frozen=True, slots=True)
class SignedContract:
    """A contract that nobody has yet, signed under one V2G root, for :func:`insert_many`."""

    emaid: str
    pcid: str
    receiver_key: str
    certificate: bytes
    """DER."""
    is_default: bool
    not_before: datetime
    not_after: datetime
    v2g_root_fingerprint: str
    document: bytes
    cps_not_after: datetime


def insert_many(connection: sa.Connection, contracts: Sequence[SignedContract], now: datetime) -> None:
    """Add contracts with their bundles.

    Raises IntegrityError when an eMAID is here already, or a car would have two default contracts.
    """
    rows = [
        {
            "emaid": each.emaid,
            "pcid": each.pcid,
            "receiver_key": each.receiver_key,
            "certificate": each.certificate,
            "is_default": each.is_default,
            "not_before": each.not_before,
            "not_after": each.not_after,
            "stored_at": now,
        }
        for each in contracts
    ]
    bundles = [
        {
            "emaid": each.emaid,
            "v2g_root_fingerprint": each.v2g_root_fingerprint,
            "document": each.document,
            "cps_not_after": each.cps_not_after,
            "stored_at": now,
        }
        for each in contracts
    ]
    connection.execute(_contracts.insert(), rows)
    connection.execute(_bundles.insert(), bundles)


def delete_many(connection: sa.Connection, emaids: Sequence[str]) -> dict[str, str]:
    """Remove contracts (a few hundred at most) with their bundles; return eMAID and PCID of those that were here."""
    query = (
        sa.select(_contracts.c.emaid, _contracts.c.pcid)
        .where(_contracts.c.emaid.in_(emaids))
        .order_by(_contracts.c.emaid)
    )
    found = {row.emaid: row.pcid for row in connection.execute(query)}
    if found:
        connection.execute(_contracts.delete().where(_contracts.c.emaid.in_(list(found))))
    return found


def delete(connection: sa.Connection, emaid: str) -> bool:
    """Remove a contract with its bundles; say whether it was there."""
    return connection.execute(_contracts.delete().where(_contracts.c.emaid == emaid)).rowcount > 0


def drop_sealed_for_others(
    connection: sa.Connection, pcid: str, key_fingerprint: str | None
) -> Sequence[str]:
    """Remove a car's contracts that are not sealed for this key (None: all); return their eMAIDs."""
    chosen = [_contracts.c.pcid == pcid]
    if key_fingerprint is not None:
        chosen.append(_contracts.c.receiver_key != key_fingerprint)
    ordered = (
        sa.select(_contracts.c.emaid).where(*chosen).order_by(_contracts.c.stored_at, _contracts.c.emaid)
    )
    emaids = connection.execute(ordered).scalars().all()
    if emaids:
        connection.execute(_contracts.delete().where(*chosen))
    return emaids


def is_default(connection: sa.Connection, emaid: str) -> bool:
    """Say whether a contract is its car's default."""
    query = sa.select(_contracts.c.is_default).where(_contracts.c.emaid == emaid)
    return bool(connection.execute(query).scalar())


def set_default(connection: sa.Connection, pcid: str, emaid: str) -> bool:
    """Move the default to ``emaid``; say whether the car has this contract."""
    if owner(connection, emaid) != pcid:
        return False
    others = _contracts.c.pcid == pcid, _contracts.c.emaid != emaid
    connection.execute(_contracts.update().where(*others).values(is_default=False))
    connection.execute(_contracts.update().where(_contracts.c.emaid == emaid).values(is_default=True))
    return True


def of_car(connection: sa.Connection, pcid: str) -> Sequence[Contract]:
    """Return a car's contracts, oldest first, once for each V2G root."""
    return _entries(connection, _ENTRIES.where(_contracts.c.pcid == pcid))


def find(connection: sa.Connection, emaid: str) -> Sequence[Contract]:
    """Return one contract, once for each V2G root."""
    return _entries(connection, _ENTRIES.where(_contracts.c.emaid == emaid))


def _entries(
    connection: sa.Connection, query: "sa.Select[tuple[str, str, bytes, bool, str]]"
) -> Sequence[Contract]:
    return [
        Contract(
            emaid=row.emaid,
            pcid=row.pcid,
            certificate=stored(row.certificate),
            v2g_root_fingerprint=row.v2g_root_fingerprint,
            is_default=row.is_default,
        )
        for row in connection.execute(query)
    ]
