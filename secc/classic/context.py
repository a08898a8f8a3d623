"""What a session by PMax schedules knows beyond the common part."""

from dataclasses import dataclass, field

from secc.context import Context

UNLIMITED_W = 32_767
"""The most that DIN's sixteen bits of watts can say: a charger that has more means all of it."""


@dataclass(slots=True, kw_only=True)
class ClassicContext(Context):
    """The memory of a session of ISO 15118-2 or DIN 70121.

    ``p_max_w``         the steps of each schedule offered, by its id: (start in seconds, watts)
    ``schedule_id``     the one that the car chose
    ``profile``         its charging profile: (start in seconds since ``charging_since``, watts)
    ``charging_since``  when power was switched on (monotonic)
    ``max_charge_a``    the car's limit; per phase with AC
    ``max_charge_w``    the same in watts, DC only; None when it names none
    ``battery_v``       the voltage that the car had the cable brought to before it closed its contactors
    ``receipt_wanted``  True if the round that is being answered asks for a receipt
    """

    p_max_w: dict[int, tuple[tuple[float, float], ...]] = field(default_factory=dict)
    schedule_id: int = 1
    profile: tuple[tuple[float, float], ...] = ()
    charging_since: float = 0.0
    max_charge_a: float = 0.0
    max_charge_w: float | None = None
    battery_v: float = 0.0
    receipt_wanted: bool = False

    def count_round(self, soc_percent: int | None) -> None:
        """Count a round of the charge loop, and trace what it comes to."""
        self.charging_rounds += 1
        self.tracer.event(
            "charging",
            energy_wh=self.energy_wh,
            soc_percent=soc_percent,
            power_w=self.plug.meter.power_w,
            round=self.charging_rounds,
        )

    def allowed_w(self, now: float) -> float:
        """Return what schedule and charging profile allow now; no more than the outlet has."""
        elapsed_s = now - self.charging_since
        steps = (self.p_max_w.get(self.schedule_id, ()), self.profile)
        return min([self.plug.max_power_w, *(limit for found in steps for limit in _at(found, elapsed_s))])


def _at(steps: tuple[tuple[float, float], ...], elapsed_s: float) -> list[float]:
    """Return the step in force in a list of at most one."""
    found = [watts for start_s, watts in steps if start_s <= elapsed_s][-1:]
    return [watts for watts in found if watts != UNLIMITED_W]
