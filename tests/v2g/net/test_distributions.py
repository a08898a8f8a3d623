"""Delays follow the distributions that they claim, with fixed seeds."""

import math
from random import Random
from statistics import fmean, pvariance

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2g.net.distributions import Constant, Delay, LogNormal, Normal, Quantiles

ALL: list[Delay] = [
    Constant(0.1),
    Normal(mean_s=0.1, std_s=0.02),
    Normal(mean_s=0.05, std_s=0.05, min_s=0.01, max_s=0.12),
    LogNormal(median_s=0.1, sigma=0.5),
    LogNormal(median_s=0.2, sigma=1.0, min_s=0.05, max_s=0.6),
    Quantiles(((0, 0.02), (0.25, 0.04), (0.5, 0.05), (1, 0.3))),
]
DRAWS = 40_000


@pytest.mark.parametrize("delay", ALL, ids=repr)
def test_mean_and_variance_are_those_of_the_theory(delay: Delay) -> None:
    random = Random(1)
    draws = [delay.sample(random) for _ in range(DRAWS)]
    deviation = math.sqrt(delay.variance())
    # Four standard errors of the mean; the variance of such skewed draws is known less well.
    assert fmean(draws) == pytest.approx(delay.mean(), abs=4 * deviation / math.sqrt(DRAWS) + 1e-12)
    assert pvariance(draws) == pytest.approx(delay.variance(), rel=0.06, abs=1e-12)


@pytest.mark.parametrize("delay", ALL, ids=repr)
def test_draws_fall_below_each_quantile_as_often_as_it_says(delay: Delay) -> None:
    random = Random(2)
    draws = sorted(delay.sample(random) for _ in range(DRAWS))
    for share in (0.1, 0.5, 0.9, 0.99):
        measured = draws[int(share * DRAWS)]
        assert measured == pytest.approx(delay.quantile(share), rel=0.05)


@given(st.floats(0, 1), st.sampled_from(ALL))
def test_every_draw_lies_in_the_range(share: float, delay: Delay) -> None:
    value = delay.quantile(share)
    assert 0 <= value < math.inf
    if isinstance(delay, Normal | LogNormal):
        assert value >= delay.min_s * (1 - 1e-9)
        assert delay.max_s is None or value <= delay.max_s * (1 + 1e-9)


@pytest.mark.parametrize("delay", ALL, ids=repr)
def test_a_distribution_is_plain_data(delay: Delay) -> None:
    assert msgspec.convert(msgspec.to_builtins(delay), Delay) == delay


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"kind": "constant", "value_s": -1.0}, "value_s must not be negative"),
        ({"kind": "normal", "mean_s": 0.1, "std_s": 0.0}, "std_s must be greater than 0"),
        ({"kind": "normal", "mean_s": 0.1, "std_s": 0.1, "max_s": 0.0}, "max_s must be greater"),
        ({"kind": "normal", "mean_s": 0.1, "std_s": 0.001, "min_s": 5.0}, "almost nothing"),
        ({"kind": "lognormal", "median_s": 0.0, "sigma": 1.0}, "median_s must be greater than 0"),
        ({"kind": "lognormal", "median_s": 0.1, "sigma": 0.1, "min_s": 50.0}, "almost nothing"),
        ({"kind": "quantiles", "points": [[0, 1.0]]}, "begin at share 0"),
        ({"kind": "quantiles", "points": [[0, 1.0], [0, 1.0], [1, 2.0]]}, "must rise"),
        ({"kind": "quantiles", "points": [[0, 1.0], [1, 0.5]]}, "must not fall"),
        ({"kind": "pareto"}, "Invalid value 'pareto'"),
        ({"kind": "constant", "value": 1.0}, "unknown field"),
    ],
)
def test_what_is_no_distribution_is_refused(data: object, reason: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=reason):
        msgspec.convert(data, Delay)
