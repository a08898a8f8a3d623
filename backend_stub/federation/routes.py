"""What one provider tells another beyond OPCP: that a car of its has changed, that many contracts have ended."""

from typing import Annotated

from fastapi import APIRouter, Response, status
from pydantic import Field

from backend_stub.access.guard import allow
from backend_stub.access.interface import Party, Scope
from backend_stub.ccp.interface import ContractPool
from backend_stub.errors import Code, MarketError
from backend_stub.federation.notices import CarWatcher
from backend_stub.web.answers import refusals
from backend_stub.web.fields import Body, EmaidField, PcidField

MAX_REMOVED = 1000


class Notice(Body):
    """A car whose entry may have changed."""

    pcid: PcidField


class ResetAnswer(Body):
    """What was removed."""

    removed: list[str]


class Removal(Body):
    """Contracts that have ended."""

    emaids: list[EmaidField] = Field(min_length=1, max_length=MAX_REMOVED)


def router(watcher: CarWatcher, contracts: ContractPool) -> APIRouter:
    """Return the routes of this module."""
    routes = APIRouter(prefix="/federation/v1", tags=["Federation"])

    @routes.post(
        "/notices",
        summary="Say that a car has changed",
        status_code=status.HTTP_204_NO_CONTENT,
        response_class=Response,
        responses=refusals(Code.PEER),
    )
    async def notice(body: Notice, _party: Annotated[Party, allow(Scope.PCP_NOTICE)]) -> Response:
        """Look at the car again: its entry is fetched and judged as on a first request.

        Contracts that are sealed for a key which the car no longer has are dropped.
        """
        await watcher.look_again(body.pcid)
        return Response(status_code=status.HTTP_204_NO_CONTENT)

    @routes.post(
        "/removals",
        summary="Remove contracts that have ended",
        status_code=status.HTTP_204_NO_CONTENT,
        response_class=Response,
        responses=refusals(Code.FORBIDDEN, Code.PEER),
    )
    async def remove(body: Removal, party: Annotated[Party, allow(Scope.CCP_DELETE)]) -> Response:
        """Remove each of them from the contract pool, under all V2G roots; those that are not here are passed over.

        Who issued them revokes them: nothing is revoked here.
        """
        for emaid in body.emaids:
            party.check_contract(emaid)
        left = await contracts.delete_many(body.emaids)
        if left:
            raise MarketError(
                Code.PEER, f"{len(left)} contracts may still be in another pool: repeat the call"
            )
        return Response(status_code=status.HTTP_204_NO_CONTENT)

    @routes.post("/resets", summary="Empty a car that was reset", responses=refusals(Code.FORBIDDEN))
    async def reset(body: Notice, _party: Annotated[Party, allow(Scope.PCP_NOTICE)]) -> ResetAnswer:
        """Remove the contracts of a car of the caller's from the contract pool, and tell their operators."""
        return ResetAnswer(removed=[*await contracts.factory_reset(body.pcid)])

    return routes
