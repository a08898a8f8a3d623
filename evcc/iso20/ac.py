"""AC charging in ISO 15118-20, one way and both ways. Powers are those of all phases together."""

from evcc.config import Control
from evcc.context import Context
from evcc.errors import ProtocolViolationError
from evcc.iso20 import needs
from evcc.iso20.limits import not_negative
from evcc.iso20.services import Agreement
from v2g.messages.iso20 import ac
from v2g.messages.iso20.common_types import ChargeLoopRes, CLReqControlMode, RationalNumber
from v2g.protocols import UNSENT
from v2g.rational import number_of, rational

_PARAMETERS = "AC_ChargeParameterDiscoveryRes"
_LOOP = "AC_ChargeLoopRes"


class AcTransfer:
    """The AC side of a session; see :class:`evcc.iso20.charging.Transfer`."""

    def __init__(self, context: Context, agreement: Agreement) -> None:
        car = context.vehicle
        self._context = context
        self._agreement = agreement
        self._back = car.bidirectional if agreement.bidirectional else None
        self.most_w = min(car.ac.power_w(car.ac.max_current_a), car.battery.max_power_w)
        self.least_w = min(car.ac.power_w(car.ac.min_current_a), self.most_w)
        self.give_w = 0.0 if self._back is None else min(self._back.max_discharge_power_w, self.most_w)
        self.power_w = 0.0
        self._evse_most_w = 0.0
        self._evse_give_w = 0.0

    async def charge_parameter_discovery(self) -> None:
        """Tell what the on-board charger takes and gives, and take the outlet's limits."""
        limits = {
            "ev_maximum_charge_power": rational(self.most_w),
            "ev_minimum_charge_power": rational(self.least_w),
        }
        mode = (
            ac.AC_CPDReqEnergyTransferMode(**limits)
            if self._back is None
            else ac.BPT_AC_CPDReqEnergyTransferMode(
                **limits,
                ev_maximum_discharge_power=rational(self.give_w),
                ev_minimum_discharge_power=rational(self._back.min_discharge_power_w),
            )
        )
        request = ac.AC_ChargeParameterDiscoveryReq(header=UNSENT, ac_cpd_req_energy_transfer_mode=mode)
        response = await self._context.exchange.ask(request, ac.AC_ChargeParameterDiscoveryRes)
        offered = response.ac_cpd_res_energy_transfer_mode
        self._evse_most_w = not_negative(
            _PARAMETERS,
            "EVSEMaximumChargePower",
            offered.evse_maximum_charge_power,
            offered.evse_maximum_charge_power_l2,
            offered.evse_maximum_charge_power_l3,
        )
        if self._back is None:
            return
        if not isinstance(offered, ac.BPT_AC_CPDResEnergyTransferMode):
            raise ProtocolViolationError(_PARAMETERS, "no limits of discharging, in a bidirectional service")
        self._evse_give_w = not_negative(
            _PARAMETERS,
            "EVSEMaximumDischargePower",
            offered.evse_maximum_discharge_power,
            offered.evse_maximum_discharge_power_l2,
            offered.evse_maximum_discharge_power_l3,
        )

    async def connect(self) -> None:
        """Nothing: the charger closes its contactors on PowerDelivery."""

    async def ask(self, allowed_w: float) -> ac.AC_ChargeLoopRes:
        """Tell what flows now, and what the car takes and gives at most."""
        dynamic = self._agreement.control is Control.DYNAMIC
        request = ac.AC_ChargeLoopReq(
            header=UNSENT,
            display_parameters=needs.display(self._context),
            meter_info_requested=self._context.contract is not None,
            cl_req_control_mode=self._dynamic() if dynamic else self._scheduled(allowed_w),
        )
        return await self._context.exchange.ask(request, ac.AC_ChargeLoopRes)

    def absorb(self, response: ChargeLoopRes, allowed_w: float) -> None:
        """Take the charger's target: an order in dynamic control, a further limit in scheduled control.

        As a limit it holds for the direction that its sign says; what a schedule allows back to the grid is
        not forbidden by a limit on what is drawn.
        """
        assert isinstance(response, ac.AC_ChargeLoopRes)
        mode = response.cl_res_control_mode
        if self._agreement.control is Control.DYNAMIC:
            if not isinstance(mode, ac.Dynamic_AC_CLResControlMode):
                raise ProtocolViolationError(_LOOP, f"{type(mode).__name__} in dynamic control")
            self.power_w = self._within(_target_w(mode) or 0.0)
            return
        if not isinstance(mode, ac.Scheduled_AC_CLResControlMode):
            raise ProtocolViolationError(_LOOP, f"{type(mode).__name__} in scheduled control")
        power_w, target_w = self._within(allowed_w), _target_w(mode)
        if target_w is not None and power_w >= 0:
            power_w = self._within(min(power_w, max(target_w, 0.0)))
        elif target_w is not None and target_w < 0:
            power_w = max(power_w, target_w)
        self.power_w = power_w

    async def disconnect(self) -> None:
        """Nothing: the charger has opened its contactors."""

    def _within(self, power_w: float) -> float:
        """Return the power that flows when ``power_w`` is asked for: within the limits of both sides."""
        if power_w < 0:
            return max(power_w, -self._give_now_w(), -self._evse_give_w)
        power_w = min(power_w, self.most_w, self._evse_most_w)
        return power_w if power_w >= self.least_w else 0.0

    def _give_now_w(self) -> float:
        """Return what the car gives back at most now: nothing below the state of charge that it keeps."""
        return self.give_w if needs.spare_wh(self._context) > 0 else 0.0

    def _present(self) -> RationalNumber:
        flowing_w = self.power_w
        if flowing_w > 0:
            flowing_w = self._context.vehicle.battery.power_w(flowing_w, self.most_w)
        return rational(flowing_w)

    def _scheduled(self, allowed_w: float) -> CLReqControlMode:
        limits = {
            "ev_target_energy_request": rational(needs.wanted_wh(self._context)),
            "ev_maximum_charge_power": rational(max(0.0, min(allowed_w, self.most_w))),
            "ev_minimum_charge_power": rational(0.0),
            "ev_present_active_power": self._present(),
        }
        if self._back is None:
            return ac.Scheduled_AC_CLReqControlMode(**limits)
        return ac.BPT_Scheduled_AC_CLReqControlMode(
            **limits, ev_maximum_discharge_power=rational(max(0.0, min(-allowed_w, self.give_w)))
        )

    def _dynamic(self) -> CLReqControlMode:
        context = self._context
        limits = {
            "ev_target_energy_request": rational(needs.wanted_wh(context)),
            "ev_maximum_energy_request": rational(needs.room_wh(context)),
            "ev_minimum_energy_request": rational(needs.least_wh(context)),
            "ev_maximum_charge_power": rational(self.most_w),
            "ev_minimum_charge_power": rational(self.least_w),
            "ev_present_active_power": self._present(),
            "ev_present_reactive_power": rational(0.0),
        }
        departure_s = context.config.charging.departure_s
        if self._back is None:
            return ac.Dynamic_AC_CLReqControlMode(departure_time=departure_s, **limits)
        return ac.BPT_Dynamic_AC_CLReqControlMode(
            departure_time=departure_s,
            **limits,
            ev_maximum_discharge_power=rational(self._give_now_w()),
            ev_minimum_discharge_power=rational(min(self._back.min_discharge_power_w, self._give_now_w())),
            ev_maximum_v2x_energy_request=rational(needs.spare_wh(context)),
        )


def _target_w(mode: ac.Scheduled_AC_CLResControlMode | ac.Dynamic_AC_CLResControlMode) -> float | None:
    """Return the charger's target for all phases; None if it has none."""
    phases = (
        mode.evse_target_active_power,
        mode.evse_target_active_power_l2,
        mode.evse_target_active_power_l3,
    )
    given = [number_of(power) for power in phases if power is not None]
    return sum(given) if given else None
