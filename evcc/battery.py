"""A small model of a traction battery: what it takes in, and what it gives back.

Below a corner state of charge the battery takes whatever the charger and the cable allow; above it the
power it accepts falls in a straight line to a trickle at full. Both parts have a closed solution, so the
energy after a time does not depend on how that time was cut into steps. What is given back flows steadily
down to a floor.
"""

import math
from dataclasses import dataclass

SECONDS_PER_HOUR = 3600.0


@dataclass(slots=True)
class Battery:
    """The energy in the battery and how fast it takes more.

    ``capacity_wh`` and ``energy_wh`` are usable energy in watt hours, ``max_power_w`` the most that the
    on-board charger passes on, in watts; a DC charger goes round that one, so its methods take another
    ``most_w``. The taper starts at the fraction ``taper_from`` of the capacity and ends at full with the
    fraction ``taper_to`` of that power.
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

    def above_wh(self, floor_percent: float) -> float:
        """Watt hours that may be given back until the state of charge is ``floor_percent``."""
        return max(0.0, self.energy_wh - self.capacity_wh * floor_percent / 100.0)

    def power_w(self, offered_w: float, most_w: float | None = None) -> float:
        """Watts that flow in now when ``offered_w`` are on offer and ``most_w`` can pass."""
        if self.full:
            return 0.0
        return min(max(0.0, offered_w), self._accepted_w(self._most(most_w)))

    def charge(self, seconds: float, offered_w: float, most_w: float | None = None) -> float:
        """Let ``offered_w`` watts be on offer for ``seconds``; return the watt hours taken in.

        ``most_w`` is what can pass, ``max_power_w`` if not given. Raises ValueError if ``seconds`` is
        negative.
        """
        _check_forward(seconds)
        before, most_w = self.energy_wh, self._most(most_w)
        limit_w = min(max(0.0, offered_w), most_w)
        seconds -= self._charge_steadily(seconds, limit_w, most_w)
        if seconds > 0 and limit_w > 0:
            self._charge_tapering(seconds, most_w)
        return self.energy_wh - before

    def discharge(self, seconds: float, wanted_w: float, floor_percent: float = 0.0) -> float:
        """Give ``wanted_w`` watts back for ``seconds``, down to ``floor_percent``; return the watt hours.

        Raises ValueError if ``seconds`` is negative.
        """
        _check_forward(seconds)
        given_wh = min(max(0.0, wanted_w) * seconds / SECONDS_PER_HOUR, self.above_wh(floor_percent))
        self.energy_wh = max(0.0, self.energy_wh - given_wh)
        return given_wh

    def _most(self, most_w: float | None) -> float:
        return self.max_power_w if most_w is None else most_w

    def _slope(self, most_w: float) -> float:
        """Watts by which the accepted power falls for each watt hour above the corner."""
        return most_w * (1 - self.taper_to) / (self.capacity_wh * (1 - self.taper_from))

    def _accepted_w(self, most_w: float) -> float:
        above_wh = self.energy_wh - self.taper_from * self.capacity_wh
        return most_w if above_wh <= 0 else most_w - self._slope(most_w) * above_wh

    def _charge_steadily(self, seconds: float, limit_w: float, most_w: float) -> float:
        """Charge at ``limit_w`` until the taper asks for less, or time is up; return the seconds used."""
        if limit_w <= 0:
            return seconds
        slope = self._slope(most_w)
        above_wh = (most_w - limit_w) / slope if slope > 0 else math.inf
        corner_wh = min(self.capacity_wh, self.taper_from * self.capacity_wh + above_wh)
        if self.energy_wh >= corner_wh:
            return 0.0
        until_corner_s = (corner_wh - self.energy_wh) / limit_w * SECONDS_PER_HOUR
        if until_corner_s > seconds:
            self.energy_wh = min(corner_wh, self.energy_wh + limit_w * seconds / SECONDS_PER_HOUR)
            return seconds
        self.energy_wh = corner_wh
        return until_corner_s

    def _charge_tapering(self, seconds: float, most_w: float) -> None:
        """Charge for ``seconds`` at the accepted power, which decays exponentially towards the trickle."""
        slope = self._slope(most_w)
        if slope <= 0 or self.full:
            return
        gain_wh = self._accepted_w(most_w) / slope * -math.expm1(-slope * seconds / SECONDS_PER_HOUR)
        self.energy_wh = min(self.capacity_wh, self.energy_wh + gain_wh)


def _check_forward(seconds: float) -> None:
    if seconds < 0:
        raise ValueError(f"time runs forward: {seconds} s")
