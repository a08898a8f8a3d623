"""Values on the wire of ISO 15118-20, and the parts of responses that several messages share."""

from secc.context import Context
from v2g.messages.iso20.common_types import RationalNumber
from v2g.rational import number_of


def total(*parts: RationalNumber | None) -> float:
    """Return the sum of values for single phases; those that are absent count nothing."""
    return sum(number_of(part) for part in parts if part is not None)


def evse_id(context: Context) -> str:
    """Return the id of the session's outlet, that of the station's first before it has one."""
    return (context.outlet or context.charger.station.outlets[0]).evse_id


def time_stamp(context: Context) -> int:
    """Return the date in seconds since the epoch."""
    return int(context.charger.clock.now().timestamp())
