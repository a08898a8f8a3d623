"""Handlers from ChargeParameterDiscovery to SessionStop."""

from secc.classic import dc, delivery
from secc.errors import ContactorError
from secc.iso2 import identification, setup, values
from secc.iso2.context import Agreed
from secc.iso2.context import Iso2Context as Context
from secc.iso2.schedules import schedules
from secc.iso2.states import State
from secc.iso2.values import WORDS
from secc.pausing import Paused
from secc.station import AcOutlet, Kind
from secc.table import Refusal, Reply, Request
from secc.waiting import Progress, overdue
from secc.wishes import Wish, next_wish
from v2g.messages import iso2
from v2g.messages.iso2 import ChargeProgress, EVSEProcessing, ResponseCode
from v2g.physical import number
from v2g.timing import ISO2 as TIMING

_PHASES = {iso2.EnergyTransferMode.AC_single_phase_core: 1, iso2.EnergyTransferMode.AC_three_phase_core: 3}
_SCHEDULING = "schedule"


def charge_parameters(
    request: Request[iso2.ChargeParameterDiscoveryReq], context: Context
) -> Reply | Refusal:
    """Take the car's limits, give ours and the schedules for the next 24 hours [V2G2-476][V2G2-477]."""
    return _parameters(request, context, State.CHARGE_PARAMETERS)


def new_parameters(request: Request[iso2.ChargeParameterDiscoveryReq], context: Context) -> Reply | Refusal:
    """As :func:`charge_parameters`, in the middle of charging [V2G2-680]."""
    return _parameters(request, context, State.NEW_PARAMETERS)


def _parameters(
    request: Request[iso2.ChargeParameterDiscoveryReq], context: Context, ongoing: State
) -> Reply | Refusal:
    refusal = _take_mode(request.body, context) or _take_limits(request.body.ev_charge_parameter, context)
    if refusal is not None:
        return refusal
    policy, limit = context.charger.config.schedule, TIMING.secc_ongoing_performance_time
    match context.waits.progress(
        _SCHEDULING, request.arrived_at, limit=limit, rounds=policy.rounds, delay_s=policy.delay_s
    ):
        case Progress.OVERDUE:
            return Refusal(ResponseCode.FAILED, overdue(_SCHEDULING, limit, context.tracer))
        case Progress.ONGOING:
            return Reply(_charge_parameters(EVSEProcessing.Ongoing, context), ongoing)
    most = request.body.max_entries_sa_schedule_tuple
    offer = schedules(context, most)
    response = _charge_parameters(EVSEProcessing.Finished, context)
    response.sa_schedules = iso2.SAScheduleList(sa_schedule_tuple=offer.tuples)
    if context.plug.kind is Kind.DC:
        state = State.CABLE_CHECK
    else:
        state = State.POWER_DELIVERY if ongoing is State.CHARGE_PARAMETERS else State.NEW_PROFILE
    return Reply(response, state, signature=offer.signature)


def _charge_parameters(processing: EVSEProcessing, context: Context) -> iso2.ChargeParameterDiscoveryRes:
    limits: iso2.EVSEChargeParameter
    if isinstance(context.outlet, AcOutlet):
        rating = context.outlet.rating
        limits = iso2.AC_EVSEChargeParameter(
            ac_evse_status=values.ac_status(context),
            evse_nominal_voltage=WORDS.quantity(rating.voltage_v, "V"),
            evse_max_current=WORDS.quantity(rating.max_current_a, "A"),
        )
    else:
        limits = dc.charge_parameter(WORDS, context)
    return iso2.ChargeParameterDiscoveryRes(
        response_code=ResponseCode.OK, evse_processing=processing, evse_charge_parameter=limits
    )


def _take_mode(body: iso2.ChargeParameterDiscoveryReq, context: Context) -> Refusal | None:
    """Take the car's energy transfer mode, and an outlet for it; return what is wrong."""
    mode = body.requested_energy_transfer_mode
    if mode not in setup.energy_modes(context) or context.mode not in {None, mode}:
        kept = f", this session has {context.mode}" if context.mode else ""
        return Refusal(ResponseCode.FAILED_WrongEnergyTransferMode, f"{mode} is not offered here{kept}")
    kind = setup.kind_of(mode)
    expected = iso2.AC_EVChargeParameter if kind is Kind.AC else iso2.DC_EVChargeParameter
    if not isinstance(body.ev_charge_parameter, expected):
        reason = f"{type(body.ev_charge_parameter).__name__} does not go with {mode}"
        return Refusal(ResponseCode.FAILED_WrongChargeParameter, reason)
    if context.change_outlet(kind) is None:
        return Refusal(ResponseCode.FAILED_WrongEnergyTransferMode, f"every {kind} outlet is taken")
    context.mode, context.ev_phases = mode, _PHASES.get(mode, 0)
    return None


def _take_limits(limits: iso2.EVChargeParameter, context: Context) -> Refusal | None:
    """Take the car's limits; return what is wrong with them."""
    if isinstance(limits, iso2.AC_EVChargeParameter):
        fault = _fault(limits, context.ac.rating.max_current_a)
        context.max_charge_a = number(limits.ev_max_current)
    else:
        fault = dc.fault_of(limits, context.dc.supply.rating)
        dc.take_limits(context, limits)
    return Refusal(ResponseCode.FAILED_WrongChargeParameter, fault) if fault else None


def _fault(limits: iso2.AC_EVChargeParameter, max_current_a: float) -> str:
    """Return what is wrong with the car's limits, empty if nothing is."""
    low, high = number(limits.ev_min_current), number(limits.ev_max_current)
    if low < 0 or high < low:
        return f"EVMinCurrent {low:g} A, EVMaxCurrent {high:g} A"
    if low > max_current_a:
        return f"EVMinCurrent {low:g} A is more than the {max_current_a:g} A of this outlet"
    if number(limits.ev_max_voltage) <= 0:
        return f"EVMaxVoltage {number(limits.ev_max_voltage):g} V"
    if number(limits.e_amount) < 0:
        return f"EAmount {number(limits.e_amount):g} Wh"
    return ""


def power_delivery(request: Request[iso2.PowerDeliveryReq], context: Context) -> Reply | Refusal:
    """Before charging with AC, or with a new schedule: start, or leave it at that."""
    return _begin(request, context) or _energized(request, context)


def dc_power_delivery(request: Request[iso2.PowerDeliveryReq], context: Context) -> Reply | Refusal:
    """Before charging with DC: start, or leave it at that."""
    refusal_or_stop = _begin(request, context)
    if refusal_or_stop is not None:
        return refusal_or_stop
    return delivery.energize_dc(WORDS, context) or _delivered(context, State.CURRENT_DEMAND)


def _begin(request: Request[iso2.PowerDeliveryReq], context: Context) -> Reply | Refusal | None:
    """Take the car's choice of schedule; return the answer when it does not start."""
    body = request.body
    if body.charge_progress is ChargeProgress.Stop:
        return _stop(context)
    if body.charge_progress is ChargeProgress.Renegotiate:  # nothing to renegotiate yet [V2G2-812]
        return Refusal(ResponseCode.FAILED, "Renegotiate before charging began")
    profile = _profile(body.charging_profile)
    return delivery.choose(WORDS, context, body.sa_schedule_tuple_id, profile, request.arrived_at)


def _energized(request: Request[iso2.PowerDeliveryReq], context: Context) -> Reply | Refusal:
    try:
        context.ac.energize(_power_w(context, request.arrived_at))
    except ContactorError as error:
        return delivery.contactor(WORDS, error)
    return _delivered(context, State.CHARGING_STATUS)


def power_delivery_while_charging(
    request: Request[iso2.PowerDeliveryReq], context: Context
) -> Reply | Refusal:
    """While charging: stop, or ask for new parameters [V2G2-680]. A second Start is an error [V2G2-812].

    AC goes on meanwhile; DC is switched off, because cable check and pre-charge come again.
    """
    match request.body.charge_progress:
        case ChargeProgress.Stop:
            return _stop(context)
        case ChargeProgress.Start:
            return Refusal(ResponseCode.FAILED, "Start while charging")
    if not context.charger.config.schedule.renegotiation:
        return Refusal(ResponseCode.FAILED, "this charger is set not to renegotiate")
    if context.plug.kind is Kind.DC and (refusal := delivery.isolate(WORDS, context)):
        return refusal
    return _delivered(context, State.NEW_PARAMETERS)


def _stop(context: Context) -> Reply | Refusal:
    state = State.WELDING_DETECTION if context.plug.kind is Kind.DC else State.SESSION_STOP
    return delivery.isolate(WORDS, context) or _delivered(context, state)


def _delivered(context: Context, state: State) -> Reply:
    response = iso2.PowerDeliveryRes(response_code=ResponseCode.OK, evse_status=values.status(context))
    return Reply(response, state)


def _profile(profile: iso2.ChargingProfile | None) -> tuple[tuple[float, float], ...]:
    entries = profile.profile_entry if profile else []
    return tuple(
        (entry.charging_profile_entry_start, number(entry.charging_profile_entry_max_power))
        for entry in entries
    )


def _power_w(context: Context, now: float) -> float:
    """Return what the car draws: all that outlet, car, schedule and its own charging profile allow."""
    power_w = context.ac.rating.power_w(context.max_charge_a, context.ev_phases)
    return min(power_w, context.allowed_w(now))


def charging_status(request: Request[iso2.ChargingStatusReq], context: Context) -> Reply | Refusal:
    """Tell meter and status; every so many rounds ask a Plug & Charge car for a receipt [V2G2-691]."""
    outlet = context.ac
    outlet.meter.flow(_power_w(context, request.arrived_at))
    context.count_round(None)
    wish = next_wish(context)
    context.receipt_wanted = wish is Wish.RECEIPT
    return Reply(
        iso2.ChargingStatusRes(
            response_code=ResponseCode.OK,
            evse_id=outlet.evse_id,
            sa_schedule_tuple_id=context.schedule_id,
            evse_max_current=WORDS.quantity(outlet.rating.max_current_a, "A"),
            meter_info=values.read_meter(context),
            receipt_required=context.receipt_wanted,
            ac_evse_status=values.ac_status(context, wish),
        ),
        State.METERING_RECEIPT if context.receipt_wanted else State.CHARGING,
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
    response = iso2.MeteringReceiptRes(response_code=ResponseCode.OK, evse_status=values.status(context))
    return Reply(response, State.CHARGING_DC if context.plug.kind is Kind.DC else State.CHARGING)


def session_stop(request: Request[iso2.SessionStopReq], context: Context) -> Reply | Refusal:
    """End the session, or interrupt it: a car that comes back finds what it had agreed on [V2G2-741].

    Pause gets OK in any case. Where nothing can be kept, a car that comes back with the old SessionID gets a
    new session, which the standard provides for chargers that do not know a session any more [V2G2-756].
    """
    kind = request.body.charging_session
    charger = context.charger
    keeps = charger.config.pause.allow and not charger.stopping and context.authorized
    if kind is iso2.ChargingSession.Pause and keeps:
        charger.paused.keep(
            Paused(
                session_id=context.session_id,
                protocol=setup.PROTOCOL_KEY,
                evcc_id=context.evcc_id,
                contract=context.contract,
                since=request.arrived_at,
                agreed=Agreed(context.payment, context.mode, context.schedule_id),
            )
        )
    context.finished = f"SessionStopReq {kind}"
    return Reply(iso2.SessionStopRes(response_code=ResponseCode.OK), None)
