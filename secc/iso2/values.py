"""Physical values on the wire, and the parts of responses that several messages share."""

from secc.context import Context
from v2g.messages import iso2

_SHORT = 32767
_MULTIPLIERS = range(-3, 4)


def quantity(value: float, unit: iso2.UnitSymbol) -> iso2.PhysicalValue:
    """Return ``value`` as a PhysicalValue: without multiplier if it is a whole number that fits, else as exact as fits.

    Raises ValueError for what no multiplier can carry.
    """
    if value == round(value) and abs(value) <= _SHORT:
        return iso2.PhysicalValue(multiplier=0, unit=unit, value=round(value))
    for multiplier in _MULTIPLIERS:
        mantissa = round(value / 10.0**multiplier)
        if abs(mantissa) <= _SHORT:
            return iso2.PhysicalValue(multiplier=multiplier, unit=unit, value=mantissa)
    raise ValueError(f"{value} {unit} does not fit into a PhysicalValue")


def number(quantity: iso2.PhysicalValue) -> float:
    """Return the number that a PhysicalValue stands for, in its unit."""
    return float(quantity.value * 10.0**quantity.multiplier)


def ac_status(context: Context) -> iso2.AC_EVSEStatus:
    """Return the charger's status: a charger that is to stop asks the car to stop charging."""
    return iso2.AC_EVSEStatus(
        notification_max_delay=0,
        evse_notification=(
            iso2.EVSENotification.StopCharging if context.charger.stopping else iso2.EVSENotification.None_
        ),
        rcd=False,
    )


def evse_id(context: Context) -> str:
    """Return the id of the session's outlet, that of the station's first before it has one."""
    return (context.outlet or context.charger.station.outlets[0]).evse_id


def time_stamp(context: Context) -> int:
    """Return the date in seconds since the epoch."""
    return int(context.charger.clock.now().timestamp())
