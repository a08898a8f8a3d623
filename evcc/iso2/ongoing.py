"""Requests that are repeated while the charger is still at work."""

import asyncio
from typing import TypeVar

from evcc.config import Config
from evcc.exchange import Exchange
from v2g.messages import iso2, xmldsig
from v2g.messages.iso2 import EVSEProcessing
from v2g.net.clock import Clock
from v2g.timing import ISO2, Deadline

P = TypeVar("P", iso2.AuthorizationRes, iso2.ChargeParameterDiscoveryRes)


async def until_finished(
    exchange: Exchange,
    config: Config,
    clock: Clock,
    request: iso2.BodyBase,
    expected: type[P],
    signature: xmldsig.Signature | None = None,
) -> P:
    """Repeat ``request``, unchanged, until the charger says Finished; return that response.

    V2G_EVCC_Ongoing_Timeout runs from the first response that says Ongoing [V2G2-710][V2G2-712]; when it
    expires, :class:`evcc.errors.ResponseTimeoutError` names it. A wait for a person at the charger has its
    own limit, see :class:`evcc.config.Timers`.
    """
    name = ISO2.evcc_ongoing_timeout.name
    limits = {
        EVSEProcessing.Ongoing: config.timers.ongoing_s,
        EVSEProcessing.Ongoing_WaitingForCustomerInteraction: config.timers.customer_wait_s,
    }
    timers: dict[EVSEProcessing, Deadline] = {}
    within: Deadline | None = None
    while True:
        response = await exchange.ask(request, expected, signature=signature, within=within)
        if response.evse_processing is EVSEProcessing.Finished:
            return response
        now = clock.monotonic()
        limit_s = limits[response.evse_processing]
        within = timers.setdefault(response.evse_processing, Deadline.after(limit_s, now, name))
        await asyncio.sleep(min(config.timers.ongoing_interval_s, within.remaining(now)))
