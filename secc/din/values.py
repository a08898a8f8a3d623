"""The parts of responses that several messages share."""

from secc.classic.words import Words
from secc.context import Context
from secc.din.states import State
from v2g.messages import din

_EVSE_ID_BYTES = 32


def evse_id(context: Context) -> bytes:
    """Return the id of the session's outlet in ASCII, that of the station's first before it has one."""
    outlet = context.outlet or context.charger.station.outlets[0]
    return outlet.evse_id.encode("ascii")[:_EVSE_ID_BYTES]


def time_stamp(context: Context) -> int:
    """Return the date in seconds since the epoch."""
    return int(context.charger.clock.now().timestamp())


WORDS = Words(din, State, after_loop=lambda _: State.CHARGING_DC)
"""What handlers shared with ISO 15118-2 make their responses of."""
