"""The high-voltage side of the car as a DC charger meets it: voltage, currents, and when they fit."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from evcc.battery import Battery
from evcc.toml import Section

_Voltage = Annotated[float, Meta(gt=0, le=2000)]
_Current = Annotated[float, Meta(ge=0, le=3000)]
_Power = Annotated[float, Meta(ge=0, le=2_000_000)]


class DcInlet(Section, frozen=True):
    """``[dc]``: what the battery takes from a DC charger.

    Volts, amperes, watts. ``empty_voltage_v`` and ``full_voltage_v`` are the voltages of the pack at rest,
    between which it rises in a straight line; ``resistance_ohm`` adds to them with the current.
    ``target_voltage_v`` is what the car asks for while charging. Before the contactors close, the charger's
    voltage must come within ``pre_charge_tolerance_v`` of the pack's; after they have opened, welding
    detection waits until it is below ``safe_voltage_v``.
    """

    max_power_w: _Power = 100_000.0
    min_power_w: _Power = 0.0
    max_voltage_v: _Voltage = 450.0
    min_voltage_v: _Voltage = 200.0
    max_current_a: _Current = 250.0
    min_current_a: _Current = 0.0
    target_voltage_v: _Voltage = 420.0
    empty_voltage_v: _Voltage = 340.0
    full_voltage_v: _Voltage = 410.0
    resistance_ohm: Annotated[float, Meta(ge=0, le=10)] = 0.04
    pre_charge_tolerance_v: Annotated[float, Meta(gt=0, le=100)] = 20.0
    safe_voltage_v: _Voltage = 60.0

    def problem(self) -> str:
        """Return which values contradict each other, nothing if none do."""
        if not self.empty_voltage_v <= self.full_voltage_v <= self.target_voltage_v <= self.max_voltage_v:
            return "it must be empty_voltage_v ≤ full_voltage_v ≤ target_voltage_v ≤ max_voltage_v"
        if not self.min_voltage_v <= self.empty_voltage_v:
            return "it must be min_voltage_v ≤ empty_voltage_v"
        if self.min_power_w > self.max_power_w or self.min_current_a > self.max_current_a:
            return "a minimum is above its maximum"
        return ""


@dataclass(frozen=True, slots=True)
class Outlet:
    """What the charger's side allows at the moment; magnitudes, also for the way back."""

    max_power_w: float
    max_current_a: float
    max_voltage_v: float


@dataclass(slots=True)
class Pack:
    """The battery behind a DC inlet. Currents into the battery are positive."""

    battery: Battery
    inlet: DcInlet

    @property
    def rest_voltage_v(self) -> float:
        """The voltage without current, which follows the state of charge."""
        span_v = self.inlet.full_voltage_v - self.inlet.empty_voltage_v
        return self.inlet.empty_voltage_v + span_v * self.battery.soc_percent / 100.0

    def voltage_v(self, current_a: float) -> float:
        """Return the voltage at the inlet while ``current_a`` flows, inside the inlet's limits."""
        loaded_v = self.rest_voltage_v + current_a * self.inlet.resistance_ohm
        return min(max(loaded_v, self.inlet.min_voltage_v), self.inlet.max_voltage_v)

    def charging_current_a(self, outlet: Outlet) -> float:
        """Return the current to ask for: what inlet, battery and charger allow together, 0 if too little."""
        volts = self.rest_voltage_v
        if outlet.max_voltage_v < volts:
            return 0.0
        power_w = self.battery.power_w(outlet.max_power_w, self.inlet.max_power_w)
        current_a = min(power_w / volts, self.inlet.max_current_a, outlet.max_current_a)
        return current_a if current_a >= self.inlet.min_current_a else 0.0

    def discharging_current_a(self, outlet: Outlet, most: Outlet, floor_percent: float) -> float:
        """Return the current to give back, as a magnitude.

        ``most`` is what the car gives at most, ``floor_percent`` the state of charge where it stops.
        """
        if self.battery.above_wh(floor_percent) <= 0:
            return 0.0
        power_w = min(outlet.max_power_w, most.max_power_w)
        return min(power_w / self.rest_voltage_v, outlet.max_current_a, most.max_current_a)

    def fits(self, voltage_v: float) -> bool:
        """Whether the charger's voltage is near enough to close the contactors."""
        return abs(voltage_v - self.rest_voltage_v) <= self.inlet.pre_charge_tolerance_v
