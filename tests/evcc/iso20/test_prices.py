from typing import Any

import pytest

from evcc.iso20.prices import LEVEL, cost_of
from evcc.staircase import Staircase
from v2g.messages.iso20 import common_messages as cm
from v2g.rational import rational

FLAT = Staircase.of(0, [(3600.0, 10_000.0), (3600.0, 5_000.0)])


def rule(fee: float, start: float = 0) -> cm.PriceRule:
    return cm.PriceRule(energy_fee=rational(fee), power_range_start=rational(start))


def absolute(*stacks: tuple[int, list[cm.PriceRule]], **more: Any) -> cm.ChargingSchedule:
    found = [cm.PriceRuleStack(duration=duration, price_rule=rules) for duration, rules in stacks]
    prices = cm.AbsolutePriceSchedule(
        time_anchor=0,
        price_schedule_id=1,
        currency="EUR",
        language="eng",
        price_algorithm="1-Power",
        price_rule_stacks=cm.PriceRuleStackList(price_rule_stack=found),
        **more,
    )
    return schedule(absolute_price_schedule=prices)


def schedule(**prices: Any) -> cm.ChargingSchedule:
    entry = cm.PowerScheduleEntry(duration=1, power=rational(1))
    power = cm.PowerSchedule(
        time_anchor=0, power_schedule_entries=cm.PowerScheduleEntryList(power_schedule_entry=[entry])
    )
    return cm.ChargingSchedule(power_schedule=power, **prices)


def amount(offered: cm.ChargingSchedule, wanted_wh: float = 12_000, most_w: float = 50_000) -> float:
    cost = cost_of(offered, FLAT, wanted_wh, most_w)
    assert cost is not None
    return cost.amount


def test_no_prices() -> None:
    assert cost_of(schedule(), FLAT, 1000, 1000) is None


def test_energy_is_paid_at_the_price_of_its_time() -> None:
    """10 kWh in the first hour, 2 kWh in the second."""
    assert amount(absolute((7200, [rule(0.5)]))) == pytest.approx(6)
    assert amount(absolute((3600, [rule(0.5)]), (3600, [rule(0.1)]))) == pytest.approx(5.2)
    assert amount(absolute((1800, [rule(0.5)]), (5400, [rule(0.1)]))) == pytest.approx(2.5 + 0.7)


def test_the_price_depends_on_the_power() -> None:
    rules = [rule(0.3), rule(0.6, 8_000)]
    assert amount(absolute((7200, rules))) == pytest.approx(10 * 0.6 + 2 * 0.3)
    assert amount(absolute((7200, rules)), most_w=7_000) == pytest.approx(12 * 0.3)
    assert amount(absolute((7200, [rule(0.9, 99_000)]))) == pytest.approx(12 * 0.9)


def test_limits_and_taxes() -> None:
    assert amount(absolute((7200, [rule(0.5)]), minimum_cost=rational(10))) == 10
    assert amount(absolute((7200, [rule(0.5)]), maximum_cost=rational(2))) == 2
    tax = cm.TaxRule(
        tax_rule_id=1,
        tax_rate=rational(20),
        applies_to_energy_fee=True,
        applies_to_parking_fee=False,
        applies_to_overstay_fee=False,
        applies_minimum_maximum_cost=False,
    )
    assert amount(absolute((7200, [rule(0.5)]), tax_rules=cm.TaxRuleList(tax_rule=[tax]))) == pytest.approx(
        7.2
    )
    tax.tax_included_in_price = True
    assert amount(absolute((7200, [rule(0.5)]), tax_rules=cm.TaxRuleList(tax_rule=[tax]))) == pytest.approx(6)


def test_levels_are_weighted_with_the_energy() -> None:
    levels = cm.PriceLevelSchedule(
        time_anchor=0,
        price_schedule_id=1,
        number_of_price_levels=3,
        price_level_schedule_entries=cm.PriceLevelScheduleEntryList(
            price_level_schedule_entry=[
                cm.PriceLevelScheduleEntry(duration=3600, price_level=1),
                cm.PriceLevelScheduleEntry(duration=3600, price_level=3),
            ]
        ),
    )
    cost = cost_of(schedule(price_level_schedule=levels), FLAT, 12_500, 50_000)
    assert cost is not None
    assert cost.amount == pytest.approx((10 + 7.5) / 12.5)
    assert cost.unit == LEVEL
    nothing = cost_of(schedule(price_level_schedule=levels), FLAT, 0, 50_000)
    assert nothing is not None
    assert nothing.amount == 0
