"""Numbers as ISO 15118-2 and DIN 70121 carry them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2g.messages import din, iso2
from v2g.physical import number, physical, physical_at_most

KINDS = [iso2.PhysicalValue, din.PhysicalValue]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("value", "multiplier", "mantissa"),
    [(0, 0, 0), (230, 0, 230), (22_080, 0, 22_080), (32_768, 1, 3277), (0.5, -3, 500), (-7.25, -3, -7250)],
)
def test_whole_numbers_stand_as_they_are(
    kind: type[iso2.PhysicalValue], value: float, multiplier: int, mantissa: int
) -> None:
    made = physical(value, "W", kind)
    assert type(made) is kind
    assert (made.multiplier, made.unit, made.value) == (multiplier, "W", mantissa)


@given(st.floats(min_value=-3.2e7, max_value=3.2e7))
def test_what_fits_comes_back_as_exact_as_a_short_can_hold_it(value: float) -> None:
    assert number(physical(value, "W", iso2.PhysicalValue)) == pytest.approx(value, rel=1 / 3276, abs=0.0006)


@given(st.floats(min_value=0, max_value=3.2e7))
def test_a_limit_is_never_exceeded(value: float) -> None:
    assert number(physical_at_most(value, "W", din.PhysicalValue)) <= value * (1 + 1e-12)


@pytest.mark.parametrize("value", [4e7, -4e7, math.inf, math.nan])
def test_what_no_message_can_carry(value: float) -> None:
    with pytest.raises(ValueError, match=r"message"):
        physical(value, "W", iso2.PhysicalValue)
