"""DC charging as ISO 15118-2 and DIN 70121 have it, in the message classes of either."""

from types import ModuleType
from typing import Any

from evcc.classic.values import number_of
from evcc.context import Context
from evcc.dc import DcInlet, Outlet, Pack
from evcc.errors import ProtocolViolationError
from evcc.ongoing import ongoing_limit, repeat_until, until_finished
from v2g.physical import number, physical, physical_at_most
from v2g.timing import Deadline

_PARAMETERS = "ChargeParameterDiscoveryRes"
_LOOP = "CurrentDemandRes"
_PRE_CHARGE_A = 1.0
"""What the car asks for while it pre-charges; the standard allows 2 A at most."""
_UNSAFE = {"Invalid", "Fault"}


class DcTransfer:
    """The DC side of a session; see :class:`evcc.classic.charging.Transfer`.

    ``messages`` is the module of the protocol's classes.
    """

    def __init__(self, context: Context, messages: ModuleType, inlet: DcInlet) -> None:
        self._context = context
        self._messages = messages
        self._pack = Pack(context.vehicle.battery, inlet)
        self.most_w = inlet.max_power_w
        self.interval_s = context.config.charging.loop_interval_s
        self._evse = Outlet(0.0, 0.0, 0.0)
        self._power_w = 0.0

    def parameters(self) -> Any:
        """Return what the inlet takes."""
        inlet, battery = self._pack.inlet, self._context.vehicle.battery
        target = self._context.config.charging.target_soc_percent
        return self._messages.DC_EVChargeParameter(
            dc_ev_status=self._status(),
            ev_maximum_current_limit=self._at_most(inlet.max_current_a, "A"),
            ev_maximum_power_limit=self._at_most(inlet.max_power_w, "W"),
            ev_maximum_voltage_limit=self._at_most(inlet.max_voltage_v, "V"),
            ev_energy_capacity=self._physical(battery.capacity_wh, "Wh"),
            ev_energy_request=self._physical(battery.missing_wh(target), "Wh"),
            full_soc=100,
            bulk_soc=80,
        )

    def take(self, limits: Any) -> None:
        """Take the outlet's limits; raises :class:`ProtocolViolationError`."""
        if not isinstance(limits, self._messages.DC_EVSEChargeParameter):
            raise ProtocolViolationError(_PARAMETERS, f"{type(limits).__name__} for a DC car")
        self._evse = Outlet(self.most_w, 0.0, 0.0)
        self._renew(_PARAMETERS, limits)

    async def connect(self) -> None:
        """Have the cable checked, and the charger's voltage brought to the battery's."""
        await self.cable_check()
        await self.pre_charge()

    async def cable_check(self) -> None:
        """Wait until the charger has measured the insulation, and found it good."""
        request = self._messages.CableCheckReq(dc_ev_status=self._status())
        limit = self._context.config.timers.cable_check
        response = await until_finished(self._context, request, self._messages.CableCheckRes, limit=limit)
        level = response.dc_evse_status.evse_isolation_status
        if level in _UNSAFE:
            raise ProtocolViolationError("CableCheckRes", f"Finished, but the insulation is {level}")

    async def pre_charge(self) -> None:
        """Wait until the charger's voltage fits the battery's."""

        async def ask(within: Deadline) -> bool:
            request = self._messages.PreChargeReq(
                dc_ev_status=self._status(),
                ev_target_voltage=self._physical(self._pack.rest_voltage_v, "V"),
                ev_target_current=self._physical(_PRE_CHARGE_A, "A"),
            )
            response = await self._context.exchange.ask(request, self._messages.PreChargeRes, within=within)
            return self._pack.fits(number(response.evse_present_voltage))

        await repeat_until(self._context, ask, self._context.config.timers.pre_charge)

    def delivery(self, *, complete: bool) -> Any:
        """Return how full the battery is."""
        return self._messages.DC_EVPowerDeliveryParameter(
            dc_ev_status=self._status(), bulk_charging_complete=complete, charging_complete=complete
        )

    async def ask(self, allowed_w: float) -> Any:
        """Ask for a current within what the schedule allows."""
        inlet, pack = self._pack.inlet, self._pack
        outlet = Outlet(
            min(allowed_w, self._evse.max_power_w), self._evse.max_current_a, self._evse.max_voltage_v
        )
        target = self._context.config.charging.target_soc_percent
        request = self._messages.CurrentDemandReq(
            dc_ev_status=self._status(),
            ev_target_current=self._at_most(pack.charging_current_a(outlet), "A"),
            ev_maximum_voltage_limit=self._at_most(inlet.max_voltage_v, "V"),
            ev_maximum_current_limit=self._at_most(inlet.max_current_a, "A"),
            ev_maximum_power_limit=self._at_most(inlet.max_power_w, "W"),
            bulk_charging_complete=False,
            charging_complete=pack.battery.missing_wh(target) <= 0,
            ev_target_voltage=self._at_most(min(inlet.target_voltage_v, self._evse.max_voltage_v), "V"),
        )
        return await self._context.exchange.ask(request, self._messages.CurrentDemandRes)

    def absorb(self, response: Any) -> Any:
        """Take what the charger delivers from now on, and its limits where it renews them."""
        self._renew(_LOOP, response)
        voltage_v = number_of(response.evse_present_voltage, "V", _LOOP, "EVSEPresentVoltage")
        current_a = min(max(number(response.evse_present_current), 0.0), self._pack.inlet.max_current_a)
        self._power_w = min(voltage_v * current_a, self.most_w)
        return response.dc_evse_status

    def power_w(self, _allowed_w: float) -> float:
        """Return what the charger said it delivers."""
        return self._power_w

    async def disconnect(self) -> None:
        """Have the contactors checked for welding: wait until the charger's voltage has gone."""
        self._power_w = 0.0

        async def ask(within: Deadline) -> bool:
            request = self._messages.WeldingDetectionReq(dc_ev_status=self._status())
            response = await self._context.exchange.ask(
                request, self._messages.WeldingDetectionRes, within=within
            )
            return abs(number(response.evse_present_voltage)) <= self._pack.inlet.safe_voltage_v

        await repeat_until(self._context, ask, ongoing_limit(self._context))

    def _renew(self, message: str, limits: Any) -> None:
        """Take over the limits that the charger names; those that it leaves out stay as they were."""

        def renewed(name: str, unit: str, before: float) -> float:
            value = getattr(limits, f"evse_maximum_{name}_limit")
            if value is None:
                return before
            return number_of(value, unit, message, f"EVSEMaximum{name.title()}Limit")

        old = self._evse
        self._evse = Outlet(
            renewed("power", "W", old.max_power_w),
            renewed("current", "A", old.max_current_a),
            renewed("voltage", "V", old.max_voltage_v),
        )

    def _status(self) -> Any:
        return self._messages.DC_EVStatus(
            ev_ready=True,
            ev_error_code=self._messages.DC_EVErrorCode.NO_ERROR,
            ev_ress_soc=round(self._pack.battery.soc_percent),
        )

    def _physical(self, value: float, unit: str) -> Any:
        return physical(value, unit, self._messages.PhysicalValue)

    def _at_most(self, value: float, unit: str) -> Any:
        return physical_at_most(value, unit, self._messages.PhysicalValue)
