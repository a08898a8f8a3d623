"""Limits that a charger names, checked."""

from evcc.errors import ProtocolViolationError
from v2g.messages.iso20.common_types import RationalNumber
from v2g.rational import number_of


def not_negative(message: str, field: str, *values: RationalNumber | None) -> float:
    """Return the sum of the values that are there (those of the phases); a limit is a magnitude.

    Raises :class:`ProtocolViolationError` naming ``message`` and ``field`` for one below zero.
    """
    numbers = [number_of(value) for value in values if value is not None]
    if min(numbers, default=0.0) < 0:
        raise ProtocolViolationError(message, f"{field} is negative: {min(numbers):g}")
    return sum(numbers)
