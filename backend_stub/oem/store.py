"""The table of the car maker. The private key of a car never comes here."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from backend_stub.certificates import der, stored
from backend_stub.database import UtcDateTime
from backend_stub.oem.interface import Vehicle

SCHEMA = sa.MetaData()

_vehicles = sa.Table(
    "oem_vehicle",
    SCHEMA,
    sa.Column("pcid", sa.String(18), primary_key=True),
    sa.Column("evccid", sa.LargeBinary(6), nullable=False, unique=True),
    sa.Column("key_fingerprint", sa.String(64), nullable=False, unique=True),
    sa.Column("certificate", sa.LargeBinary, nullable=False),
    sa.Column("built_at", UtcDateTime, nullable=False, index=True),
    # Empty until the PCP has confirmed the upload.
    sa.Column("uploaded_at", UtcDateTime),
)


def insert(connection: sa.Connection, vehicle: Vehicle, key_fingerprint: str) -> None:
    """Add a car; raises IntegrityError when PCID, EVCCID or key are taken."""
    connection.execute(
        _vehicles.insert(),
        {
            "pcid": vehicle.pcid,
            "evccid": vehicle.evccid,
            "key_fingerprint": key_fingerprint,
            "certificate": der(vehicle.certificate),
            "built_at": vehicle.built_at,
        },
    )


def by_key(connection: sa.Connection, key_fingerprint: str) -> Vehicle | None:
    """Return the car with this key."""
    row = connection.execute(
        sa.select(_vehicles).where(_vehicles.c.key_fingerprint == key_fingerprint)
    ).first()
    return None if row is None else _vehicle(row)


def mark_uploaded(connection: sa.Connection, pcid: str, now: datetime) -> None:
    """Note that the PCP has the car's chain."""
    connection.execute(_vehicles.update().where(_vehicles.c.pcid == pcid).values(uploaded_at=now))


def not_uploaded(connection: sa.Connection) -> Sequence[Vehicle]:
    """Return the cars whose upload was never confirmed."""
    rows = connection.execute(sa.select(_vehicles).where(_vehicles.c.uploaded_at.is_(None)))
    return [_vehicle(row) for row in rows]


def newest(connection: sa.Connection, limit: int) -> Sequence[Vehicle]:
    """Return the newest cars."""
    rows = connection.execute(sa.select(_vehicles).order_by(_vehicles.c.built_at.desc()).limit(limit))
    return [_vehicle(row) for row in rows]


def count(connection: sa.Connection) -> int:
    """Return how many cars there are."""
    return int(connection.execute(sa.select(sa.func.count()).select_from(_vehicles)).scalar_one())


def _vehicle(row: "sa.Row[tuple[object, ...]]") -> Vehicle:
    return Vehicle(
        pcid=row.pcid,
        evccid=row.evccid,
        certificate=stored(row.certificate),
        built_at=row.built_at,
        uploaded=row.uploaded_at is not None,
    )
