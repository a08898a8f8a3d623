"""The table of the mobility service provider. It has no column that could hold a private key."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from backend_stub.database import UtcDateTime
from backend_stub.msp.interface import DriverContract

SCHEMA = sa.MetaData()

# A row is first a reservation (only eMAID, PCID and reserved_at), so that no two contracts get one eMAID,
# and becomes a contract once the bundle is in the CCP.
_contracts = sa.Table(
    "msp_contract",
    SCHEMA,
    sa.Column("emaid", sa.String(15), primary_key=True),
    sa.Column("pcid", sa.String(18), nullable=False, index=True),
    sa.Column("reserved_at", UtcDateTime, nullable=False),
    sa.Column("certificate_serial", sa.String(40)),
    sa.Column("not_before", UtcDateTime),
    sa.Column("not_after", UtcDateTime),
    sa.Column("onboarded_at", UtcDateTime, index=True),
)
_ONBOARDED = _contracts.c.onboarded_at.is_not(None)


def reserve(connection: sa.Connection, emaid: str, pcid: str, now: datetime) -> None:
    """Reserve an eMAID; raises IntegrityError when it is taken."""
    connection.execute(_contracts.insert(), {"emaid": emaid, "pcid": pcid, "reserved_at": now})


def release(connection: sa.Connection, emaid: str) -> None:
    """Forget a reservation."""
    connection.execute(_contracts.delete().where(_contracts.c.emaid == emaid, ~_ONBOARDED))


def complete(connection: sa.Connection, contract: DriverContract) -> None:
    """Turn a reservation into a contract."""
    connection.execute(
        _contracts.update()
        .where(_contracts.c.emaid == contract.emaid)
        .values(
            certificate_serial=f"{contract.certificate_serial:x}",
            not_before=contract.not_before,
            not_after=contract.not_after,
            onboarded_at=contract.onboarded_at,
        )
    )


def reserved_before(connection: sa.Connection, moment: datetime) -> Sequence[str]:
    """Return the eMAIDs of reservations made before ``moment`` that never became contracts."""
    query = sa.select(_contracts.c.emaid).where(~_ONBOARDED, _contracts.c.reserved_at < moment)
    return connection.execute(query).scalars().all()


def newest(connection: sa.Connection, limit: int) -> Sequence[DriverContract]:
    """Return the newest contracts."""
    query = sa.select(_contracts).where(_ONBOARDED).order_by(_contracts.c.onboarded_at.desc()).limit(limit)
    return [
        DriverContract(
            emaid=row.emaid,
            pcid=row.pcid,
            certificate_serial=int(row.certificate_serial, 16),
            not_before=row.not_before,
            not_after=row.not_after,
            onboarded_at=row.onboarded_at,
        )
        for row in connection.execute(query)
    ]


def count(connection: sa.Connection) -> int:
    """Return how many contracts there are, reservations not counted."""
    return int(
        connection.execute(sa.select(sa.func.count()).select_from(_contracts).where(_ONBOARDED)).scalar_one()
    )
