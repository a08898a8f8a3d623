"""Physical values as messages carry them."""

import math
from collections.abc import Callable

from evcc.errors import ProtocolViolationError
from v2g.messages.iso2 import PhysicalValue, UnitSymbol

_LARGEST = 32_767


def physical(number: float, unit: UnitSymbol) -> PhysicalValue:
    """Return ``number`` in ``unit``, as exact as 16 bits and a power of ten from -3 to 3 allow.

    Whole numbers that fit carry no multiplier. Raises ValueError for what no multiplier can carry.
    """
    return _physical(number, unit, round)


def physical_at_most(number: float, unit: UnitSymbol) -> PhysicalValue:
    """Return the largest value that can be carried and is not above ``number``; as :func:`physical`."""
    return _physical(number, unit, math.floor)


def _physical(number: float, unit: UnitSymbol, whole: Callable[[float], int]) -> PhysicalValue:
    if number == round(number) and abs(number) <= _LARGEST:
        return PhysicalValue(multiplier=0, unit=unit, value=round(number))
    for multiplier in range(-3, 4):
        value = whole(number / 10.0**multiplier)
        if abs(value) <= _LARGEST:
            return PhysicalValue(multiplier=multiplier, unit=unit, value=value)
    raise ValueError(f"{number:g} {unit} is more than a message can carry")


def number_of(value: PhysicalValue, unit: UnitSymbol, message: str, field: str) -> float:
    """Return the number that a charger sent, which must be in ``unit`` and not negative.

    Raises :class:`ProtocolViolationError` naming ``message`` and ``field``.
    """
    if value.unit is not unit:
        raise ProtocolViolationError(message, f"{field} is in {value.unit}, expected {unit}")
    if value.value < 0:
        raise ProtocolViolationError(message, f"{field} is negative: {value.value}e{value.multiplier} {unit}")
    return float(value.value * 10.0**value.multiplier)
