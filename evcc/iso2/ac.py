"""AC charging in ISO 15118-2: the car draws what outlet, cable and schedule allow together."""

from typing import Any

from evcc.classic.schedules import MESSAGE
from evcc.classic.values import number_of
from evcc.context import Context
from evcc.errors import ProtocolViolationError
from v2g.messages import iso2
from v2g.messages.iso2 import UnitSymbol
from v2g.physical import physical

PHASES = {
    iso2.EnergyTransferMode.AC_three_phase_core: 3,
    iso2.EnergyTransferMode.AC_single_phase_core: 1,
}
"""The energy transfer modes of an AC car, those it likes best first, with the phases they use."""


class AcTransfer:
    """The AC side of a session; see :class:`evcc.classic.charging.Transfer`.

    The voltage of the outlet is that between phase and neutral; its current holds per phase, and may change
    while charging.
    """

    def __init__(self, context: Context, mode: iso2.EnergyTransferMode) -> None:
        self._context = context
        self._phases = min(PHASES[mode], context.vehicle.ac.phases)
        self._voltage_v = self._max_current_a = 0.0
        self.most_w = context.vehicle.battery.max_power_w
        self.interval_s = context.config.charging.interval_s

    def parameters(self) -> iso2.AC_EVChargeParameter:
        """Return what the on-board charger takes."""
        car = self._context.vehicle
        wanted_wh = car.battery.missing_wh(self._context.config.charging.target_soc_percent)
        return iso2.AC_EVChargeParameter(
            e_amount=physical(wanted_wh, UnitSymbol.Wh, iso2.PhysicalValue),
            ev_max_voltage=physical(car.ac.max_voltage_v, UnitSymbol.V, iso2.PhysicalValue),
            ev_max_current=physical(car.ac.max_current_a, UnitSymbol.A, iso2.PhysicalValue),
            ev_min_current=physical(car.ac.min_current_a, UnitSymbol.A, iso2.PhysicalValue),
        )

    def take(self, limits: Any) -> None:
        """Take the outlet's limits; raises :class:`ProtocolViolationError`."""
        if not isinstance(limits, iso2.AC_EVSEChargeParameter):
            raise ProtocolViolationError(MESSAGE, f"{type(limits).__name__} for an AC car")
        self._voltage_v = number_of(limits.evse_nominal_voltage, UnitSymbol.V, MESSAGE, "EVSENominalVoltage")
        self._max_current_a = number_of(limits.evse_max_current, UnitSymbol.A, MESSAGE, "EVSEMaxCurrent")

    async def connect(self) -> None:
        """Nothing comes before AC is switched on."""

    def delivery(self, *, complete: bool) -> None:
        """Say nothing of the car."""

    async def ask(self, _allowed_w: float) -> iso2.ChargingStatusRes:
        """Ask for the status."""
        return await self._context.exchange.ask(iso2.ChargingStatusReq(), iso2.ChargingStatusRes)

    def absorb(self, response: iso2.ChargingStatusRes) -> iso2.EVSEStatus:
        """Take the current that the outlet allows from now on."""
        if response.evse_max_current is not None:
            self._max_current_a = number_of(
                response.evse_max_current, UnitSymbol.A, "ChargingStatusRes", "EVSEMaxCurrent"
            )
        return response.ac_evse_status

    def power_w(self, allowed_w: float) -> float:
        """Return what outlet, car and schedule allow together."""
        car = self._context.vehicle.ac
        current_a = min(self._max_current_a, car.max_current_a)
        if current_a < car.min_current_a:
            return 0.0
        return min(allowed_w, current_a * self._voltage_v * self._phases)

    async def disconnect(self) -> None:
        """Nothing comes after AC was switched off."""
