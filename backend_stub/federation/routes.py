"""What one provider tells another beyond OPCP: that a car of its has changed."""

from typing import Annotated

from fastapi import APIRouter, Response, status

from backend_stub.access.guard import allow
from backend_stub.access.interface import Party, Scope
from backend_stub.errors import Code
from backend_stub.federation.notices import CarWatcher
from backend_stub.web.answers import refusals
from backend_stub.web.fields import Body, PcidField


class Notice(Body):
    """A car whose entry may have changed."""

    pcid: PcidField


def router(watcher: CarWatcher) -> APIRouter:
    """Return the routes of this module."""
    routes = APIRouter(prefix="/federation/v1", tags=["Federation"])

    @routes.post(
        "/notices",
        summary="Say that a car has changed",
        status_code=status.HTTP_204_NO_CONTENT,
        response_class=Response,
        responses=refusals(Code.PEER),
    )
    async def notice(body: Notice, _party: Annotated[Party, allow(Scope.PCP_READ)]) -> Response:
        """Look at the car again: its entry is fetched and judged as on a first request.

        Contracts that are sealed for a key which the car no longer has are dropped.
        """
        await watcher.look_again(body.pcid)
        return Response(status_code=status.HTTP_204_NO_CONTENT)

    return routes
