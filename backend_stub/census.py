"""How many rows each role has: what the page of the market shows beside its picture.

All processes of a provider share one database, so that counting needs none of them.
"""

import asyncio
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from backend_stub.authority import store as authority_store
from backend_stub.ccp import store as ccp_store
from backend_stub.database import Database
from backend_stub.events import outbox as event_log
from backend_stub.events import store as event_store
from backend_stub.msp import store as msp_store
from backend_stub.oem import store as oem_store
from backend_stub.pcp import store as pcp_store
from backend_stub.rcp import store as rcp_store
from backend_stub.register import store as register_store
from backend_stub.roles import Role
from backend_stub.telematics import store as telematics_store

LIFETIME_S = 3.0
"""Counting a hundred thousand rows takes some milliseconds; whoever asks sooner gets the same figures."""

_Query = sa.Select[Any]


def _rows(table: sa.Table, *conditions: sa.ColumnElement[bool]) -> _Query:
    return sa.select(sa.func.count()).select_from(table).where(*conditions)


def _queries() -> Mapping[str, Mapping[str, _Query]]:
    contract = msp_store.SCHEMA.tables["msp_contract"].c
    mail = telematics_store.SCHEMA.tables["telematics_contract"]
    issued = authority_store.SCHEMA.tables["authority_certificate"]
    log = event_log.SCHEMA.tables["event_log"]
    return {
        Role.OEM: {"vehicles": _rows(oem_store.SCHEMA.tables["oem_vehicle"])},
        Role.PCP: {"certificates": _rows(pcp_store.SCHEMA.tables["pcp_provisioning"])},
        Role.MSP: {
            "contracts": _rows(contract.emaid.table, contract.onboarded_at.is_not(None)),
            "ended": _rows(
                contract.emaid.table, contract.ending_at.is_not(None), contract.ended_at.is_not(None)
            ),
        },
        Role.CCP: {
            "contracts": _rows(ccp_store.SCHEMA.tables["ccp_contract"]),
            "bundles": _rows(ccp_store.SCHEMA.tables["ccp_bundle"]),
        },
        Role.RCP: {"roots": _rows(rcp_store.SCHEMA.tables["rcp_root"])},
        Role.REGISTER: {"registrations": _rows(register_store.SCHEMA.tables["register_vehicle"])},
        "authority": {"issued": _rows(issued), "revoked": _rows(issued, issued.c.revoked_at.is_not(None))},
        "events": {
            "events": sa.select(sa.func.coalesce(sa.func.max(log.c.sequence), 0)),
            "webhooks": _rows(event_store.SCHEMA.tables["event_endpoint"]),
        },
        "telematics": {
            "contracts": _rows(mail),
            "waiting": _rows(mail, mail.c.state.in_(["queued", "delivered", "removing"])),
        },
    }


_QUERIES = MappingProxyType(_queries())


class Census:
    """Counts, and keeps the figures for :data:`LIFETIME_S`."""

    def __init__(self, database: Database, monotonic: Callable[[], float] | None = None) -> None:
        self._database = database
        self._monotonic = monotonic
        self._counted_at = float("-inf")
        self._counts: dict[str, dict[str, int]] = {}
        self._lock = asyncio.Lock()

    async def counts(self) -> Mapping[str, Mapping[str, int]]:
        """Return the figures by role and what is counted. Raises MarketError(STORE)."""
        clock = self._monotonic or asyncio.get_running_loop().time
        async with self._lock:  # who comes meanwhile waits for the same figures
            if clock() - self._counted_at >= LIFETIME_S:
                counts: dict[str, dict[str, int]] = {}
                for role, queries in _QUERIES.items():
                    # One at a time: others are served in between.
                    counts[role] = {name: await self._count(query) for name, query in queries.items()}
                    await asyncio.sleep(0)
                self._counts, self._counted_at = counts, clock()
            return self._counts

    async def _count(self, query: _Query) -> int:
        return await self._database.read(lambda connection: int(connection.execute(query).scalar_one()))
