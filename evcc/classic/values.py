"""Physical values that a charger sent, checked."""

from evcc.errors import ProtocolViolationError
from v2g.messages import din, iso2
from v2g.physical import number


def number_of(value: iso2.PhysicalValue | din.PhysicalValue, unit: str, message: str, field: str) -> float:
    """Return the number that a charger sent, which must be in ``unit`` and not negative.

    In DIN 70121 the unit may be left out. Raises :class:`ProtocolViolationError` naming ``message`` and ``field``.
    """
    if value.unit not in {None, unit}:
        raise ProtocolViolationError(message, f"{field} is in {value.unit}, expected {unit}")
    if value.value < 0:
        raise ProtocolViolationError(message, f"{field} is negative: {value.value}e{value.multiplier} {unit}")
    return number(value)
