"""The tables of the provisioning certificate pool, one for each edition."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from backend_stub.certificates import der, stored
from backend_stub.database import UtcDateTime, put_row
from backend_stub.namespaces import Edition
from backend_stub.pcp.interface import Provisioning, ProvisioningChain

SCHEMA = sa.MetaData()


def _table(name: str) -> sa.Table:
    return sa.Table(
        name,
        SCHEMA,
        sa.Column("pcid", sa.String(18), primary_key=True),
        sa.Column("certificate", sa.LargeBinary, nullable=False),
        sa.Column("sub_ca1", sa.LargeBinary, nullable=False),
        sa.Column("sub_ca2", sa.LargeBinary),
        sa.Column("key_fingerprint", sa.String(64), nullable=False),
        sa.Column("v2g_root_key_ids", sa.Text, nullable=False),
        sa.Column("previous_pcid", sa.String(18)),
        sa.Column("root_name", sa.Text, nullable=False),
        sa.Column("root_serial", sa.String(40), nullable=False),
        sa.Column("root_key_id", sa.LargeBinary, nullable=False),
        sa.Column("registered_at", UtcDateTime, nullable=False),
    )


# A car has one certificate for each edition, with a key, sub-CAs and a root of its own.
_CARS = {Edition.ISO2: _table("pcp_provisioning"), Edition.ISO20: _table("pcp_provisioning_iso20")}

_BY_PCID = {
    edition: sa.select(table).where(table.c.pcid == sa.bindparam("pcid")) for edition, table in _CARS.items()
}


def put(connection: sa.Connection, entry: Provisioning, now: datetime) -> None:
    """Insert or replace the entry of one car."""
    put_row(connection, _CARS[entry.edition], {"pcid": entry.pcid}, _row(entry, now))


def insert_many(connection: sa.Connection, entries: Sequence[Provisioning], now: datetime) -> None:
    """Add cars of ISO 15118-2 that are not here yet; raises IntegrityError when one is."""
    table = _CARS[Edition.ISO2]
    connection.execute(table.insert(), [{"pcid": entry.pcid, **_row(entry, now)} for entry in entries])


def _row(entry: Provisioning, now: datetime) -> dict[str, Any]:
    chain = entry.chain
    return {
        "certificate": der(chain.vehicle),
        "sub_ca1": der(chain.sub_ca1),
        "sub_ca2": None if chain.sub_ca2 is None else der(chain.sub_ca2),
        "key_fingerprint": entry.key_fingerprint,
        "v2g_root_key_ids": json.dumps([key_id.hex() for key_id in chain.v2g_root_key_ids]),
        "previous_pcid": chain.previous_pcid,
        "root_name": entry.root_name,
        "root_serial": f"{entry.root_serial:x}",
        "root_key_id": entry.root_key_id,
        "registered_at": now,
    }


def find(connection: sa.Connection, pcid: str, edition: Edition) -> Provisioning | None:
    """Return the entry of one car."""
    row = connection.execute(_BY_PCID[edition], {"pcid": pcid}).first()
    if row is None:
        return None
    chain = ProvisioningChain(
        vehicle=stored(row.certificate),
        sub_ca1=stored(row.sub_ca1),
        sub_ca2=None if row.sub_ca2 is None else stored(row.sub_ca2),
        v2g_root_key_ids=tuple(bytes.fromhex(key_id) for key_id in json.loads(row.v2g_root_key_ids)),
        previous_pcid=row.previous_pcid,
    )
    return Provisioning(
        pcid=row.pcid,
        chain=chain,
        key_fingerprint=row.key_fingerprint,
        root_name=row.root_name,
        root_serial=int(row.root_serial, 16),
        root_key_id=row.root_key_id,
    )


def delete(connection: sa.Connection, pcid: str) -> bool:
    """Remove one car, of every edition; say whether it was there."""
    gone = [
        connection.execute(table.delete().where(table.c.pcid == pcid)).rowcount for table in _CARS.values()
    ]
    return any(gone)
