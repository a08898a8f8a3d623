"""Handlers for PowerDelivery: start, stop, stand by, and ask for a new schedule."""

from secc.errors import ContactorError
from secc.iso20 import schedule
from secc.iso20.context import Iso20Context as Context
from secc.iso20.states import State
from secc.station import AcOutlet, DcOutlet
from secc.table import Refusal, Reply, Request
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20.common_messages import ChargeProgress
from v2g.messages.iso20.common_types import Processing, ResponseCode
from v2g.protocols import UNSENT


def power_delivery(request: Request[cm.PowerDeliveryReq], context: Context) -> Reply | Refusal:
    """Before charging: start it or stand by, wait for a car that is not ready, or leave it at that."""
    body = request.body
    match body.charge_progress:
        case ChargeProgress.Stop:
            return _stop(context)
        case ChargeProgress.ScheduleRenegotiation:
            reason = "there is no schedule in force to renegotiate"
            return Refusal(ResponseCode.FAILED_ScheduleRenegotiation, reason)
        case ChargeProgress.Standby if not context.charger.config.schedule.standby:
            return _warn(ResponseCode.WARNING_StandbyNotAllowed, State.POWER_DELIVERY)
    if body.ev_processing is not Processing.Finished:
        return _reply(ResponseCode.OK, State.POWER_DELIVERY)
    refusal_or_code = _begin(request, context)
    if isinstance(refusal_or_code, Refusal):
        return refusal_or_code
    try:
        _connect(context)
    except ContactorError as error:
        return Refusal(ResponseCode.FAILED_ContactorError, str(error))
    return _reply(refusal_or_code, State.CHARGE_LOOP)


def power_delivery_while_charging(request: Request[cm.PowerDeliveryReq], context: Context) -> Reply | Refusal:
    """While power may flow: stop, stand by, go on after standing by, or ask for a new schedule."""
    policy = context.charger.config.schedule
    match request.body.charge_progress:
        case ChargeProgress.Stop:
            return _stop(context)
        case ChargeProgress.Standby:
            if not policy.standby:
                return _warn(ResponseCode.WARNING_StandbyNotAllowed, State.CHARGE_LOOP)
            _stand_by(context)
            return _reply(ResponseCode.OK, State.CHARGE_LOOP)
        case ChargeProgress.ScheduleRenegotiation:
            if not policy.renegotiation:
                return _warn(ResponseCode.WARNING_ScheduleRenegotiationFailed, State.CHARGE_LOOP)
            return _reply(ResponseCode.OK, State.NEW_SCHEDULE)
        case ChargeProgress.Start if not context.standby:
            return Refusal(ResponseCode.FAILED, "Start while charging")
    return _go_on(request, context)


def power_delivery_with_new_schedule(
    request: Request[cm.PowerDeliveryReq], context: Context
) -> Reply | Refusal:
    """After ScheduleExchange has brought a new schedule: go on by it, or stop."""
    match request.body.charge_progress:
        case ChargeProgress.Stop:
            return _stop(context)
        case ChargeProgress.Start:
            if request.body.ev_processing is not Processing.Finished:
                return _reply(ResponseCode.OK, State.NEW_PROFILE)
            return _go_on(request, context)
    reason = f"{request.body.charge_progress} instead of a profile for the new schedule"
    return Refusal(ResponseCode.FAILED_ScheduleRenegotiation, reason)


def _begin(request: Request[cm.PowerDeliveryReq], context: Context) -> ResponseCode | Refusal:
    """Take the car's profile, and note when it begins."""
    if context.standby and request.body.ev_power_profile is None:
        code, reason = ResponseCode.OK, ""  # what was agreed before standing by holds again
    else:
        code, reason = schedule.take_profile(request.body.ev_power_profile, context)
        context.charging_since = request.arrived_at
    if reason:
        return Refusal(code, reason)
    context.standby = request.body.charge_progress is ChargeProgress.Standby
    return code


def _go_on(request: Request[cm.PowerDeliveryReq], context: Context) -> Reply | Refusal:
    code = _begin(request, context)
    return code if isinstance(code, Refusal) else _reply(code, State.CHARGE_LOOP)


def _connect(context: Context) -> None:
    """Close the contactor; how much flows, the charge loop says. Raises ContactorError."""
    outlet = context.plug
    if isinstance(outlet, AcOutlet):
        outlet.energize(0.0)
    elif isinstance(outlet, DcOutlet):
        outlet.energize()


def _stand_by(context: Context) -> None:
    context.standby = True
    outlet = context.plug
    if isinstance(outlet, DcOutlet):
        outlet.regulate(outlet.supply.voltage_v, 0.0)
    else:
        outlet.meter.flow(0.0)


def _stop(context: Context) -> Reply | Refusal:
    try:
        context.plug.isolate()
    except ContactorError as error:
        return Refusal(ResponseCode.FAILED_ContactorError, str(error))
    context.standby = False
    dc = isinstance(context.plug, DcOutlet)
    return _reply(ResponseCode.OK, State.WELDING_DETECTION if dc else State.SESSION_STOP)


def _reply(code: ResponseCode, state: State) -> Reply:
    return Reply(cm.PowerDeliveryRes(header=UNSENT, response_code=code), state)


def _warn(code: ResponseCode, state: State) -> Refusal:
    return Refusal(code, "this charger is set not to do that", state)
