"""A DC power supply as a model: what happens between the mains and the pins of the connector.

Voltage and current move to their targets at a limited rate, within the limits of the supply. Before a
charge the cable's isolation is tested, which takes time; afterwards the voltage dies away, which is what a
car watches to find a welded contactor. Time comes from the clock; nothing here waits.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

from secc.meter import SECONDS_PER_HOUR, Energy
from v2g.net.clock import Clock


@dataclass(frozen=True, slots=True)
class DcRating:
    """What a DC outlet can deliver, and how fast.

    The discharge limits are positive; with zero the supply only charges. ``decay_s`` is the time constant of
    the voltage after it is switched off.
    """

    max_voltage_v: float = 920.0
    min_voltage_v: float = 150.0
    max_current_a: float = 300.0
    max_power_w: float = 150_000.0
    max_discharge_current_a: float = 0.0
    max_discharge_power_w: float = 0.0
    ramp_v_per_s: float = 500.0
    ramp_a_per_s: float = 200.0
    isolation_s: float = 2.0
    decay_s: float = 0.2

    @property
    def bidirectional(self) -> bool:
        """True if it can take energy out of a car."""
        return self.max_discharge_current_a > 0 and self.max_discharge_power_w > 0


@dataclass(frozen=True, slots=True)
class Ramp:
    """A quantity that moves from ``start`` to ``target`` at ``rate`` per second, from ``begun`` on."""

    start: float
    target: float
    rate: float
    begun: float

    @property
    def ends(self) -> float:
        """When the target is reached (monotonic)."""
        return self.begun + abs(self.target - self.start) / self.rate

    def at(self, now: float) -> float:
        """Return the value at a monotonic time."""
        if now >= self.ends:
            return self.target
        moved = self.rate * max(0.0, now - self.begun)
        return self.start + math.copysign(moved, self.target - self.start)


@dataclass(frozen=True, slots=True)
class Decay:
    """A voltage that dies away with a time constant."""

    start: float
    constant_s: float
    begun: float

    def at(self, now: float) -> float:
        """Return the value at a monotonic time."""
        return self.start * math.exp(-max(0.0, now - self.begun) / self.constant_s)


@dataclass(frozen=True, slots=True)
class Limited:
    """Which limits of the supply keep a car from what it asked for."""

    voltage: bool = False
    current: bool = False
    power: bool = False


class DcSupply:
    """The supply of one DC outlet. It is a :class:`secc.meter.Flow`, so that a meter can follow it."""

    def __init__(self, rating: DcRating, clock: Clock) -> None:
        self.rating = rating
        self._clock = clock
        self._voltage: Ramp | Decay = Ramp(0.0, 0.0, rating.ramp_v_per_s, clock.monotonic())
        self._current = Ramp(0.0, 0.0, rating.ramp_a_per_s, clock.monotonic())
        self._isolation_begun: float | None = None

    @property
    def voltage_v(self) -> float:
        """The voltage at the pins now."""
        return self._voltage.at(self._clock.monotonic())

    @property
    def current_a(self) -> float:
        """The current now; negative out of the car."""
        return self._current.at(self._clock.monotonic())

    def isolated(self) -> bool:
        """Tell whether the cable has passed its isolation test; the first call begins it."""
        now = self._clock.monotonic()
        if self._isolation_begun is None:
            self._isolation_begun = now
        return now - self._isolation_begun >= self.rating.isolation_s

    def precharge(self, target_v: float) -> Limited:
        """Bring the pins to the voltage of the car's battery, with next to no current."""
        return self.regulate(target_v, 0.0)

    def regulate(self, target_v: float, target_a: float, *, load_v: float | None = None) -> Limited:
        """Go for a voltage and a current (negative: out of the car), as far as the limits allow.

        ``load_v`` is the voltage of the car's battery, which holds the pins where it is while it is lower.
        """
        rating = self.rating
        now = self._clock.monotonic()
        voltage = min(max(target_v, 0.0), rating.max_voltage_v)
        if load_v is not None and 0 < load_v < voltage:
            voltage = load_v
        current = max(-rating.max_discharge_current_a, min(target_a, rating.max_current_a))
        limited_current = current
        if voltage > 0:
            limited_current = max(
                -rating.max_discharge_power_w / voltage, min(current, rating.max_power_w / voltage)
            )
        self._voltage = Ramp(self._voltage.at(now), voltage, rating.ramp_v_per_s, now)
        self._current = Ramp(self._current.at(now), limited_current, rating.ramp_a_per_s, now)
        return Limited(
            voltage=target_v > rating.max_voltage_v,
            current=current != target_a,
            power=limited_current != current,
        )

    def off(self) -> None:
        """Cut the current at once and let the voltage die away; another charge needs another isolation test."""
        now = self._clock.monotonic()
        if not isinstance(self._voltage, Decay):
            self._voltage = Decay(self._voltage.at(now), self.rating.decay_s, now)
        self._current = Ramp(0.0, 0.0, self.rating.ramp_a_per_s, now)
        self._isolation_begun = None

    def power_at(self, at: float) -> float:
        """Return the power in W at a monotonic time."""
        return self._voltage.at(at) * self._current.at(at)

    def energy(self, start: float, end: float) -> Energy:
        """Return the energy between two monotonic times, since the last change of targets.

        Between the bends of the two ramps, and on each side of zero current, power is a parabola, for which
        Simpson's rule is exact. A decaying voltage carries no current.
        """
        bends = {start, end}
        for ramp in (self._voltage, self._current):
            if isinstance(ramp, Ramp):
                bends |= {at for at in (ramp.ends, self._zero_crossing()) if start < at < end}
        total = Energy()
        ordered = sorted(bends)
        for begin, finish in pairwise(ordered):
            middle = (begin + finish) / 2
            weighted = self.power_at(begin) + 4 * self.power_at(middle) + self.power_at(finish)
            energy_wh = weighted / 6 * (finish - begin) / SECONDS_PER_HOUR
            total += Energy(charged_wh=max(0.0, energy_wh), discharged_wh=max(0.0, -energy_wh))
        return total

    def _zero_crossing(self) -> float:
        """Return when the current changes its sign; the ramp's end if it does not."""
        ramp = self._current
        crosses = ramp.start * ramp.target < 0
        return ramp.begun + abs(ramp.start) / ramp.rate if crosses else ramp.ends
