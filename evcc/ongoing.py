"""Requests that are repeated while the charger is still at work."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from evcc.context import Context
from evcc.exchange import Signing
from exi.schema import XsdType
from v2g.timing import Deadline, Limit

_FINISHED = "Finished"
_CUSTOMER = "Ongoing_WaitingForCustomerInteraction"


class Processed(Protocol):
    """A response that says whether the charger is done; all editions use the same words."""

    @property
    def evse_processing(self) -> str:
        """``Finished``, ``Ongoing`` or ``Ongoing_WaitingForCustomerInteraction``."""


P = TypeVar("P", bound=Processed)


async def until_finished(
    context: Context,
    request: XsdType,
    expected: type[P],
    signature: Signing | None = None,
    *,
    limit: Limit | None = None,
) -> P:
    """Repeat ``request``, unchanged, until the charger says Finished; return that response.

    V2G_EVCC_Ongoing_Timeout runs from the first response that says Ongoing [V2G2-710][V2G2-712]; when it
    expires, :class:`evcc.errors.ResponseTimeoutError` names it. ``limit`` is another timer in its place,
    such as that of the cable check. A wait for a person at the charger has its own limit, see
    :class:`evcc.config.Timers`.
    """
    timers, clock = context.config.timers, context.clock
    limit = limit or ongoing_limit(context)
    running: dict[str, Deadline] = {}
    within: Deadline | None = None
    while True:
        response = await context.exchange.ask(request, expected, signature=signature, within=within)
        processing = str(response.evse_processing)
        if processing == _FINISHED:
            return response
        now = clock.monotonic()
        limit_s = timers.customer_wait_s if processing == _CUSTOMER else limit.seconds
        within = running.setdefault(processing, Deadline.after(limit_s, now, limit.name))
        await asyncio.sleep(min(timers.ongoing_interval_s, within.remaining(now)))


async def repeat_until(
    context: Context, ask: Callable[[Deadline], Awaitable[bool]], limit: Limit
) -> Deadline:
    """Call ``ask`` again and again until it returns True, with one timer over all of it; return its deadline.

    For requests that end when a value fits, such as those of pre-charging and welding detection.
    """
    clock, interval_s = context.clock, context.config.timers.ongoing_interval_s
    within = limit.from_now(clock.monotonic())
    fits = await ask(within)
    while not fits:
        await asyncio.sleep(min(interval_s, within.remaining(clock.monotonic())))
        fits = await ask(within)
    return within


def ongoing_limit(context: Context) -> Limit:
    """Return V2G_EVCC_Ongoing_Timeout of the edition in force, as configured."""
    return context.config.timers.ongoing(context.exchange.edition.timing.evcc_ongoing_timeout)
