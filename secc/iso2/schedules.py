"""The schedules that a charger offers in ISO 15118-2, and the sales tariffs in them.

Tariffs are for cars with a contract: the key of the mobility operator's sub-CA 2, which issued the contract, signs
them [V2G2-905]. A charger that has no such key offers one schedule without prices.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from secc.classic.delivery import SCHEDULE_DURATION_S
from secc.iso2.context import Iso2Context as Context
from secc.iso2.values import WORDS
from secc.station import AcOutlet
from v2g.messages import iso2
from v2g.messages.xmldsig import Signature
from v2g.physical import number
from v2g.security.signature import sign_sales_tariffs

_FULL, _SAVER = 1, 2
_MOST_TUPLES = 3


@dataclass(frozen=True, slots=True)
class Offer:
    """Schedule tuples, and the signature of the sales tariffs in them, if there are any."""

    tuples: list[iso2.SAScheduleTuple]
    signature: Signature | None = None


def schedules(context: Context, most: int | None) -> Offer:
    """Make the schedules for the session's outlet, ``most`` of them at the most, and remember their limits."""
    outlet = context.plug
    power_w = outlet.max_power_w
    if isinstance(outlet, AcOutlet):
        power_w = outlet.rating.power_w(outlet.rating.max_current_a, context.ev_phases)
    settings, key = context.charger.config.tariff, context.charger.tariff_key
    found = [_schedule(_FULL, power_w)]
    if context.contract is not None and key is not None:
        found[0].sales_tariff = _tariff(_FULL, settings.levels, settings.period_s)
        if settings.saver_power_w:
            saver = _schedule(_SAVER, min(power_w, settings.saver_power_w))
            saver.sales_tariff = _tariff(_SAVER, settings.saver_levels, settings.period_s)
            found.append(saver)
    if context.agreed is not None:  # what a paused session has stays on offer, whatever else has no room
        kept = context.agreed.schedule_id
        found.sort(key=lambda schedule: schedule.sa_schedule_tuple_id != kept)
    found = found[: min(most or _MOST_TUPLES, _MOST_TUPLES)]
    context.p_max_w = {
        # as the car reads it, rounded to the wire
        s.sa_schedule_tuple_id: ((0.0, number(s.p_max_schedule.p_max_schedule_entry[0].p_max)),)
        for s in found
    }
    tariffs = [schedule.sales_tariff for schedule in found if schedule.sales_tariff is not None]
    return Offer(found, sign_sales_tariffs(tariffs, key) if tariffs and key is not None else None)


def _schedule(schedule_id: int, power_w: float) -> iso2.SAScheduleTuple:
    entry = iso2.PMaxScheduleEntry(
        time_interval=iso2.RelativeTimeInterval(start=0, duration=SCHEDULE_DURATION_S),
        p_max=WORDS.at_most(power_w, "W"),
    )
    return iso2.SAScheduleTuple(
        sa_schedule_tuple_id=schedule_id, p_max_schedule=iso2.PMaxSchedule(p_max_schedule_entry=[entry])
    )


def _tariff(tariff_id: int, levels: Sequence[int], period_s: int) -> iso2.SalesTariff:
    """Return a tariff whose price level changes with every period; the last one holds on."""
    return iso2.SalesTariff(
        id=f"id{tariff_id}",
        sales_tariff_id=tariff_id,
        num_e_price_levels=max(levels),
        sales_tariff_entry=[
            iso2.SalesTariffEntry(
                time_interval=iso2.RelativeTimeInterval(start=index * period_s), e_price_level=level
            )
            for index, level in enumerate(levels)
        ],
    )
