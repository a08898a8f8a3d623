"""The table of the mobility service provider. It has no column that could hold a private key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from cryptography import x509

from backend_stub.certificates import der, stored
from backend_stub.database import UtcDateTime, begins_with
from backend_stub.msp.interface import DriverContract, State
from backend_stub.namespaces import Edition

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
    sa.Column("certificate", sa.LargeBinary),
    # The certificate of a renewal that is under way.
    sa.Column("renewal", sa.LargeBinary),
    # The same for ISO 15118-20, where the car speaks it.
    sa.Column("certificate_iso20", sa.LargeBinary),
    sa.Column("renewal_iso20", sa.LargeBinary),
    sa.Column("ending_at", UtcDateTime),
    sa.Column("ended_at", UtcDateTime),
    sa.Column("end_reason", sa.String(40)),
)
_CERTIFICATES = {Edition.ISO2: _contracts.c.certificate, Edition.ISO20: _contracts.c.certificate_iso20}
_RENEWALS = {Edition.ISO2: _contracts.c.renewal, Edition.ISO20: _contracts.c.renewal_iso20}
_ONBOARDED = _contracts.c.onboarded_at.is_not(None)
# Few contracts of many: without it, those that have ended are looked for among all.
_TO_END = _contracts.c.ending_at.is_not(None)
sa.Index("msp_contract_ending", _contracts.c.onboarded_at, sqlite_where=_TO_END, postgresql_where=_TO_END)


@dataclass(frozen=True, slots=True)
class Ledger:
    """A contract with what only the books need. No ``certificates`` are known of one of before they were kept."""

    contract: DriverContract
    certificates: Mapping[Edition, x509.Certificate]


def reserve(connection: sa.Connection, emaid: str, pcid: str, now: datetime) -> None:
    """Reserve an eMAID; raises IntegrityError when it is taken."""
    connection.execute(_contracts.insert(), {"emaid": emaid, "pcid": pcid, "reserved_at": now})


def release(connection: sa.Connection, emaid: str) -> None:
    """Forget a reservation."""
    connection.execute(_contracts.delete().where(_contracts.c.emaid == emaid, ~_ONBOARDED))


def insert_many(
    connection: sa.Connection, contracts: Sequence[tuple[DriverContract, bytes]], now: datetime
) -> None:
    """Add contracts that are in the CCP already, each with its certificate (DER).

    Raises IntegrityError when an eMAID is taken.
    """
    rows = [
        {
            "emaid": contract.emaid,
            "pcid": contract.pcid,
            "reserved_at": now,
            "certificate_serial": f"{contract.certificate_serial:x}",
            "not_before": contract.not_before,
            "not_after": contract.not_after,
            "onboarded_at": contract.onboarded_at,
            "certificate": certificate,
        }
        for contract, certificate in contracts
    ]
    connection.execute(_contracts.insert(), rows)


def known(connection: sa.Connection, emaids: Sequence[str]) -> frozenset[str]:
    """Return those of some eMAIDs (a few hundred at most) that are contracts here, ended ones as well."""
    query = sa.select(_contracts.c.emaid).where(_contracts.c.emaid.in_(emaids), _ONBOARDED)
    return frozenset(connection.execute(query).scalars())


def complete(
    connection: sa.Connection, contract: DriverContract, certificates: Mapping[Edition, x509.Certificate]
) -> None:
    """Turn a reservation into a contract, or a renewal into the present state of one."""
    connection.execute(
        _contracts.update()
        .where(_contracts.c.emaid == contract.emaid)
        .values(
            certificate_serial=f"{contract.certificate_serial:x}",
            not_before=contract.not_before,
            not_after=contract.not_after,
            onboarded_at=contract.onboarded_at,
            **{_CERTIFICATES[edition].key: der(each) for edition, each in certificates.items()},
            **dict.fromkeys((column.key for column in _RENEWALS.values()), None),
        )
    )


def begin_renewal(
    connection: sa.Connection, emaid: str, certificates: Mapping[Edition, x509.Certificate]
) -> None:
    """Write down the certificates that are to replace the present ones."""
    values = {_RENEWALS[edition].key: der(each) for edition, each in certificates.items()}
    connection.execute(_contracts.update().where(_contracts.c.emaid == emaid).values(values))


def drop_renewal(connection: sa.Connection, emaid: str) -> None:
    """Forget a renewal that came to nothing."""
    connection.execute(
        _contracts.update().where(_contracts.c.emaid == emaid).values(renewal=None, renewal_iso20=None)
    )


def renewals(connection: sa.Connection) -> Sequence[tuple[str, Mapping[Edition, x509.Certificate]]]:
    """Return eMAID and new certificates of every renewal that is under way."""
    query = sa.select(_contracts.c.emaid, *_RENEWALS.values()).where(
        sa.or_(*(column.is_not(None) for column in _RENEWALS.values()))
    )
    return [(row.emaid, _present(row, _RENEWALS)) for row in connection.execute(query)]


def begin_end(connection: sa.Connection, emaid: str, reason: str, now: datetime) -> None:
    """Write down that a contract is to end, unless that was said before."""
    connection.execute(
        _contracts.update()
        .where(_contracts.c.emaid == emaid, _contracts.c.ending_at.is_(None))
        .values(ending_at=now, end_reason=reason)
    )


def begin_end_many(
    connection: sa.Connection, emaids: Sequence[str], reason: str, now: datetime
) -> frozenset[str]:
    """Write down that contracts (a few hundred at most) are to end; return those whose end is to be carried out."""
    chosen = _contracts.c.emaid.in_(emaids), _ONBOARDED, _contracts.c.ended_at.is_(None)
    connection.execute(
        _contracts.update()
        .where(*chosen, _contracts.c.ending_at.is_(None))
        .values(ending_at=now, end_reason=reason)
    )
    return frozenset(connection.execute(sa.select(_contracts.c.emaid).where(*chosen)).scalars())


def end_many(connection: sa.Connection, emaids: Sequence[str], now: datetime) -> None:
    """Note that contracts (a few hundred at most) have ended everywhere."""
    connection.execute(
        _contracts.update()
        .where(_contracts.c.emaid.in_(emaids), _contracts.c.ended_at.is_(None))
        .values(ended_at=now)
    )


def end(connection: sa.Connection, emaid: str, now: datetime) -> None:
    """Note that a contract has ended everywhere."""
    connection.execute(
        _contracts.update()
        .where(_contracts.c.emaid == emaid, _contracts.c.ended_at.is_(None))
        .values(ended_at=now)
    )


def ending(connection: sa.Connection) -> Mapping[str, Sequence[str]]:
    """Return the contracts whose end is not carried out yet, by the reason of their end."""
    query = sa.select(_contracts.c.end_reason, _contracts.c.emaid).where(
        _contracts.c.ending_at.is_not(None), _contracts.c.ended_at.is_(None)
    )
    found: dict[str, list[str]] = {}
    for reason, emaid in connection.execute(query):
        found.setdefault(reason, []).append(emaid)
    return found


def reserved_before(connection: sa.Connection, moment: datetime) -> Sequence[str]:
    """Return the eMAIDs of reservations made before ``moment`` that never became contracts."""
    query = sa.select(_contracts.c.emaid).where(~_ONBOARDED, _contracts.c.reserved_at < moment)
    return connection.execute(query).scalars().all()


def find(connection: sa.Connection, emaid: str) -> Ledger | None:
    """Return a contract; reservations are none."""
    row = connection.execute(sa.select(_contracts).where(_contracts.c.emaid == emaid, _ONBOARDED)).first()
    if row is None:
        return None
    return Ledger(_contract(row), _present(row, _CERTIFICATES))


def of_car(connection: sa.Connection, pcid: str) -> Sequence[DriverContract]:
    """Return the contracts of a car, oldest first."""
    query = (
        sa.select(_contracts)
        .where(_contracts.c.pcid == pcid, _ONBOARDED)
        .order_by(_contracts.c.onboarded_at, _contracts.c.emaid)
    )
    return [_contract(row) for row in connection.execute(query)]


def newest(connection: sa.Connection, limit: int) -> Sequence[DriverContract]:
    """Return the newest contracts."""
    query = sa.select(_contracts).where(_ONBOARDED).order_by(_contracts.c.onboarded_at.desc()).limit(limit)
    return [_contract(row) for row in connection.execute(query)]


_STATES = {
    State.ACTIVE: _contracts.c.ending_at.is_(None),
    State.ENDING: sa.and_(_TO_END, _contracts.c.ended_at.is_(None)),
    State.ENDED: sa.and_(_TO_END, _contracts.c.ended_at.is_not(None)),
}


def search(
    connection: sa.Connection, limit: int, *, emaid: str, state: State | None, after: DriverContract | None
) -> Sequence[DriverContract]:
    """Return the contracts after one, by eMAID where its beginning is given, else by age, newest first."""
    query = sa.select(_contracts).where(_ONBOARDED).limit(limit)
    if state is not None:
        query = query.where(_STATES[state])
    if emaid:
        query = query.where(begins_with(_contracts.c.emaid, emaid)).order_by(_contracts.c.emaid)
        if after is not None:
            query = query.where(_contracts.c.emaid > after.emaid)
    else:
        query = query.order_by(_contracts.c.onboarded_at.desc(), _contracts.c.emaid.desc())
        if after is not None:
            query = query.where(
                _contracts.c.onboarded_at <= after.onboarded_at,
                sa.or_(_contracts.c.onboarded_at < after.onboarded_at, _contracts.c.emaid < after.emaid),
            )
    return [_contract(row) for row in connection.execute(query)]


def count(connection: sa.Connection) -> int:
    """Return how many contracts there are, reservations not counted."""
    return int(
        connection.execute(sa.select(sa.func.count()).select_from(_contracts).where(_ONBOARDED)).scalar_one()
    )


def _contract(row: "sa.Row[tuple[object, ...]]") -> DriverContract:
    if row.ended_at is not None:
        state = State.ENDED
    else:
        state = State.ACTIVE if row.ending_at is None else State.ENDING
    return DriverContract(
        emaid=row.emaid,
        pcid=row.pcid,
        certificate_serial=int(row.certificate_serial, 16),
        not_before=row.not_before,
        not_after=row.not_after,
        onboarded_at=row.onboarded_at,
        state=state,
        ended_at=row.ended_at,
        end_reason=row.end_reason or "",
        # The books of before -20 knew one edition, and may not have kept its certificate.
        editions=tuple(
            edition for edition, column in _CERTIFICATES.items() if getattr(row, column.key) is not None
        )
        or (Edition.ISO2,),
    )


def _present(
    row: "sa.Row[tuple[object, ...]]", columns: "Mapping[Edition, sa.Column[bytes]]"
) -> Mapping[Edition, x509.Certificate]:
    """Return the certificates that a row holds in some of its columns."""
    held = {edition: getattr(row, column.key) for edition, column in columns.items()}
    return {edition: stored(data) for edition, data in held.items() if data is not None}
