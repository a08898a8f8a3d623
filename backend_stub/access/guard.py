"""What a route says to be protected: ``party: Annotated[Party, allow(Scope.CCP_READ)]``."""

from typing import Annotated, Any, cast

from fastapi import Depends, Request, Security
from fastapi.openapi.models import OAuthFlowClientCredentials, OAuthFlows
from fastapi.security import OAuth2, SecurityScopes

from backend_stub.access.interface import UNFORWARDED, Party, Role, Scope
from backend_stub.errors import Code, MarketError

TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path
BROADCAST_HEADER = "broadcast"

_SCHEME = OAuth2(
    scheme_name="OAuth2 client credentials",
    description="Not needed where the market is open, which it only is on loopback addresses.",
    flows=OAuthFlows(
        clientCredentials=OAuthFlowClientCredentials(
            tokenUrl=TOKEN_PATH, scopes={str(scope): scope.meaning for scope in Scope}
        )
    ),
    auto_error=False,  # the gate has looked at the token before the body was read
)


def allow(scope: Scope) -> Any:
    """Return the dependency that admits parties with this right, and gives the route the party.

    Raises MarketError(FORBIDDEN) for a party without it, and for a peer that did not say ``broadcast``.
    """
    return Security(_admitted, scopes=[str(scope)])


# Coroutines, although they wait for nothing: FastAPI has plain functions run by a thread, and under load the way
# there and back takes longer than everything else that a request needs.
async def _admitted(
    request: Request, needed: SecurityScopes, _described: Annotated[Any, Depends(_SCHEME)]
) -> Party:
    party = cast("Party", request.state.party)  # set for every request by the gate
    for name in needed.scopes:
        scope = Scope(name)
        party.check_scope(scope)
        if party.role is Role.PEER and scope not in UNFORWARDED and not says_broadcast(request):
            raise MarketError(Code.FORBIDDEN, f"{party} must ask with the header {BROADCAST_HEADER}: true")
    return party


def only_as(role: Role, identifier: str) -> Any:
    """Return the dependency that lets nobody act as the market's own ``role`` but that very party.

    A mobility operator with another provider id than the market's has no business at its desk. Raises
    MarketError(FORBIDDEN).
    """

    async def check(request: Request) -> None:
        party = cast("Party", request.state.party)
        if party.role is role and party.id != identifier:
            raise MarketError(
                Code.FORBIDDEN, f"{party} cannot act as {role} {identifier}, which this market has"
            )

    return Depends(check)


def says_broadcast(request: Request) -> bool:
    """Say whether the caller wants an answer from here only: its request must not be forwarded again."""
    return request.headers.get(BROADCAST_HEADER, "false").strip().lower() in {"true", "1"}
