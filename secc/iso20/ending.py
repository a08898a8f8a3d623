"""Handlers for SessionStop, and for vehicles that check in and out."""

from secc.iso20 import values
from secc.iso20.context import Iso20Context as Context
from secc.iso20.states import State
from secc.pausing import Paused
from secc.table import Refusal, Reply, Request
from secc.waiting import Waits
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20.common_messages import ChargingSession
from v2g.messages.iso20.common_types import ResponseCode
from v2g.protocols import UNSENT


def session_stop(request: Request[cm.SessionStopReq], context: Context) -> Reply | Refusal:
    """End the session, interrupt it, or go back to the choice of services."""
    kind = request.body.charging_session
    if kind is ChargingSession.ServiceRenegotiation:
        return _renegotiate(context)
    if kind is ChargingSession.Pause and (fault := _pause(request, context)):
        return Refusal(ResponseCode.FAILED_PauseNotAllowed, fault)
    code = request.body.ev_termination_code
    context.finished = f"SessionStopReq {kind}" + (f" ({code})" if code else "")
    return Reply(_stopped(), None)


def session_stop_before_service(request: Request[cm.SessionStopReq], context: Context) -> Reply | Refusal:
    """As :func:`session_stop`, where no service has been selected that could be renegotiated."""
    if request.body.charging_session is ChargingSession.ServiceRenegotiation:
        reason = "there is no service in use to renegotiate"
        return Refusal(ResponseCode.FAILED_NoServiceRenegotiationSupported, reason)
    return session_stop(request, context)


def _renegotiate(context: Context) -> Reply | Refusal:
    if not context.charger.config.schedule.renegotiation:
        reason = "this charger is set not to renegotiate"
        return Refusal(ResponseCode.FAILED_NoServiceRenegotiationSupported, reason)
    context.choice, context.waits = None, Waits()
    return Reply(_stopped(), State.SERVICE_DISCOVERY)


def _pause(request: Request[cm.SessionStopReq], context: Context) -> str:
    """Keep the session for its return; return why not, empty if it is kept."""
    charger = context.charger
    if not charger.config.pause.allow or charger.stopping:
        return "this charger keeps no sessions"
    if not context.authorized:
        return "the car is not authorised: there is nothing to come back to"
    charger.paused.keep(
        Paused(
            session_id=context.session_id,
            protocol=context.protocol_key,
            evcc_id=context.evcc_id,
            contract=context.contract,
            since=request.arrived_at,
        )
    )
    return ""


def _stopped() -> cm.SessionStopRes:
    return cm.SessionStopRes(header=UNSENT, response_code=ResponseCode.OK)


def vehicle_check_in(_request: Request[cm.VehicleCheckInReq], _context: Context) -> Reply:
    """Note that the vehicle is in its place; this charger guides nobody."""
    response = cm.VehicleCheckInRes(header=UNSENT, response_code=ResponseCode.OK)
    return Reply(response, State.AUTHORIZATION_SETUP)


def vehicle_check_out(request: Request[cm.VehicleCheckOutReq], context: Context) -> Reply:
    """Let the vehicle leave at the time that it names."""
    due = request.body.check_out_time <= values.time_stamp(context)
    status = cm.EvseCheckOutStatus.Completed if due else cm.EvseCheckOutStatus.Scheduled
    return Reply(
        cm.VehicleCheckOutRes(header=UNSENT, response_code=ResponseCode.OK, evse_check_out_status=status),
        State.SESSION_STOP,
    )
