"""Handlers that only DC sessions have: limits, cable check, pre-charge, charge loop, welding detection."""

from secc.dc_supply import DcRating
from secc.iso20 import metering, schedule, wishes
from secc.iso20.ac import range_fault
from secc.iso20.context import Iso20Context as Context
from secc.iso20.states import State
from secc.table import Refusal, Reply, Request
from secc.waiting import overdue
from v2g import timing
from v2g.messages.iso20 import dc
from v2g.messages.iso20.common_types import (
    CLReqControlMode,
    CLResControlMode,
    Processing,
    RationalNumber,
    ResponseCode,
)
from v2g.protocols import UNSENT
from v2g.rational import number_of, rational, rational_at_most
from v2g.timing import Limit

CABLE_CHECK = Limit("V2G_SECC_CableCheck_Performance_Time", timing.SECC_CABLE_CHECK_PERFORMANCE_TIME_S, "")
_WAIT = "cable check"


def charge_parameters(
    request: Request[dc.DC_ChargeParameterDiscoveryReq], context: Context
) -> Reply | Refusal:
    """Take the car's limits and give ours; they have to fit the service that was selected."""
    limits = request.body.dc_cpd_req_energy_transfer_mode
    both_ways = isinstance(limits, dc.BPT_DC_CPDReqEnergyTransferMode)
    if both_ways is not context.selected.bidirectional:
        reason = f"{type(limits).__name__} does not go with service {context.selected.service.name}"
        return Refusal(ResponseCode.FAILED_WrongChargeParameter, reason)
    rating = context.dc.supply.rating
    if fault := _fault(limits, rating):
        return Refusal(ResponseCode.FAILED_WrongChargeParameter, fault)
    context.max_charge_w = number_of(limits.ev_maximum_charge_power)
    context.max_charge_a = number_of(limits.ev_maximum_charge_current)
    if isinstance(limits, dc.BPT_DC_CPDReqEnergyTransferMode):
        context.max_discharge_w = max(0.0, number_of(limits.ev_maximum_discharge_power))
        context.max_discharge_a = max(0.0, number_of(limits.ev_maximum_discharge_current))
    kind = dc.BPT_DC_CPDResEnergyTransferMode if both_ways else dc.DC_CPDResEnergyTransferMode
    return Reply(
        dc.DC_ChargeParameterDiscoveryRes(
            header=UNSENT,
            response_code=ResponseCode.OK,
            dc_cpd_res_energy_transfer_mode=kind(**_limits(rating, both_ways=both_ways)),
        ),
        State.SCHEDULE,
    )


def _fault(limits: dc.DC_CPDReqEnergyTransferMode, rating: DcRating) -> str:
    """Return what is wrong with the car's limits, empty if nothing is."""
    low_v, high_v = number_of(limits.ev_minimum_voltage), number_of(limits.ev_maximum_voltage)
    if high_v < rating.min_voltage_v:
        return f"at most {high_v:g} V, but this outlet starts at {rating.min_voltage_v:g} V"
    return (
        range_fault(
            number_of(limits.ev_maximum_charge_power),
            number_of(limits.ev_minimum_charge_power),
            rating.max_power_w,
            "charge power",
        )
        or range_fault(
            number_of(limits.ev_maximum_charge_current),
            number_of(limits.ev_minimum_charge_current),
            rating.max_current_a,
            "charge current",
        )
        or range_fault(high_v, low_v, rating.max_voltage_v, "voltage")
    )


def _limits(rating: DcRating, *, both_ways: bool) -> dict[str, RationalNumber]:
    found = {
        "evse_maximum_charge_power": rational_at_most(rating.max_power_w),
        "evse_minimum_charge_power": rational(0),
        "evse_maximum_charge_current": rational_at_most(rating.max_current_a),
        "evse_minimum_charge_current": rational(0),
        "evse_maximum_voltage": rational_at_most(rating.max_voltage_v),
        "evse_minimum_voltage": rational(rating.min_voltage_v),
    }
    if both_ways:
        found |= {
            "evse_maximum_discharge_power": rational_at_most(rating.max_discharge_power_w),
            "evse_minimum_discharge_power": rational(0),
            "evse_maximum_discharge_current": rational_at_most(rating.max_discharge_current_a),
            "evse_minimum_discharge_current": rational(0),
        }
    return found


def cable_check(request: Request[dc.DC_CableCheckReq], context: Context) -> Reply | Refusal:
    """Test the isolation of the cable; Ongoing until it is done."""
    begun = context.waits.since(_WAIT, request.arrived_at)
    if context.dc.supply.isolated():
        context.waits.forget(_WAIT)
        return Reply(_cable_check(Processing.Finished), State.PRE_CHARGE)
    if request.arrived_at - begun >= CABLE_CHECK.seconds:
        return Refusal(ResponseCode.FAILED, overdue(_WAIT, CABLE_CHECK, context.tracer))
    return Reply(_cable_check(Processing.Ongoing), State.CABLE_CHECK)


def _cable_check(processing: Processing) -> dc.DC_CableCheckRes:
    return dc.DC_CableCheckRes(header=UNSENT, response_code=ResponseCode.OK, evse_processing=processing)


def pre_charge(request: Request[dc.DC_PreChargeReq], context: Context) -> Reply | Refusal:
    """Bring the voltage to that of the car's battery; the car goes on to PowerDelivery when it is content."""
    target_v = number_of(request.body.ev_target_voltage)
    rating = context.dc.supply.rating
    if not 0 <= target_v <= rating.max_voltage_v:
        reason = f"a target of {target_v:g} V, {rating.max_voltage_v:g} V is all there is"
        return Refusal(ResponseCode.FAILED, reason)
    context.dc.supply.precharge(target_v)
    return Reply(
        dc.DC_PreChargeRes(
            header=UNSENT,
            response_code=ResponseCode.OK,
            evse_present_voltage=rational(context.dc.supply.voltage_v),
        ),
        State.POWER_DELIVERY,
    )


def expected_mode(context: Context) -> type[CLReqControlMode]:
    """Return the class of control mode that the selected service and parameter set call for."""
    choice = context.selected
    if choice.dynamic:
        return dc.BPT_Dynamic_DC_CLReqControlMode if choice.bidirectional else dc.Dynamic_DC_CLReqControlMode
    return dc.BPT_Scheduled_DC_CLReqControlMode if choice.bidirectional else dc.Scheduled_DC_CLReqControlMode


def charge_loop(request: Request[dc.DC_ChargeLoopReq], context: Context) -> Reply | Refusal:
    """Give the car what it asks for, or what the charger decides, within all limits."""
    mode = request.body.cl_req_control_mode
    if type(mode) is not expected_mode(context):
        reason = f"{type(mode).__name__} instead of {expected_mode(context).__name__}"
        return Refusal(ResponseCode.FAILED, reason)
    load_v = number_of(request.body.ev_present_voltage)
    _take_limits(mode, context)
    outlet = context.dc
    target_v, target_a = _targets(mode, load_v, context)
    allowed_a = _allowed_a(load_v, request.arrived_at, context)
    limited = outlet.regulate(target_v, min(target_a, allowed_a), load_v=load_v)
    metering.count_round(request.body, context)
    supply = outlet.supply
    return Reply(
        dc.DC_ChargeLoopRes(
            header=UNSENT,
            response_code=ResponseCode.OK,
            evse_status=wishes.status(context),
            meter_info=metering.read_meter(context) if request.body.meter_info_requested else None,
            evse_present_current=rational(supply.current_a),
            evse_present_voltage=rational(supply.voltage_v),
            evse_power_limit_achieved=limited.power or target_a > allowed_a,
            evse_current_limit_achieved=limited.current,
            evse_voltage_limit_achieved=limited.voltage,
            cl_res_control_mode=_answer(context),
        ),
        State.CHARGE_LOOP,
    )


def _take_limits(mode: CLReqControlMode, context: Context) -> None:
    """Take the car's limits, which may change in every round; a scheduled car need not repeat them."""
    for name, attribute in (
        ("ev_maximum_charge_power", "max_charge_w"),
        ("ev_maximum_charge_current", "max_charge_a"),
        ("ev_maximum_discharge_power", "max_discharge_w"),
        ("ev_maximum_discharge_current", "max_discharge_a"),
    ):
        value: RationalNumber | None = getattr(mode, name, None)
        if value is not None:
            setattr(context, attribute, max(0.0, number_of(value)))


def _targets(mode: CLReqControlMode, load_v: float, context: Context) -> tuple[float, float]:
    """Return voltage and current to go for: the car's wish, or in dynamic control the charger's decision."""
    if isinstance(mode, dc.Scheduled_DC_CLReqControlMode):
        return number_of(mode.ev_target_voltage), number_of(mode.ev_target_current)
    assert isinstance(mode, dc.Dynamic_DC_CLReqControlMode)
    target_v = number_of(mode.ev_maximum_voltage)
    discharge_w = schedule.discharge_w(context)
    if discharge_w and load_v > 0:
        return target_v, -min(discharge_w / load_v, context.max_discharge_a)
    return target_v, context.max_charge_a


def _allowed_a(load_v: float, now: float, context: Context) -> float:
    """Return the current that schedule, profile and the car's limits allow at its present voltage."""
    power_w = schedule.allowed_w(context, now)
    by_power = power_w / load_v if load_v > 0 else context.max_charge_a
    return min(by_power, context.max_charge_a) if power_w else 0.0


def _answer(context: Context) -> CLResControlMode:
    """Return the control mode of a response: our limits, which a dynamic one has to tell."""
    choice = context.selected
    if not choice.dynamic:
        return (
            dc.BPT_Scheduled_DC_CLResControlMode()
            if choice.bidirectional
            else dc.Scheduled_DC_CLResControlMode()
        )
    limits = _limits(context.dc.supply.rating, both_ways=choice.bidirectional)
    kind: type[CLResControlMode] = dc.Dynamic_DC_CLResControlMode
    if choice.bidirectional:
        kind = dc.BPT_Dynamic_DC_CLResControlMode
    return kind(**{name: value for name, value in limits.items() if name in kind.__struct_fields__})


def welding_detection(request: Request[dc.DC_WeldingDetectionReq], context: Context) -> Reply:
    """Tell the voltage, which dies away when no contactor of the car is welded."""
    ongoing = request.body.ev_processing is not Processing.Finished
    return Reply(
        dc.DC_WeldingDetectionRes(
            header=UNSENT,
            response_code=ResponseCode.OK,
            evse_present_voltage=rational(context.dc.supply.voltage_v),
        ),
        State.WELDING_DETECTION if ongoing else State.SESSION_STOP,
    )
