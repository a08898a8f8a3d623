"""DC charging as ISO 15118-2 and DIN 70121 have it: limits, cable check, pre-charge, loop, welding detection."""

from dataclasses import dataclass
from typing import Any

from secc.classic.context import ClassicContext as Context
from secc.classic.words import Words
from secc.dc_supply import DcRating
from secc.table import Refusal, Reply, Request, Row, To, row
from secc.waiting import overdue
from secc.wishes import Wish, next_wish
from v2g import timing
from v2g.physical import number
from v2g.timing import Limit

CABLE_CHECK = Limit("V2G_SECC_CableCheck_Performance_Time", timing.SECC_CABLE_CHECK_PERFORMANCE_TIME_S, "")
PRE_CHARGE = Limit("V2G_SECC_PreCharge_Performance_Time", timing.SECC_PRE_CHARGE_PERFORMANCE_TIME_S, "")
_CHECKING = "cable check"
_PRE_CHARGING = "pre-charge"
_REACHED_V = 5.0
"""Within how much of its target the voltage counts as reached."""

V, A, W = "V", "A", "W"


def fault_of(limits: Any, rating: DcRating) -> str:
    """Return what is wrong with a car's DC_EVChargeParameter, empty if nothing is."""
    high_v, high_a = number(limits.ev_maximum_voltage_limit), number(limits.ev_maximum_current_limit)
    if high_v < rating.min_voltage_v:
        return f"at most {high_v:g} V, but this outlet starts at {rating.min_voltage_v:g} V"
    if high_a <= 0:
        return f"EVMaximumCurrentLimit {high_a:g} A"
    power = limits.ev_maximum_power_limit
    if power is not None and number(power) <= 0:
        return f"EVMaximumPowerLimit {number(power):g} W"
    return ""


def take_limits(context: Context, limits: Any) -> None:
    """Take the car's limits, those that it names; a CurrentDemandReq may name them anew."""
    if limits.ev_maximum_current_limit is not None:
        context.max_charge_a = max(0.0, number(limits.ev_maximum_current_limit))
    if limits.ev_maximum_power_limit is not None:
        context.max_charge_w = max(0.0, number(limits.ev_maximum_power_limit))


def charge_parameter(words: Words, context: Context) -> Any:
    """Return the DC_EVSEChargeParameter of the session's outlet."""
    rating = context.dc.supply.rating
    return words.messages.DC_EVSEChargeParameter(
        dc_evse_status=status(words, context, ready=False),
        evse_maximum_current_limit=words.at_most(rating.max_current_a, A),
        evse_maximum_power_limit=words.at_most(rating.max_power_w, W),
        evse_maximum_voltage_limit=words.at_most(rating.max_voltage_v, V),
        evse_minimum_current_limit=words.quantity(0, A),
        evse_minimum_voltage_limit=words.quantity(rating.min_voltage_v, V),
        evse_current_regulation_tolerance=words.quantity(1, A),
        evse_peak_current_ripple=words.quantity(1, A),
    )


def status(
    words: Words,
    context: Context,
    *,
    ready: bool = True,
    checking: bool = False,
    isolated: bool = True,
    wish: Wish | None = None,
) -> Any:
    """Return the DC_EVSEStatus; a charger that is to stop says so."""
    codes, levels = words.messages.DC_EVSEStatusCode, words.messages.IsolationLevel
    code = codes.EVSE_Ready if ready else codes.EVSE_NotReady
    if checking:
        code = codes.EVSE_IsolationMonitoringActive
    if context.charger.stopping:
        code = codes.EVSE_Shutdown
    return words.messages.DC_EVSEStatus(
        evse_isolation_status=levels.Valid if isolated and ready else levels.Invalid,
        evse_status_code=code,
        notification_max_delay=0,
        evse_notification=words.notification(context, wish),
    )


@dataclass(frozen=True, slots=True)
class DcSteps:
    """The handlers of the four messages that DC charging has alone, in the words of one protocol."""

    words: Words

    def rows(self, *after_loop: To) -> tuple[Row, ...]:
        """Return the rows of the four messages; ``after_loop`` is where else CurrentDemand may lead."""
        messages, state = self.words.messages, self.words.state
        return (
            row(
                state("CABLE_CHECK"),
                messages.CableCheckReq,
                self.cable_check,
                To(state("CABLE_CHECK"), "Ongoing"),
                To(state("PRE_CHARGE"), "Finished"),
            ),
            *(
                row(state(before), messages.PreChargeReq, self.pre_charge, state("PRE_CHARGED"))
                for before in ("PRE_CHARGE", "PRE_CHARGED")
            ),
            *(
                row(
                    state(before),
                    messages.CurrentDemandReq,
                    self.current_demand,
                    state("CHARGING_DC"),
                    *after_loop,
                )
                for before in ("CURRENT_DEMAND", "CHARGING_DC")
            ),
            row(
                state("WELDING_DETECTION"),
                messages.WeldingDetectionReq,
                self.welding_detection,
                state("WELDING_DETECTION"),
            ),
        )

    def cable_check(self, request: Request[Any], context: Context) -> Reply | Refusal:
        """Test the isolation of the cable; Ongoing until it is done, for 38 s at most."""
        words, begun = self.words, context.waits.since(_CHECKING, request.arrived_at)
        processing = words.messages.EVSEProcessing
        if context.dc.supply.isolated():
            context.waits.forget(_CHECKING)
            done = words.ok(
                "CableCheckRes", dc_evse_status=status(words, context), evse_processing=processing.Finished
            )
            return Reply(done, words.state("PRE_CHARGE"))
        if request.arrived_at - begun >= CABLE_CHECK.seconds:
            return Refusal(words.code("FAILED"), overdue(_CHECKING, CABLE_CHECK, context.tracer))
        checking = status(words, context, checking=True, isolated=False)
        ongoing = words.ok("CableCheckRes", dc_evse_status=checking, evse_processing=processing.Ongoing)
        return Reply(ongoing, words.state("CABLE_CHECK"))

    def pre_charge(self, request: Request[Any], context: Context) -> Reply | Refusal:
        """Bring the voltage to that of the battery, within 5 s; the car goes on when it is content."""
        words, supply = self.words, context.dc.supply
        target_v = number(request.body.ev_target_voltage)
        if not 0 <= target_v <= supply.rating.max_voltage_v:
            reason = f"a target of {target_v:g} V, {supply.rating.max_voltage_v:g} V is all there is"
            return Refusal(words.code("FAILED"), reason)
        supply.precharge(target_v)
        context.battery_v = target_v
        present_v = supply.voltage_v
        begun = context.waits.since(_PRE_CHARGING, request.arrived_at)
        if abs(present_v - target_v) <= _REACHED_V:
            context.waits.forget(_PRE_CHARGING)
        elif request.arrived_at - begun >= PRE_CHARGE.seconds:
            return Refusal(words.code("FAILED"), overdue(_PRE_CHARGING, PRE_CHARGE, context.tracer))
        response = words.ok(
            "PreChargeRes",
            dc_evse_status=status(words, context),
            evse_present_voltage=words.quantity(present_v, V),
        )
        return Reply(response, words.state("PRE_CHARGED"))

    def current_demand(self, request: Request[Any], context: Context) -> Reply | Refusal:
        """Give the car the current that it asks for, within all limits."""
        words, body, outlet = self.words, request.body, context.dc
        target_v, target_a = number(body.ev_target_voltage), number(body.ev_target_current)
        if target_a < 0 or target_v < 0:
            reason = f"a target of {target_a:g} A at {target_v:g} V"
            return Refusal(words.code("FAILED"), reason)
        take_limits(context, body)
        wanted_a = 0.0 if _broken(body.dc_ev_status) else target_a
        allowed_a = self._allowed_a(context, request.arrived_at)
        limited = outlet.regulate(target_v, min(wanted_a, allowed_a), load_v=context.battery_v)
        context.count_round(body.dc_ev_status.ev_ress_soc)
        wish = next_wish(context)
        context.receipt_wanted = wish is Wish.RECEIPT
        supply, rating = outlet.supply, outlet.supply.rating
        response = words.ok(
            "CurrentDemandRes",
            dc_evse_status=status(words, context, wish=wish),
            evse_present_voltage=words.quantity(supply.voltage_v, V),
            evse_present_current=words.quantity(supply.current_a, A),
            evse_current_limit_achieved=limited.current or wanted_a > rating.max_current_a,
            evse_voltage_limit_achieved=limited.voltage,
            evse_power_limit_achieved=limited.power or wanted_a > allowed_a,
            evse_maximum_voltage_limit=words.at_most(rating.max_voltage_v, V),
            evse_maximum_current_limit=words.at_most(rating.max_current_a, A),
            evse_maximum_power_limit=words.at_most(rating.max_power_w, W),
            **words.loop_facts(context),
        )
        return Reply(response, words.after_loop(context))

    def welding_detection(self, _request: Request[Any], context: Context) -> Reply:
        """Tell the voltage, which dies away when no contactor of the car is welded."""
        words = self.words
        response = words.ok(
            "WeldingDetectionRes",
            dc_evse_status=status(words, context, ready=False),
            evse_present_voltage=words.quantity(context.dc.supply.voltage_v, V),
        )
        return Reply(response, words.state("WELDING_DETECTION"))

    @staticmethod
    def _allowed_a(context: Context, now: float) -> float:
        """Return the current that schedule, profile and the car's limits allow."""
        power_w = context.allowed_w(now)
        if context.max_charge_w is not None:
            power_w = min(power_w, context.max_charge_w)
        by_power = power_w / context.battery_v if context.battery_v > 0 else context.max_charge_a
        return min(by_power, context.max_charge_a)


def _broken(car: Any) -> bool:
    """Tell whether the car reports an error: then it gets no current, whatever it asks for."""
    return str(car.ev_error_code) not in {"NO_ERROR", "NoData"}
