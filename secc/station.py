"""The electrical side of the charger: outlets with contactor and meter. A model, no hardware.

A station has a number of outlets (connection points). A session takes a free one when it is set up and
gives it back when it ends, so that several cars charge at once, each with its own contactor and meter; a
car too many is refused. Which outlet a car gets is the station's choice, as there is no cable to follow.

There are AC outlets, whose power the car draws as it likes within the rating, and DC outlets with a power
supply of their own (:mod:`secc.dc_supply`).
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from secc.dc_supply import DcRating, DcSupply, Limited
from secc.errors import ContactorError
from secc.meter import Meter
from v2g.net.clock import Clock


class Kind(StrEnum):
    """What an outlet delivers."""

    AC = "ac"
    DC = "dc"


@dataclass(frozen=True, slots=True)
class Rating:
    """What an AC outlet can deliver: ``voltage_v`` between phase and neutral, ``max_current_a`` per phase.

    With ``bidirectional`` it takes as much out of a car.
    """

    voltage_v: float = 230.0
    max_current_a: float = 32.0
    phases: int = 3
    bidirectional: bool = False

    @property
    def max_power_w(self) -> float:
        """The power of all phases."""
        return self.power_w(self.max_current_a, self.phases)

    def power_w(self, current_a: float, phases: int) -> float:
        """Return the power of a current on some phases, each within the rating."""
        return self.voltage_v * min(current_a, self.max_current_a) * min(phases, self.phases)


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


class Outlet(ABC):
    """One connection point: what AC and DC have in common."""

    kind: Kind

    @property
    @abstractmethod
    def max_power_w(self) -> float:
        """The most that it gives."""

    @property
    @abstractmethod
    def max_discharge_w(self) -> float:
        """The most that it takes out of a car; 0 when it only gives."""

    def __init__(self, evse_id: str, meter: Meter, contactor: Contactor | None = None) -> None:
        self.evse_id = evse_id
        self.meter = meter
        self.contactor = contactor or Contactor()

    def connect(self) -> None:
        """Close the contactor; raises ContactorError when it stays open."""
        self.contactor.close()
        if not self.contactor.closed:
            raise ContactorError(f"the contactor of {self.evse_id} did not close")

    def isolate(self) -> None:
        """Open the contactor; raises ContactorError when it stays closed. Harmless when it is open."""
        self.meter.flow(0.0)
        if self.contactor.closed:
            self.contactor.open()
        if self.contactor.closed:
            raise ContactorError(f"the contactor of {self.evse_id} did not open")


class AcOutlet(Outlet):
    """A connection point for alternating current."""

    kind = Kind.AC

    def __init__(
        self, evse_id: str, rating: Rating, meter: Meter, contactor: Contactor | None = None
    ) -> None:
        super().__init__(evse_id, meter, contactor)
        self.rating = rating

    @property
    def max_power_w(self) -> float:
        """The power of all phases."""
        return self.rating.max_power_w

    @property
    def max_discharge_w(self) -> float:
        """As much as it gives, where it takes anything at all."""
        return self.rating.max_power_w if self.rating.bidirectional else 0.0

    def energize(self, power_w: float) -> None:
        """Close the contactor and let ``power_w`` flow; raises ContactorError."""
        self.connect()
        self.meter.flow(power_w)


class DcOutlet(Outlet):
    """A connection point for direct current, with a supply of its own."""

    kind = Kind.DC

    def __init__(
        self, evse_id: str, supply: DcSupply, meter: Meter, contactor: Contactor | None = None
    ) -> None:
        super().__init__(evse_id, meter, contactor)
        self.supply = supply

    @property
    def max_power_w(self) -> float:
        """The power limit of the supply."""
        return self.supply.rating.max_power_w

    @property
    def max_discharge_w(self) -> float:
        """The power limit of the supply, out of the car."""
        return self.supply.rating.max_discharge_power_w

    def energize(self) -> None:
        """Close the contactor, and have the meter follow the supply; raises ContactorError."""
        self.connect()
        self.meter.follow(self.supply)

    def regulate(self, target_v: float, target_a: float, *, load_v: float | None = None) -> Limited:
        """Give the supply new targets, see :meth:`secc.dc_supply.DcSupply.regulate`. The meter follows."""
        self.meter.follow(self.supply)
        return self.supply.regulate(target_v, target_a, load_v=load_v)

    def isolate(self) -> None:
        """Switch the supply off and open the contactor; raises ContactorError when it stays closed."""
        self.meter.flow(0.0)
        self.supply.off()
        super().isolate()


class Station:
    """All outlets of the charger, and which of them are taken."""

    def __init__(self, outlets: Sequence[Outlet]) -> None:
        self.outlets = tuple(outlets)
        self._free = list(outlets)

    @classmethod
    def of(
        cls,
        evse_id: str,
        count: int,
        rating: Rating,
        meter_id: str,
        clock: Clock,
        *,
        dc_count: int = 0,
        dc_rating: DcRating | None = None,
    ) -> "Station":
        """Make a station of ``count`` AC and ``dc_count`` DC outlets.

        From two outlets on, EVSE and meter ids carry the outlet's number.
        """
        total = count + dc_count
        suffixes = [""] if total == 1 else [f"*{number}" for number in range(1, total + 1)]
        outlets: list[Outlet] = []
        for number, suffix in enumerate(suffixes):
            meter = Meter(meter_id + suffix.replace("*", "-"), clock)
            if number < count:
                outlets.append(AcOutlet(evse_id + suffix, rating, meter))
            else:
                supply = DcSupply(dc_rating or DcRating(), clock)
                outlets.append(DcOutlet(evse_id + suffix, supply, meter))
        return cls(outlets)

    def has(self, kind: Kind) -> bool:
        """Tell whether there is an outlet of a kind, free or not."""
        return any(outlet.kind is kind for outlet in self.outlets)

    def has_free(self, kind: Kind) -> bool:
        """Tell whether an outlet of a kind is free."""
        return any(outlet.kind is kind for outlet in self._free)

    def take(self, kind: Kind | None = None) -> Outlet | None:
        """Return a free outlet (of a kind), which is then taken; None when there is none."""
        found = next((outlet for outlet in self._free if kind in {None, outlet.kind}), None)
        if found is not None:
            self._free.remove(found)
        return found

    def give_back(self, outlet: Outlet) -> None:
        """Free an outlet. It must be isolated already."""
        self._free.append(outlet)
