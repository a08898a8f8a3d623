"""The table of the car maker. The private key of a car never comes here, of its one-time code only a hash."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from cryptography import x509

from backend_stub.certificates import der, stored
from backend_stub.database import UtcDateTime, begins_with, put_row
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
    # Cars of before there were VINs and regions have none.
    sa.Column("vin", sa.String(17)),
    sa.Column("region", sa.String(32)),
    sa.Column("previous_pcid", sa.String(18)),
    sa.Column("code_sha256", sa.String(64)),
    # The contract that the code was used for.
    sa.Column("code_reference", sa.String(15)),
    sa.Column("code_wrong_tries", sa.Integer),
    sa.UniqueConstraint("vin", name="oem_vehicle_vin_key"),
)


# What a car has that speaks ISO 15118-20, too.
_iso20 = sa.Table(
    "oem_vehicle_iso20",
    SCHEMA,
    sa.Column("pcid", sa.String(18), primary_key=True),
    sa.Column("key_fingerprint", sa.String(64), nullable=False, unique=True),
    sa.Column("provisioning", sa.LargeBinary, nullable=False),
    sa.Column("vehicle", sa.LargeBinary, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Iso20Car:
    """The certificates of a car for ISO 15118-20."""

    key_fingerprint: str
    """Of its provisioning key."""
    provisioning: x509.Certificate
    vehicle: x509.Certificate


@dataclass(frozen=True, slots=True)
class Code:
    """What is kept of a car's one-time code."""

    sha256: str | None
    reference: str | None
    wrong_tries: int


@dataclass(frozen=True, slots=True)
class FinishedVehicle:
    """A car whose chain is in the PCP already, for :func:`insert_many`."""

    pcid: str
    evccid: bytes
    vin: str
    region: str
    certificate: bytes
    """DER."""
    key_fingerprint: str
    code_sha256: str


def insert_many(connection: sa.Connection, vehicles: Sequence[FinishedVehicle], now: datetime) -> None:
    """Add cars that are uploaded already; raises IntegrityError when PCID, EVCCID, VIN or key are taken."""
    rows = [
        {
            "pcid": vehicle.pcid,
            "evccid": vehicle.evccid,
            "key_fingerprint": vehicle.key_fingerprint,
            "certificate": vehicle.certificate,
            "built_at": now,
            "uploaded_at": now,
            "vin": vehicle.vin,
            "region": vehicle.region,
            "code_sha256": vehicle.code_sha256,
            "code_wrong_tries": 0,
        }
        for vehicle in vehicles
    ]
    connection.execute(_vehicles.insert(), rows)


def known(connection: sa.Connection, pcids: Sequence[str]) -> frozenset[str]:
    """Return those of some PCIDs (a few hundred at most) that are cars here."""
    query = sa.select(_vehicles.c.pcid).where(_vehicles.c.pcid.in_(pcids))
    return frozenset(connection.execute(query).scalars())


def insert(connection: sa.Connection, vehicle: Vehicle, key_fingerprint: str) -> None:
    """Add a car; raises IntegrityError when PCID, EVCCID, VIN or key are taken."""
    connection.execute(
        _vehicles.insert(),
        {
            "pcid": vehicle.pcid,
            "evccid": vehicle.evccid,
            "key_fingerprint": key_fingerprint,
            "certificate": der(vehicle.certificate),
            "built_at": vehicle.built_at,
            "vin": vehicle.vin or None,
            "region": vehicle.region or None,
        },
    )


def replace_key(connection: sa.Connection, pcid: str, vehicle: Vehicle, key_fingerprint: str) -> None:
    """Give a car another key, and perhaps another PCID; raises IntegrityError when one of them is taken.

    The chain must be uploaded again; the one-time code of the old key is void.
    """
    connection.execute(
        _vehicles.update()
        .where(_vehicles.c.pcid == pcid)
        .values(
            pcid=vehicle.pcid,
            key_fingerprint=key_fingerprint,
            certificate=der(vehicle.certificate),
            previous_pcid=vehicle.previous_pcid,
            uploaded_at=None,
            code_sha256=None,
            code_reference=None,
            code_wrong_tries=0,
        )
    )


def put_iso20(connection: sa.Connection, pcid: str, car: Iso20Car, previous_pcid: str | None = None) -> None:
    """Note what a car has for ISO 15118-20, which must be uploaded; raises IntegrityError when the key is another's."""
    if previous_pcid is not None:
        connection.execute(_iso20.delete().where(_iso20.c.pcid == previous_pcid))
    values = {
        "key_fingerprint": car.key_fingerprint,
        "provisioning": der(car.provisioning),
        "vehicle": der(car.vehicle),
    }
    put_row(connection, _iso20, {"pcid": pcid}, values)
    connection.execute(_vehicles.update().where(_vehicles.c.pcid == pcid).values(uploaded_at=None))


def iso20_of(connection: sa.Connection, pcid: str) -> Iso20Car | None:
    """Return what a car has for ISO 15118-20, None when it does not speak that."""
    row = connection.execute(sa.select(_iso20).where(_iso20.c.pcid == pcid)).first()
    if row is None:
        return None
    return Iso20Car(row.key_fingerprint, stored(row.provisioning), stored(row.vehicle))


def by_key(connection: sa.Connection, key_fingerprint: str) -> Vehicle | None:
    """Return the car with this key."""
    return _one(connection, _vehicles.c.key_fingerprint == key_fingerprint)


def by_pcid(connection: sa.Connection, pcid: str) -> Vehicle | None:
    """Return the car with this PCID."""
    return _one(connection, _vehicles.c.pcid == pcid)


def by_vin(connection: sa.Connection, vin: str) -> Vehicle | None:
    """Return the car with this VIN."""
    return _one(connection, _vehicles.c.vin == vin)


def put_code(connection: sa.Connection, pcid: str, sha256: str) -> bool:
    """Keep a new one-time code; say whether there is such a car."""
    values = {"code_sha256": sha256, "code_reference": None, "code_wrong_tries": 0}
    return connection.execute(_vehicles.update().where(_vehicles.c.pcid == pcid).values(values)).rowcount > 0


def code_of(connection: sa.Connection, pcid: str) -> Code | None:
    """Return what is kept of a car's code, None for a car that is not ours."""
    row = connection.execute(
        sa.select(_vehicles.c.code_sha256, _vehicles.c.code_reference, _vehicles.c.code_wrong_tries).where(
            _vehicles.c.pcid == pcid
        )
    ).first()
    return None if row is None else Code(row.code_sha256, row.code_reference, row.code_wrong_tries or 0)


def bind_code(connection: sa.Connection, pcid: str, reference: str | None) -> None:
    """Note what a code was used for; None: it was not."""
    connection.execute(_vehicles.update().where(_vehicles.c.pcid == pcid).values(code_reference=reference))


def count_wrong_try(connection: sa.Connection, pcid: str) -> None:
    """Note that somebody gave a wrong code."""
    tries = sa.func.coalesce(_vehicles.c.code_wrong_tries, 0) + 1
    connection.execute(_vehicles.update().where(_vehicles.c.pcid == pcid).values(code_wrong_tries=tries))


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


def search(
    connection: sa.Connection, limit: int, *, pcid: str, vin: str, after: Vehicle | None
) -> Sequence[Vehicle]:
    """Return the cars after one, by PCID or VIN where its beginning is given, else by age, newest first."""
    query = sa.select(_vehicles).limit(limit)
    if pcid or vin:
        column = _vehicles.c.pcid if pcid else _vehicles.c.vin
        query = query.where(begins_with(column, pcid or vin)).order_by(column)
        if after is not None:
            query = query.where(column > (after.pcid if pcid else after.vin))
    else:
        query = query.order_by(_vehicles.c.built_at.desc(), _vehicles.c.pcid.desc())
        if after is not None:
            query = query.where(
                _vehicles.c.built_at <= after.built_at,
                sa.or_(_vehicles.c.built_at < after.built_at, _vehicles.c.pcid < after.pcid),
            )
    return [_vehicle(row) for row in connection.execute(query)]


def count(connection: sa.Connection) -> int:
    """Return how many cars there are."""
    return int(connection.execute(sa.select(sa.func.count()).select_from(_vehicles)).scalar_one())


def _one(connection: sa.Connection, condition: "sa.ColumnElement[bool]") -> Vehicle | None:
    row = connection.execute(sa.select(_vehicles).where(condition)).first()
    return None if row is None else _vehicle(row)


def _vehicle(row: "sa.Row[tuple[object, ...]]") -> Vehicle:
    return Vehicle(
        pcid=row.pcid,
        evccid=row.evccid,
        certificate=stored(row.certificate),
        built_at=row.built_at,
        uploaded=row.uploaded_at is not None,
        vin=row.vin or "",
        region=row.region or "",
        previous_pcid=row.previous_pcid,
    )
