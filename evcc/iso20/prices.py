"""What the energy of a schedule costs, by the price schedules of ISO 15118-20.

Absolute prices are those of energy with their taxes, within the minimum and maximum cost; fees for parking
and overstaying do not depend on which schedule is taken and are left out. Price levels only tell cheap from
dear: their cost is the mean level, weighted with the energy.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evcc.battery import SECONDS_PER_HOUR
from evcc.staircase import Staircase
from v2g.messages.iso20 import common_messages as cm
from v2g.rational import number_of

LEVEL = "price level"


@dataclass(frozen=True, slots=True)
class Cost:
    """An amount of money in the currency ``unit``, or a mean price level."""

    amount: float
    unit: str


def cost_of(
    schedule: cm.ChargingSchedule, power: Staircase[float], wanted_wh: float, most_w: float
) -> Cost | None:
    """Return the cost of ``wanted_wh``, taken as soon as the schedule and ``most_w`` allow; None without prices.

    ``power`` are the schedule's watts over time.
    """
    if schedule.absolute_price_schedule is not None:
        return _absolute(schedule.absolute_price_schedule, power, wanted_wh, most_w)
    if schedule.price_level_schedule is not None:
        return _levels(schedule.price_level_schedule, power, wanted_wh, most_w)
    return None


def _absolute(
    prices: cm.AbsolutePriceSchedule, power: Staircase[float], wanted_wh: float, most_w: float
) -> Cost:
    stacks = Staircase.of(
        prices.time_anchor,
        [(float(stack.duration), stack.price_rule) for stack in prices.price_rule_stacks.price_rule_stack],
    )
    taken = _taken(power, stacks.starts, wanted_wh, most_w)
    net = math.fsum(kwh * _fee(stacks.at(begin), watts) for begin, watts, kwh in taken)
    amount = net * (1.0 + _tax_rate(prices.tax_rules))
    if prices.minimum_cost is not None:
        amount = max(amount, number_of(prices.minimum_cost))
    if prices.maximum_cost is not None:
        amount = min(amount, number_of(prices.maximum_cost))
    return Cost(amount, prices.currency)


def _levels(prices: cm.PriceLevelSchedule, power: Staircase[float], wanted_wh: float, most_w: float) -> Cost:
    entries = prices.price_level_schedule_entries.price_level_schedule_entry
    levels = Staircase.of(prices.time_anchor, [(entry.duration, entry.price_level) for entry in entries])
    taken = _taken(power, levels.starts, wanted_wh, most_w)
    weight = math.fsum(kwh for _, _, kwh in taken)
    total = math.fsum(kwh * levels.at(begin) for begin, _, kwh in taken)
    return Cost(total / weight if weight > 0 else 0.0, LEVEL)


def _taken(
    power: Staircase[float], edges: Sequence[float], wanted_wh: float, most_w: float
) -> list[tuple[float, float, float]]:
    """Return begin, watts and kilowatt hours of the pieces in which energy is taken at one price."""
    pieces, missing_wh = [], wanted_wh
    for begin, end in power.cut(*edges):
        watts = min(power.at(begin), most_w)
        taken_wh = min(watts * (end - begin) / SECONDS_PER_HOUR, missing_wh)
        if taken_wh > 0:
            missing_wh -= taken_wh
            pieces.append((begin, watts, taken_wh / 1000.0))
    return pieces


def _fee(rules: list[cm.PriceRule], watts: float) -> float:
    """Return the fee for a kilowatt hour at this power: that of the highest range that has begun."""
    begun = [rule for rule in rules if number_of(rule.power_range_start) <= watts]
    if not begun:
        return number_of(rules[0].energy_fee)
    return number_of(max(begun, key=lambda rule: number_of(rule.power_range_start)).energy_fee)


def _tax_rate(rules: cm.TaxRuleList | None) -> float:
    """Return the share of taxes on energy that the prices do not include."""
    return sum(
        number_of(rule.tax_rate) / 100.0
        for rule in (rules.tax_rule if rules is not None else [])
        if rule.applies_to_energy_fee and not rule.tax_included_in_price
    )
