"""The electrical side of the charger: outlets with contactor and meter. A model, no hardware.

A station has a number of outlets (connection points). A session takes a free one when it is set up and
gives it back when it ends, so that several cars charge at once, each with its own contactor and meter; a
car too many is refused. Which outlet a car gets is the station's choice, as there is no cable to follow.

The meter integrates power over the clock it is given: the same code counts real and virtual time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from secc.errors import ContactorError
from v2g.net.clock import Clock

_SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Rating:
    """What an AC outlet can deliver: ``voltage_v`` between phase and neutral, ``max_current_a`` per phase."""

    voltage_v: float = 230.0
    max_current_a: float = 32.0
    phases: int = 3

    def power_w(self, current_a: float, phases: int) -> float:
        """Return the power of a current on some phases, each within the rating."""
        return self.voltage_v * min(current_a, self.max_current_a) * min(phases, self.phases)


class Meter:
    """An energy meter: counts what flows, never backwards."""

    def __init__(self, meter_id: str, clock: Clock, reading_wh: float = 0.0) -> None:
        self.meter_id = meter_id
        self._clock = clock
        self._reading_wh = reading_wh
        self._power_w = 0.0
        self._since = clock.monotonic()

    @property
    def power_w(self) -> float:
        """The power that flows now."""
        return self._power_w

    def flow(self, power_w: float) -> None:
        """From now on this power flows."""
        self._reading_wh = self.reading_wh
        self._since = self._clock.monotonic()
        self._power_w = power_w

    @property
    def reading_wh(self) -> float:
        """The count up to now."""
        return self._reading_wh + self._power_w * (self._clock.monotonic() - self._since) / _SECONDS_PER_HOUR


class Contactor:
    """The switch between mains and car."""

    def __init__(self) -> None:
        self._closed = False

    @property
    def closed(self) -> bool:
        """True while the car is connected to the mains."""
        return self._closed

    def close(self) -> None:
        """Connect the car; raises ContactorError when the contactor does not follow."""
        self._closed = True

    def open(self) -> None:
        """Disconnect the car; raises ContactorError when the contactor does not follow."""
        self._closed = False


class Outlet:
    """One connection point."""

    def __init__(
        self, evse_id: str, rating: Rating, meter: Meter, contactor: Contactor | None = None
    ) -> None:
        self.evse_id = evse_id
        self.rating = rating
        self.meter = meter
        self.contactor = contactor or Contactor()

    def energize(self, power_w: float) -> None:
        """Close the contactor and let ``power_w`` flow; raises ContactorError."""
        self.contactor.close()
        if not self.contactor.closed:
            raise ContactorError(f"the contactor of {self.evse_id} did not close")
        self.meter.flow(power_w)

    def isolate(self) -> None:
        """Open the contactor; raises ContactorError when it stays closed. Harmless when it is open."""
        self.meter.flow(0.0)
        if self.contactor.closed:
            self.contactor.open()
        if self.contactor.closed:
            raise ContactorError(f"the contactor of {self.evse_id} did not open")


class Station:
    """All outlets of the charger, and which of them are taken."""

    def __init__(self, outlets: Sequence[Outlet]) -> None:
        self.outlets = tuple(outlets)
        self._free = list(outlets)

    @classmethod
    def of(cls, evse_id: str, count: int, rating: Rating, meter_id: str, clock: Clock) -> "Station":
        """Make a station of equal outlets; from two on, EVSE and meter ids carry the outlet's number."""
        suffixes = [""] if count == 1 else [f"*{number}" for number in range(1, count + 1)]
        return cls(
            [Outlet(evse_id + s, rating, Meter(meter_id + s.replace("*", "-"), clock)) for s in suffixes]
        )

    @property
    def rating(self) -> Rating:
        """The rating of the first outlet; all of a station made by :meth:`of` are equal."""
        return self.outlets[0].rating

    def take(self) -> Outlet | None:
        """Return a free outlet, which is then taken; None when there is none."""
        return self._free.pop(0) if self._free else None

    def give_back(self, outlet: Outlet) -> None:
        """Free an outlet. It must be isolated already."""
        self._free.append(outlet)
