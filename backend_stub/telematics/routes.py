"""HTTP doors of the telematics backend: for webhooks, for cars, and for the maker's staff. All are ours."""

# ruff: noqa: N815 - fields are spelled as on the wire

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from backend_stub.access import Party, Scope, allow
from backend_stub.errors import Code, MarketError
from backend_stub.events import EventType
from backend_stub.events.signing import HEADER
from backend_stub.telematics.interface import (
    Action,
    CarContract,
    Mailbox,
    Notice,
    Result,
    State,
    Telematics,
)
from backend_stub.telematics.proof import CHALLENGE_HEADER, LIFETIME, SIGNATURE_HEADER, CarDoor
from backend_stub.web.answers import error_response, refusals
from backend_stub.web.fields import Base64Bytes, Body, EmaidField, PcidField
from v2g.messages.iso2 import NAMESPACE

PREFIX = "/telematics/v1"
WEBHOOK_PATH = f"{PREFIX}/webhook"
CAR_PATHS = f"{PREFIX}/vehicles/"
"""Cars prove who they are by signatures; webhooks by HMAC. Neither has an access token."""

MAX_WAIT_S = 60.0
_MAX_CARS = 1000
_PROOF = f"The car's request carries `{CHALLENGE_HEADER}` and `{SIGNATURE_HEADER}`: a signature with its provisioning key."

_PcidPath = Annotated[PcidField, Path(description="The car's provisioning certificate identifier.")]


class WebhookAnswer(Body):
    """What became of an event."""

    outcome: str


class Challenge(Body):
    """What a car signs in its next request."""

    challenge: str
    validForS: float


class MailboxItem(Body):
    """Something for the car to do."""

    id: UUID
    action: Action
    emaid: str
    xsdMsgDefNamespace: str
    certificateInstallationRes: Base64Bytes | None = Field(
        default=None, description="EXI of the signed message; absent for a removal."
    )


class ContractLine(Body):
    """A contract of a car."""

    emaid: str
    state: State
    defaultContract: bool
    validTo: datetime
    reason: str = Field(description="Why the car turned it down, or why it has ended.")
    cpsV2GRootCertificateFingerprint: str
    queuedAt: datetime
    deliveredAt: datetime | None
    settledAt: datetime | None

    @classmethod
    def of(cls, contract: CarContract) -> "ContractLine":
        """Describe a contract."""
        return cls(
            emaid=contract.emaid,
            state=contract.state,
            defaultContract=contract.is_default,
            validTo=contract.valid_until,
            reason=contract.reason,
            cpsV2GRootCertificateFingerprint=contract.v2g_root_fingerprint,
            queuedAt=contract.queued_at,
            deliveredAt=contract.delivered_at,
            settledAt=contract.settled_at,
        )


class MailboxAnswer(Body):
    """A car's mailbox."""

    items: list[MailboxItem] = Field(description="Oldest first; each stays until it is acknowledged.")
    contracts: list[ContractLine]

    @classmethod
    def of(cls, mailbox: Mailbox) -> "MailboxAnswer":
        """Describe a mailbox."""
        items = [
            MailboxItem(
                id=UUID(item.id),
                action=item.action,
                emaid=item.emaid,
                xsdMsgDefNamespace=item.namespace,
                certificateInstallationRes=item.document or None,
            )
            for item in mailbox.items
        ]
        return cls(items=items, contracts=[ContractLine.of(contract) for contract in mailbox.contracts])


class Acknowledgement(Body):
    """What the car did with an item, after it is durable."""

    result: Result
    reason: str = Field(default="", max_length=500)
    replaced: list[EmaidField] = Field(
        default=[], max_length=10, description="Contracts that had to make room."
    )


class ResetAnswer(Body):
    """What a factory reset has removed."""

    pcid: str
    removed: list[str] = Field(description="eMAIDs; each operator has been told of its own.")


class Choice(Body):
    """The driver's choice."""

    emaid: EmaidField


class CarSummary(Body):
    """A car with contracts."""

    pcid: str
    contracts: int
    waiting: int = Field(description="Items that the car has not settled yet.")


class CarList(Body):
    """The cars that something happened to last."""

    vehicles: list[CarSummary]


class CarContracts(Body):
    """What a car has, or is to have."""

    pcid: str
    contracts: list[ContractLine]


def router(telematics: Telematics, cars: CarDoor) -> APIRouter:
    """Return the routes of this role."""
    routes = APIRouter(prefix=PREFIX, tags=["Telematics: contracts over the air"])

    async def admitted(request: Request, response: Response, pcid: str) -> None:
        """Make sure of the car, and give it the challenge for its next request."""
        query = f"?{request.url.query}" if request.url.query else ""
        try:
            await cars.admit(
                pcid,
                request.headers.get(CHALLENGE_HEADER, ""),
                request.headers.get(SIGNATURE_HEADER, ""),
                method=request.method,
                target=request.url.path + query,
                body=await request.body(),
            )
        except MarketError as error:
            raise MarketError(error.code, error.detail, {CHALLENGE_HEADER: cars.challenge(pcid)}) from error
        response.headers[CHALLENGE_HEADER] = cars.challenge(pcid)

    @routes.post(
        "/webhook",
        summary="Take an event",
        response_model=WebhookAnswer,
        responses=refusals(Code.SIGNATURE, Code.CONFLICT, Code.PEER, Code.DEADLINE, public=True),
    )
    async def webhook(request: Request) -> WebhookAnswer | JSONResponse:
        """Take a signed event of the market. 400 and 409 refuse it for good; repeating one changes nothing."""
        outcome = await telematics.receive(await request.body(), request.headers.get(HEADER, ""))
        if outcome.taken:
            return WebhookAnswer(outcome=outcome.reason)
        code = Code.CONFLICT if outcome.status == Code.CONFLICT.status else Code.REQUEST
        request.state.reason = str(code)
        return error_response(outcome.status, [f"[{code}] {outcome.reason}"])

    @routes.post("/vehicles/{pcid}/challenge", summary="Get a challenge", responses=refusals(public=True))
    async def challenge(pcid: _PcidPath) -> Challenge:
        """Begin a conversation: the answer to every later request brings the next challenge in its header."""
        return Challenge(challenge=cars.challenge(pcid), validForS=LIFETIME.total_seconds())

    @routes.get(
        "/vehicles/{pcid}/mailbox",
        summary="Look into the car's mailbox",
        description=_PROOF,
        responses=refusals(Code.UNAUTHENTICATED, public=True),
    )
    async def mailbox(
        request: Request,
        response: Response,
        pcid: _PcidPath,
        wait_s: Annotated[
            float, Query(alias="waitS", ge=0, le=MAX_WAIT_S, description="Wait for something to come.")
        ] = 0.0,
        again: Annotated[
            bool, Query(description="The car has lost its contracts and wants all that it should have.")
        ] = False,
    ) -> MailboxAnswer:
        await admitted(request, response, pcid)
        found = await telematics.mailbox(pcid, wait_s=wait_s, again=again)
        # Waiting may have used up the time of the challenge that was made before it.
        response.headers[CHALLENGE_HEADER] = cars.challenge(pcid)
        return MailboxAnswer.of(found)

    @routes.post(
        "/vehicles/{pcid}/mailbox/{item_id}/acknowledgement",
        summary="Say what became of an item",
        description=_PROOF,
        responses=refusals(Code.UNAUTHENTICATED, Code.CONFLICT, public=True),
    )
    async def acknowledge(
        request: Request, response: Response, pcid: _PcidPath, item_id: UUID, body: Acknowledgement
    ) -> CarContracts:
        await admitted(request, response, pcid)
        await telematics.settle(pcid, str(item_id), body.result, body.reason, body.replaced)
        return _listed(pcid, await telematics.contracts(pcid))

    @routes.post(
        "/vehicles/{pcid}/default",
        summary="Choose the default contract",
        description=_PROOF,
        responses=refusals(Code.UNAUTHENTICATED, Code.NO_CONTRACT, public=True),
    )
    async def choose(request: Request, response: Response, pcid: _PcidPath, body: Choice) -> CarContracts:
        await admitted(request, response, pcid)
        await telematics.choose(pcid, body.emaid)
        return _listed(pcid, await telematics.contracts(pcid))

    @routes.post(
        "/vehicles/{pcid}/reset",
        summary="Say that the car was reset",
        description=f"The car has forgotten its contracts: so does the market. {_PROOF}",
        responses=refusals(Code.UNAUTHENTICATED, Code.PEER, public=True),
    )
    async def reset(request: Request, response: Response, pcid: _PcidPath) -> ResetAnswer:
        await admitted(request, response, pcid)
        return ResetAnswer(pcid=pcid, removed=[*await telematics.factory_reset(pcid)])

    @routes.get("/vehicles", summary="List cars with contracts", responses=refusals())
    async def vehicles(
        _party: Annotated[Party, allow(Scope.OEM)],
        limit: Annotated[int, Query(ge=1, le=_MAX_CARS)] = 50,
    ) -> CarList:
        """Return the cars that something happened to last. For the maker's staff."""
        found = await telematics.cars(limit)
        return CarList(
            vehicles=[
                CarSummary(pcid=line.pcid, contracts=line.contracts, waiting=line.waiting) for line in found
            ]
        )

    @routes.get("/contracts/{pcid}", summary="List a car's contracts", responses=refusals())
    async def contracts(pcid: _PcidPath, party: Annotated[Party, allow(Scope.OEM)]) -> CarContracts:
        """Return what a car has or is to have, oldest first. For the maker's staff; bundles are not shown."""
        party.check_vehicle(pcid)
        return _listed(pcid, await telematics.contracts(pcid))

    @routes.delete("/contracts/{pcid}", summary="Reset a car", responses=refusals(Code.PEER))
    async def empty(pcid: _PcidPath, party: Annotated[Party, allow(Scope.OEM)]) -> ResetAnswer:
        """Remove all contracts of a car, as when it is sold. For the maker's staff; the car forgets them, too."""
        party.check_vehicle(pcid)
        return ResetAnswer(pcid=pcid, removed=[*await telematics.factory_reset(pcid)])

    @routes.post(
        "/contracts/{pcid}/{emaid}/delivery",
        summary="Have a contract delivered over the air",
        responses=refusals(Code.CONFLICT, Code.PEER, Code.DEADLINE),
    )
    async def deliver(
        pcid: _PcidPath,
        emaid: Annotated[EmaidField, Path(description="The contract.")],
        party: Annotated[Party, allow(Scope.OEM)],
    ) -> WebhookAnswer:
        """Fetch a contract from the pool, check it, and put it into the car's mailbox, as its event would have it.

        For the maker's staff, where the event came too early or was refused. However often: one item waits for the car.
        """
        party.check_vehicle(pcid)
        notice = Notice(
            id=str(uuid4()),
            type=EventType.OEM_CONTRACT_UPDATED,
            namespace=NAMESPACE,
            emaid=emaid,
            pcid=pcid,
            facts={"contractCert": ""},  # there is one to fetch
        )
        outcome = await telematics.take(notice)
        if outcome.taken:
            return WebhookAnswer(outcome=outcome.reason)
        raise MarketError(
            Code.CONFLICT if outcome.status == Code.CONFLICT.status else Code.REQUEST, outcome.reason
        )

    return routes


def _listed(pcid: str, contracts: Sequence[CarContract]) -> CarContracts:
    return CarContracts(pcid=pcid, contracts=[ContractLine.of(contract) for contract in contracts])
