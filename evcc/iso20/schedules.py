"""The schedules of an ISO 15118-20 charger: what they allow, what they cost, and which one to take."""

from collections.abc import Sequence
from dataclasses import dataclass

from evcc.battery import SECONDS_PER_HOUR
from evcc.errors import ProtocolViolationError
from evcc.iso20.prices import Cost, cost_of
from evcc.staircase import Staircase
from v2g.messages.iso20 import common_messages as cm
from v2g.rational import number_of, rational, rational_at_most

_MESSAGE = "ScheduleExchangeRes"
_ENERGY_STEP_WH = 1.0
"""Schedules that differ by less in what they deliver are told apart by their cost."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """One schedule: watts over time (seconds since 1970), charging and, with a bidirectional service, back.

    ``tolerance`` says that the charger asks whether the car accepts a deviation from it, ``cost`` is that
    of the energy which the car wants, where the charger names prices.
    """

    tuple_id: int
    charging: Staircase[float]
    discharging: Staircase[float] | None
    tolerance: bool
    energy_wh: float
    cost: Cost | None


def read(offered: cm.Scheduled_SEResControlMode, wanted_wh: float, most_w: float) -> list[Schedule]:
    """Return the schedules, each with what it delivers to a car that wants ``wanted_wh`` at ``most_w``.

    Raises :class:`ProtocolViolationError` for powers below zero.
    """
    return [_schedule(found, wanted_wh, most_w) for found in offered.schedule_tuple]


def choose(schedules: Sequence[Schedule]) -> Schedule:
    """Return the schedule that delivers most of what is wanted; of equal ones the cheapest, then the first.

    Costs are compared only where all of the best are in the same unit.
    """
    most_wh = max(schedule.energy_wh for schedule in schedules)
    best = [schedule for schedule in schedules if schedule.energy_wh >= most_wh - _ENERGY_STEP_WH]
    costs = [schedule.cost for schedule in best]
    if len({cost.unit for cost in costs if cost is not None}) == 1 and None not in costs:
        return min(best, key=lambda schedule: schedule.cost.amount if schedule.cost else 0.0)
    return best[0]


def profile(schedule: Schedule, most_w: float, *, anchor: int, discharge_w: float = 0.0) -> cm.EVPowerProfile:
    """Return what the car is going to do: stay within the schedule and within ``most_w``.

    A car that wants to discharge says so with powers below zero, down to ``discharge_w``. ``anchor`` is the
    begin in seconds since 1970; the profile ends with the schedule.
    """
    stairs = schedule.charging
    if discharge_w > 0 and schedule.discharging is not None:
        stairs = schedule.discharging
    entries, at = [], float(anchor)
    for begin, end in stairs.cut():
        if end <= at and end < stairs.end:
            continue  # past already
        limit_w = stairs.at(begin)
        power = rational_at_most(min(limit_w, most_w))
        if discharge_w > 0:
            power = rational(-min(limit_w, discharge_w))
        duration = min(max(1, round(end - at)), _MAX_DURATION_S)
        entries.append(cm.PowerScheduleEntry(duration=duration, power=power))
        at = max(at, end)
    acceptance = cm.PowerToleranceAcceptance.PowerToleranceConfirmed if schedule.tolerance else None
    return cm.EVPowerProfile(
        time_anchor=anchor,
        scheduled_evppt_control_mode=cm.Scheduled_EVPPTControlMode(
            selected_schedule_tuple_id=schedule.tuple_id, power_tolerance_acceptance=acceptance
        ),
        ev_power_profile_entries=cm.EVPowerProfileEntryList(ev_power_profile_entry=entries),
    )


_MAX_DURATION_S = 0xFFFF_FFFF


def _schedule(found: cm.ScheduleTuple, wanted_wh: float, most_w: float) -> Schedule:
    charging = _stairs(found.charging_schedule.power_schedule, "ChargingSchedule")
    discharging = None
    if found.discharging_schedule is not None:
        discharging = _stairs(found.discharging_schedule.power_schedule, "DischargingSchedule")
    return Schedule(
        tuple_id=found.schedule_tuple_id,
        charging=charging,
        discharging=discharging,
        tolerance=found.charging_schedule.power_schedule.power_tolerance is not None,
        energy_wh=_delivered_wh(charging, wanted_wh, most_w),
        cost=cost_of(found.charging_schedule, charging, wanted_wh, most_w),
    )


def _stairs(schedule: cm.PowerSchedule, name: str) -> Staircase[float]:
    """Return the watts of all phases together over time."""
    entries = schedule.power_schedule_entries.power_schedule_entry
    steps = []
    for entry in entries:
        phases = (entry.power, entry.power_l2, entry.power_l3)
        watts = [number_of(power) for power in phases if power is not None]
        if min(watts) < 0:
            raise ProtocolViolationError(_MESSAGE, f"{name} has a power below zero: {min(watts):g} W")
        steps.append((float(entry.duration), sum(watts)))
    return Staircase.of(schedule.time_anchor, steps)


def _delivered_wh(stairs: Staircase[float], wanted_wh: float, most_w: float) -> float:
    energy_wh = sum(
        min(stairs.at(begin), most_w) * (end - begin) / SECONDS_PER_HOUR for begin, end in stairs.cut()
    )
    return min(energy_wh, wanted_wh)
