"""The tables of the contract certificate pool.

Each edition has a shelf of its own: a contract of ISO 15118-20 is another certificate, with another key, signed under
another root. What both have in common, the eMAID and the car, is for the pool to keep together.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto

import sqlalchemy as sa

from backend_stub.ccp.interface import Contract
from backend_stub.certificates import der, stored
from backend_stub.database import UtcDateTime, put_row
from backend_stub.namespaces import Edition

SCHEMA = sa.MetaData()


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


@dataclass(frozen=True, slots=True)
class SignedContract:
    """A contract that nobody has yet, signed under one V2G root, for :meth:`Shelf.insert_many`."""

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


class Shelf:
    """The contracts and bundles of one edition."""

    def __init__(self, edition: Edition, suffix: str) -> None:
        self.edition = edition
        self._contracts = contracts = sa.Table(
            f"ccp_contract{suffix}",
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
            f"ccp_one_default{suffix}",
            contracts.c.pcid,
            unique=True,
            sqlite_where=contracts.c.is_default,
            postgresql_where=contracts.c.is_default,
        )
        self._bundles = bundles = sa.Table(
            f"ccp_bundle{suffix}",
            SCHEMA,
            sa.Column(
                "emaid",
                sa.ForeignKey(contracts.c.emaid, ondelete="CASCADE", onupdate="CASCADE"),
                primary_key=True,
            ),
            sa.Column("v2g_root_fingerprint", sa.String(64), primary_key=True),
            sa.Column("document", sa.LargeBinary, nullable=False),
            sa.Column("cps_not_after", UtcDateTime, nullable=False),
            sa.Column("stored_at", UtcDateTime, nullable=False),
        )
        joined = contracts.join(bundles, bundles.c.emaid == contracts.c.emaid)
        self._entries = (
            sa.select(
                contracts.c.emaid,
                contracts.c.pcid,
                contracts.c.certificate,
                contracts.c.is_default,
                bundles.c.v2g_root_fingerprint,
            )
            .select_from(joined)
            .order_by(contracts.c.stored_at, contracts.c.emaid, bundles.c.stored_at)
        )
        sealed = (
            sa.select(
                contracts.c.emaid,
                contracts.c.not_before,
                contracts.c.not_after,
                bundles.c.v2g_root_fingerprint,
                bundles.c.document,
                bundles.c.cps_not_after,
            )
            .select_from(joined)
            .where(
                contracts.c.pcid == sa.bindparam("pcid"),
                contracts.c.receiver_key == sa.bindparam("receiver_key"),
            )
        )
        in_order = bundles.c.stored_at, bundles.c.v2g_root_fingerprint
        self._default = sealed.where(contracts.c.is_default).order_by(*in_order)
        self._one = sealed.where(contracts.c.emaid == sa.bindparam("emaid")).order_by(*in_order)
        self._all = sealed.order_by(
            contracts.c.is_default.desc(), contracts.c.stored_at, contracts.c.emaid, *in_order
        )

    def ready(self, connection: sa.Connection, pcid: str, receiver_key: str) -> Sequence[ReadyBundle]:
        """Return the bundles of a car's default contract that are sealed for ``receiver_key``."""
        return _bundles_of(connection.execute(self._default, {"pcid": pcid, "receiver_key": receiver_key}))

    def ready_one(
        self, connection: sa.Connection, emaid: str, pcid: str, receiver_key: str
    ) -> Sequence[ReadyBundle]:
        """Return the bundles of one contract of a car that are sealed for ``receiver_key``."""
        chosen = {"emaid": emaid, "pcid": pcid, "receiver_key": receiver_key}
        return _bundles_of(connection.execute(self._one, chosen))

    def ready_all(
        self, connection: sa.Connection, pcid: str, receiver_key: str
    ) -> Sequence[Sequence[ReadyBundle]]:
        """Return the bundles of each contract sealed for ``receiver_key``, the default one first, then the oldest."""
        found = _bundles_of(connection.execute(self._all, {"pcid": pcid, "receiver_key": receiver_key}))
        contracts: dict[str, list[ReadyBundle]] = {}
        for bundle in found:
            contracts.setdefault(bundle.emaid, []).append(bundle)
        return list(contracts.values())

    def owner(self, connection: sa.Connection, emaid: str) -> str | None:
        """Return the PCID that holds a contract, None when there is no such contract."""
        return connection.execute(
            sa.select(self._contracts.c.pcid).where(self._contracts.c.emaid == emaid)
        ).scalar()

    def put(
        self, connection: sa.Connection, contract: Contract, bundle: NewBundle, now: datetime
    ) -> tuple[Contract, Change]:
        """Insert or replace a contract and one bundle of it; return it with its place among the car's contracts."""
        certificate = der(contract.certificate)
        known = connection.execute(
            sa.select(
                self._contracts.c.certificate, self._contracts.c.receiver_key, self._contracts.c.is_default
            ).where(self._contracts.c.emaid == contract.emaid)
        ).first()
        if known is None:
            is_default = not connection.execute(
                sa.select(
                    sa.exists().where(self._contracts.c.pcid == contract.pcid, self._contracts.c.is_default)
                )
            ).scalar_one()
        else:
            is_default = known.is_default
            if (known.certificate, known.receiver_key) != (certificate, bundle.receiver_key):
                # Renewed: what was signed for the old certificate or key is of no use under any root.
                connection.execute(self._bundles.delete().where(self._bundles.c.emaid == contract.emaid))
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
        put_row(connection, self._contracts, {"emaid": contract.emaid}, values)
        key = {"emaid": contract.emaid, "v2g_root_fingerprint": contract.v2g_root_fingerprint}
        same = connection.execute(
            sa.select(self._bundles.c.document).where(
                *(self._bundles.c[name] == value for name, value in key.items())
            )
        ).scalar()
        put_row(
            connection,
            self._bundles,
            key,
            {"document": bundle.document, "cps_not_after": bundle.cps_not_after, "stored_at": now},
        )
        change = Change.CREATED if known is None else Change.UPDATED
        placed = replace(contract, is_default=is_default)
        return placed, Change.NOTHING if same == bundle.document else change

    def insert_many(
        self, connection: sa.Connection, contracts: Sequence[SignedContract], now: datetime
    ) -> None:
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
        connection.execute(self._contracts.insert(), rows)
        connection.execute(self._bundles.insert(), bundles)

    def delete_many(self, connection: sa.Connection, emaids: Sequence[str]) -> dict[str, str]:
        """Remove contracts (a few hundred at most) with their bundles; return eMAID and PCID of those that were here."""
        query = (
            sa.select(self._contracts.c.emaid, self._contracts.c.pcid)
            .where(self._contracts.c.emaid.in_(emaids))
            .order_by(self._contracts.c.emaid)
        )
        found = {row.emaid: row.pcid for row in connection.execute(query)}
        if found:
            connection.execute(self._contracts.delete().where(self._contracts.c.emaid.in_(list(found))))
        return found

    def delete(self, connection: sa.Connection, emaid: str) -> bool:
        """Remove a contract with its bundles; say whether it was there."""
        return (
            connection.execute(self._contracts.delete().where(self._contracts.c.emaid == emaid)).rowcount > 0
        )

    def drop_sealed_for_others(
        self, connection: sa.Connection, pcid: str, key_fingerprint: str | None
    ) -> Sequence[str]:
        """Remove a car's contracts that are not sealed for this key (None: all); return their eMAIDs."""
        chosen = [self._contracts.c.pcid == pcid]
        if key_fingerprint is not None:
            chosen.append(self._contracts.c.receiver_key != key_fingerprint)
        ordered = (
            sa.select(self._contracts.c.emaid)
            .where(*chosen)
            .order_by(self._contracts.c.stored_at, self._contracts.c.emaid)
        )
        emaids = connection.execute(ordered).scalars().all()
        if emaids:
            connection.execute(self._contracts.delete().where(*chosen))
        return emaids

    def is_default(self, connection: sa.Connection, emaid: str) -> bool:
        """Say whether a contract is its car's default."""
        query = sa.select(self._contracts.c.is_default).where(self._contracts.c.emaid == emaid)
        return bool(connection.execute(query).scalar())

    def set_default(self, connection: sa.Connection, pcid: str, emaid: str) -> bool:
        """Move the default to ``emaid``; say whether the car has this contract."""
        if self.owner(connection, emaid) != pcid:
            return False
        others = self._contracts.c.pcid == pcid, self._contracts.c.emaid != emaid
        connection.execute(self._contracts.update().where(*others).values(is_default=False))
        connection.execute(
            self._contracts.update().where(self._contracts.c.emaid == emaid).values(is_default=True)
        )
        return True

    def of_car(self, connection: sa.Connection, pcid: str) -> Sequence[Contract]:
        """Return a car's contracts, oldest first, once for each V2G root."""
        return self._found(connection, self._entries.where(self._contracts.c.pcid == pcid))

    def find(self, connection: sa.Connection, emaid: str) -> Sequence[Contract]:
        """Return one contract, once for each V2G root."""
        return self._found(connection, self._entries.where(self._contracts.c.emaid == emaid))

    def _found(
        self, connection: sa.Connection, query: "sa.Select[tuple[str, str, bytes, bool, str]]"
    ) -> Sequence[Contract]:
        return [
            Contract(
                emaid=row.emaid,
                pcid=row.pcid,
                certificate=stored(row.certificate),
                v2g_root_fingerprint=row.v2g_root_fingerprint,
                is_default=row.is_default,
                edition=self.edition,
            )
            for row in connection.execute(query)
        ]


SHELVES = {
    Edition.ISO2: Shelf(Edition.ISO2, ""),
    Edition.ISO20: Shelf(Edition.ISO20, "_iso20"),
}
"""One for each edition."""

insert_many = SHELVES[Edition.ISO2].insert_many
"""For a market that is filled in bulk, with contracts of ISO 15118-2."""


def owners(connection: sa.Connection, emaid: str) -> set[str]:
    """Return the PCIDs that hold a contract, in any edition; empty when there is no such contract."""
    return {pcid for shelf in SHELVES.values() if (pcid := shelf.owner(connection, emaid)) is not None}


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
