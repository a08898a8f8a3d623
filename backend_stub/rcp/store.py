"""The table of the root certificate pool."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from backend_stub.certificates import stored
from backend_stub.database import UtcDateTime
from backend_stub.rcp.interface import Root, RootType

SCHEMA = sa.MetaData()

_roots = sa.Table(
    "rcp_root",
    SCHEMA,
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("root_type", sa.String(8), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("certificate", sa.LargeBinary, nullable=False),
    sa.Column("added_at", UtcDateTime, nullable=False),
    # One certificate may anchor several branches: a provider with a single root for everything.
    sa.PrimaryKeyConstraint("fingerprint", "root_type"),
)


def insert(connection: sa.Connection, root: Root, der: bytes, now: datetime) -> bool:
    """Add a root unless it is there; say whether it was not."""
    known = sa.select(_roots.c.position).where(
        _roots.c.fingerprint == root.fingerprint, _roots.c.root_type == root.root_type
    )
    if connection.execute(known).first() is not None:
        return False
    last = connection.execute(sa.select(sa.func.coalesce(sa.func.max(_roots.c.position), 0))).scalar_one()
    connection.execute(
        _roots.insert(),
        {
            "fingerprint": root.fingerprint,
            "root_type": root.root_type.value,
            "position": last + 1,
            "certificate": der,
            "added_at": now,
        },
    )
    return True


def delete(connection: sa.Connection, fingerprint: str) -> None:
    """Remove a root from every branch."""
    connection.execute(_roots.delete().where(_roots.c.fingerprint == fingerprint))


def all_roots(connection: sa.Connection) -> Sequence[Root]:
    """Return every root, oldest first."""
    rows = connection.execute(sa.select(_roots.c.root_type, _roots.c.certificate).order_by(_roots.c.position))
    return [Root.of(RootType(row.root_type), stored(row.certificate)) for row in rows]
