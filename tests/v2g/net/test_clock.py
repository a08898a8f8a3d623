"""Clocks: the system's, and the loop's."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone

from tests.conftest import VirtualTime
from v2g.net.clock import LoopClock, SystemClock


def test_the_system_clock_is_aware_and_monotonic() -> None:
    clock = SystemClock()
    assert clock.now().utcoffset() == timedelta(0)
    assert clock.monotonic() <= clock.monotonic()


def test_the_loop_clock_follows_the_loop(virtual_time: VirtualTime) -> None:
    start = datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=2)))

    async def scenario() -> tuple[datetime, float]:
        await asyncio.sleep(5.0)
        clock = LoopClock(start)
        before = clock.monotonic()
        await asyncio.sleep(86_400.25)
        return clock.now(), clock.monotonic() - before

    now, elapsed = virtual_time(scenario())
    assert now == start + timedelta(days=1, seconds=0.25)
    assert now.tzinfo is UTC
    assert elapsed == 86_400.25
