"""Values over time that change in steps, as schedules and prices of every protocol have them."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, TypeVar

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Staircase(Generic[V]):
    """``values[n]`` holds from ``starts[n]`` on; ``end`` is where the last one was meant to end.

    Times are seconds on any one clock. Before the first step its value holds already, behind the last one
    its value holds on, so that there is a value at every time.
    """

    starts: tuple[float, ...]
    values: tuple[V, ...]
    end: float

    @classmethod
    def of(cls, start: float, steps: Iterable[tuple[float, V]]) -> "Staircase[V]":
        """Return the staircase of (duration, value) pairs, of which there must be one."""
        starts, values, at = [], [], start  # integers stay exact: times on the wire have 64 bits
        for duration, value in steps:
            starts.append(at)
            values.append(value)
            at += duration
        return cls(tuple(starts), tuple(values), at)

    def at(self, time: float) -> V:
        """Return the value that holds at ``time``."""
        return self.values[max(0, bisect_right(self.starts, time) - 1)]

    def cut(self, *edges: float) -> Iterator[tuple[float, float]]:
        """Yield begin and end of each piece, up to the end; cut also at ``edges``, such as another's starts."""
        first = self.starts[0]
        inside = sorted(edge for edge in {*self.starts, *edges} if first < edge < self.end)
        yield from pairwise([first, *inside, self.end])
