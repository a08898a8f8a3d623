"""Wakes those who wait for something new in the database."""

import asyncio


class Bell:
    """Rung after a commit; whoever listens looks into the database for what it means.

    Another process on the same database cannot ring it. Therefore nobody waits longer than ``patience_s``
    without looking.
    """

    def __init__(self, patience_s: float = 1.0) -> None:
        self.closed = False
        self._patience_s = patience_s
        self._next: asyncio.Event | None = None

    def ring(self) -> None:
        """Wake everybody who listens; to be called in the event loop."""
        if self._next is not None:
            self._next.set()
            self._next = None

    def close(self) -> None:
        """Wake everybody for the last time: nothing new will come."""
        self.closed = True
        self.ring()

    def listen(self) -> asyncio.Event:
        """Return what the next ring sets. Ask before looking into the database, so that no ring is lost."""
        if self._next is None:
            self._next = asyncio.Event()
            if self.closed:
                self._next.set()
        return self._next

    async def wait(self, rung: asyncio.Event, timeout_s: float | None = None) -> float:
        """Return when ``rung`` is set, after ``timeout_s``, or when patience ends; say how long it took."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        limit_s = self._patience_s if timeout_s is None else min(timeout_s, self._patience_s)
        try:
            async with asyncio.timeout(limit_s):
                await rung.wait()
        except TimeoutError:
            return limit_s
        return loop.time() - began
