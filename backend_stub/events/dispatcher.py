"""Delivers events to webhook endpoints: at least once, in order for each endpoint, each at its own pace.

Every endpoint has a task of its own, so that a slow one delays nobody. The task handles the event after the
endpoint's position until it is delivered, refused or given up, and moves the position in the transaction that
notes the outcome. A process killed in between finds the position where it was and sends again; the receiver
knows a repeated event by its id.

What becomes of an answer:

===========================  ===========================================================================
2xx                          delivered
400, 409                     refused by the receiver for good: a dead letter, and the operator is told
410                          a dead letter, and the endpoint is disabled: it asked for that
408, 429, 5xx, no answer     tried again after each delay of the policy, then a dead letter
anything else                a dead letter: trying again would not help
===========================  ===========================================================================

An endpoint that takes none of several events in a row, each with all its attempts, is disabled. It keeps its
position, and goes on there when its owner enables it.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

import sqlalchemy as sa

from backend_stub.database import Database
from backend_stub.errors import MarketError
from backend_stub.events import outbox, store
from backend_stub.events.bell import Bell
from backend_stub.events.courier import Courier, NotReachedError, TargetError
from backend_stub.events.interface import SENT, Endpoint, Event, EventType, RecordedEvent
from backend_stub.events.signing import HEADER, sign
from v2g.trace import Tracer

_MAX_REASON = 500
_STORE_PAUSE_S = 5.0

_AGAIN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_REFUSED = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT})

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """After which delays an event is tried again, and how many lost in a row disable an endpoint."""

    delays: tuple[timedelta, ...] = (timedelta(hours=1),) * 3
    disable_after: int = 5


@dataclass(frozen=True, slots=True)
class _Attempt:
    """How one attempt ended. ``status`` is 0 when nothing answered."""

    status: int
    reason: str

    @property
    def delivered(self) -> bool:
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def refused(self) -> bool:
        return self.status in _REFUSED

    @property
    def gone(self) -> bool:
        return self.status == HTTPStatus.GONE

    @property
    def worth_repeating(self) -> bool:
        return self.status in _AGAIN or self.status == 0 or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


_FORBIDDEN = -1
"""Status of an attempt that the target policy did not allow."""


class Dispatcher:
    """Serves the enabled endpoints until it is cancelled."""

    def __init__(
        self,
        database: Database,
        courier: Courier,
        bell: Bell,
        now: Callable[[], datetime],
        tracer: Tracer,
        policy: RetryPolicy | None = None,
    ) -> None:
        self._database = database
        self._courier = courier
        self._bell = bell
        self._now = now
        self._tracer = tracer
        self._policy = policy or RetryPolicy()

    async def run(self) -> None:
        """Keep one task for each enabled endpoint."""
        serving: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            while not self._bell.closed:
                rung = self._bell.listen()
                try:
                    wanted = await self._database.read(store.enabled)
                except MarketError:  # the log says why; what is running goes on
                    await asyncio.sleep(_STORE_PAUSE_S)
                    continue
                serving = {name: task for name, task in serving.items() if not task.done()}
                for name in wanted:
                    if name not in serving:
                        serving[name] = group.create_task(self._serve(name), name=f"webhook {name}")
                await self._bell.wait(rung)

    async def _serve(self, endpoint_id: str) -> None:
        """Deliver to one endpoint until it is disabled or removed."""
        seen = 0
        settings = None
        while not self._bell.closed:
            rung = self._bell.listen()
            try:
                served = await self._database.read(lambda connection: store.served(connection, endpoint_id))
                if served is None:
                    return
                endpoint = served.endpoint
                if endpoint.settings != settings:  # other events may count now
                    settings, seen = endpoint.settings, 0
                event, seen = await self._next(endpoint, max(seen, endpoint.position))
                wait_s = self._wait_s(endpoint)
                if event is None:
                    await self._bell.wait(rung)
                elif wait_s > 0:
                    await self._bell.wait(rung, wait_s)
                else:
                    await self._deliver(endpoint, served.secret, event)
            except MarketError:  # the database, as above
                await asyncio.sleep(_STORE_PAUSE_S)

    async def _next(self, endpoint: Endpoint, seen: int) -> tuple[RecordedEvent | None, int]:
        """Return the next event for an endpoint, and how far the log holds nothing for it before that."""
        settings = endpoint.settings

        def work(connection: sa.Connection) -> tuple[RecordedEvent | None, int]:
            head = outbox.head(connection)
            if head <= seen:
                return None, seen
            found = outbox.after(connection, seen, 1, settings.enabled_events, endpoint.audience)
            return (found[0], seen) if found else (None, head)

        return await self._database.read(work)

    def _wait_s(self, endpoint: Endpoint) -> float:
        if endpoint.next_attempt_at is None:
            return 0.0
        return (endpoint.next_attempt_at - self._now()).total_seconds()

    async def _deliver(self, endpoint: Endpoint, secret: str, event: RecordedEvent) -> None:
        attempt = await self._attempt(endpoint, secret, event)
        facts = {"endpoint": endpoint.id, "event_id": event.id, "event_type": str(event.type)}
        if attempt.delivered:
            self._tracer.event("webhook.delivered", **facts, attempt=endpoint.attempts + 1)
        else:
            self._tracer.event(
                "webhook.failed", **facts, attempt=endpoint.attempts + 1, reason=attempt.reason
            )
            _log.info("webhook %s: event %s not taken: %s", endpoint.id, event.id, attempt.reason)
        await self._database.write(lambda connection: self._note(connection, endpoint, event, attempt))

    async def _attempt(self, endpoint: Endpoint, secret: str, event: RecordedEvent) -> _Attempt:
        # The moment of sending, signed with the rest, lets the receiver refuse what somebody sends once more.
        body = json.dumps(event.body(timestamp=self._now())).encode()
        headers = {"Content-Type": "application/json", HEADER: sign(body, secret)}
        try:
            reply = await self._courier.send(endpoint.settings.url, headers, body)
        except NotReachedError as error:
            return _Attempt(0, f"not reached: {error}"[:_MAX_REASON])
        except TargetError as error:
            return _Attempt(_FORBIDDEN, f"forbidden: {error}"[:_MAX_REASON])
        return _Attempt(reply.status, f"answered {reply.status}: {reply.text}"[:_MAX_REASON])

    def _note(
        self, connection: sa.Connection, endpoint: Endpoint, event: RecordedEvent, attempt: _Attempt
    ) -> None:
        """Write the outcome of an attempt, and what the operator is told of it, in one transaction."""
        now = self._now()
        told: list[Event] = []
        if attempt.worth_repeating and endpoint.attempts < len(self._policy.delays):
            until = now + self._policy.delays[endpoint.attempts]
            if store.postpone(connection, endpoint, attempt.reason, until) and endpoint.attempts == 0:
                told = _for_operator(event, now, EventType.QUEUED, {"reason": attempt.reason})
        elif store.advance(connection, endpoint, event.sequence):
            told = self._settle(connection, endpoint, event, attempt, now)
        outbox.record(connection, *told)

    def _settle(
        self,
        connection: sa.Connection,
        endpoint: Endpoint,
        event: RecordedEvent,
        attempt: _Attempt,
        now: datetime,
    ) -> list[Event]:
        """Note that the endpoint is through with an event; return what the operator is told."""
        sent = SENT.get(event.type)
        arrived = attempt.delivered or attempt.refused
        told = _for_operator(event, now, sent, {}) if sent is not None and arrived else []
        if attempt.delivered:
            if endpoint.undelivered or endpoint.reason:
                store.delivered(connection, endpoint.id)
            return told + _for_operator(event, now, EventType.DELIVERED, {})
        # A refusal is an answer: the endpoint works.
        count = 0 if attempt.refused else endpoint.undelivered + 1
        store.bury(connection, endpoint, event.sequence, attempt.reason, now, count=count)
        if attempt.gone or count >= self._policy.disable_after:
            reason = f"disabled after {count} events in a row: {attempt.reason}"
            store.disable(connection, endpoint.id, attempt.reason if attempt.gone else reason[:_MAX_REASON])
            _log.warning("webhook %s is disabled: %s", endpoint.id, attempt.reason)
        if attempt.refused:
            told += _for_operator(event, now, EventType.REJECTED, {"reason": attempt.reason})
        return told


def _for_operator(
    event: RecordedEvent, now: datetime, kind: EventType, facts: Mapping[str, str]
) -> list[Event]:
    """Return the event that tells an operator about its contract; none when ``event`` is about no contract."""
    if event.type not in SENT:
        return []
    about = {"oemEventId": event.id, "oemEventType": str(event.type), **facts}
    return [Event(kind, now, event.emaid, event.pcid, about, event.namespace)]
