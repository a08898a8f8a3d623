"""Roots that expire: told once, whatever happens in between. The sweep itself on virtual time."""

import asyncio
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from backend_stub.background import every
from backend_stub.database import Database
from backend_stub.events import EventType, outbox
from backend_stub.events.pruning import Pruning
from backend_stub.rcp import expiry, store
from backend_stub.rcp.expiry import ExpiryWatch
from backend_stub.rcp.interface import RootType
from backend_stub.rcp.service import RootPool
from pki.entropy import SeededEntropy
from pki.issuing import new_identity
from pki.profiles import MO_ROOT
from tests.backend_stub.events.material import SCHEMAS, START
from v2g.net.clock import LoopClock
from v2g.net.virtual import run_virtual

DAY_S = 24 * 3600.0


def test_a_root_that_expires_is_told_of_once(target: str | Path) -> None:
    root = new_identity(
        MO_ROOT,
        common_name="Short-lived",
        issuer=None,
        now=START,
        entropy=SeededEntropy(5),
        validity=timedelta(days=1),
    ).certificate

    async def scenario(database: Database) -> None:
        clock = LoopClock(START)
        pool = RootPool(database, clock.now)
        added = await pool.add(RootType.MO, root)

        async def told() -> list[tuple[str, str]]:
            events = await database.read(lambda connection: outbox.after(connection, 0, 100))
            return [(event.type.value, event.payload["fingerprintSHA256"]) for event in events]

        watches = [ExpiryWatch(pool, database, clock.now) for _ in range(2)]  # two servers, one database
        async with asyncio.TaskGroup() as group:
            sweeping = [
                group.create_task(every(expiry.EVERY_S, watch.sweep, "expired roots")()) for watch in watches
            ]
            await asyncio.sleep(DAY_S - 60)
            assert await told() == [(EventType.ROOT_ADDED, added.fingerprint)]
            await asyncio.sleep(2 * expiry.EVERY_S)
            expired = [(EventType.ROOT_ADDED, added.fingerprint), (EventType.ROOT_EXPIRED, added.fingerprint)]
            assert await told() == expired
            await asyncio.sleep(4 * DAY_S)
            await Pruning(database, clock.now, timedelta(days=3)).sweep()
            await asyncio.sleep(2 * expiry.EVERY_S)
            assert await told() == expired
            for task in sweeping:
                task.cancel()
        assert [known.certificate for known in await pool.roots()] == [root]

    with closing(Database(target)) as database:
        database.create((*SCHEMAS, store.SCHEMA))
        run_virtual(scenario(database))
