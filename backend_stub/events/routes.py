"""OPCP's HTTP door of the events: webhook endpoints, polling, and a server-sent event stream."""

# ruff: noqa: N815 - fields are spelled as on the wire

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response, status
from fastapi.responses import StreamingResponse
from pydantic import Field, field_validator

from backend_stub.access import Party, Role, Scope, allow
from backend_stub.errors import Code
from backend_stub.events.interface import (
    ANY_MAKER,
    EVERYBODY,
    Audience,
    DeadLetter,
    Endpoint,
    EndpointSettings,
    EndpointStatus,
    EventLog,
    EventType,
    RecordedEvent,
    WebhookEndpoints,
)
from backend_stub.events.spelling import EventName
from backend_stub.events.targets import MAX_URL_LENGTH
from backend_stub.web.answers import refusals
from backend_stub.web.fields import Body

MAX_EVENTS = 1000
_DEFAULT_EVENTS = 100
_MAX_SEQUENCE = 2**63 - 1
_MAX_METADATA_BYTES = 8192
_RECONNECT_MS = 1000


class EndpointBody(Body):
    """What a subscriber decides about its endpoint."""

    url: str = Field(
        max_length=MAX_URL_LENGTH,
        description="Where to POST events; https, or http on this machine and on allowed hosts.",
        examples=["http://127.0.0.1:9000/hooks"],
    )
    enabledEvents: list[EventName] = Field(
        default=[], max_length=len(EventType), description="Empty: every event that the subscriber may see."
    )
    apiVersion: str = Field(default="1.0", max_length=20)
    description: str = Field(default="", max_length=500)
    metadata: dict[str, Any] = Field(default={}, description="Anything; given back as it is.")
    status: EndpointStatus = EndpointStatus.ENABLED

    @field_validator("metadata")
    @classmethod
    def _not_too_large(cls, value: dict[str, Any]) -> dict[str, Any]:
        if len(json.dumps(value)) > _MAX_METADATA_BYTES:
            raise ValueError(f"at most {_MAX_METADATA_BYTES} bytes")
        return value

    def settings(self) -> EndpointSettings:
        """Return the settings as the service knows them."""
        return EndpointSettings(
            url=self.url,
            enabled_events=tuple(dict.fromkeys(self.enabledEvents)),
            description=self.description,
            api_version=self.apiVersion,
            metadata=self.metadata,
            status=self.status,
        )


class NewEndpointBody(EndpointBody):
    """A new endpoint, perhaps with a secret of the subscriber's."""

    secret: str | None = Field(
        default=None, pattern=r"^[0-9A-Za-z_-]{32,64}$", description="Without it, one is made."
    )


class EndpointAnswer(EndpointBody):
    """An endpoint and how it fares."""

    id: UUID
    position: int = Field(description="Number of the last event that was dealt with.")
    failedAttempts: int = Field(description="At the event after it.")
    nextAttemptAt: datetime | None
    reason: str = Field(description="Why the last attempt failed, or why the endpoint is disabled.")
    createdAt: datetime
    created: int = Field(description="The same in seconds since 1970, as OPCP has it.")

    @classmethod
    def of(cls, endpoint: Endpoint) -> "EndpointAnswer":
        """Describe an endpoint; never its secret."""
        return cls(**_fields(endpoint))


class NewEndpoint(EndpointAnswer):
    """A new endpoint."""

    secret: str = Field(
        description="Key of the HMAC-SHA256 over the raw body in `X-Operator-Signature: sha256=…`. Shown only here."
    )


class EventBody(Body):
    """An event, as a webhook carries it."""

    timestamp: datetime
    eventId: UUID
    eventType: EventType
    xsdMsgDefNamespace: str
    payload: dict[str, Any] = Field(
        description="`emaid`, `pcid`, and by type `contractCert`, `cpsSignerRootFingerprint`, `reason` …"
    )


class NumberedEvent(EventBody):
    """An event with its place in the log."""

    sequence: int = Field(description="Grows in the order of commits; the value for `after`.")

    @classmethod
    def of(cls, event: RecordedEvent) -> "NumberedEvent":
        """Describe an event."""
        return cls(sequence=event.sequence, **event.body())


class EventList(Body):
    """Events, oldest first."""

    events: list[NumberedEvent]
    next: int = Field(description="Ask with this as `after` for what comes then.")


class DeadLetterEntry(Body):
    """An event that the endpoint never took."""

    event: NumberedEvent
    reason: str
    at: datetime

    @classmethod
    def of(cls, letter: DeadLetter) -> "DeadLetterEntry":
        """Describe a dead letter."""
        return cls(event=NumberedEvent.of(letter.event), reason=letter.reason, at=letter.at)


class DeadLetterList(Body):
    """Dead letters, newest first."""

    deadLetters: list[DeadLetterEntry]


_After = Annotated[
    int, Query(ge=0, le=_MAX_SEQUENCE, description="Only events with a higher sequence number.")
]
_Limit = Annotated[int, Query(ge=1, le=MAX_EVENTS)]
_Types = Annotated[list[EventName], Query(alias="eventType", description="Only these types; repeatable.")]


def audience_of(party: Party) -> Audience:
    """Return what a party may see.

    Car makers and mobility operators see their own, peers what concerns any car maker, the others the roots.
    """
    if party.role is Role.ADMIN:
        return EVERYBODY
    makers = {Role.OEM: party.id, Role.PEER: ANY_MAKER}
    return Audience(
        owner=str(party),
        wmi=makers.get(party.role, ""),
        provider=party.id if party.role is Role.MSP else "",
    )


def router(log: EventLog, endpoints: WebhookEndpoints) -> APIRouter:
    """Return the routes of this part. Who is calling decides what is seen."""
    routes = APIRouter(prefix="/v1", tags=["Events"])
    subscribing = [allow(Scope.EVENTS)]
    reading = [allow(Scope.EVENTS_READ)]

    @routes.post(
        "/webhook/endpoints",
        dependencies=subscribing,
        summary="Subscribe",
        status_code=status.HTTP_201_CREATED,
        responses=refusals(),
    )
    async def add(request: Request, body: NewEndpointBody) -> NewEndpoint:
        """Have events sent to a URL from now on. The answer holds the secret, which is never shown again."""
        endpoint, secret = await endpoints.add(body.settings(), _audience(request), secret=body.secret)
        return NewEndpoint(**_fields(endpoint), secret=secret)

    @routes.get(
        "/webhook/endpoints", dependencies=subscribing, summary="List the endpoints", responses=refusals()
    )
    async def list_all(request: Request) -> list[EndpointAnswer]:
        """Return the caller's endpoints, oldest first."""
        found = await endpoints.list(_audience(request))
        return [EndpointAnswer.of(endpoint) for endpoint in found]

    @routes.get(
        "/webhook/endpoints/{endpoint_id}",
        dependencies=subscribing,
        summary="Get an endpoint",
        responses=refusals(Code.UNKNOWN),
    )
    async def get(request: Request, endpoint_id: UUID) -> EndpointAnswer:
        """Return an endpoint and how it fares."""
        return EndpointAnswer.of(await endpoints.get(str(endpoint_id), _audience(request)))

    @routes.put(
        "/webhook/endpoints/{endpoint_id}",
        dependencies=subscribing,
        summary="Change an endpoint",
        responses=refusals(Code.UNKNOWN),
    )
    async def replace(request: Request, endpoint_id: UUID, body: EndpointBody) -> EndpointAnswer:
        """Replace the settings. One that is enabled again goes on where it stopped, at once."""
        changed = await endpoints.replace(str(endpoint_id), body.settings(), _audience(request))
        return EndpointAnswer.of(changed)

    @routes.delete(
        "/webhook/endpoints/{endpoint_id}",
        dependencies=subscribing,
        summary="Unsubscribe",
        response_class=Response,
        responses=refusals(Code.UNKNOWN),
    )
    async def remove(request: Request, endpoint_id: UUID) -> Response:
        """Remove an endpoint with its dead letters."""
        await endpoints.remove(str(endpoint_id), _audience(request))
        return Response()

    @routes.get(
        "/webhook/endpoints/{endpoint_id}/deadLetters",
        dependencies=subscribing,
        summary="List what an endpoint never took",
        responses=refusals(Code.UNKNOWN),
    )
    async def dead_letters(
        request: Request, endpoint_id: UUID, limit: _Limit = _DEFAULT_EVENTS
    ) -> DeadLetterList:
        """Return the events that were refused or given up, newest first."""
        found = await endpoints.dead_letters(str(endpoint_id), limit, _audience(request))
        return DeadLetterList(deadLetters=[DeadLetterEntry.of(letter) for letter in found])

    @routes.get("/events", dependencies=reading, summary="Ask for events", responses=refusals())
    async def events(
        request: Request,
        types: _Types = [],  # noqa: B006 - FastAPI copies it
        after: _After = 0,
        limit: _Limit = _DEFAULT_EVENTS,
        wmi: Annotated[
            str,
            Query(pattern="^([0-9A-Z]{3})?$", description="Of the events for car makers only this one's."),
        ] = "",
    ) -> EventList:
        """Return the events after a sequence number, oldest first. Instead of a webhook, or to catch up."""
        head = await log.head()  # before looking: what is numbered up to here, the look below sees
        found = await log.events(after, limit, types=types, audience=_narrowed(_audience(request), wmi))
        last = found[-1].sequence if found else after
        return EventList(
            events=[NumberedEvent.of(event) for event in found],
            next=last if len(found) == limit else max(last, head),
        )

    @routes.get(
        "/events/stream",
        dependencies=reading,
        summary="Follow the events",
        response_class=StreamingResponse,
        responses={
            **refusals(),
            200: {
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
                "description": "Endless.",
            },
        },
    )
    async def stream(
        request: Request,
        types: _Types = [],  # noqa: B006 - FastAPI copies it
        after: Annotated[
            int | None,
            Query(ge=0, le=_MAX_SEQUENCE, description="Where to begin; without it, with the next event."),
        ] = None,
        last_event_id: Annotated[
            str | None,
            Header(alias="Last-Event-ID", description="Where to go on after a broken connection."),
        ] = None,
        heartbeat_s: Annotated[float, Query(alias="heartbeatS", ge=1, le=60)] = 15.0,
    ) -> StreamingResponse:
        """Send each event as it happens: `id` is its sequence number, `event` its type, `data` the JSON.

        A comment line comes after each idle interval, so that both sides notice a dead connection.
        """
        begin = await _begin(log, after, last_event_id)
        followed = log.follow(begin, types=types, audience=_audience(request), heartbeat_s=heartbeat_s)
        return StreamingResponse(
            _lines(followed), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    return routes


def _audience(request: Request) -> Audience:
    return audience_of(request.state.party)


def _narrowed(audience: Audience, wmi: str) -> Audience:
    """Return an audience that asks for one car maker only, where it may see that one."""
    if not wmi or (audience.owner and audience.wmi != ANY_MAKER):
        return audience
    return Audience(audience.owner or "anybody", wmi, audience.provider)


async def _begin(log: EventLog, after: int | None, last_event_id: str | None) -> int:
    """Return where a stream begins. A Last-Event-ID that is none of ours counts as absent."""
    if last_event_id is not None and last_event_id.isascii() and last_event_id.isdigit():
        return min(int(last_event_id[:19]), _MAX_SEQUENCE)
    return await log.head() if after is None else after


async def _lines(followed: AsyncGenerator[RecordedEvent | None, None]) -> AsyncIterator[str]:
    """Yield the stream as text/event-stream has it."""
    yield f"retry: {_RECONNECT_MS}\n\n"
    async with aclosing(followed) as events:
        async for event in events:
            if event is None:
                yield ": heartbeat\n\n"
            else:
                data = json.dumps(event.body())
                yield f"id: {event.sequence}\nevent: {event.type}\ndata: {data}\n\n"


def _fields(endpoint: Endpoint) -> dict[str, Any]:
    settings = endpoint.settings
    return {
        "id": endpoint.id,
        "url": settings.url,
        "enabledEvents": list(settings.enabled_events),
        "apiVersion": settings.api_version,
        "description": settings.description,
        "metadata": dict(settings.metadata),
        "status": settings.status,
        "position": endpoint.position,
        "failedAttempts": endpoint.attempts,
        "nextAttemptAt": endpoint.next_attempt_at,
        "reason": endpoint.reason,
        "createdAt": endpoint.created_at,
        "created": int(endpoint.created_at.timestamp()),
    }
