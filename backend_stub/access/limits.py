"""Rate limits: a token bucket for each client."""

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from backend_stub.errors import Code, MarketError

_MAX_BUCKETS = 10_000


@dataclass(frozen=True, slots=True)
class Rate:
    """``per_s`` requests a second in the long run, ``burst`` at once."""

    per_s: float
    burst: int

    def __post_init__(self) -> None:
        if not (math.isfinite(self.per_s) and self.per_s > 0 and self.burst >= 1):
            raise ValueError(f"a rate needs more than 0 a second and a burst of at least 1, not {self}")


class Limiter:
    """Counts requests by name. It remembers the most recent names only; a full bucket is not remembered."""

    def __init__(self, rate: Rate, monotonic: Callable[[], float]) -> None:
        self._rate = rate
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> None:
        """Count one request of ``name``; raise MarketError(TOO_MANY) with ``Retry-After`` when it is too many."""
        now = self._monotonic()
        level, since = self._buckets.pop(name, (float(self._rate.burst), now))
        level = min(self._rate.burst, level + (now - since) * self._rate.per_s)
        allowed = level >= 1
        self._buckets[name] = (level - 1 if allowed else level, now)
        if len(self._buckets) > _MAX_BUCKETS:
            self._buckets.popitem(last=False)
        if not allowed:
            wait_s = math.ceil((1 - level) / self._rate.per_s)
            raise MarketError(
                Code.TOO_MANY,
                f"more than {self._rate.per_s:g} requests a second; try again in {wait_s} s",
                {"Retry-After": str(wait_s)},
            )
