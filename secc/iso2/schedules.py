"""The schedules that a charger offers in ISO 15118-2."""

from dataclasses import dataclass

from secc.classic.delivery import SCHEDULE_DURATION_S
from secc.iso2.context import Iso2Context as Context
from secc.iso2.values import WORDS
from secc.station import AcOutlet
from v2g.messages import iso2
from v2g.messages.xmldsig import Signature
from v2g.physical import number

_SCHEDULE_ID = 1


@dataclass(frozen=True, slots=True)
class Offer:
    """Schedule tuples, and the signature of the sales tariffs in them, if there are any."""

    tuples: list[iso2.SAScheduleTuple]
    signature: Signature | None = None


def schedules(context: Context, _most: int | None) -> Offer:
    """Make the schedules for the session's outlet, ``most`` of them at the most, and remember their limits."""
    outlet = context.plug
    power_w = outlet.max_power_w
    if isinstance(outlet, AcOutlet):
        power_w = outlet.rating.power_w(outlet.rating.max_current_a, context.ev_phases)
    p_max = WORDS.at_most(power_w, "W")
    number_of = context.agreed.schedule_id if context.agreed else _SCHEDULE_ID
    context.p_max_w = {number_of: ((0.0, number(p_max)),)}  # as the car reads it, rounded to the wire
    entry = iso2.PMaxScheduleEntry(
        time_interval=iso2.RelativeTimeInterval(start=0, duration=SCHEDULE_DURATION_S), p_max=p_max
    )
    schedule = iso2.SAScheduleTuple(
        sa_schedule_tuple_id=number_of, p_max_schedule=iso2.PMaxSchedule(p_max_schedule_entry=[entry])
    )
    return Offer([schedule])
