import pytest
from hypothesis import given
from hypothesis import strategies as st

from secc.iso2 import values
from v2g.messages import iso2

WATT = iso2.UnitSymbol.W


@pytest.mark.parametrize(
    ("number", "multiplier", "mantissa"),
    [(0, 0, 0), (230, 0, 230), (22_080, 0, 22_080), (32_768, 1, 3277), (0.5, -3, 500), (-7.25, -3, -7250)],
)
def test_whole_numbers_stand_as_they_are(number: float, multiplier: int, mantissa: int) -> None:
    assert values.quantity(number, WATT) == iso2.PhysicalValue(
        multiplier=multiplier, unit=WATT, value=mantissa
    )


@given(st.floats(min_value=-3.2e7, max_value=3.2e7))
def test_what_fits_comes_back_as_exact_as_a_short_can_hold_it(number: float) -> None:
    found = values.number(values.quantity(number, WATT))
    assert found == pytest.approx(number, rel=1 / 3276, abs=0.0006)


@pytest.mark.parametrize("number", [4e7, -4e7])
def test_what_does_not_fit_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        values.quantity(number, WATT)
