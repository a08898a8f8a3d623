"""Handler for ScheduleExchange, and how a power profile is held against a schedule."""

from secc.iso20 import values
from secc.iso20.context import Iso20Context as Context
from secc.iso20.states import State
from secc.station import DcOutlet
from secc.table import Refusal, Reply, Request
from secc.waiting import Progress, overdue
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20.common_types import Processing, RationalNumber, ResponseCode
from v2g.protocols import UNSENT
from v2g.rational import number_of, rational, rational_at_most
from v2g.services import Pricing
from v2g.timing import ISO20 as TIMING

SCHEDULE_ID = 1
DURATION_S = 86_400
"""One entry for 24 hours covers every departure time that a schedule has to cover."""

_WAIT = "schedule"
_POWER_PRICES = "urn:iso:std:iso:15118:-20:PriceAlgorithm:1-Power"


def schedule_exchange(request: Request[cm.ScheduleExchangeReq], context: Context) -> Reply | Refusal:
    """Answer with a schedule for the next 24 hours, or what dynamic control needs; Ongoing at first if so set."""
    return _exchange(request, context, State.SCHEDULE, _afterwards(context))


def schedule_renewal(request: Request[cm.ScheduleExchangeReq], context: Context) -> Reply | Refusal:
    """Make a new schedule while power flows [ScheduleRenegotiation]."""
    return _exchange(request, context, State.NEW_SCHEDULE, State.NEW_PROFILE)


def _afterwards(context: Context) -> State:
    return State.CABLE_CHECK if isinstance(context.outlet, DcOutlet) else State.POWER_DELIVERY


def _exchange(
    request: Request[cm.ScheduleExchangeReq], context: Context, waiting: State, done: State
) -> Reply | Refusal:
    dynamic = request.body.dynamic_se_req_control_mode
    if (dynamic is not None) != context.selected.dynamic:
        return Refusal(
            ResponseCode.FAILED, f"not the control mode that was selected, {context.selected.control.name}"
        )
    policy = context.charger.config.schedule
    limit = TIMING.secc_ongoing_performance_time
    progress = context.waits.progress(
        _WAIT, request.arrived_at, limit=limit, rounds=policy.rounds, delay_s=policy.delay_s
    )
    if progress is Progress.OVERDUE:
        return Refusal(ResponseCode.FAILED, overdue(_WAIT, limit, context.tracer))
    finished = progress is Progress.DONE
    response = cm.ScheduleExchangeRes(
        header=UNSENT,
        response_code=ResponseCode.OK,
        evse_processing=Processing.Finished if finished else Processing.Ongoing,
    )
    if dynamic is not None:
        response.dynamic_se_res_control_mode = cm.Dynamic_SEResControlMode(
            departure_time=dynamic.departure_time
        )
    else:
        response.scheduled_se_res_control_mode = cm.Scheduled_SEResControlMode(
            schedule_tuple=[_tuple(context)]
        )
    return Reply(response, done if finished else waiting)


def _tuple(context: Context) -> cm.ScheduleTuple:
    limit = rational_at_most(context.plug.max_power_w)
    context.schedules_w = {SCHEDULE_ID: number_of(limit)}  # as the car reads it, rounded to the wire
    charging = _schedule(limit, context, priced=True)
    discharging = None
    if context.selected.bidirectional:
        discharging = _schedule(rational_at_most(context.plug.max_discharge_w), context, priced=False)
    return cm.ScheduleTuple(
        schedule_tuple_id=SCHEDULE_ID, charging_schedule=charging, discharging_schedule=discharging
    )


def _schedule(limit: RationalNumber, context: Context, *, priced: bool) -> cm.ChargingSchedule:
    tolerance = context.charger.config.schedule.power_tolerance_w
    entry = cm.PowerScheduleEntry(duration=DURATION_S, power=limit)
    return cm.ChargingSchedule(
        power_schedule=cm.PowerSchedule(
            time_anchor=values.time_stamp(context),
            power_tolerance=rational(tolerance) if tolerance and priced else None,
            power_schedule_entries=cm.PowerScheduleEntryList(power_schedule_entry=[entry]),
        ),
        absolute_price_schedule=_prices(context) if priced else None,
    )


def _prices(context: Context) -> cm.AbsolutePriceSchedule | None:
    if context.selected.pricing is not Pricing.ABSOLUTE:
        return None
    policy = context.charger.config.schedule
    rule = cm.PriceRule(energy_fee=rational(policy.price_per_kwh), power_range_start=rational(0))
    stack = cm.PriceRuleStack(duration=DURATION_S, price_rule=[rule])
    return cm.AbsolutePriceSchedule(
        time_anchor=values.time_stamp(context),
        price_schedule_id=SCHEDULE_ID,
        currency=policy.currency,
        language="eng",
        price_algorithm=_POWER_PRICES,
        price_rule_stacks=cm.PriceRuleStackList(price_rule_stack=[stack]),
    )


def take_profile(profile: cm.EVPowerProfile | None, context: Context) -> tuple[ResponseCode, str]:
    """Hold the car's power profile against what it was offered, and keep it.

    Returns the code, and what is wrong when that is a FAILED one. A scheduled car has to bring a profile that
    stays within the schedule it selects; with dynamic control a profile is a mere announcement.
    """
    if context.selected.dynamic:
        if profile is not None and profile.dynamic_evppt_control_mode is None:
            return ResponseCode.FAILED_EVPowerProfileInvalid, "a profile for a schedule, in dynamic control"
        context.profile = ()
        return ResponseCode.OK, ""
    if profile is None or profile.scheduled_evppt_control_mode is None:
        return ResponseCode.FAILED_EVPowerProfileInvalid, "no power profile for a schedule"
    mode = profile.scheduled_evppt_control_mode
    limit_w = context.schedules_w.get(mode.selected_schedule_tuple_id)
    if limit_w is None:
        reason = f"schedule {mode.selected_schedule_tuple_id} was not offered"
        return ResponseCode.FAILED_ScheduleSelectionInvalid, reason
    entries = profile.ev_power_profile_entries.ev_power_profile_entry
    if any(_entry_w(entry) > limit_w for entry in entries):
        reason = f"an entry of the power profile exceeds {limit_w:g} W"
        return ResponseCode.FAILED_EVPowerProfileInvalid, reason
    starts, start_s = [], 0
    for entry in entries:
        starts.append((float(start_s), _entry_w(entry)))
        start_s += entry.duration
    context.profile = tuple(starts)
    return _tolerance(mode.power_tolerance_acceptance, context), ""


def _tolerance(accepted: cm.PowerToleranceAcceptance | None, context: Context) -> ResponseCode:
    if not context.charger.config.schedule.power_tolerance_w or accepted is None:
        return ResponseCode.OK
    if accepted is cm.PowerToleranceAcceptance.PowerToleranceConfirmed:
        return ResponseCode.OK_PowerToleranceConfirmed
    return ResponseCode.WARNING_PowerToleranceNotConfirmed


def _entry_w(entry: cm.PowerScheduleEntry) -> float:
    return values.total(entry.power, entry.power_l2, entry.power_l3)


def allowed_w(context: Context, now: float) -> float:
    """Return what the car may draw at ``now`` (monotonic): outlet, its own limit and its profile allow it."""
    if context.standby:
        return 0.0
    elapsed_s = now - context.charging_since
    current = [limit_w for start_s, limit_w in context.profile if start_s <= elapsed_s]
    return max(0.0, min([context.plug.max_power_w, context.max_charge_w, *current[-1:]]))


def discharge_w(context: Context) -> float:
    """Return what to take out of the car: as set, with dynamic control of a bidirectional service."""
    if context.standby or not (context.selected.dynamic and context.selected.bidirectional):
        return 0.0
    wanted = context.charger.config.schedule.discharge_w
    return max(0.0, min(wanted, context.plug.max_discharge_w, context.max_discharge_w))
