import pytest

from evcc.classic.values import number_of
from evcc.errors import ProtocolViolationError
from v2g.messages import din
from v2g.messages.iso2 import PhysicalValue, UnitSymbol

W = UnitSymbol.W


@pytest.mark.parametrize(("value", "unit", "words"), [(5, UnitSymbol.A, "is in A"), (-1, W, "negative")])
def test_numbers_that_make_no_sense(value: int, unit: UnitSymbol, words: str) -> None:
    with pytest.raises(ProtocolViolationError, match=words) as caught:
        number_of(PhysicalValue(multiplier=0, unit=unit, value=value), W, "SomeRes", "PMax")
    assert caught.value.message == "SomeRes"


def test_din_may_leave_the_unit_out() -> None:
    assert number_of(din.PhysicalValue(multiplier=1, value=5), W, "SomeRes", "PMax") == 50
