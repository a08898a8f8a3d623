"""Power on and off by PMax schedules: what a car may choose, and what it then may draw."""

from collections.abc import Sequence

from secc.classic.context import ClassicContext
from secc.classic.words import Words
from secc.errors import ContactorError
from secc.table import Refusal

SCHEDULE_DURATION_S = 86_400
"""Schedules cover 24 hours, and so every departure time that one has to cover [V2G2-303][V2G2-304]."""

PRE_CHARGE_TOLERANCE_V = 20.0
"""How near to the battery's voltage the cable must be for a car to close its contactors."""


def choose(
    words: Words,
    context: ClassicContext,
    schedule_id: int,
    profile: Sequence[tuple[float, float]],
    now: float,
) -> Refusal | None:
    """Take the car's choice of schedule and its charging profile; return what is wrong with them."""
    if schedule_id not in context.p_max_w:
        reason = f"schedule {schedule_id} was not offered"
        return Refusal(words.code("FAILED_TariffSelectionInvalid"), reason)
    steps = context.p_max_w[schedule_id]
    starts = sorted({start_s for start_s, _ in (*steps, *profile)})
    for start_s in starts:
        limit_w, wanted_w = _at(steps, start_s), _at(profile, start_s)
        if wanted_w > limit_w and profile:
            reason = f"the profile has {wanted_w:g} W after {start_s:g} s, the schedule {limit_w:g} W"
            return Refusal(words.code("FAILED_ChargingProfileInvalid"), reason)
    context.schedule_id = schedule_id
    context.profile = tuple(profile)
    context.charging_since = now
    return None


def _at(steps: Sequence[tuple[float, float]], start_s: float) -> float:
    return next((watts for start, watts in reversed(steps) if start <= start_s), 0.0)


def energize_dc(words: Words, context: ClassicContext) -> Refusal | None:
    """Switch a DC outlet on whose voltage fits the battery's; return what is wrong."""
    outlet = context.dc
    present_v = outlet.supply.voltage_v
    if present_v < context.battery_v - PRE_CHARGE_TOLERANCE_V:
        code = words.code("FAILED_EVSEPresentVoltageToLow")
        if code == words.code("FAILED"):
            code = words.code("FAILED_PowerDeliveryNotApplied")
        return Refusal(code, f"{present_v:g} V at the cable, the battery has {context.battery_v:g} V")
    try:
        outlet.energize()
    except ContactorError as error:
        return contactor(words, error)
    return None


def isolate(words: Words, context: ClassicContext) -> Refusal | None:
    """Switch the outlet off; return what is wrong."""
    try:
        context.plug.isolate()
    except ContactorError as error:
        return contactor(words, error)
    return None


def contactor(words: Words, error: ContactorError) -> Refusal:
    """Refuse because of a contactor."""
    return Refusal(words.code("FAILED_ContactorError"), str(error))
