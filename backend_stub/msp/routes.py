"""The front desk of the mobility service provider: not part of OPCP, which has no call for drivers."""

# ruff: noqa: N815 - fields are spelled as on the wire

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, status

from backend_stub.access import Party, Scope, allow
from backend_stub.errors import Code
from backend_stub.msp.interface import DriverContract, MobilityServiceProvider
from backend_stub.web.answers import refusals
from backend_stub.web.fields import Body, PcidField


class OnboardRequest(Body):
    """A driver's wish for a contract."""

    pcid: PcidField


class ContractBody(Body):
    """A contract in the provider's books."""

    emaid: str
    pcid: str
    certificateSerial: str
    validFrom: datetime
    validTo: datetime
    onboardedAt: datetime

    @classmethod
    def of(cls, contract: DriverContract) -> "ContractBody":
        """Describe a contract."""
        return cls(
            emaid=contract.emaid,
            pcid=contract.pcid,
            certificateSerial=f"{contract.certificate_serial:x}",
            validFrom=contract.not_before,
            validTo=contract.not_after,
            onboardedAt=contract.onboarded_at,
        )


def router(desk: MobilityServiceProvider) -> APIRouter:
    """Return the routes of this role."""
    routes = APIRouter(prefix="/msp/v1", tags=["MSP: mobility service provider"])

    @routes.post(
        "/contracts",
        summary="Make a contract for a car",
        status_code=status.HTTP_201_CREATED,
        responses=refusals(
            Code.UNKNOWN_PCID, Code.NO_SIGNER, Code.CONFLICT, Code.CHAIN, Code.CHAIN_EXPIRED, Code.SIGNATURE
        ),
    )
    async def onboard(body: OnboardRequest, _party: Annotated[Party, allow(Scope.MSP)]) -> ContractBody:
        """Make eMAID, key and certificate, seal the key for the car, have the CPS sign, and store in the CCP.

        The answer comes after everything is stored durably.
        """
        return ContractBody.of(await desk.onboard(body.pcid))

    return routes
