"""Energy meters: they integrate power over the clock that they are given, real or virtual."""

from dataclasses import dataclass
from typing import Protocol

from v2g.net.clock import Clock

SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Energy:
    """Energy of a span of time, in Wh: what went into the car, and what came out of it. Neither is negative."""

    charged_wh: float = 0.0
    discharged_wh: float = 0.0

    def __add__(self, other: "Energy") -> "Energy":
        """Return the sum of both directions."""
        return Energy(self.charged_wh + other.charged_wh, self.discharged_wh + other.discharged_wh)


class Flow(Protocol):
    """Power over time; positive into the car."""

    def power_at(self, at: float) -> float:
        """Return the power in W at a monotonic time."""

    def energy(self, start: float, end: float) -> Energy:
        """Return the energy between two monotonic times."""


@dataclass(frozen=True, slots=True)
class Constant:
    """The same power for ever."""

    power_w: float = 0.0

    def power_at(self, _at: float) -> float:
        """Return the power."""
        return self.power_w

    def energy(self, start: float, end: float) -> Energy:
        """Return power times time."""
        energy_wh = abs(self.power_w) * (end - start) / SECONDS_PER_HOUR
        return Energy(charged_wh=energy_wh) if self.power_w > 0 else Energy(discharged_wh=energy_wh)


class Meter:
    """An energy meter with a register for each direction; neither ever counts backwards."""

    def __init__(self, meter_id: str, clock: Clock, reading_wh: float = 0.0) -> None:
        self.meter_id = meter_id
        self._clock = clock
        self._counted = Energy(reading_wh)
        self._flow: Flow = Constant()
        self._since = clock.monotonic()

    @property
    def power_w(self) -> float:
        """The power that flows now; negative out of the car."""
        return self._flow.power_at(self._clock.monotonic())

    def flow(self, power_w: float) -> None:
        """From now on this power flows, until told otherwise."""
        self.follow(Constant(power_w))

    def follow(self, flow: Flow) -> None:
        """From now on power flows as ``flow`` says. Call it before a flow changes its mind, too."""
        now = self._clock.monotonic()
        self._counted, self._since = self._up_to(now), now
        self._flow = flow

    @property
    def reading_wh(self) -> float:
        """What went into cars up to now."""
        return self._up_to(self._clock.monotonic()).charged_wh

    @property
    def discharged_wh(self) -> float:
        """What came out of cars up to now."""
        return self._up_to(self._clock.monotonic()).discharged_wh

    def _up_to(self, now: float) -> Energy:
        return self._counted + self._flow.energy(self._since, now)
