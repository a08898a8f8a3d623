"""The parts of responses that several messages share."""

from secc.classic import dc
from secc.classic.words import Words
from secc.iso2.context import Iso2Context
from secc.iso2.states import State
from secc.station import DcOutlet
from secc.wishes import Wish
from v2g.messages import iso2


def _loop_facts(context: Iso2Context) -> dict[str, object]:
    return {
        "evse_id": evse_id(context),
        "sa_schedule_tuple_id": context.schedule_id,
        "meter_info": read_meter(context),
        "receipt_required": context.receipt_wanted,
    }


def _after_loop(context: Iso2Context) -> State:
    return State.METERING_RECEIPT if context.receipt_wanted else State.CHARGING_DC


def ac_status(context: Iso2Context, wish: Wish | None = None) -> iso2.AC_EVSEStatus:
    """Return the status of AC: a charger that is to stop asks the car to stop charging."""
    return iso2.AC_EVSEStatus(
        notification_max_delay=0, evse_notification=WORDS.notification(context, wish), rcd=False
    )


def status(context: Iso2Context) -> iso2.EVSEStatus:
    """Return the charger's status in the class for the session's outlet."""
    made: iso2.EVSEStatus = ac_status(context)
    if isinstance(context.outlet, DcOutlet):
        made = dc.status(WORDS, context)
    return made


def read_meter(context: Iso2Context) -> iso2.MeterInfo:
    """Read the meter for the car, which may have to confirm it."""
    meter = context.plug.meter
    context.meter_info = iso2.MeterInfo(
        meter_id=meter.meter_id, meter_reading=round(meter.reading_wh), t_meter=time_stamp(context)
    )
    return context.meter_info


def evse_id(context: Iso2Context) -> str:
    """Return the id of the session's outlet, that of the station's first before it has one."""
    return (context.outlet or context.charger.station.outlets[0]).evse_id


def time_stamp(context: Iso2Context) -> int:
    """Return the date in seconds since the epoch."""
    return int(context.charger.clock.now().timestamp())


WORDS = Words(iso2, State, after_loop=_after_loop, loop_facts=_loop_facts)
"""What handlers shared with DIN 70121 make their responses of."""
