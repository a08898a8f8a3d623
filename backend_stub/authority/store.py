"""The tables of the certificate authority: which CAs, what they issued, what of it is revoked, their lists."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from cryptography import x509

from backend_stub.authority.interface import Certificate, Crl, Kind, Selection
from backend_stub.certificates import der
from backend_stub.database import UtcDateTime, put_row
from pki.crl import Entry
from pki.names import fingerprint_sha256
from pki.revocation import Reason, Revoked

SCHEMA = sa.MetaData()

MAX_NAME = 64
CHUNK = 500
"""Rows in one statement: databases limit how many parameters one may have."""

PAGE = 1000
"""Rows read at once of what may be long: others are served in between."""

_issuers = sa.Table(
    "authority_issuer",
    SCHEMA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("fingerprint", sa.String(64), nullable=False, unique=True),
    sa.Column("certificate", sa.LargeBinary, nullable=False),
    # Grows with every transaction that revokes something: a list made at another revision is out of date.
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("crl_number", sa.Integer, nullable=False),
)

# Serial numbers of up to 20 bytes, as lower-case hex without leading zeros.
_certificates = sa.Table(
    "authority_certificate",
    SCHEMA,
    sa.Column("issuer_id", sa.ForeignKey(_issuers.c.id), primary_key=True),
    sa.Column("serial", sa.String(40), primary_key=True),
    sa.Column("kind", sa.String(8), nullable=False),
    sa.Column("name", sa.String(MAX_NAME), nullable=False, index=True),
    sa.Column("pcid", sa.String(18), index=True),
    sa.Column("not_after", UtcDateTime, nullable=False),
    sa.Column("registered_at", UtcDateTime, nullable=False),
    sa.Column("revoked_at", UtcDateTime),
    sa.Column("reason", sa.String(24)),
)
_REVOKED = _certificates.c.revoked_at.is_not(None)
sa.Index(
    "authority_certificate_revoked",
    _certificates.c.issuer_id,
    _certificates.c.serial,
    sqlite_where=_REVOKED,
    postgresql_where=_REVOKED,
)

_crls = sa.Table(
    "authority_crl",
    SCHEMA,
    sa.Column("issuer_id", sa.ForeignKey(_issuers.c.id), primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("next_update", UtcDateTime, nullable=False),
    sa.Column("document", sa.LargeBinary, nullable=False),
)

_STATUS = sa.select(_certificates.c.revoked_at, _certificates.c.reason).where(
    _certificates.c.issuer_id == sa.bindparam("issuer_id"), _certificates.c.serial == sa.bindparam("serial")
)
_REVOKED_AMONG = sa.select(
    _certificates.c.issuer_id, _certificates.c.serial, _certificates.c.revoked_at, _certificates.c.reason
).where(
    _REVOKED,
    _certificates.c.issuer_id.in_(sa.bindparam("issuers", expanding=True)),
    _certificates.c.serial.in_(sa.bindparam("serials", expanding=True)),
)
_LISTED = (
    sa.select(
        _issuers.c.fingerprint,
        _certificates.c.serial,
        _certificates.c.kind,
        _certificates.c.name,
        _certificates.c.pcid,
        _certificates.c.not_after,
        _certificates.c.revoked_at,
        _certificates.c.reason,
    )
    .select_from(_certificates.join(_issuers))
    .order_by(_certificates.c.registered_at, _certificates.c.serial)
)


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A certificate for the index."""

    issuer_id: int
    serial: int
    kind: Kind
    name: str
    pcid: str | None
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Status:
    """What the index says of a serial number: ``known`` is False when it is not in it."""

    known: bool
    revoked: Revoked | None = None


@dataclass(frozen=True, slots=True)
class Ledger:
    """Which list a CA needs next: its state, and the number of its newest list."""

    revision: int
    number: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one transaction of a bulk revocation did. ``last`` is where the next one begins."""

    seen: int
    revoked: int
    names: frozenset[str] = frozenset()
    last: tuple[int, str] | None = None


def add_issuer(connection: sa.Connection, certificate: x509.Certificate) -> int:
    """Return the id of a CA, which is entered if it is new."""
    fingerprint = fingerprint_sha256(certificate)
    known = connection.execute(
        sa.select(_issuers.c.id).where(_issuers.c.fingerprint == fingerprint)
    ).scalar_one_or_none()
    if known is not None:
        return int(known)
    row = {"fingerprint": fingerprint, "certificate": der(certificate), "revision": 0, "crl_number": 0}
    added = connection.execute(_issuers.insert(), row).inserted_primary_key
    assert added is not None
    return int(added[0])


def register(connection: sa.Connection, entries: Sequence[NewEntry], now: datetime) -> None:
    """Enter those certificates that are not in the index yet."""
    for start in range(0, len(entries), CHUNK):
        rows = {
            (entry.issuer_id, f"{entry.serial:x}"): {
                "issuer_id": entry.issuer_id,
                "serial": f"{entry.serial:x}",
                "kind": entry.kind.value,
                "name": entry.name[:MAX_NAME],
                "pcid": entry.pcid,
                "not_after": entry.not_after,
                "registered_at": now,
            }
            for entry in entries[start : start + CHUNK]
        }
        for issuer_id in {issuer_id for issuer_id, _ in rows}:
            serials = [serial for owner, serial in rows if owner == issuer_id]
            known = sa.select(_certificates.c.serial).where(
                _certificates.c.issuer_id == issuer_id, _certificates.c.serial.in_(serials)
            )
            for serial in connection.execute(known).scalars():
                del rows[issuer_id, serial]
        if rows:
            connection.execute(_certificates.insert(), list(rows.values()))


def statuses(connection: sa.Connection, issuer_id: int, serials: Iterable[int]) -> list[Status]:
    """Return what the index says of some serial numbers of one CA, in their order."""
    found = []
    for serial in serials:
        row = connection.execute(_STATUS, {"issuer_id": issuer_id, "serial": f"{serial:x}"}).first()
        found.append(Status(known=False) if row is None else Status(known=True, revoked=_revoked(row)))
    return found


def revoked_among(
    connection: sa.Connection, asked: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], Revoked]:
    """Return those of some certificates (issuer's id, serial number) that are revoked, by one statement."""
    wanted = {(issuer_id, f"{serial:x}"): (issuer_id, serial) for issuer_id, serial in asked}
    if not wanted:
        return {}
    chosen = {"issuers": sorted({name[0] for name in wanted}), "serials": [name[1] for name in wanted]}
    return {
        wanted[row.issuer_id, row.serial]: Revoked(row.revoked_at, Reason(row.reason))
        for row in connection.execute(_REVOKED_AMONG, chosen)
        if (row.issuer_id, row.serial) in wanted
    }


def by_name(connection: sa.Connection, name: str) -> Sequence[Certificate]:
    """Return the certificates with a common name, oldest first."""
    return [_certificate(row) for row in connection.execute(_LISTED.where(_certificates.c.name == name))]


def by_serial(connection: sa.Connection, issuer_id: int, serial: int) -> Certificate | None:
    """Return one certificate."""
    row = connection.execute(
        _LISTED.where(_certificates.c.issuer_id == issuer_id, _certificates.c.serial == f"{serial:x}")
    ).first()
    return None if row is None else _certificate(row)


def revoke(connection: sa.Connection, issuer_id: int, serial: int, revoked: Revoked) -> Certificate | None:
    """Revoke a certificate unless it is revoked already; return it, or None when it is not in the index."""
    changed = connection.execute(
        _certificates.update()
        .where(
            _certificates.c.issuer_id == issuer_id,
            _certificates.c.serial == f"{serial:x}",
            ~_REVOKED,
        )
        .values(revoked_at=revoked.at, reason=revoked.reason.value)
    ).rowcount
    if changed:
        _new_revision(connection, {issuer_id})
    return by_serial(connection, issuer_id, serial)


def revoke_named(
    connection: sa.Connection, names: Sequence[str], selection: Selection, revoked: Revoked
) -> Chunk:
    """Revoke the certificates with these common names that also meet the rest of ``selection``."""
    columns = (
        _certificates.c.issuer_id,
        _certificates.c.serial,
        _certificates.c.name,
        _certificates.c.revoked_at,
    )
    rows = connection.execute(
        sa.select(*columns).where(_certificates.c.name.in_(names), *_conditions(selection))
    ).all()
    live = [(row.issuer_id, row.serial) for row in rows if row.revoked_at is None]
    _revoke(connection, live, revoked)
    return Chunk(seen=len(rows), revoked=len(live), names=frozenset(row.name for row in rows))


def revoke_next(
    connection: sa.Connection, selection: Selection, after: tuple[int, str] | None, revoked: Revoked
) -> Chunk:
    """Revoke the next certificates of ``selection`` after a place in the index."""
    key = (_certificates.c.issuer_id, _certificates.c.serial)
    query = sa.select(*key).where(~_REVOKED, *_conditions(selection)).order_by(*key).limit(CHUNK)
    if after is not None:
        issuer_id, serial = after
        query = query.where(sa.or_(key[0] > issuer_id, sa.and_(key[0] == issuer_id, key[1] > serial)))
    live = [(row.issuer_id, row.serial) for row in connection.execute(query)]
    _revoke(connection, live, revoked)
    return Chunk(seen=len(live), revoked=len(live), last=live[-1] if live else None)


def count_live(connection: sa.Connection, selection: Selection) -> int:
    """Return how many certificates of ``selection`` are not revoked."""
    query = sa.select(sa.func.count()).select_from(_certificates).where(~_REVOKED, *_conditions(selection))
    return int(connection.execute(query).scalar_one())


def ledger(connection: sa.Connection, issuer_id: int) -> Ledger:
    """Return the state of a CA; to be read before the entries of a list."""
    row = connection.execute(
        sa.select(_issuers.c.revision, _issuers.c.crl_number).where(_issuers.c.id == issuer_id)
    ).one()
    return Ledger(row.revision, row.crl_number)


def revoked_page(connection: sa.Connection, issuer_id: int, since: datetime, after: str) -> Sequence[Entry]:
    """Return the next revoked certificates of a CA after a serial number (as it is stored; empty: the first).

    Those that ran out before ``since`` are left away.
    """
    found = connection.execute(
        sa.select(_certificates.c.serial, _certificates.c.revoked_at, _certificates.c.reason)
        .where(
            _REVOKED,
            _certificates.c.issuer_id == issuer_id,
            _certificates.c.not_after > since,
            _certificates.c.serial > after,
        )
        .order_by(_certificates.c.serial)
        .limit(PAGE)
    )
    return [Entry(int(each.serial, 16), Revoked(each.revoked_at, Reason(each.reason))) for each in found]


def current_crl(connection: sa.Connection, issuer_id: int, now: datetime) -> Crl | None:
    """Return a CA's list if it is up to date and holds."""
    row = connection.execute(
        sa.select(_crls.c.document, _crls.c.number, _crls.c.next_update)
        .select_from(_crls.join(_issuers))
        .where(
            _crls.c.issuer_id == issuer_id,
            _crls.c.revision == _issuers.c.revision,
            _crls.c.next_update > now,
        )
    ).first()
    return None if row is None else Crl(row.document, row.number, row.next_update)


def put_crl(connection: sa.Connection, issuer_id: int, crl: Crl, revision: int) -> bool:
    """Store a list as the CA's newest; False when another server has given its number to another list."""
    taken = connection.execute(
        _issuers.update()
        .where(_issuers.c.id == issuer_id, _issuers.c.crl_number == crl.number - 1)
        .values(crl_number=crl.number)
    ).rowcount
    if not taken:
        return False
    values = {
        "number": crl.number,
        "revision": revision,
        "next_update": crl.next_update,
        "document": crl.document,
    }
    put_row(connection, _crls, {"issuer_id": issuer_id}, values)
    return True


def _revoke(connection: sa.Connection, keys: Sequence[tuple[int, str]], revoked: Revoked) -> None:
    by_issuer: dict[int, list[str]] = {}
    for issuer_id, serial in keys:
        by_issuer.setdefault(issuer_id, []).append(serial)
    for issuer_id, serials in by_issuer.items():
        for start in range(0, len(serials), CHUNK):
            connection.execute(
                _certificates.update()
                .where(
                    _certificates.c.issuer_id == issuer_id,
                    _certificates.c.serial.in_(serials[start : start + CHUNK]),
                    ~_REVOKED,
                )
                .values(revoked_at=revoked.at, reason=revoked.reason.value)
            )
    _new_revision(connection, by_issuer.keys())


def _new_revision(connection: sa.Connection, issuer_ids: Iterable[int]) -> None:
    for issuer_id in sorted(issuer_ids):  # in one order everywhere, so that no two wait for each other
        connection.execute(
            _issuers.update().where(_issuers.c.id == issuer_id).values(revision=_issuers.c.revision + 1)
        )


def _conditions(selection: Selection) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if selection.kind is not None:
        found.append(_certificates.c.kind == selection.kind.value)
    if selection.prefix:
        found.append(_certificates.c.name.startswith(selection.prefix, autoescape=True))
    if selection.pcid_prefix:
        found.append(_certificates.c.pcid.startswith(selection.pcid_prefix, autoescape=True))
    if selection.issuer:
        issuer = sa.select(_issuers.c.id).where(_issuers.c.fingerprint == selection.issuer).scalar_subquery()
        found.append(_certificates.c.issuer_id == issuer)
    return found


def _revoked(row: Any) -> Revoked | None:
    return None if row.revoked_at is None else Revoked(row.revoked_at, Reason(row.reason))


def _certificate(row: Any) -> Certificate:
    return Certificate(
        issuer_fingerprint=row.fingerprint,
        serial=int(row.serial, 16),
        kind=Kind(row.kind),
        name=row.name,
        pcid=row.pcid,
        not_after=row.not_after,
        revoked_at=row.revoked_at,
        reason=None if row.reason is None else Reason(row.reason),
    )
