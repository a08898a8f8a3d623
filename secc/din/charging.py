"""Handlers that DIN 70121 has in its own words: ChargeParameterDiscovery, PowerDelivery, SessionStop."""

from secc.classic import dc, delivery
from secc.classic.context import UNLIMITED_W
from secc.din import responses, setup
from secc.din.context import DinContext as Context
from secc.din.states import State
from secc.din.values import WORDS
from secc.table import Refusal, Reply, Request
from secc.waiting import Progress, overdue
from v2g.messages import din
from v2g.messages.din import ResponseCode
from v2g.timing import DIN as TIMING

_SCHEDULING = "schedule"


def charge_parameters(request: Request[din.ChargeParameterDiscoveryReq], context: Context) -> Reply | Refusal:
    """Take the car's limits, give ours and one schedule for the next 24 hours."""
    body = request.body
    wanted, offered = body.ev_requested_energy_transfer_type, setup.energy_transfer(context)
    if str(wanted) != str(offered):
        return Refusal(ResponseCode.FAILED_WrongEnergyTransferType, f"{wanted} instead of {offered}")
    limits = body.ev_charge_parameter
    if not isinstance(limits, din.DC_EVChargeParameter):
        reason = f"{type(limits).__name__} does not go with {wanted}"
        return Refusal(ResponseCode.FAILED_WrongChargeParameter, reason)
    if fault := dc.fault_of(limits, context.dc.supply.rating):
        return Refusal(ResponseCode.FAILED_WrongChargeParameter, fault)
    dc.take_limits(context, limits)
    policy, limit = context.charger.config.schedule, TIMING.secc_ongoing_performance_time
    progress = context.waits.progress(
        _SCHEDULING, request.arrived_at, limit=limit, rounds=policy.rounds, delay_s=policy.delay_s
    )
    if progress is Progress.OVERDUE:
        return Refusal(ResponseCode.FAILED, overdue(_SCHEDULING, limit, context.tracer))
    finished, kinds = progress is Progress.DONE, din.EVSEProcessing
    power_w = int(min(context.plug.max_power_w, UNLIMITED_W))
    context.p_max_w = {responses.SCHEDULE_ID: ((0.0, float(power_w)),)}
    response = WORDS.ok(
        "ChargeParameterDiscoveryRes",
        evse_processing=kinds.Finished if finished else kinds.Ongoing,
        sa_schedules=din.SAScheduleList(sa_schedule_tuple=[responses.schedule(power_w)]),
        evse_charge_parameter=dc.charge_parameter(WORDS, context),
    )
    return Reply(response, State.CABLE_CHECK if finished else State.CHARGE_PARAMETERS)


def power_delivery(request: Request[din.PowerDeliveryReq], context: Context) -> Reply | Refusal:
    """Before charging: start, or leave it at that."""
    body = request.body
    if not body.ready_to_charge_state:
        return _stop(context)
    profile = body.charging_profile
    number = profile.sa_schedule_tuple_id if profile else responses.SCHEDULE_ID
    entries = [
        (float(entry.charging_profile_entry_start), float(entry.charging_profile_entry_max_power))
        for entry in (profile.profile_entry if profile else [])
    ]
    return (
        delivery.choose(WORDS, context, number, entries, request.arrived_at)
        or delivery.energize_dc(WORDS, context)
        or _delivered(context, State.CURRENT_DEMAND)
    )


def power_delivery_while_charging(
    request: Request[din.PowerDeliveryReq], context: Context
) -> Reply | Refusal:
    """While charging: stop. A second start is an error."""
    if request.body.ready_to_charge_state:
        return Refusal(ResponseCode.FAILED, "ReadyToChargeState while charging")
    return _stop(context)


def _stop(context: Context) -> Reply | Refusal:
    return delivery.isolate(WORDS, context) or _delivered(context, State.WELDING_DETECTION)


def _delivered(context: Context, state: State) -> Reply:
    return Reply(WORDS.ok("PowerDeliveryRes", evse_status=dc.status(WORDS, context)), state)


def session_stop(_request: Request[din.SessionStop], context: Context) -> Reply | Refusal:
    """End the session."""
    context.finished = "SessionStop"
    return Reply(din.SessionStopRes(response_code=ResponseCode.OK), None)
