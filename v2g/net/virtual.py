"""An event loop on virtual time: when nothing is left to do, the clock jumps to the next timer.

The code that runs over sockets runs here unchanged over :mod:`v2g.net.simulated`, and a simulated hour
costs what its work costs. Time is exact: two timers a microsecond apart fire in that order, always.

There are no sockets, no threads and no signals in here. ``run_in_executor`` runs its function at once. When
nothing is ready and no timer is set, nothing can ever happen again: instead of hanging, the loop raises
:class:`VirtualDeadlock` and names the tasks that wait.
"""

import asyncio
import heapq
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextvars import Context
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

TIME_LIMIT_S = 7 * 86_400.0
"""Virtual seconds after which a run counts as endless, unless told otherwise."""


class VirtualTimeError(RuntimeError):
    """A run on virtual time cannot go on."""


class VirtualDeadlock(VirtualTimeError):  # noqa: N818 - says it better
    """Every task waits for something that nothing will do."""


class _JumpingSelector:
    """Stands where a loop has its selector: instead of waiting for sockets it moves the clock."""

    def __init__(self, loop: "VirtualTimeLoop") -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        """Let ``timeout`` seconds pass at once."""
        self._loop.jump(timeout)
        return []


class _OrderedTimer(asyncio.TimerHandle):
    """A timer that fires after those set before it for the same instant, which asyncio leaves open."""

    __slots__ = ("_order",)
    _scheduled: bool

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: "VirtualTimeLoop",
        context: Context | None,
        order: int,
    ) -> None:
        super().__init__(when, callback, args, loop, context)
        self._order = order

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, _OrderedTimer):
            return NotImplemented
        return (self.when(), self._order) < (other.when(), other._order)


class VirtualTimeLoop(asyncio.BaseEventLoop):
    """An asyncio event loop whose time starts at 0.0 and moves only when everything waits."""

    _scheduled: list[asyncio.TimerHandle]  # BaseEventLoop's heap of timers

    def __init__(self, *, time_limit_s: float = TIME_LIMIT_S) -> None:
        super().__init__()
        self._now = 0.0
        self._time_limit_s = time_limit_s
        self._timers = 0
        # What BaseEventLoop's run-once step asks of its subclass.
        self._selector = _JumpingSelector(self)
        self._clock_resolution = 1e-9

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._now

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Schedule a callback; those of the same instant run in the order in which they were scheduled."""
        if self.is_closed():
            raise RuntimeError("Event loop is closed")
        self._timers += 1
        timer = _OrderedTimer(when, callback, args, self, context, self._timers)
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True  # noqa: SLF001 - BaseEventLoop.call_at does the same with its own handle
        return timer

    def jump(self, timeout: float | None) -> None:
        """Move the clock by ``timeout`` seconds, as the loop asks when nothing is ready."""
        if timeout is None:
            raise VirtualDeadlock(
                f"at {self._now:g} s nothing is scheduled any more; waiting: {_waiting(self)}"
            )
        if timeout > 0:
            self._now += timeout
            if self._now > self._time_limit_s:
                raise VirtualTimeError(
                    f"not finished after {self._time_limit_s:g} s; waiting: {_waiting(self)}"
                )

    def run_in_executor(  # type: ignore[override]  # the same call, narrower than typeshed's
        self, _executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> "asyncio.Future[T]":
        """Run ``func`` at once; it costs no virtual time."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the future's
            future.set_exception(error)
        return future

    def _process_events(self, event_list: list[Any]) -> None:
        """Do nothing: the selector never has events."""

    def _write_to_self(self) -> None:
        """Do nothing: nothing sleeps that would have to be woken."""


def _waiting(loop: asyncio.AbstractEventLoop) -> str:
    tasks = sorted(asyncio.all_tasks(loop), key=lambda task: task.get_name())
    return "; ".join(_describe(task) for task in tasks) or "nobody"


def _describe(task: "asyncio.Task[Any]") -> str:
    frames = task.get_stack(limit=1)
    place = f"{frames[0].f_code.co_qualname} line {frames[0].f_lineno}" if frames else "not started"
    return f"{task.get_name()} in {place}"


def run_virtual(main: Coroutine[Any, Any, T], *, time_limit_s: float = TIME_LIMIT_S) -> T:
    """Run a coroutine to its end on virtual time and return its result.

    VirtualDeadlock: it waits for something that cannot happen. VirtualTimeError: it runs longer than
    ``time_limit_s`` virtual seconds.
    """
    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(time_limit_s=time_limit_s)) as runner:
        return runner.run(main)
