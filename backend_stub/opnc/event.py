"""OPNC's door of the webhook endpoints."""

# ruff: noqa: N815 - fields are spelled as on the wire

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Response, status
from pydantic import Field

from backend_stub.access import Party, Role, Scope, allow
from backend_stub.errors import Code
from backend_stub.events.interface import Endpoint, EventType, WebhookEndpoints
from backend_stub.events.routes import EndpointBody, audience_of
from backend_stub.events.spelling import opnc
from backend_stub.web.answers import refusals
from backend_stub.web.fields import Body

_ROLES = {Role.OEM: "OEM", Role.MSP: "eMSP", Role.CPO: "CPO", Role.CPS: "CPS"}


class EndpointAnswer(Body):
    """An endpoint; event types as OPNC's list of them has them (``emsp.*``)."""

    id: UUID
    apiVersion: str
    created: int = Field(description="Seconds since 1970.")
    description: str
    enabledEvents: list[str]
    metadata: dict[str, Any]
    status: Literal["enabled", "disabled"]
    url: str
    secret: str | None = Field(
        default=None,
        description="Key of the HMAC-SHA256 over the raw body in `X-Operator-Signature`. Shown once, when it is new.",
    )
    providerIds: list[str] = Field(description="Of a mobility operator, its provider id.")
    wmis: list[str] = Field(description="Of a car maker, its WMI.")
    userRole: str | None = None

    @classmethod
    def of(cls, endpoint: Endpoint, party: Party, secret: str | None = None) -> "EndpointAnswer":
        """Describe an endpoint of ``party``."""
        settings = endpoint.settings
        return cls(
            id=UUID(endpoint.id),
            apiVersion=settings.api_version,
            created=int(endpoint.created_at.timestamp()),
            description=settings.description,
            enabledEvents=[opnc(event) for event in settings.enabled_events or tuple(EventType)],
            metadata=dict(settings.metadata),
            status=settings.status.value,
            url=settings.url,
            secret=secret,
            providerIds=[party.id] if party.role is Role.MSP else [],
            wmis=[party.id] if party.role is Role.OEM else [],
            userRole=_ROLES.get(party.role),
        )


def router(endpoints: WebhookEndpoints) -> APIRouter:
    """Return the routes of this part."""
    routes = APIRouter(prefix="/event", tags=["OPNC Event: webhook endpoints"])

    @routes.post("/endpoints", summary="Subscribe", status_code=status.HTTP_201_CREATED, responses=refusals())
    async def add(body: EndpointBody, party: Annotated[Party, allow(Scope.EVENTS)]) -> EndpointAnswer:
        """Have events sent to a URL from now on. The answer holds the secret, which is never shown again."""
        endpoint, secret = await endpoints.add(body.settings(), audience_of(party))
        return EndpointAnswer.of(endpoint, party, secret)

    @routes.get("/endpoints", summary="List the endpoints", responses=refusals())
    async def list_all(party: Annotated[Party, allow(Scope.EVENTS)]) -> list[EndpointAnswer]:
        """Return the caller's endpoints, oldest first."""
        return [EndpointAnswer.of(endpoint, party) for endpoint in await endpoints.list(audience_of(party))]

    @routes.get("/endpoints/{id}", summary="Get an endpoint", responses=refusals(Code.UNKNOWN))
    async def get(
        id: UUID,  # noqa: A002 - as on the wire
        party: Annotated[Party, allow(Scope.EVENTS)],
    ) -> EndpointAnswer:
        """Return an endpoint."""
        return EndpointAnswer.of(await endpoints.get(str(id), audience_of(party)), party)

    @routes.put("/endpoints/{id}", summary="Change an endpoint", responses=refusals(Code.UNKNOWN))
    async def replace(
        id: UUID,  # noqa: A002 - as on the wire
        body: EndpointBody,
        party: Annotated[Party, allow(Scope.EVENTS)],
    ) -> EndpointAnswer:
        """Replace the settings. One that is enabled again goes on where it stopped, at once."""
        changed = await endpoints.replace(str(id), body.settings(), audience_of(party))
        return EndpointAnswer.of(changed, party)

    @routes.delete(
        "/endpoints/{id}",
        summary="Unsubscribe",
        response_class=Response,
        responses=refusals(Code.UNKNOWN),
    )
    async def remove(
        id: UUID,  # noqa: A002 - as on the wire
        party: Annotated[Party, allow(Scope.EVENTS)],
    ) -> Response:
        """Remove an endpoint."""
        await endpoints.remove(str(id), audience_of(party))
        return Response()

    return routes
