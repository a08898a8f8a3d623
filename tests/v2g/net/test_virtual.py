"""Virtual time: the same asyncio, without waiting."""

import asyncio
import threading

import pytest

from tests.conftest import VirtualTime
from v2g.net.virtual import VirtualDeadlock, VirtualTimeError, VirtualTimeLoop, run_virtual


def test_an_hour_passes_at_once(virtual_time: VirtualTime) -> None:
    async def scenario() -> float:
        await asyncio.sleep(3600.0)
        return asyncio.get_running_loop().time()

    assert virtual_time(scenario()) == 3600.0


def test_timers_fire_in_their_order_to_the_microsecond(virtual_time: VirtualTime) -> None:
    fired: list[tuple[str, float]] = []

    async def note(name: str, at: float) -> None:
        await asyncio.sleep(at)
        fired.append((name, round(asyncio.get_running_loop().time(), 9)))

    async def scenario() -> None:
        async with asyncio.TaskGroup() as group:
            for name, at in (("late", 100.000002), ("early", 100.000001), ("first", 0.0), ("last", 1e5)):
                group.create_task(note(name, at))

    virtual_time(scenario())
    assert fired == [("first", 0.0), ("early", 100.000001), ("late", 100.000002), ("last", 1e5)]


def test_timers_of_the_same_instant_fire_in_the_order_they_were_set(virtual_time: VirtualTime) -> None:
    fired: list[int] = []

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        for number in range(50):
            loop.call_at(10.0, fired.append, number)
        for number in range(0, 50, 3):
            loop.call_at(5.0, fired.append, number).cancel()
        await asyncio.sleep(10.0)

    virtual_time(scenario())
    assert fired == list(range(50))


def test_timeouts_work(virtual_time: VirtualTime) -> None:
    async def scenario() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(4.5):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    assert virtual_time(scenario()) == 4.5


def test_a_deadlock_names_who_waits() -> None:
    async def forgotten() -> None:
        await asyncio.Event().wait()

    async def scenario() -> None:
        await asyncio.sleep(7.0)
        async with asyncio.TaskGroup() as group:
            group.create_task(forgotten(), name="car 7")

    with pytest.raises(VirtualDeadlock, match=r"at 7 s .* car 7 in .*forgotten line \d+"):
        run_virtual(scenario())


def test_an_endless_run_is_stopped() -> None:
    async def scenario() -> None:
        for _ in range(1000):
            await asyncio.sleep(1.0)

    with pytest.raises(VirtualTimeError, match="not finished after 60 s"):
        run_virtual(scenario(), time_limit_s=60.0)


def test_a_failure_comes_out_as_it_is() -> None:
    async def scenario() -> None:
        await asyncio.sleep(1.0)
        raise LookupError("as it is")

    with pytest.raises(LookupError, match="as it is"):
        run_virtual(scenario())


def test_cleaning_up_still_happens_after_a_deadlock() -> None:
    cleaned = []

    async def scenario() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(1.0)
            cleaned.append(asyncio.get_running_loop().time())

    with pytest.raises(VirtualDeadlock):
        run_virtual(scenario())
    assert cleaned == [1.0]


def test_executors_run_at_once_and_in_this_thread(virtual_time: VirtualTime) -> None:
    async def scenario() -> tuple[bool, float]:
        same = await asyncio.to_thread(lambda: threading.current_thread() is threading.main_thread())
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)
        return same, asyncio.get_running_loop().time()

    assert virtual_time(scenario()) == (True, 0.0)


def test_two_runs_are_the_same() -> None:
    async def scenario() -> list[float]:
        loop = asyncio.get_running_loop()
        seen: list[float] = []

        async def ping(period: float) -> None:
            for _ in range(20):
                await asyncio.sleep(period)
                seen.append(loop.time())

        async with asyncio.TaskGroup() as group:
            for period in (0.1, 0.3, 0.7):
                group.create_task(ping(period))
        return seen

    assert run_virtual(scenario()) == run_virtual(scenario())


def test_the_loop_starts_at_zero() -> None:
    loop = VirtualTimeLoop()
    assert loop.time() == 0.0
    loop.close()
