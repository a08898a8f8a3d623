"""The door for chargers that ask whether a contract stands."""

# ruff: noqa: N815 - fields are spelled as on the wire

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from backend_stub.access import Party, Scope, allow
from backend_stub.msp.authorization import CertificateStatus, ContractAuthorizer
from backend_stub.web.answers import refusals
from backend_stub.web.fields import Body, CertificateField


class AuthorizeRequest(Body):
    """A contract, as a car has presented it."""

    emaid: str = Field(min_length=14, max_length=18, examples=["DEPNC1A2B3C4D5U"])
    certificate: CertificateField


class AuthorizeAnswer(Body):
    """Whether it stands, in the words of OCPP."""

    certificateStatus: CertificateStatus


def router(desk: ContractAuthorizer) -> APIRouter:
    """Return the route."""
    routes = APIRouter(prefix="/msp/v1", tags=["MSP: mobility service provider"])

    @routes.post("/authorize", summary="Ask whether a contract stands", responses=refusals())
    async def authorize(
        body: AuthorizeRequest, _party: Annotated[Party, allow(Scope.CCP_ASK)]
    ) -> AuthorizeAnswer:
        """Tell a charger whether the contract goes on and its certificate is not revoked.

        The chain above the certificate is the charger's to judge.
        """
        return AuthorizeAnswer(certificateStatus=await desk.authorize(body.emaid, body.certificate))

    return routes
