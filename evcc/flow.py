"""Charging as the car keeps its books: what flowed, how often it asked, and what ends it."""

import asyncio
from dataclasses import dataclass, field

from evcc.config import Direction
from evcc.context import Context
from evcc.report import Stop


@dataclass(slots=True)
class Flow:
    """The energy that flows in one session, in either direction.

    ``most_w`` is what the way into the battery lets pass: the on-board charger, or the DC inlet.
    ``pausable`` and ``renegotiable`` say what this protocol's car can do; ``wish`` is what the charger has asked
    for and the car has not done yet.
    """

    context: Context
    most_w: float
    pausable: bool = False
    renegotiable: bool = False
    wish: Stop | None = None
    _counted_at: float = field(init=False, default=0.0)

    def begin(self) -> None:
        """Power is on from now."""
        self._counted_at = self.context.clock.monotonic()

    def count(self, offered_w: float) -> None:
        """Let ``offered_w`` watts have been on offer since the last time; below zero they flow back."""
        now = self.context.clock.monotonic()
        seconds, self._counted_at = now - self._counted_at, now
        battery, report = self.context.vehicle.battery, self.context.report
        if offered_w < 0:
            report.discharged_wh += battery.discharge(seconds, -offered_w, self._floor_percent)
        else:
            report.energy_wh += battery.charge(seconds, offered_w, self.most_w)
        report.soc_percent = battery.soc_percent

    def asked(self, offered_w: float) -> None:
        """Take down a round: the charger was asked, and ``offered_w`` flow or are on offer now."""
        report, battery = self.context.report, self.context.vehicle.battery
        report.rounds += 1
        self.context.tracer.event(
            "charging",
            energy_wh=report.energy_wh,
            discharged_wh=report.discharged_wh,
            soc_percent=battery.soc_percent,
            power_w=offered_w if offered_w < 0 else battery.power_w(offered_w, self.most_w),
            round=report.rounds,
        )

    def reason_to_stop(self) -> Stop | None:
        """Return why to stop now, None to go on. What the driver wants comes before what the charger wants."""
        battery, limits = self.context.vehicle.battery, self.context.config.charging
        rounds = self.context.report.rounds
        if self.context.stopping.is_set():
            return Stop.DRIVER
        if self.wish is not None:
            return self.wish
        if limits.direction is Direction.DISCHARGE:
            if battery.above_wh(self._floor_percent) <= 0:
                return Stop.EMPTIED
        elif battery.full:
            return Stop.FULL
        elif battery.soc_percent >= limits.target_soc_percent:
            return Stop.TARGET
        if 0 < limits.rounds <= rounds:
            return Stop.ROUNDS
        renegotiates_after = limits.renegotiate_after_rounds if self.renegotiable else 0
        if 0 < renegotiates_after <= rounds and not self.context.report.renegotiations:
            return Stop.RENEGOTIATION
        fresh = self.pausable and not self.context.report.pauses
        if fresh and 0 < limits.pause_after_rounds <= rounds:
            return Stop.PAUSE
        return None

    async def pause(self, seconds: float) -> None:
        """Let power flow for a while; a driver who wants to leave ends it early."""
        clock, stopping = self.context.clock, self.context.stopping
        started = clock.monotonic()
        try:
            async with asyncio.timeout(seconds):
                await stopping.wait()
        except TimeoutError:
            pass
        finally:
            self.context.report.durations.waiting_s += clock.monotonic() - started

    @property
    def _floor_percent(self) -> float:
        bidirectional = self.context.vehicle.bidirectional
        return 0.0 if bidirectional is None else bidirectional.min_soc_percent
