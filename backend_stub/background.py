"""Work that goes on beside the requests of a market, for as long as it serves."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

from backend_stub.errors import MarketError

Work = Callable[[], Coroutine[Any, Any, None]]

_FIRST_RETRY_S = 0.5
_LAST_RETRY_S = 30.0

_log = logging.getLogger(__name__)


@asynccontextmanager
async def at_work(background: Sequence[Work]) -> AsyncIterator[None]:
    """Have all of it done while the body runs, and cancel what is left at its end."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run()) for run in background]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


def until_done(attempt: Work) -> Work:
    """Return work that tries until it succeeds, with growing pauses: other processes may not be there yet."""

    async def work() -> None:
        wait_s = _FIRST_RETRY_S
        while True:
            try:
                await attempt()
            except MarketError as error:
                _log.info("what an earlier process left is settled later: %s", error)
            else:
                return
            await asyncio.sleep(wait_s)  # the pause between two attempts
            wait_s = min(2 * wait_s, _LAST_RETRY_S)

    return work


def every(pause_s: float, attempt: Callable[[], Coroutine[Any, Any, object]], what: str) -> Work:
    """Return work that is done at once and then after every pause; trouble is logged, and tried again then."""

    async def work() -> None:
        while True:
            try:
                await attempt()
            except MarketError as error:
                _log.warning("%s: %s", what, error)
            await asyncio.sleep(pause_s)  # the pause between two rounds

    return work
