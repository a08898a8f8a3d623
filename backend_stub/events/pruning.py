"""The event log does not grow for ever: what is old and was delivered is removed."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa

from backend_stub.database import Database
from backend_stub.events import outbox, store

EVERY_S = 3600.0
KEEP_DAYS = 90

_AT_ONCE = 2000
"""Events removed in one transaction: others write in between."""

_log = logging.getLogger(__name__)


class Pruning:
    """Removes events that are older than ``keep``, and the dead letters that were given up before that.

    What an endpoint has still to get stays, however old, also where the endpoint is disabled. Who polls or streams has
    ``keep`` time to do so.
    """

    def __init__(self, database: Database, now: Callable[[], datetime], keep: timedelta) -> None:
        self._database = database
        self._now = now
        self._keep = keep

    async def sweep(self) -> int:
        """Remove what is to go; return how many events that were. Raises MarketError."""
        before = self._now() - self._keep

        def work(connection: sa.Connection) -> int:
            store.forget_dead_letters(connection, before)
            kept = store.numbers_of_dead_letters()
            return outbox.prune(connection, before, store.through_with(connection), kept, _AT_ONCE)

        removed = 0
        while True:
            gone = await self._database.write(work)
            removed += gone
            if gone < _AT_ONCE:
                break
        if removed:
            _log.info("%d events from before %s are removed", removed, before.date())
        return removed
