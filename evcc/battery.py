"""A small model of a traction battery behind an on-board AC charger.

Below a corner state of charge the battery takes whatever the charger and the cable allow; above it the
power it accepts falls in a straight line to a trickle at full. Both parts have a closed solution, so the
energy after a time does not depend on how that time was cut into steps.
"""

import math
from dataclasses import dataclass

SECONDS_PER_HOUR = 3600.0


@dataclass(slots=True)
class Battery:
    """The energy in the battery and how fast it takes more.

    ``capacity_wh`` and ``energy_wh`` are usable energy in watt hours, ``max_power_w`` the most that the
    on-board charger passes on, in watts. The taper starts at the fraction ``taper_from`` of the
    capacity and ends at full with the fraction ``taper_to`` of ``max_power_w``.
    """

    capacity_wh: float
    energy_wh: float
    max_power_w: float
    taper_from: float = 0.8
    taper_to: float = 0.05

    def __post_init__(self) -> None:
        if not (math.isfinite(self.capacity_wh) and self.capacity_wh > 0):
            raise ValueError(f"capacity_wh must be above 0, not {self.capacity_wh}")
        if not 0 <= self.energy_wh <= self.capacity_wh:
            raise ValueError(f"energy_wh must lie in 0..{self.capacity_wh:g}, not {self.energy_wh}")
        if not (math.isfinite(self.max_power_w) and self.max_power_w > 0):
            raise ValueError(f"max_power_w must be above 0, not {self.max_power_w}")
        if not 0 <= self.taper_from < 1:
            raise ValueError(f"taper_from must lie in 0..1, not {self.taper_from}")
        if not 0 < self.taper_to <= 1:
            raise ValueError(f"taper_to must lie above 0 and up to 1, not {self.taper_to}")

    @property
    def soc_percent(self) -> float:
        """State of charge, 0 to 100."""
        return 100.0 * self.energy_wh / self.capacity_wh

    @property
    def full(self) -> bool:
        """Whether nothing more goes in."""
        return self.energy_wh >= self.capacity_wh

    def missing_wh(self, target_soc_percent: float) -> float:
        """Watt hours until the state of charge is ``target_soc_percent``; never negative."""
        return max(0.0, self.capacity_wh * target_soc_percent / 100.0 - self.energy_wh)

    def power_w(self, offered_w: float) -> float:
        """Watts that flow now when ``offered_w`` are on offer."""
        if self.full:
            return 0.0
        return min(max(0.0, offered_w), self._accepted_w())

    def charge(self, seconds: float, offered_w: float) -> float:
        """Let ``offered_w`` watts be on offer for ``seconds``; return the watt hours taken in.

        Raises ValueError if ``seconds`` is negative.
        """
        if seconds < 0:
            raise ValueError(f"time runs forward: {seconds} s")
        before = self.energy_wh
        limit_w = min(max(0.0, offered_w), self.max_power_w)
        seconds -= self._charge_steadily(seconds, limit_w)
        if seconds > 0 and limit_w > 0:
            self._charge_tapering(seconds)
        return self.energy_wh - before

    def _slope(self) -> float:
        """Watts by which the accepted power falls for each watt hour above the corner."""
        return self.max_power_w * (1 - self.taper_to) / (self.capacity_wh * (1 - self.taper_from))

    def _accepted_w(self) -> float:
        above_wh = self.energy_wh - self.taper_from * self.capacity_wh
        return self.max_power_w if above_wh <= 0 else self.max_power_w - self._slope() * above_wh

    def _charge_steadily(self, seconds: float, limit_w: float) -> float:
        """Charge at ``limit_w`` until the taper asks for less, or time is up; return the seconds used."""
        if limit_w <= 0:
            return seconds
        slope = self._slope()
        above_wh = (self.max_power_w - limit_w) / slope if slope > 0 else math.inf
        corner_wh = min(self.capacity_wh, self.taper_from * self.capacity_wh + above_wh)
        if self.energy_wh >= corner_wh:
            return 0.0
        until_corner_s = (corner_wh - self.energy_wh) / limit_w * SECONDS_PER_HOUR
        if until_corner_s > seconds:
            self.energy_wh = min(corner_wh, self.energy_wh + limit_w * seconds / SECONDS_PER_HOUR)
            return seconds
        self.energy_wh = corner_wh
        return until_corner_s

    def _charge_tapering(self, seconds: float) -> None:
        """Charge for ``seconds`` at the accepted power, which decays exponentially towards the trickle."""
        slope = self._slope()
        if slope <= 0 or self.full:
            return
        gain_wh = self._accepted_w() / slope * -math.expm1(-slope * seconds / SECONDS_PER_HOUR)
        self.energy_wh = min(self.capacity_wh, self.energy_wh + gain_wh)
