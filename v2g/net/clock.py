"""The two clocks of a session: one for durations, one for the date."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Durations and deadlines use ``monotonic``, certificates and traces use ``now``."""

    def monotonic(self) -> float:
        """Return seconds since some fixed instant; never goes back."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""


class SystemClock:
    """The clocks of the operating system."""

    def monotonic(self) -> float:
        """Return the system's monotonic time in seconds."""
        return time.monotonic()

    def now(self) -> datetime:
        """Return the system's time in UTC."""
        return datetime.now(UTC)


class LoopClock:
    """The time of the running event loop; the date is ``start`` plus the time since construction.

    Under :class:`v2g.net.virtual.VirtualTimeLoop` both are virtual. Make it inside the loop.
    """

    def __init__(self, start: datetime) -> None:
        self._loop = asyncio.get_running_loop()
        self._start = start.astimezone(UTC)
        self._origin = self._loop.time()

    def monotonic(self) -> float:
        """Return the loop's time in seconds."""
        return self._loop.time()

    def now(self) -> datetime:
        """Return ``start`` plus the time that has passed in the loop."""
        return self._start + timedelta(seconds=self._loop.time() - self._origin)
