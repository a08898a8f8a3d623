"""What a provider keeps of its peers: their roots, copies of their cars' entries, notices not yet delivered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
import sqlalchemy as sa

from backend_stub.certificates import der, stored
from backend_stub.database import UtcDateTime, put_row
from backend_stub.namespaces import Edition
from backend_stub.pcp.interface import Provisioning
from backend_stub.rcp.interface import Root, RootType
from backend_stub.remote.codec import from_wire, to_wire

SCHEMA = sa.MetaData()

_roots = sa.Table(
    "federation_root",
    SCHEMA,
    sa.Column("fingerprint", sa.String(64), primary_key=True),
    sa.Column("root_type", sa.String(8), primary_key=True),
    sa.Column("peer", sa.String(32), nullable=False),
    sa.Column("certificate", sa.LargeBinary, nullable=False),
    sa.Column("fetched_at", UtcDateTime, nullable=False),
)

# What another provider's PCP answered, kept because a car at a charger cannot wait for two providers in a row.
_CARS = {
    edition: sa.Table(
        name,
        SCHEMA,
        sa.Column("pcid", sa.String(18), primary_key=True),
        sa.Column("peer", sa.String(32), nullable=False),
        sa.Column("entry", sa.LargeBinary, nullable=False),
        sa.Column("fetched_at", UtcDateTime, nullable=False),
    )
    for edition, name in ((Edition.ISO2, "federation_car"), (Edition.ISO20, "federation_car_iso20"))
}

_notices = sa.Table(
    "federation_notice",
    SCHEMA,
    sa.Column("peer", sa.String(32), primary_key=True),
    sa.Column("pcid", sa.String(18), primary_key=True),
    sa.Column("recorded_at", UtcDateTime, nullable=False),
)


@dataclass(frozen=True, slots=True)
class CarCopy:
    """Another provider's entry of a car, validated when it came."""

    entry: Provisioning
    peer: str
    fetched_at: datetime


def put_root(connection: sa.Connection, root: Root, peer: str, now: datetime) -> None:
    """Keep a root of a peer."""
    key = {"fingerprint": root.fingerprint, "root_type": root.root_type.value}
    values = {"peer": peer, "certificate": der(root.certificate), "fetched_at": now}
    put_row(connection, _roots, key, values)


def roots(connection: sa.Connection) -> Sequence[Root]:
    """Return the roots of all peers, in a settled order."""
    query = sa.select(_roots.c.root_type, _roots.c.certificate).order_by(_roots.c.peer, _roots.c.fingerprint)
    return [Root.of(RootType(row.root_type), stored(row.certificate)) for row in connection.execute(query)]


def put_car(connection: sa.Connection, copy: CarCopy) -> None:
    """Keep the copy of a car's entry."""
    entry = msgspec.json.encode(to_wire(copy.entry))
    values = {"peer": copy.peer, "entry": entry, "fetched_at": copy.fetched_at}
    put_row(connection, _CARS[copy.entry.edition], {"pcid": copy.entry.pcid}, values)


def car(connection: sa.Connection, pcid: str, edition: Edition) -> CarCopy | None:
    """Return the copy of a car's entry."""
    table = _CARS[edition]
    row = connection.execute(sa.select(table).where(table.c.pcid == pcid)).first()
    if row is None:
        return None
    entry = from_wire(msgspec.json.decode(row.entry), Provisioning)
    return CarCopy(entry, row.peer, row.fetched_at)


def forget_car(connection: sa.Connection, pcid: str, edition: Edition) -> None:
    """Drop the copy of a car's entry."""
    table = _CARS[edition]
    connection.execute(table.delete().where(table.c.pcid == pcid))


def put_notices(connection: sa.Connection, pcid: str, peers: Sequence[str], now: datetime) -> None:
    """Write down that these peers must look at a car again."""
    for peer in peers:
        put_row(connection, _notices, {"peer": peer, "pcid": pcid}, {"recorded_at": now})


def notices(connection: sa.Connection) -> Sequence[tuple[str, str]]:
    """Return peer and PCID of every notice that is not delivered, oldest first."""
    query = sa.select(_notices.c.peer, _notices.c.pcid).order_by(_notices.c.recorded_at)
    return [(row.peer, row.pcid) for row in connection.execute(query)]


def forget_notice(connection: sa.Connection, peer: str, pcid: str) -> None:
    """Drop a notice that was delivered."""
    connection.execute(_notices.delete().where(_notices.c.peer == peer, _notices.c.pcid == pcid))
