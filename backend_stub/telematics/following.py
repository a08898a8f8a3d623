"""The two ways to hear of events without being called: asking now and then, and listening to the stream."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Protocol

from backend_stub.errors import MarketError
from backend_stub.events import EventType
from backend_stub.telematics.interface import EventMessage, Position
from backend_stub.telematics.opcp import OpcpMarket
from backend_stub.telematics.service import SUBSCRIBED, MailOffice, notice_of

_BATCH = 100
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 60.0

_log = logging.getLogger(__name__)

Sleep = Callable[[float], Awaitable[None]]


class Feed(Protocol):
    """A market whose events can be asked for."""

    async def events(
        self, after: int, limit: int, types: Sequence[EventType], wmi: str = ""
    ) -> tuple[Sequence[EventMessage], int]:
        """Return events after a sequence number and where to go on; raises MarketError."""
        ...


async def poll(
    office: MailOffice,
    market: Feed,
    interval_s: float,
    *,
    feed: str = "",
    wmi: str = "",
    sleep: Sleep = asyncio.sleep,
) -> None:
    """Ask for new events every ``interval_s``, for ever; what has been read is remembered across restarts.

    ``feed`` tells this market's log from those of others; ``wmi`` asks for the cars of one maker only.
    """

    async def once() -> None:
        more = True
        while more:
            position = await office.position(feed)
            events, following = await market.events(position, _BATCH, SUBSCRIBED, wmi)
            for event in events:
                await _take(office, event, feed)
            if following > (events[-1].sequence if events else position):
                await office.remember(Position(feed, following))
            more = len(events) == _BATCH
        await sleep(interval_s)

    await _again_and_again(once, sleep)


async def stream(office: MailOffice, market: OpcpMarket, sleep: Sleep = asyncio.sleep) -> None:
    """Listen to the stream, for ever; after a break it goes on behind the last event that was dealt with."""

    async def once() -> None:
        async with aclosing(market.stream(await office.position(""), SUBSCRIBED)) as events:
            async for event in events:
                await _take(office, event, "")

    await _again_and_again(once, sleep)


async def _again_and_again(once: Callable[[], Awaitable[None]], sleep: Sleep) -> None:
    """Repeat ``once``; after each failure in a row wait twice as long."""
    pause_s = _FIRST_PAUSE_S
    while True:
        try:
            await once()
            pause_s = _FIRST_PAUSE_S
        except MarketError as error:
            _log.warning("%s; trying again in %g s", error, pause_s)
            await sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


async def _take(office: MailOffice, event: EventMessage, feed: str) -> None:
    read = Position(feed, event.sequence)
    try:
        notice = notice_of(event.eventId, event.eventType, event.xsdMsgDefNamespace, event.payload)
    except MarketError as error:
        _log.warning("event %d is malformed and left out: %s", event.sequence, error)
        await office.remember(read)
        return
    await office.take(notice, read=read)
