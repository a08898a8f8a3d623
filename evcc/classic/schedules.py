"""Schedules by PMax: what they allow, and which one to take."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from evcc.battery import SECONDS_PER_HOUR
from evcc.context import Context
from evcc.errors import ProtocolViolationError
from evcc.staircase import Staircase

MESSAGE = "ChargeParameterDiscoveryRes"
MAX_PROFILE_ENTRIES = 24
_ENERGY_STEP_WH = 1.0
"""Schedules that differ by less in what they deliver are told apart by their price."""
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """One schedule: ``steps`` are pairs of start (seconds from the beginning of charging) and watts.

    ``prices`` are those of its sales tariff over the same time, None without one; only ratios mean anything.
    """

    number: int
    steps: tuple[tuple[float, float], ...]
    prices: Staircase[float] | None = None

    def at(self, elapsed_s: float) -> float:
        """Return what the schedule allows ``elapsed_s`` seconds after the beginning of charging."""
        limits = [limit_w for start_s, limit_w in self.steps if start_s <= elapsed_s]
        return limits[-1] if limits else 0.0

    def pieces(self, most_w: float, wanted_wh: float) -> Iterable[tuple[float, float]]:
        """Yield energy (Wh) and price of each piece of a charge that takes ``wanted_wh`` as soon as it can."""
        edges = {0.0, _DAY_S, *(start for start, _ in self.steps)}
        if self.prices is not None:
            edges |= set(self.prices.starts)
        for begin, end in pairwise(sorted(edge for edge in edges if edge <= _DAY_S)):
            energy_wh = min(wanted_wh, min(self.at(begin), most_w) * (end - begin) / SECONDS_PER_HOUR)
            wanted_wh -= energy_wh
            yield energy_wh, 0.0 if self.prices is None else self.prices.at(begin)


def steps_of(entries: Iterable[tuple[Any, float]], interval: type[Any]) -> tuple[tuple[float, float], ...]:
    """Return (time interval, watts) pairs as steps; a gap behind the last counts as that one's rest.

    Raises :class:`ProtocolViolationError` for intervals of another class than ``interval``, or out of order.
    """
    steps: list[tuple[float, float]] = []
    for found, watts in entries:
        if not isinstance(found, interval):
            raise ProtocolViolationError(MESSAGE, "a schedule entry without RelativeTimeInterval")
        start_s = float(found.start)
        if steps and start_s <= steps[-1][0]:
            raise ProtocolViolationError(MESSAGE, "the schedule entries are not in the order of their starts")
        steps.append((start_s, watts))
    return tuple(steps)


def chosen(context: Context, schedules: Sequence[Schedule], most_w: float, preferred: int | None) -> Schedule:
    """Return the schedule to charge by.

    That of a paused session, if it is offered again. Else the one that delivers most of what is wanted; of
    equal ones the cheapest if all of them have prices, then the first.
    """
    wanted_wh = context.vehicle.battery.missing_wh(context.config.charging.target_soc_percent)
    kept = [schedule for schedule in schedules if schedule.number == preferred]
    energies = {s.number: sum(wh for wh, _ in s.pieces(most_w, wanted_wh)) for s in schedules}
    costs = {s.number: sum(wh * price for wh, price in s.pieces(most_w, wanted_wh)) for s in schedules}
    most_wh = max(energies.values())
    best = kept or [s for s in schedules if energies[s.number] >= most_wh - _ENERGY_STEP_WH]
    priced = all(schedule.prices is not None for schedule in best)
    found = min(best, key=lambda schedule: costs[schedule.number]) if priced else best[0]
    facts = {"cost": costs[found.number]} if found.prices is not None else {}
    context.report.schedule, context.report.priced = found.number, found.prices is not None
    context.tracer.event("schedule.chosen", id=found.number, of=len(schedules), **facts)
    return found


def profile_of(schedule: Schedule, most_w: float) -> list[tuple[int, float]]:
    """Return the charging profile: start in whole seconds, and watts inside schedule and car."""
    return [
        (round(start_s), min(limit_w, most_w)) for start_s, limit_w in schedule.steps[:MAX_PROFILE_ENTRIES]
    ]
