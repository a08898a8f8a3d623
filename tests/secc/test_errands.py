"""Errands under their timers, in virtual time."""

import asyncio
from typing import Any

import pytest

from secc.errands import Errands
from secc.errors import BundleError, BundleFailure
from secc.table import Errand, Refusal
from tests.conftest import VirtualTime
from tests.secc.market import NOW
from v2g.net.clock import LoopClock
from v2g.timing import Deadline, Limit

LIMIT = Limit("Ongoing", 55.0, "")


def errand(seconds: float, log: list[str], *, limit: Limit | None = LIMIT) -> Errand[str]:
    async def run(_deadline: Deadline) -> str:
        log.append("begun")
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            log.append("cancelled")
            raise
        return "done"

    return Errand(run, lambda _: Refusal("", ""), 0.25, limit, 1.0)


async def ask(errands: Errands, clock: LoopClock, wanted: Errand[str]) -> tuple[Any, float]:
    now = clock.monotonic()
    outcome = await errands.outcome(wanted, Deadline.after(4.5, now), now)
    return outcome, clock.monotonic() - now


def test_an_errand_goes_on_between_requests(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        clock, log = LoopClock(NOW), list[str]()
        errands, wanted = Errands(clock), errand(2.5, log)
        outcome, elapsed_s = await ask(errands, clock, wanted)
        assert outcome is None
        assert elapsed_s == pytest.approx(1.0)
        await asyncio.sleep(0.5)
        outcome, elapsed_s = await ask(errands, clock, wanted)
        assert (outcome, round(elapsed_s, 3)) == ("done", 1.0)
        assert log == ["begun"]

    virtual_time(scenario())


def test_another_errand_takes_its_place(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        clock, first, second = LoopClock(NOW), list[str](), list[str]()
        errands = Errands(clock)
        assert (await ask(errands, clock, errand(10, first)))[0] is None
        assert (await ask(errands, clock, errand(0.5, second)))[0] == "done"
        assert (first, second) == (["begun", "cancelled"], ["begun"])

    virtual_time(scenario())


def test_one_without_a_limit_is_waited_for_to_the_end(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        clock = LoopClock(NOW)
        outcome, elapsed_s = await ask(Errands(clock), clock, errand(100, [], limit=None))
        assert isinstance(outcome, BundleError)
        assert outcome.kind is BundleFailure.LATE
        assert elapsed_s == pytest.approx(4.5 - 0.125)

    virtual_time(scenario())


def test_closing_breaks_it_off(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        clock, log = LoopClock(NOW), list[str]()
        errands = Errands(clock)
        await errands.close()
        await ask(errands, clock, errand(10, log))
        await errands.close()
        assert log == ["begun", "cancelled"]
        assert len(asyncio.all_tasks()) == 1

    virtual_time(scenario())


def test_a_defect_of_an_errand_is_not_hidden(virtual_time: VirtualTime) -> None:
    async def broken(_deadline: Deadline) -> str:
        raise ZeroDivisionError

    async def scenario() -> None:
        clock = LoopClock(NOW)
        wanted = Errand(broken, lambda _: Refusal("", ""), 0.25, LIMIT, 1.0)
        with pytest.raises(ZeroDivisionError):
            await ask(Errands(clock), clock, wanted)

    virtual_time(scenario())
