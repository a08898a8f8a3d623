"""Handlers that only AC sessions have: ChargeParameterDiscovery and the charge loop."""

from secc.iso20 import metering, schedule, values, wishes
from secc.iso20.context import Iso20Context as Context
from secc.iso20.states import State
from secc.station import Rating
from secc.table import Refusal, Reply, Request
from v2g.messages.iso20 import ac
from v2g.messages.iso20.common_types import CLReqControlMode, CLResControlMode, RationalNumber, ResponseCode
from v2g.protocols import UNSENT
from v2g.rational import rational, rational_at_most

MIN_CURRENT_A = 6.0
"""Below this current no AC charge goes on (the least that a control pilot can signal)."""

TOLERANCE = 1.1
"""How much more than it may a car may draw before that counts: meters and regulation are not perfect."""
PATIENCE_ROUNDS = 10
"""After so many rounds in a row with too much power a warning becomes a failure."""

_FREQUENCY_HZ = 50
_PHASES = ("", "_l2", "_l3")


def charge_parameters(
    request: Request[ac.AC_ChargeParameterDiscoveryReq], context: Context
) -> Reply | Refusal:
    """Take the car's limits and give ours; they have to fit the service that was selected."""
    limits = request.body.ac_cpd_req_energy_transfer_mode
    both_ways = isinstance(limits, ac.BPT_AC_CPDReqEnergyTransferMode)
    if both_ways is not context.selected.bidirectional:
        reason = f"{type(limits).__name__} does not go with service {context.selected.service.name}"
        return Refusal(ResponseCode.FAILED_WrongChargeParameter, reason)
    rating = context.ac.rating
    most_w, least_w = _sum(limits, "ev_maximum_charge_power"), _sum(limits, "ev_minimum_charge_power")
    if fault := range_fault(most_w, least_w, rating.max_power_w, "charge power"):
        return Refusal(ResponseCode.FAILED_WrongChargeParameter, fault)
    if both_ways:
        most_out_w = _sum(limits, "ev_maximum_discharge_power")
        least_out_w = _sum(limits, "ev_minimum_discharge_power")
        if fault := range_fault(most_out_w, least_out_w, rating.max_power_w, "discharge power"):
            return Refusal(ResponseCode.FAILED_WrongChargeParameter, fault)
        context.max_discharge_w = most_out_w
    context.max_charge_w = most_w
    context.phases_reported = limits.ev_maximum_charge_power_l2 is not None
    kind = ac.BPT_AC_CPDResEnergyTransferMode if both_ways else ac.AC_CPDResEnergyTransferMode
    return Reply(
        ac.AC_ChargeParameterDiscoveryRes(
            header=UNSENT,
            response_code=ResponseCode.OK,
            ac_cpd_res_energy_transfer_mode=kind(**_limits(rating, context, both_ways=both_ways)),
        ),
        State.SCHEDULE,
    )


def range_fault(most: float, least: float, available: float, what: str) -> str:
    """Return what is wrong with a range of the car, empty if nothing is."""
    if most <= 0 or least < 0 or least > most:
        return f"{what} between {least:g} and {most:g}"
    if least > available:
        return f"{what} of at least {least:g}, but {available:g} is all there is"
    return ""


def _sum(limits: object, name: str) -> float:
    """Return the power of all phases; a value without those for phases 2 and 3 is for all of them."""
    return values.total(*(getattr(limits, f"{name}{phase}") for phase in _PHASES))


def _limits(rating: Rating, context: Context, *, both_ways: bool) -> dict[str, RationalNumber]:
    least_w = MIN_CURRENT_A * rating.voltage_v
    found = _by_phase("evse_maximum_charge_power", rating.max_power_w, context)
    found |= _by_phase("evse_minimum_charge_power", least_w, context)
    if both_ways:
        found |= _by_phase("evse_maximum_discharge_power", rating.max_power_w, context)
        found |= _by_phase("evse_minimum_discharge_power", least_w, context)
    return found | {"evse_nominal_frequency": rational(_FREQUENCY_HZ)}


def _by_phase(name: str, power_w: float, context: Context) -> dict[str, RationalNumber]:
    """Return a power as one value, or split evenly between the phases for a car that reports each."""
    if not context.phases_reported:
        return {name: rational_at_most(power_w)}
    phases = _PHASES[: context.ac.rating.phases]
    return {f"{name}{phase}": rational_at_most(power_w / len(phases)) for phase in phases}


_ANSWERS: dict[type[CLReqControlMode], type[CLResControlMode]] = {
    ac.Scheduled_AC_CLReqControlMode: ac.Scheduled_AC_CLResControlMode,
    ac.BPT_Scheduled_AC_CLReqControlMode: ac.BPT_Scheduled_AC_CLResControlMode,
    ac.Dynamic_AC_CLReqControlMode: ac.Dynamic_AC_CLResControlMode,
    ac.BPT_Dynamic_AC_CLReqControlMode: ac.BPT_Dynamic_AC_CLResControlMode,
}


def expected_mode(context: Context) -> type[CLReqControlMode]:
    """Return the class of control mode that the selected service and parameter set call for."""
    choice = context.selected
    if choice.dynamic:
        return ac.BPT_Dynamic_AC_CLReqControlMode if choice.bidirectional else ac.Dynamic_AC_CLReqControlMode
    return ac.BPT_Scheduled_AC_CLReqControlMode if choice.bidirectional else ac.Scheduled_AC_CLReqControlMode


def charge_loop(request: Request[ac.AC_ChargeLoopReq], context: Context) -> Reply | Refusal:
    """Meter what the car draws, tell it what it may draw, and what the charger wishes."""
    mode = request.body.cl_req_control_mode
    if type(mode) is not expected_mode(context):
        reason = f"{type(mode).__name__} instead of {expected_mode(context).__name__}"
        return Refusal(ResponseCode.FAILED, reason)
    _take_limits(mode, context)
    allowed_w = schedule.allowed_w(context, request.arrived_at)
    drawn_w = _sum(mode, "ev_present_active_power")
    back_w = context.ac.max_discharge_w if context.selected.bidirectional else 0.0
    context.ac.meter.flow(max(-back_w, min(drawn_w, context.ac.max_power_w)))
    code = _violation(drawn_w, allowed_w, context)
    if code is ResponseCode.FAILED_EVPowerProfileViolation:
        return Refusal(code, f"{drawn_w:g} W for {PATIENCE_ROUNDS} rounds, {allowed_w:g} W are allowed")
    metering.count_round(request.body, context)
    discharge_w = schedule.discharge_w(context)
    target_w = -discharge_w if discharge_w else allowed_w
    return Reply(
        ac.AC_ChargeLoopRes(
            header=UNSENT,
            response_code=code,
            evse_status=wishes.status(context),
            meter_info=metering.read_meter(context) if request.body.meter_info_requested else None,
            cl_res_control_mode=_ANSWERS[type(mode)](
                **_by_phase("evse_target_active_power", target_w, context)
            ),
        ),
        State.CHARGE_LOOP,
    )


def _take_limits(mode: CLReqControlMode, context: Context) -> None:
    """Take the car's limits, which may change in every round; a scheduled car need not repeat them."""
    if getattr(mode, "ev_maximum_charge_power", None) is not None:
        context.max_charge_w = max(0.0, _sum(mode, "ev_maximum_charge_power"))
    if getattr(mode, "ev_maximum_discharge_power", None) is not None:
        context.max_discharge_w = max(0.0, _sum(mode, "ev_maximum_discharge_power"))


def _violation(drawn_w: float, allowed_w: float, context: Context) -> ResponseCode:
    """Warn a car that draws more than it may, and fail it when it goes on so."""
    if drawn_w <= allowed_w * TOLERANCE + 1:
        context.violations = 0
        return ResponseCode.OK
    context.violations += 1
    if context.violations > PATIENCE_ROUNDS:
        return ResponseCode.FAILED_EVPowerProfileViolation
    return ResponseCode.WARNING_EVPowerProfileViolation
