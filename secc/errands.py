"""What a session has sent for: runs errands under their timers, and clears up behind them."""

import asyncio
from dataclasses import dataclass
from typing import Any

from secc.errors import BundleError, BundleFailure
from secc.table import Errand
from v2g.net.clock import Clock
from v2g.timing import Deadline


@dataclass(frozen=True, slots=True)
class _UnderWay:
    errand: Errand[Any]
    task: asyncio.Task[object]


class Errands:
    """The errands of one session; at most one is under way between two requests."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._under_way: _UnderWay | None = None

    async def outcome(self, errand: Errand[Any], performance: Deadline, arrived_at: float) -> object:
        """Return what the errand brought, BundleError for its failure, None when it is not back yet.

        ``performance`` bounds the request that waits, whose last byte came at ``arrived_at``. An errand other
        than the one under way replaces it.
        """
        if errand.limit is None:
            await self.close()
            return await self._run(errand, performance)
        if self._under_way is None or self._under_way.errand is not errand:
            await self.close()
            # Held here and awaited in close(): the task does not outlive the session that owns it.
            task = asyncio.ensure_future(self._run(errand, errand.limit.from_now(arrived_at)))
            self._under_way = _UnderWay(errand, task)
        task = self._under_way.task
        patience = Deadline.after(errand.patience_s, arrived_at).earlier_of(
            performance.minus(errand.reserve_s)
        )
        done, _ = await asyncio.wait({task}, timeout=patience.remaining(self._clock.monotonic()))
        if not done:
            return None
        self._under_way = None
        return task.result()

    async def close(self) -> None:
        """Break off what is under way, and wait until it is gone."""
        if self._under_way is None:
            return
        task, self._under_way = self._under_way.task, None
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.result()

    async def _run(self, errand: Errand[Any], whole: Deadline) -> object:
        """Run an errand, which has to be over a reserve before its time.

        One that is not is broken off when half of the reserve is gone.
        """
        deadline = whole.minus(errand.reserve_s)
        backstop = whole.minus(errand.reserve_s / 2)
        try:
            async with asyncio.timeout(backstop.remaining(self._clock.monotonic())):
                result: object = await errand.run(deadline)
                return result
        except TimeoutError:
            budget_s = whole.limit_s - errand.reserve_s
            return BundleError(BundleFailure.LATE, f"no answer within {budget_s:g} s of the request")
        except BundleError as error:
            return error
