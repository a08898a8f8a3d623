"""Telling peers that a car has changed, until each of them has heard it.

A peer may hold contracts that were sealed for the old key of one of our cars. A notice only says "look again":
the peer then asks for the entry as it does on a miss, and believes nothing that does not verify.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Protocol

from backend_stub.database import Database
from backend_stub.errors import MarketError
from backend_stub.federation import store
from backend_stub.federation.peer import Peer

FIRST_RETRY_S = 1.0
LAST_RETRY_S = 300.0

_log = logging.getLogger(__name__)


class CarWatcher(Protocol):
    """Who keeps copies of other providers' entries."""

    async def look_again(self, pcid: str) -> None:
        """Bring the copy of a car up to date; nothing happens where there is none."""
        ...


class Notices:
    """Written down before the change, delivered after it, and again until the peer has confirmed."""

    def __init__(self, peers: Sequence[Peer], database: Database, now: Callable[[], datetime]) -> None:
        self._peers = {peer.name: peer for peer in peers}
        self._database = database
        self._now = now
        self._wake = asyncio.Event()
        self._under_way: set[str] = set()

    @asynccontextmanager
    async def announced(self, pcids: Sequence[str]) -> AsyncIterator[None]:
        """Change these cars inside: whatever happens to this process, the peers will look at them again."""
        if not pcids or not self._peers:
            yield
            return
        now = self._now()
        self._under_way.update(pcids)
        try:
            for pcid in pcids:
                await self._database.write(
                    partial(store.put_notices, pcid=pcid, peers=[*self._peers], now=now)
                )
            yield
        finally:
            self._under_way.difference_update(pcids)
            self._wake.set()

    async def run(self) -> None:
        """Deliver until cancelled; what an earlier process left is delivered first."""
        retry_s = FIRST_RETRY_S
        while True:
            self._wake.clear()
            left = await self.deliver()
            retry_s = min(2 * retry_s, LAST_RETRY_S) if left else FIRST_RETRY_S
            try:
                async with asyncio.timeout(retry_s if left else None):
                    await self._wake.wait()
            except TimeoutError:
                _log.info("%d notices to peers are tried again", left)

    async def deliver(self) -> int:
        """Try every notice once, peer by peer at the same time; return how many are left."""
        try:
            waiting = await self._database.read(store.notices)
        except MarketError as error:
            _log.warning("notices to peers: %s", error)
            return 1
        by_peer: dict[str, list[str]] = {}
        for name, pcid in waiting:
            by_peer.setdefault(name, []).append(pcid)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._deliver(name, pcids)) for name, pcids in by_peer.items()]
        return sum(task.result() for task in tasks)

    async def _deliver(self, name: str, pcids: Sequence[str]) -> int:
        peer = self._peers.get(name)
        ready = [pcid for pcid in pcids if pcid not in self._under_way]
        for done, pcid in enumerate(ready):
            try:
                if peer is not None:  # one that has left the market has nothing to look at
                    await peer.look_again(pcid)
                await self._database.write(partial(store.forget_notice, peer=name, pcid=pcid))
            except MarketError as error:
                _log.warning("provider %s was not told of PCID %s: %s", name, pcid, error)
                return len(ready) - done
        return 0
