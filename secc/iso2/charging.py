"""Handlers from ChargeParameterDiscovery to SessionStop, AC."""

from secc.errors import ContactorError
from secc.iso2 import identification, setup, values
from secc.iso2.context import Iso2Context as Context
from secc.iso2.states import State
from secc.table import Refusal, Reply, Request
from v2g.messages import iso2
from v2g.messages.iso2 import ChargeProgress, EVSEProcessing, ResponseCode, UnitSymbol

_SCHEDULE_ID = 1
_SCHEDULE_DURATION_S = 86_400
"""One entry for 24 hours covers every departure time that a schedule has to cover [V2G2-303][V2G2-304]."""

_PHASES = {iso2.EnergyTransferMode.AC_single_phase_core: 1, iso2.EnergyTransferMode.AC_three_phase_core: 3}


def charge_parameters(
    request: Request[iso2.ChargeParameterDiscoveryReq], context: Context
) -> Reply | Refusal:
    """Take the car's limits, give ours and one schedule for the next 24 hours [V2G2-476][V2G2-477]."""
    mode = request.body.requested_energy_transfer_mode
    if mode not in setup.energy_modes(context):
        return Refusal(ResponseCode.FAILED_WrongEnergyTransferMode, f"{mode} is not offered here")
    limits = request.body.ev_charge_parameter
    if not isinstance(limits, iso2.AC_EVChargeParameter):
        reason = f"{type(limits).__name__} does not go with {mode}"
        return Refusal(ResponseCode.FAILED_WrongChargeParameter, reason)
    fault = _fault(limits, context.ac.rating.max_current_a)
    if fault:
        return Refusal(ResponseCode.FAILED_WrongChargeParameter, fault)

    rating = context.ac.rating
    context.ev_phases = _PHASES[mode]
    context.ev_max_current_a = values.number(limits.ev_max_current)
    p_max = values.quantity(rating.power_w(rating.max_current_a, context.ev_phases), UnitSymbol.W)
    context.p_max_w = {_SCHEDULE_ID: values.number(p_max)}  # as the car reads it, rounded to the wire
    return Reply(
        iso2.ChargeParameterDiscoveryRes(
            response_code=ResponseCode.OK,
            evse_processing=EVSEProcessing.Finished,
            sa_schedules=iso2.SAScheduleList(sa_schedule_tuple=[_schedule(_SCHEDULE_ID, p_max)]),
            evse_charge_parameter=iso2.AC_EVSEChargeParameter(
                ac_evse_status=values.ac_status(context),
                evse_nominal_voltage=values.quantity(rating.voltage_v, UnitSymbol.V),
                evse_max_current=values.quantity(rating.max_current_a, UnitSymbol.A),
            ),
        ),
        State.POWER_DELIVERY,
    )


def _fault(limits: iso2.AC_EVChargeParameter, max_current_a: float) -> str:
    """Return what is wrong with the car's limits, empty if nothing is."""
    low, high = values.number(limits.ev_min_current), values.number(limits.ev_max_current)
    if low < 0 or high < low:
        return f"EVMinCurrent {low:g} A, EVMaxCurrent {high:g} A"
    if low > max_current_a:
        return f"EVMinCurrent {low:g} A is more than the {max_current_a:g} A of this outlet"
    if values.number(limits.ev_max_voltage) <= 0:
        return f"EVMaxVoltage {values.number(limits.ev_max_voltage):g} V"
    if values.number(limits.e_amount) < 0:
        return f"EAmount {values.number(limits.e_amount):g} Wh"
    return ""


def _schedule(number: int, p_max: iso2.PhysicalValue) -> iso2.SAScheduleTuple:
    entry = iso2.PMaxScheduleEntry(
        time_interval=iso2.RelativeTimeInterval(start=0, duration=_SCHEDULE_DURATION_S),
        p_max=p_max,
    )
    return iso2.SAScheduleTuple(
        sa_schedule_tuple_id=number, p_max_schedule=iso2.PMaxSchedule(p_max_schedule_entry=[entry])
    )


def power_delivery(request: Request[iso2.PowerDeliveryReq], context: Context) -> Reply | Refusal:
    """Before charging: start it, or leave it at that."""
    body = request.body
    if body.charge_progress is ChargeProgress.Stop:
        return _stop(context)
    if body.charge_progress is ChargeProgress.Renegotiate:  # nothing to renegotiate yet [V2G2-812]
        return Refusal(ResponseCode.FAILED, "Renegotiate before charging began")
    if body.sa_schedule_tuple_id not in context.p_max_w:
        reason = f"schedule {body.sa_schedule_tuple_id} was not offered"
        return Refusal(ResponseCode.FAILED_TariffSelectionInvalid, reason)
    profile = _profile(body.charging_profile)
    limit_w = context.p_max_w[body.sa_schedule_tuple_id]
    if any(power_w > limit_w for _, power_w in profile):
        return Refusal(ResponseCode.FAILED_ChargingProfileInvalid, f"a profile entry exceeds {limit_w:g} W")
    context.schedule_id = body.sa_schedule_tuple_id
    context.profile = profile
    context.charging_since = request.arrived_at
    try:
        context.ac.energize(_power_w(context, request.arrived_at))
    except ContactorError as error:
        return Refusal(ResponseCode.FAILED_ContactorError, str(error))
    return _power_delivery_reply(context, State.CHARGING_STATUS)


def power_delivery_while_charging(
    request: Request[iso2.PowerDeliveryReq], context: Context
) -> Reply | Refusal:
    """While charging: stop it. A second Start is an error [V2G2-812], renegotiation is not supported yet."""
    if request.body.charge_progress is ChargeProgress.Stop:
        return _stop(context)
    return Refusal(ResponseCode.FAILED, f"{request.body.charge_progress} while charging")


def _stop(context: Context) -> Reply | Refusal:
    try:
        context.plug.isolate()
    except ContactorError as error:
        return Refusal(ResponseCode.FAILED_ContactorError, str(error))
    return _power_delivery_reply(context, State.SESSION_STOP)


def _power_delivery_reply(context: Context, state: State) -> Reply:
    response = iso2.PowerDeliveryRes(response_code=ResponseCode.OK, evse_status=values.ac_status(context))
    return Reply(response, state)


def _profile(profile: iso2.ChargingProfile | None) -> tuple[tuple[float, float], ...]:
    entries = profile.profile_entry if profile else []
    return tuple(
        (entry.charging_profile_entry_start, values.number(entry.charging_profile_entry_max_power))
        for entry in entries
    )


def _power_w(context: Context, now: float) -> float:
    """Return what the car draws: all that outlet, car and its own charging profile allow."""
    power_w = context.ac.rating.power_w(context.ev_max_current_a, context.ev_phases)
    elapsed_s = now - context.charging_since
    current = [limit_w for start_s, limit_w in context.profile if start_s <= elapsed_s]
    return min([power_w, *current[-1:]])


def charging_status(request: Request[iso2.ChargingStatusReq], context: Context) -> Reply | Refusal:
    """Tell meter and status; every so many rounds ask a Plug & Charge car for a receipt [V2G2-691]."""
    outlet = context.ac
    outlet.meter.flow(_power_w(context, request.arrived_at))
    context.charging_rounds += 1
    every = context.charger.config.station.receipt_every
    wanted = context.contract is not None and every > 0 and context.charging_rounds % every == 0
    context.meter_info = iso2.MeterInfo(
        meter_id=outlet.meter.meter_id,
        meter_reading=round(outlet.meter.reading_wh),
        t_meter=values.time_stamp(context),
    )
    context.tracer.event(
        "charging",
        energy_wh=context.energy_wh,
        soc_percent=None,
        power_w=outlet.meter.power_w,
        round=context.charging_rounds,
    )
    return Reply(
        iso2.ChargingStatusRes(
            response_code=ResponseCode.OK,
            evse_id=outlet.evse_id,
            sa_schedule_tuple_id=context.schedule_id,
            evse_max_current=values.quantity(outlet.rating.max_current_a, UnitSymbol.A),
            meter_info=context.meter_info,
            receipt_required=wanted,
            ac_evse_status=values.ac_status(context),
        ),
        State.METERING_RECEIPT if wanted else State.CHARGING,
    )


def metering_receipt(request: Request[iso2.MeteringReceiptReq], context: Context) -> Reply | Refusal:
    """Check the receipt: signed with the contract key, and repeating what we sent [V2G2-902]."""
    body = request.body
    fault = identification.signature_fault(request, "MeteringReceiptReq", body.id, context)
    if not fault and (
        body.session_id != context.session_id
        or body.meter_info != context.meter_info
        or body.sa_schedule_tuple_id not in {None, context.schedule_id}
    ):
        fault = "the receipt does not repeat what was metered"
    if fault:
        return Refusal(ResponseCode.FAILED_MeteringSignatureNotValid, fault)
    response = iso2.MeteringReceiptRes(response_code=ResponseCode.OK, evse_status=values.ac_status(context))
    return Reply(response, State.CHARGING)


def session_stop(request: Request[iso2.SessionStopReq], context: Context) -> Reply | Refusal:
    """End the session.

    Pause gets OK too, but nothing is kept: a car that comes back with the old SessionID gets a new session,
    which the standard provides for chargers that do not know a session any more [V2G2-756].
    """
    context.finished = f"SessionStopReq {request.body.charging_session}"
    return Reply(iso2.SessionStopRes(response_code=ResponseCode.OK), None)
