"""The table of the vehicle register."""

import sqlalchemy as sa

from backend_stub.database import UtcDateTime, put_row
from backend_stub.register.interface import MAX_NUMBER_LENGTH, Registration

SCHEMA = sa.MetaData()

_registrations = sa.Table(
    "register_vehicle",
    SCHEMA,
    sa.Column("vin", sa.String(17), primary_key=True),
    sa.Column("number", sa.String(MAX_NUMBER_LENGTH), nullable=False, unique=True),
    sa.Column("pcid", sa.String(18), nullable=False, unique=True),
    sa.Column("keeper", sa.String(200), nullable=False),
    sa.Column("document_sha256", sa.String(64), nullable=False),
    sa.Column("wrong_tries", sa.Integer, nullable=False),
    sa.Column("registered_at", UtcDateTime, nullable=False),
)


def put(connection: sa.Connection, registration: Registration, document_sha256: str) -> None:
    """Enter a car or replace its entry; raises IntegrityError when number or PCID are on another car."""
    values = {
        "number": registration.number,
        "pcid": registration.pcid,
        "keeper": registration.keeper,
        "document_sha256": document_sha256,
        "wrong_tries": 0,
        "registered_at": registration.registered_at,
    }
    put_row(connection, _registrations, {"vin": registration.vin}, values)


def by_number(connection: sa.Connection, number: str) -> Registration | None:
    """Return the car that bears this number."""
    return _one(connection, _registrations.c.number == number)


def by_vin(connection: sa.Connection, vin: str) -> Registration | None:
    """Return the car with this VIN."""
    return _one(connection, _registrations.c.vin == vin)


def document_of(connection: sa.Connection, pcid: str) -> tuple[str, int] | None:
    """Return the hash of the document's reference, and the wrong tries at it so far."""
    row = connection.execute(
        sa.select(_registrations.c.document_sha256, _registrations.c.wrong_tries).where(
            _registrations.c.pcid == pcid
        )
    ).first()
    return None if row is None else (row.document_sha256, row.wrong_tries)


def count_wrong_try(connection: sa.Connection, pcid: str) -> None:
    """Note that somebody gave a wrong reference."""
    connection.execute(
        _registrations.update()
        .where(_registrations.c.pcid == pcid)
        .values(wrong_tries=_registrations.c.wrong_tries + 1)
    )


def _one(connection: sa.Connection, condition: "sa.ColumnElement[bool]") -> Registration | None:
    row = connection.execute(sa.select(_registrations).where(condition)).first()
    if row is None:
        return None
    return Registration(row.number, row.vin, row.pcid, row.keeper, row.registered_at)
