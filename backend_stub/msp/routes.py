"""The front desk of the mobility service provider: not part of OPCP, which has no call for drivers."""

# ruff: noqa: N815 - fields are spelled as on the wire

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, status
from pydantic import Field

from backend_stub.access import Party, Scope, allow
from backend_stub.errors import Code, MarketError
from backend_stub.msp.interface import DriverContract, MobilityServiceProvider, Proof, Rule, State
from backend_stub.namespaces import Edition
from backend_stub.web.answers import refusals
from backend_stub.web.fields import Body, EmaidField, PcidField
from pki.revocation import Reason

_EmaidPath = Annotated[EmaidField, Path(description="The contract.")]
_Secret = Annotated[str, Field(min_length=1, max_length=64)]


class OnboardRequest(Body):
    """A driver's wish for a contract: a car by one of its three names, and what shows that he may have one."""

    pcid: PcidField | None = None
    vin: str | None = Field(default=None, max_length=32, description="Resolved through the vehicle register.")
    registration: str | None = Field(
        default=None, max_length=40, description="Registration number, resolved through the vehicle register."
    )
    code: _Secret | None = Field(default=None, description="The car maker's one-time code.")
    document: _Secret | None = Field(default=None, description="The reference of the keeper's document.")
    editions: list[Edition] = Field(
        default=[],
        max_length=2,
        description="Make it for these editions; without it for all that the car speaks.",
    )

    @property
    def proof(self) -> Proof | None:
        """What the driver shows; raises MarketError(REQUEST) for both at once."""
        if self.code is not None and self.document is not None:
            raise MarketError(Code.REQUEST, "give either code or document")
        if self.code is not None:
            return Proof(Rule.MAKER_CODE, self.code)
        return None if self.document is None else Proof(Rule.KEEPER_DOCUMENT, self.document)


class TerminationRequest(Body):
    """Why a contract ends."""

    reason: Reason = Reason.CESSATION_OF_OPERATION


class ContractBody(Body):
    """A contract in the provider's books."""

    emaid: str
    pcid: str
    certificateSerial: str
    validFrom: datetime
    validTo: datetime
    onboardedAt: datetime
    state: str = Field(description="active; ending: accepted, being carried out; ended.")
    endedAt: datetime | None
    endReason: str
    editions: list[Edition] = Field(description="What it was made for.")

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
            state=contract.state,
            endedAt=contract.ended_at,
            endReason=contract.end_reason,
            editions=list(contract.editions),
        )


class ContractBooks(Body):
    """Contracts, and how many there are in all."""

    count: int
    contracts: list[ContractBody]


_ONBOARD_REFUSALS = (
    Code.UNKNOWN_PCID,
    Code.UNKNOWN,
    Code.ENTITLEMENT,
    Code.NO_SIGNER,
    Code.CONFLICT,
    Code.CHAIN,
    Code.CHAIN_EXPIRED,
    Code.SIGNATURE,
    Code.PEER,
    Code.DEADLINE,
)


def router(desk: MobilityServiceProvider) -> APIRouter:
    """Return the routes of this role."""
    routes = APIRouter(prefix="/msp/v1", tags=["MSP: mobility service provider"])

    @routes.post(
        "/contracts",
        summary="Make a contract for a car",
        status_code=status.HTTP_201_CREATED,
        responses=refusals(*_ONBOARD_REFUSALS),
    )
    async def onboard(body: OnboardRequest, _party: Annotated[Party, allow(Scope.MSP)]) -> ContractBody:
        """Make eMAID, key and certificate, seal the key for the car, have the CPS sign, and store in the CCP.

        The answer comes after everything is stored durably.
        """
        if sum(name is not None for name in (body.pcid, body.vin, body.registration)) != 1:
            raise MarketError(Code.REQUEST, "give one of pcid, vin and registration")
        pcid = body.pcid or await desk.resolve(vin=body.vin, registration=body.registration)
        return ContractBody.of(await desk.onboard(pcid, body.proof, list(dict.fromkeys(body.editions))))

    @routes.get("/contracts", summary="List contracts", responses=refusals(Code.NO_CONTRACT))
    async def contracts(
        _party: Annotated[Party, allow(Scope.MSP)],
        pcid: Annotated[PcidField | None, Query(description="Of this car only, oldest first.")] = None,
        emaid: Annotated[
            str, Query(max_length=20, description="Only those whose eMAID begins with this, in this order.")
        ] = "",
        state: Annotated[State | None, Query(description="Only those that stand so.")] = None,
        after: Annotated[str, Query(max_length=20, description="eMAID of the last one seen.")] = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    ) -> ContractBooks:
        """Return contracts, newest first, or by the beginning of the eMAID, or of one car; ended ones as well."""
        if pcid is None:
            begin, last = (text.upper().replace("-", "") for text in (emaid, after))
            found = await desk.search(limit, emaid=begin, state=state, after=last)
        else:
            found = await desk.of_car(pcid)
        return ContractBooks(
            count=await desk.count(), contracts=[ContractBody.of(contract) for contract in found]
        )

    @routes.get("/contracts/{emaid}", summary="Show a contract", responses=refusals(Code.NO_CONTRACT))
    async def contract(emaid: _EmaidPath, _party: Annotated[Party, allow(Scope.MSP)]) -> ContractBody:
        """Return one contract as the books have it."""
        found = await desk.find(emaid)
        if found is None:
            raise MarketError(Code.NO_CONTRACT, f"contract {emaid} is not one of this provider")
        return ContractBody.of(found)

    @routes.post(
        "/contracts/{emaid}/renewal",
        summary="Renew a contract",
        responses=refusals(Code.NO_CONTRACT, *_ONBOARD_REFUSALS),
    )
    async def renew(emaid: _EmaidPath, _party: Annotated[Party, allow(Scope.MSP)]) -> ContractBody:
        """Make a new key and certificate for a contract, sealed for the car as it is now; the eMAID stays."""
        return ContractBody.of(await desk.renew(emaid))

    @routes.post(
        "/contracts/{emaid}/termination",
        summary="End a contract",
        responses=refusals(Code.NO_CONTRACT, Code.PEER, Code.DEADLINE),
    )
    async def terminate(
        emaid: _EmaidPath,
        _party: Annotated[Party, allow(Scope.MSP)],
        body: TerminationRequest | None = None,
    ) -> ContractBody:
        """Revoke the contract and remove it from every connected pool. Repeating it changes nothing.

        Refused with PEER when a pool could not be reached: the end is accepted all the same, and the call, or the next
        start, goes on with it.
        """
        reason = Reason.CESSATION_OF_OPERATION if body is None else body.reason
        return ContractBody.of(await desk.terminate(emaid, reason))

    return routes
