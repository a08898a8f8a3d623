import pytest
from hypothesis import given
from hypothesis import strategies as st

from evcc.errors import ProtocolViolationError
from evcc.iso2.values import number_of, physical, physical_at_most
from v2g.messages.iso2 import PhysicalValue, UnitSymbol

W = UnitSymbol.W
amounts = st.floats(min_value=0, max_value=32_767_000)


@pytest.mark.parametrize("number", [0, 0.125, 230.5, 11_000, 32_767, 44_160, 32_767_000])
def test_numbers_on_the_wire(number: float) -> None:
    sent = physical(number, W)
    assert sent.value * 10.0**sent.multiplier == pytest.approx(number)
    assert sent.unit is W
    if number == round(number) and number <= 32_767:
        assert (sent.value, sent.multiplier) == (number, 0)


@given(amounts)
def test_numbers_survive_as_exactly_as_16_bits_allow(number: float) -> None:
    back = number_of(physical(number, W), W, "M", "F")
    assert back == pytest.approx(number, rel=2e-4, abs=5e-4)


@given(amounts)
def test_a_limit_is_never_exceeded(number: float) -> None:
    assert number_of(physical_at_most(number, W), W, "M", "F") <= number * (1 + 1e-12)


@pytest.mark.parametrize("make", [physical, physical_at_most])
def test_what_no_message_can_carry(make: object) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match="more than a message"):
        make(4e7, W)


@pytest.mark.parametrize(("value", "unit", "words"), [(5, UnitSymbol.A, "is in A"), (-1, W, "negative")])
def test_numbers_that_make_no_sense(value: int, unit: UnitSymbol, words: str) -> None:
    with pytest.raises(ProtocolViolationError, match=words) as caught:
        number_of(PhysicalValue(multiplier=0, unit=unit, value=value), W, "SomeRes", "PMax")
    assert caught.value.message == "SomeRes"
