"""The counter of the vehicle register: not part of OPCP, which begins at the PCID."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response, status
from pydantic import Field

from backend_stub.access import Party, Scope, allow
from backend_stub.errors import Code, MarketError
from backend_stub.register.interface import Registration, VehicleRegister
from backend_stub.web.answers import refusals
from backend_stub.web.fields import Body, PcidField

_Text = Annotated[str, Field(min_length=1, max_length=200)]


class RegistrationRequest(Body):
    """A car that goes on the road, or changes its keeper."""

    number: _Text = Field(description="Registration number.", examples=["B-PN 2026"])
    vin: _Text
    pcid: PcidField
    keeper: _Text


class RegistrationBody(Body):
    """What the register tells of a car."""

    number: str
    vin: str
    pcid: str
    registeredAt: datetime  # noqa: N815 - spelled as on the wire

    @classmethod
    def of(cls, entry: Registration) -> "RegistrationBody":
        """Describe a registration. Its keeper's name stays in the register."""
        return cls(number=entry.number, vin=entry.vin, pcid=entry.pcid, registeredAt=entry.registered_at)


class DocumentCheck(Body):
    """What somebody shows who says he keeps a car."""

    pcid: PcidField
    document: _Text


class RegisteredBody(RegistrationBody):
    """A new registration."""

    keeper: str
    document: str = Field(description="The reference of the keeper's document. It is shown only now.")


def router(register: VehicleRegister) -> APIRouter:
    """Return the routes of this role."""
    routes = APIRouter(prefix="/register/v1", tags=["Vehicle register"])

    @routes.post(
        "/vehicles",
        summary="Register a car",
        status_code=status.HTTP_201_CREATED,
        responses=refusals(Code.CONFLICT),
    )
    async def enter(
        body: RegistrationRequest, _party: Annotated[Party, allow(Scope.MARKET)]
    ) -> RegisteredBody:
        """Register a car under a number; again for another keeper, whose document then replaces the old one."""
        made = await register.enter(body.number, body.vin, body.pcid, body.keeper)
        entry = made.registration
        told = RegistrationBody.of(entry).model_dump()
        return RegisteredBody(**told, keeper=entry.keeper, document=made.document)

    @routes.get("/vehicles", summary="Find a car by its number or VIN", responses=refusals(Code.UNKNOWN))
    async def find(
        _party: Annotated[Party, allow(Scope.PCP_READ)],
        number: Annotated[str | None, Query(max_length=40)] = None,
        vin: Annotated[str | None, Query(max_length=40)] = None,
    ) -> RegistrationBody:
        """Return number, VIN and PCID of a car. Who keeps it is not told."""
        if (number is None) is (vin is None):
            raise MarketError(Code.REQUEST, "give either number or vin")
        entry = await (register.by_vin(vin or "") if number is None else register.by_number(number))
        if entry is None:
            raise MarketError(Code.UNKNOWN, f"the vehicle register has no car {number or vin}")
        return RegistrationBody.of(entry)

    @routes.post(
        "/documents/check",
        summary="Check a keeper's document",
        status_code=status.HTTP_204_NO_CONTENT,
        response_class=Response,
        responses=refusals(Code.ENTITLEMENT),
    )
    async def check(body: DocumentCheck, _party: Annotated[Party, allow(Scope.PCP_READ)]) -> Response:
        """Say whether this is the reference of the keeper's document. Ten wrong tries make the document void."""
        await register.check_document(body.pcid, body.document)
        return Response(status_code=status.HTTP_204_NO_CONTENT)

    return routes
