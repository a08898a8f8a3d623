"""PhysicalValue of ISO 15118-2 and DIN 70121: sixteen bits, a power of ten, and a unit."""

import math
from collections.abc import Callable
from typing import TypeVar

from v2g.messages import din, iso2

__all__ = ["number", "physical", "physical_at_most"]

V = TypeVar("V", iso2.PhysicalValue, din.PhysicalValue)

_LARGEST = 32_767
_MULTIPLIERS = range(-3, 4)


def physical(value: float, unit: str, kind: type[V]) -> V:
    """Return ``value`` in ``unit`` as a message's PhysicalValue, as exactly as sixteen bits allow.

    Whole numbers that fit carry no multiplier. Raises ValueError for what no multiplier can carry.
    """
    return _physical(value, unit, kind, round)


def physical_at_most(value: float, unit: str, kind: type[V]) -> V:
    """Return the largest PhysicalValue that can be carried and is not above ``value``; as :func:`physical`."""
    return _physical(value, unit, kind, math.floor)


def number(quantity: iso2.PhysicalValue | din.PhysicalValue) -> float:
    """Return the number that a PhysicalValue stands for, in its unit; always finite."""
    return float(quantity.value * 10.0**quantity.multiplier)


def _physical(value: float, unit: str, kind: type[V], whole: Callable[[float], int]) -> V:
    if not math.isfinite(value):
        raise ValueError(f"{value} {unit} cannot be carried by a message")
    if value == round(value) and abs(value) <= _LARGEST:
        return _made(kind, 0, unit, round(value))
    for multiplier in _MULTIPLIERS:
        mantissa = whole(value / 10.0**multiplier)
        if abs(mantissa) <= _LARGEST:
            return _made(kind, multiplier, unit, mantissa)
    raise ValueError(f"{value:g} {unit} is more than a message can carry")


def _made(kind: type[V], multiplier: int, unit: str, value: int) -> V:
    if issubclass(kind, din.PhysicalValue):
        return kind(multiplier=multiplier, unit=din.UnitSymbol(unit), value=value)
    return kind(multiplier=multiplier, unit=iso2.UnitSymbol(unit), value=value)
