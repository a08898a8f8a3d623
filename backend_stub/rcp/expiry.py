"""Tells once of every root that has expired: subscribers drop it then."""

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from backend_stub.database import Database
from backend_stub.events import EventType
from backend_stub.events.outbox import record_once
from backend_stub.rcp.interface import RootCertificatePool
from backend_stub.rcp.service import event_of

EVERY_S = 3600.0


class ExpiryWatch:
    """Looks through a pool for roots whose time is over. They stay in it: "expired" is an answer, too."""

    def __init__(self, pool: RootCertificatePool, database: Database, now: Callable[[], datetime]) -> None:
        self._pool = pool
        self._database = database
        self._now = now

    async def sweep(self) -> int:
        """Record what nobody was told of yet; return how many roots that were. Raises MarketError."""
        now = self._now()
        over = [root for root in await self._pool.roots() if root.certificate.not_valid_after_utc < now]
        if not over:
            return 0

        def work(connection: sa.Connection) -> int:
            told = 0
            for root in over:
                key = f"{EventType.ROOT_EXPIRED} {root.root_type} {root.fingerprint}"
                told += record_once(connection, event_of(EventType.ROOT_EXPIRED, root, now), key)
            return told

        return await self._database.write(work)
