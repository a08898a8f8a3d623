"""RationalNumber of ISO 15118-20: sixteen bits and a power of ten."""

import math
from collections.abc import Callable

from v2g.messages.iso20.common_types import RationalNumber

__all__ = ["number_of", "rational", "rational_at_most"]

_LARGEST = 32_767
_FINEST, _COARSEST = -3, 9


def rational(number: float) -> RationalNumber:
    """Return ``number`` as exactly as sixteen bits and at most three decimals allow.

    Whole numbers that fit have the exponent 0. Raises ValueError for what is not finite, or beyond ±3.2e13.
    """
    return _rational(number, round)


def rational_at_most(number: float) -> RationalNumber:
    """Return the largest value that can be carried and is not above ``number``; as :func:`rational`."""
    return _rational(number, math.floor)


def number_of(value: RationalNumber) -> float:
    """Return the number; always finite."""
    return float(value.value * 10.0**value.exponent)


def _rational(number: float, whole: Callable[[float], int]) -> RationalNumber:
    if not math.isfinite(number):
        raise ValueError(f"{number} cannot be carried by a message")
    if number == round(number) and abs(number) <= _LARGEST:
        return RationalNumber(exponent=0, value=round(number))
    for exponent in range(_FINEST, _COARSEST + 1):
        value = whole(number / 10.0**exponent)
        if abs(value) <= _LARGEST:
            return RationalNumber(exponent=exponent, value=value)
    raise ValueError(f"{number:g} is more than a message can carry")
