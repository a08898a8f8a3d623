"""The event log and the webhook endpoints at work."""

import builtins
import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from backend_stub.database import Database
from backend_stub.errors import Code, MarketError
from backend_stub.events import outbox, store
from backend_stub.events.bell import Bell
from backend_stub.events.interface import (
    EVERYBODY,
    Audience,
    DeadLetter,
    Endpoint,
    EndpointSettings,
    EventType,
    RecordedEvent,
)
from backend_stub.events.signing import new_secret
from backend_stub.events.targets import TargetError, TargetPolicy
from pki.entropy import Entropy

_BATCH = 100


class EventDesk:
    """Implements :class:`~backend_stub.events.interface.EventLog` and ``WebhookEndpoints``."""

    def __init__(
        self,
        database: Database,
        bell: Bell,
        now: Callable[[], datetime],
        entropy: Entropy,
        targets: TargetPolicy | None = None,
    ) -> None:
        self._database = database
        self._bell = bell
        self._now = now
        self._entropy = entropy
        self._targets = targets or TargetPolicy()

    async def events(
        self, after: int, limit: int, *, types: Sequence[EventType] = (), audience: Audience = EVERYBODY
    ) -> Sequence[RecordedEvent]:
        """See :class:`~backend_stub.events.interface.EventLog`."""
        return await self._database.read(
            lambda connection: outbox.after(connection, after, limit, types, audience)
        )

    async def latest(
        self,
        limit: int,
        *,
        before: int | None = None,
        emaid: str = "",
        pcid: str = "",
        audience: Audience = EVERYBODY,
    ) -> Sequence[RecordedEvent]:
        """See :class:`~backend_stub.events.interface.EventLog`."""
        return await self._database.read(
            lambda connection: outbox.latest(
                connection, limit, before=before, emaid=emaid, pcid=pcid, audience=audience
            )
        )

    async def head(self) -> int:
        """See :class:`~backend_stub.events.interface.EventLog`."""
        return await self._database.read(outbox.head)

    async def follow(
        self,
        after: int,
        *,
        types: Sequence[EventType] = (),
        audience: Audience = EVERYBODY,
        heartbeat_s: float = 15.0,
    ) -> AsyncGenerator[RecordedEvent | None, None]:
        """See :class:`~backend_stub.events.interface.EventLog`."""
        idle_s = 0.0
        while not self._bell.closed:
            rung = self._bell.listen()
            found = await self.events(after, _BATCH, types=types, audience=audience)
            for event in found:
                yield event
                after = event.sequence
            if found:
                idle_s = 0.0
                continue
            idle_s += await self._bell.wait(rung, heartbeat_s - idle_s)
            if idle_s >= heartbeat_s:
                yield None
                idle_s = 0.0

    async def add(
        self, settings: EndpointSettings, audience: Audience = EVERYBODY, *, secret: str | None = None
    ) -> tuple[Endpoint, str]:
        """See :class:`~backend_stub.events.interface.WebhookEndpoints`."""
        self._check(settings)
        key = secret or new_secret(self._entropy)
        endpoint = Endpoint(
            id=str(uuid.uuid4()),
            settings=settings,
            audience=audience,
            position=0,
            attempts=0,
            next_attempt_at=None,
            undelivered=0,
            reason="",
            created_at=self._now(),
        )

        def work(connection: sa.Connection) -> Endpoint:
            placed = replace(endpoint, position=outbox.head(connection))
            store.insert(connection, placed, key)
            return placed

        return await self._database.write(work), key

    async def list(self, audience: Audience = EVERYBODY) -> Sequence[Endpoint]:
        """See :class:`~backend_stub.events.interface.WebhookEndpoints`."""
        return await self._database.read(lambda connection: store.all_of(connection, audience))

    async def get(self, endpoint_id: str, audience: Audience = EVERYBODY) -> Endpoint:
        """See :class:`~backend_stub.events.interface.WebhookEndpoints`."""
        return await self._database.read(lambda connection: _known(connection, endpoint_id, audience))

    async def replace(
        self, endpoint_id: str, settings: EndpointSettings, audience: Audience = EVERYBODY
    ) -> Endpoint:
        """See :class:`~backend_stub.events.interface.WebhookEndpoints`."""
        self._check(settings)

        def work(connection: sa.Connection) -> Endpoint:
            if _known(connection, endpoint_id, audience).settings != settings:
                store.replace(connection, endpoint_id, settings)
            return _known(connection, endpoint_id, audience)

        return await self._database.write(work)

    async def remove(self, endpoint_id: str, audience: Audience = EVERYBODY) -> None:
        """See :class:`~backend_stub.events.interface.WebhookEndpoints`."""

        def work(connection: sa.Connection) -> None:
            _known(connection, endpoint_id, audience)
            store.remove(connection, endpoint_id)

        await self._database.write(work)

    async def dead_letters(
        self, endpoint_id: str, limit: int, audience: Audience = EVERYBODY
    ) -> Sequence[DeadLetter]:
        """See :class:`~backend_stub.events.interface.WebhookEndpoints`."""

        def work(connection: sa.Connection) -> builtins.list[DeadLetter]:
            _known(connection, endpoint_id, audience)
            return [*store.dead_letters(connection, endpoint_id, limit)]

        return await self._database.read(work)

    def close(self) -> None:
        """End what follows the log: the process is about to end."""
        self._bell.close()

    def _check(self, settings: EndpointSettings) -> None:
        try:
            self._targets.check(settings.url)
        except TargetError as error:
            raise MarketError(Code.REQUEST, f"url: {error}") from error


def _known(connection: sa.Connection, endpoint_id: str, audience: Audience) -> Endpoint:
    endpoint = store.find(connection, endpoint_id, audience)
    if endpoint is None:
        raise MarketError(Code.UNKNOWN, f"no webhook endpoint {endpoint_id}")
    return endpoint
