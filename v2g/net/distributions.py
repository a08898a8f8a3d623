"""Distributions of delays: constant, normal and lognormal cut to a range, and quantiles of a measurement.

Each draws by its inverse distribution function from one uniform number, so a draw costs the same on every
path and a seed repeats it bit for bit. Mean and variance are in closed form, for tests and for tables.
All values are seconds.
"""

import itertools
import math
from random import Random
from statistics import NormalDist

import msgspec

_UNIT = NormalDist()
_SMALLEST_MASS = 1e-9


class Distribution(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """A distribution of seconds; its classes differ in ``kind``."""

    def quantile(self, share: float) -> float:
        """Return the value that a ``share`` (0…1) of all draws stays below."""
        raise NotImplementedError

    def mean(self) -> float:
        """Return the mean in seconds."""
        raise NotImplementedError

    def variance(self) -> float:
        """Return the variance in s²."""
        raise NotImplementedError

    def sample(self, random: Random) -> float:
        """Draw a value."""
        return self.quantile(random.random())


class Constant(Distribution, frozen=True, tag="constant"):
    """Always ``value_s``."""

    value_s: float = 0.0

    def __post_init__(self) -> None:
        _not_negative("value_s", self.value_s)

    def quantile(self, share: float) -> float:  # noqa: ARG002 - the same for every share
        """Return ``value_s``."""
        return self.value_s

    def mean(self) -> float:
        """Return ``value_s``."""
        return self.value_s

    def variance(self) -> float:
        """Return 0."""
        return 0.0

    def sample(self, random: Random) -> float:  # noqa: ARG002 - nothing to draw
        """Return ``value_s`` and draw nothing."""
        return self.value_s


class Normal(Distribution, frozen=True, kw_only=True, tag="normal"):
    """A normal distribution cut to ``min_s`` … ``max_s``; ``mean_s`` and ``std_s`` are those before the cut."""

    mean_s: float
    std_s: float
    min_s: float = 0.0
    max_s: float | None = None

    def __post_init__(self) -> None:
        _positive("std_s", self.std_s)
        _range(self.min_s, self.max_s)
        low, high = self._shares
        if high - low < _SMALLEST_MASS:
            raise ValueError("min_s … max_s lies where the distribution has almost nothing")

    @property
    def _bounds(self) -> tuple[float, float]:
        high = math.inf if self.max_s is None else (self.max_s - self.mean_s) / self.std_s
        return (self.min_s - self.mean_s) / self.std_s, high

    @property
    def _shares(self) -> tuple[float, float]:
        low, high = self._bounds
        return _UNIT.cdf(low), _UNIT.cdf(high)

    def quantile(self, share: float) -> float:
        """Return the quantile of the cut distribution."""
        return self.mean_s + self.std_s * _cut_normal(share, *self._shares, *self._bounds)

    def mean(self) -> float:
        """Return the mean of the cut distribution."""
        low, high = self._bounds
        mass = _UNIT.cdf(high) - _UNIT.cdf(low)
        return self.mean_s + self.std_s * (_UNIT.pdf(low) - _UNIT.pdf(high)) / mass

    def variance(self) -> float:
        """Return the variance of the cut distribution."""
        low, high = self._bounds
        mass = _UNIT.cdf(high) - _UNIT.cdf(low)
        shift = (_UNIT.pdf(low) - _UNIT.pdf(high)) / mass
        edge = low * _UNIT.pdf(low) - (0.0 if math.isinf(high) else high * _UNIT.pdf(high))
        return self.std_s**2 * (1 + edge / mass - shift**2)


class LogNormal(Distribution, frozen=True, kw_only=True, tag="lognormal"):
    """A lognormal distribution cut to ``min_s`` … ``max_s``.

    ``median_s`` is that before the cut, ``sigma`` the standard deviation of the logarithm: 0.5 puts the
    95th percentile at 2.3 medians, 1.0 at 5.2.
    """

    median_s: float
    sigma: float
    min_s: float = 0.0
    max_s: float | None = None

    def __post_init__(self) -> None:
        _positive("median_s", self.median_s)
        _positive("sigma", self.sigma)
        _range(self.min_s, self.max_s)
        low, high = (_UNIT.cdf(bound) for bound in self._bounds)
        if high - low < _SMALLEST_MASS:
            raise ValueError("min_s … max_s lies where the distribution has almost nothing")

    @property
    def _bounds(self) -> tuple[float, float]:
        mu = math.log(self.median_s)
        low = -math.inf if self.min_s <= 0 else (math.log(self.min_s) - mu) / self.sigma
        high = math.inf if self.max_s is None else (math.log(self.max_s) - mu) / self.sigma
        return low, high

    def quantile(self, share: float) -> float:
        """Return the quantile of the cut distribution."""
        low, high = self._bounds
        return self.median_s * math.exp(
            self.sigma * _cut_normal(share, _UNIT.cdf(low), _UNIT.cdf(high), low, high)
        )

    def mean(self) -> float:
        """Return the mean of the cut distribution."""
        return self._moment(1)

    def variance(self) -> float:
        """Return the variance of the cut distribution."""
        return self._moment(2) - self._moment(1) ** 2

    def _moment(self, power: int) -> float:
        low, high = self._bounds
        mass = _UNIT.cdf(high) - _UNIT.cdf(low)
        shift = power * self.sigma
        inside = _UNIT.cdf(high - shift) - _UNIT.cdf(low - shift)
        return self.median_s**power * math.exp(shift**2 / 2) * inside / mass


class Quantiles(Distribution, frozen=True, tag="quantiles"):
    """What a measurement found: pairs of share and value, ``[[0, 0.02], [0.5, 0.05], [1, 0.2]]``.

    Between two points values are spread evenly. The first share is 0, the last is 1.
    """

    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        shares = [share for share, _ in self.points]
        values = [value for _, value in self.points]
        if len(self.points) < 2 or shares[0] != 0 or shares[-1] != 1:
            raise ValueError("points must begin at share 0 and end at share 1")
        if any(a >= b for a, b in itertools.pairwise(shares)):
            raise ValueError("the shares of points must rise")
        if any(a > b for a, b in itertools.pairwise(values)):
            raise ValueError("the values of points must not fall")
        _not_negative("points", values[0])

    def quantile(self, share: float) -> float:
        """Return the value at ``share``, on the straight line between its neighbours."""
        for (low, from_s), (high, to_s) in zip(self.points, self.points[1:], strict=False):
            if share <= high:
                return from_s + (to_s - from_s) * (share - low) / (high - low)
        return self.points[-1][1]

    def mean(self) -> float:
        """Return the mean."""
        return sum((high - low) * (a + b) / 2 for (low, a), (high, b) in self._pieces())

    def variance(self) -> float:
        """Return the variance."""
        square = sum((high - low) * (a * a + a * b + b * b) / 3 for (low, a), (high, b) in self._pieces())
        return square - self.mean() ** 2

    def _pieces(self) -> list[tuple[tuple[float, float], tuple[float, float]]]:
        return list(zip(self.points, self.points[1:], strict=False))


Delay = Constant | Normal | LogNormal | Quantiles
"""Any of the distributions; in TOML a table with ``kind``."""


def _cut_normal(share: float, low_share: float, high_share: float, low: float, high: float) -> float:
    inside = low_share + share * (high_share - low_share)
    if inside <= 0.0:
        # Only a draw of exactly 0, or a range that begins far below: the edge is as near as floats come.
        return low if math.isfinite(low) else _UNIT.inv_cdf(5e-324)
    if inside >= 1.0:
        return high if math.isfinite(high) else _UNIT.inv_cdf(1 - 2**-53)
    return min(max(_UNIT.inv_cdf(inside), low), high)


def _not_negative(name: str, value: float) -> None:
    if not 0 <= value < math.inf:
        raise ValueError(f"{name} must not be negative")


def _positive(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be greater than 0")


def _range(low: float, high: float | None) -> None:
    _not_negative("min_s", low)
    if high is not None and not low < high < math.inf:
        raise ValueError("max_s must be greater than min_s")


ZERO = Constant()
"""No delay."""
