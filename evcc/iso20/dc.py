"""DC charging in ISO 15118-20, one way and both ways. Currents into the battery are positive."""

from dataclasses import replace
from typing import Any

from evcc.config import Control
from evcc.context import Context
from evcc.dc import DcInlet, Outlet, Pack
from evcc.errors import ProtocolViolationError
from evcc.iso20 import needs
from evcc.iso20.limits import not_negative
from evcc.iso20.services import Agreement
from evcc.ongoing import ongoing_limit, repeat_until, until_finished
from v2g.messages.iso20 import dc
from v2g.messages.iso20.common_types import ChargeLoopRes, CLReqControlMode, Processing, RationalNumber
from v2g.protocols import UNSENT
from v2g.rational import number_of, rational
from v2g.timing import Deadline

_PARAMETERS = "DC_ChargeParameterDiscoveryRes"
_LOOP = "DC_ChargeLoopRes"


class DcTransfer:
    """The DC side of a session; see :class:`evcc.iso20.charging.Transfer`."""

    def __init__(self, context: Context, agreement: Agreement, inlet: DcInlet) -> None:
        car = context.vehicle
        self._context = context
        self._agreement = agreement
        self._pack = Pack(car.battery, inlet)
        self._back = car.bidirectional if agreement.bidirectional else None
        self.most_w = inlet.max_power_w
        self.give_w = 0.0 if self._back is None else self._back.max_discharge_power_w
        self.power_w = 0.0
        self._current_a = 0.0
        self._evse = Outlet(0.0, 0.0, 0.0)
        self._evse_back = Outlet(0.0, 0.0, 0.0)

    async def charge_parameter_discovery(self) -> None:
        """Tell what the inlet takes and gives, and take the charger's limits."""
        inlet = self._pack.inlet
        limits: dict[str, Any] = {
            "ev_maximum_charge_power": rational(inlet.max_power_w),
            "ev_minimum_charge_power": rational(inlet.min_power_w),
            "ev_maximum_charge_current": rational(inlet.max_current_a),
            "ev_minimum_charge_current": rational(inlet.min_current_a),
            "ev_maximum_voltage": rational(inlet.max_voltage_v),
            "ev_minimum_voltage": rational(inlet.min_voltage_v),
            "target_soc": round(self._context.config.charging.target_soc_percent),
        }
        back = self._back
        mode = (
            dc.DC_CPDReqEnergyTransferMode(**limits)
            if back is None
            else dc.BPT_DC_CPDReqEnergyTransferMode(
                **limits,
                ev_maximum_discharge_power=rational(back.max_discharge_power_w),
                ev_minimum_discharge_power=rational(back.min_discharge_power_w),
                ev_maximum_discharge_current=rational(back.max_discharge_current_a),
                ev_minimum_discharge_current=rational(back.min_discharge_current_a),
            )
        )
        request = dc.DC_ChargeParameterDiscoveryReq(header=UNSENT, dc_cpd_req_energy_transfer_mode=mode)
        response = await self._context.exchange.ask(request, dc.DC_ChargeParameterDiscoveryRes)
        offered = response.dc_cpd_res_energy_transfer_mode
        voltage_v = not_negative(_PARAMETERS, "EVSEMaximumVoltage", offered.evse_maximum_voltage)
        self._evse = Outlet(
            not_negative(_PARAMETERS, "EVSEMaximumChargePower", offered.evse_maximum_charge_power),
            not_negative(_PARAMETERS, "EVSEMaximumChargeCurrent", offered.evse_maximum_charge_current),
            voltage_v,
        )
        if back is None:
            return
        if not isinstance(offered, dc.BPT_DC_CPDResEnergyTransferMode):
            raise ProtocolViolationError(_PARAMETERS, "no limits of discharging, in a bidirectional service")
        self._evse_back = Outlet(
            not_negative(_PARAMETERS, "EVSEMaximumDischargePower", offered.evse_maximum_discharge_power),
            not_negative(_PARAMETERS, "EVSEMaximumDischargeCurrent", offered.evse_maximum_discharge_current),
            voltage_v,
        )

    async def connect(self) -> None:
        """Have the cable checked, and the charger's voltage brought to the battery's."""
        await self.cable_check()
        await self.pre_charge()

    async def cable_check(self) -> None:
        """Wait until the charger has measured the insulation."""
        request = dc.DC_CableCheckReq(header=UNSENT)
        limit = self._context.config.timers.cable_check
        await until_finished(self._context, request, dc.DC_CableCheckRes, limit=limit)

    async def pre_charge(self) -> None:
        """Wait until the charger's voltage fits the battery's, and say that the car is done."""
        pack = self._pack

        async def ask(within: Deadline, processing: Processing = Processing.Ongoing) -> bool:
            request = dc.DC_PreChargeReq(
                header=UNSENT,
                ev_processing=processing,
                ev_present_voltage=rational(pack.rest_voltage_v),
                ev_target_voltage=rational(pack.rest_voltage_v),
            )
            response = await self._context.exchange.ask(request, dc.DC_PreChargeRes, within=within)
            return pack.fits(number_of(response.evse_present_voltage))

        within = await repeat_until(self._context, ask, self._context.config.timers.pre_charge)
        await ask(within, Processing.Finished)

    async def ask(self, allowed_w: float) -> dc.DC_ChargeLoopRes:
        """Ask for a current within what the schedule allows, or tell the car's limits in dynamic control."""
        dynamic = self._agreement.control is Control.DYNAMIC
        request = dc.DC_ChargeLoopReq(
            header=UNSENT,
            display_parameters=needs.display(self._context),
            meter_info_requested=self._context.contract is not None,
            ev_present_voltage=rational(self._pack.voltage_v(self._current_a)),
            cl_req_control_mode=self._dynamic() if dynamic else self._scheduled(allowed_w),
        )
        return await self._context.exchange.ask(request, dc.DC_ChargeLoopRes)

    def absorb(self, response: ChargeLoopRes, _allowed_w: float, /) -> None:
        """Take what the charger delivers from now on, and its limits where it renews them."""
        assert isinstance(response, dc.DC_ChargeLoopRes)
        mode = response.cl_res_control_mode
        expected = (
            dc.Dynamic_DC_CLResControlMode
            if self._agreement.control is Control.DYNAMIC
            else dc.Scheduled_DC_CLResControlMode
        )
        if not isinstance(mode, expected):
            reason = f"{type(mode).__name__} in {self._agreement.control} control"
            raise ProtocolViolationError(_LOOP, reason)
        self._renew(mode)
        voltage_v = not_negative(_LOOP, "EVSEPresentVoltage", response.evse_present_voltage)
        back_a = 0.0 if self._back is None else self._back.max_discharge_current_a
        current_a = number_of(response.evse_present_current)
        self._current_a = min(max(current_a, -back_a), self._pack.inlet.max_current_a)
        self.power_w = min(max(voltage_v * self._current_a, -self.give_w), self.most_w)

    async def disconnect(self) -> None:
        """Have the contactors checked for welding: wait until the charger's voltage has gone."""
        self._current_a = self.power_w = 0.0

        async def ask(within: Deadline, processing: Processing = Processing.Ongoing) -> bool:
            request = dc.DC_WeldingDetectionReq(header=UNSENT, ev_processing=processing)
            response = await self._context.exchange.ask(request, dc.DC_WeldingDetectionRes, within=within)
            return abs(number_of(response.evse_present_voltage)) <= self._pack.inlet.safe_voltage_v

        within = await repeat_until(self._context, ask, ongoing_limit(self._context))
        await ask(within, Processing.Finished)

    def _renew(self, mode: dc.Scheduled_DC_CLResControlMode | dc.Dynamic_DC_CLResControlMode) -> None:
        """Take over the limits that the charger has named anew."""

        def renewed(field: str, value: RationalNumber | None, before: float) -> float:
            return before if value is None else not_negative(_LOOP, field, value)

        old = self._evse
        self._evse = Outlet(
            renewed("EVSEMaximumChargePower", mode.evse_maximum_charge_power, old.max_power_w),
            renewed("EVSEMaximumChargeCurrent", mode.evse_maximum_charge_current, old.max_current_a),
            renewed("EVSEMaximumVoltage", mode.evse_maximum_voltage, old.max_voltage_v),
        )
        if not isinstance(mode, dc.BPT_Scheduled_DC_CLResControlMode | dc.BPT_Dynamic_DC_CLResControlMode):
            return
        old = self._evse_back
        self._evse_back = Outlet(
            renewed("EVSEMaximumDischargePower", mode.evse_maximum_discharge_power, old.max_power_w),
            renewed("EVSEMaximumDischargeCurrent", mode.evse_maximum_discharge_current, old.max_current_a),
            self._evse.max_voltage_v,
        )

    def _target_a(self, allowed_w: float) -> float:
        """Return the current to ask for under a schedule that allows ``allowed_w``."""
        pack, back = self._pack, self._back
        if allowed_w >= 0 or back is None:
            power_w = max(0.0, min(allowed_w, self._evse.max_power_w))
            return pack.charging_current_a(replace(self._evse, max_power_w=power_w))
        outlet = replace(self._evse_back, max_power_w=min(-allowed_w, self._evse_back.max_power_w))
        return -pack.discharging_current_a(
            outlet, back.outlet(pack.inlet.min_voltage_v), back.min_soc_percent
        )

    def _scheduled(self, allowed_w: float) -> CLReqControlMode:
        inlet = self._pack.inlet
        limits: dict[str, Any] = {
            "ev_target_energy_request": rational(needs.wanted_wh(self._context)),
            "ev_target_current": rational(self._target_a(allowed_w)),
            "ev_target_voltage": rational(inlet.target_voltage_v),
            "ev_maximum_charge_power": rational(inlet.max_power_w),
            "ev_maximum_charge_current": rational(inlet.max_current_a),
            "ev_maximum_voltage": rational(inlet.max_voltage_v),
        }
        back = self._back
        if back is None:
            return dc.Scheduled_DC_CLReqControlMode(**limits)
        return dc.BPT_Scheduled_DC_CLReqControlMode(
            **limits,
            ev_maximum_discharge_power=rational(back.max_discharge_power_w),
            ev_maximum_discharge_current=rational(back.max_discharge_current_a),
        )

    def _dynamic(self) -> CLReqControlMode:
        context, inlet, back = self._context, self._pack.inlet, self._back
        limits: dict[str, Any] = {
            "departure_time": context.config.charging.departure_s,
            "ev_target_energy_request": rational(needs.wanted_wh(context)),
            "ev_maximum_energy_request": rational(needs.room_wh(context)),
            "ev_minimum_energy_request": rational(needs.least_wh(context)),
            "ev_maximum_charge_power": rational(
                self._context.vehicle.battery.power_w(inlet.max_power_w, inlet.max_power_w)
            ),
            "ev_minimum_charge_power": rational(inlet.min_power_w),
            "ev_maximum_charge_current": rational(inlet.max_current_a),
            "ev_maximum_voltage": rational(inlet.max_voltage_v),
            "ev_minimum_voltage": rational(inlet.min_voltage_v),
        }
        if back is None:
            return dc.Dynamic_DC_CLReqControlMode(**limits)
        can = 1.0 if needs.spare_wh(context) > 0 else 0.0
        return dc.BPT_Dynamic_DC_CLReqControlMode(
            **limits,
            ev_maximum_discharge_power=rational(can * back.max_discharge_power_w),
            ev_minimum_discharge_power=rational(can * back.min_discharge_power_w),
            ev_maximum_discharge_current=rational(can * back.max_discharge_current_a),
            ev_maximum_v2x_energy_request=rational(needs.spare_wh(context)),
        )
