import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2g.messages.iso20.common_types import RationalNumber
from v2g.rational import number_of, rational, rational_at_most


@pytest.mark.parametrize(
    ("number", "exponent", "value"),
    [(0, 0, 0), (11_000, 0, 11_000), (-5, 0, -5), (0.5, -3, 500), (230.4, -2, 23_040), (150_000, 1, 15_000)],
)
def test_numbers_as_messages_carry_them(number: float, exponent: int, value: int) -> None:
    assert rational(number) == RationalNumber(exponent=exponent, value=value)


@given(number=st.floats(-1e13, 1e13))
def test_rounding_stays_within_what_sixteen_bits_can_tell(number: float) -> None:
    assert number_of(rational(number)) == pytest.approx(number, rel=1e-3, abs=1e-3)
    floored = number_of(rational_at_most(number))
    assert floored <= number + abs(number) * 1e-12
    assert floored == pytest.approx(number, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("number", [math.inf, math.nan, -math.inf, 1e14])
def test_what_cannot_be_carried(number: float) -> None:
    with pytest.raises(ValueError, match="message"):
        rational(number)


@given(exponent=st.integers(-128, 127), value=st.integers(-32768, 32767))
def test_any_rational_is_a_finite_number(exponent: int, value: int) -> None:
    assert math.isfinite(number_of(RationalNumber(exponent=exponent, value=value)))
