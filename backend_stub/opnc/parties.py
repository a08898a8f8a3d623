"""The headers by which OPNC names who a request is from and whom it is for."""

from collections.abc import Awaitable, Callable, Mapping, Set
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated

from fastapi import Header, Request

from backend_stub.access import Party, Role
from backend_stub.cps.interface import ProvisioningService
from backend_stub.errors import Code, MarketError
from pki.names import fingerprint_sha256


class PartyType(StrEnum):
    """What OPNC calls a party."""

    EMSP = "emsp"
    CPO = "cpo"
    OEM = "oem"
    PKI = "pki"
    CPS = "cps"
    PCP = "pcp"
    CCP = "ccp"


_SERVICES = frozenset({PartyType.PKI, PartyType.CPS, PartyType.PCP, PartyType.CCP})
_TYPES: Mapping[Role, Set[PartyType]] = MappingProxyType(
    {
        Role.MSP: frozenset({PartyType.EMSP}),
        Role.CPO: frozenset({PartyType.CPO}),
        Role.OEM: frozenset({PartyType.OEM}),
        Role.CPS: frozenset({PartyType.CPS}),
        Role.PEER: _SERVICES,
        Role.ADMIN: frozenset(PartyType),
    }
)

_MAX_ID = 64

FromType = Annotated[
    PartyType | None,
    Header(alias="OPNC-from-party-type", description="What the caller is; must be what its token says."),
]
FromId = Annotated[
    str | None,
    Header(
        alias="OPNC-from-party-id",
        max_length=_MAX_ID,
        description="WMI, provider id, operator id or SHA-256 of a root, by type; must be what its token says.",
    ),
]
ToType = Annotated[
    PartyType | None,
    Header(alias="OPNC-to-party-type", description="What the request is meant for."),
]
ToId = Annotated[
    str | None,
    Header(
        alias="OPNC-to-party-id",
        max_length=_MAX_ID,
        description="Of a service: SHA-256 of the V2G root that it stands under, which must be one of this market.",
    ),
]


def party_check(signing: ProvisioningService) -> Callable[..., Awaitable[None]]:
    """Return the dependency that every OPNC route has.

    It raises MarketError(FORBIDDEN) when the headers name another sender than the access token does, and
    MarketError(REQUEST) when they name a receiver that this market is not: nothing is relayed.
    """

    async def check(
        request: Request,
        from_type: FromType = None,
        from_id: FromId = None,
        to_type: ToType = None,
        to_id: ToId = None,
    ) -> None:
        _check_sender(request.state.party, from_type, from_id)
        if to_type in _SERVICES and to_id is not None:
            own = {fingerprint_sha256(signer.v2g_root) for signer in await signing.signers()}
            if to_id.lower() not in own:
                raise MarketError(Code.REQUEST, f"OPNC-to-party-id: {to_id} is not served here")

    return check


def _check_sender(party: Party, from_type: PartyType | None, from_id: str | None) -> None:
    if from_type is not None and from_type not in _TYPES[party.role]:
        raise MarketError(Code.FORBIDDEN, f"OPNC-from-party-type says {from_type}, but the token {party}")
    if from_id is not None and party.role is not Role.ADMIN:
        plain = from_id.upper().replace("-", "").replace("*", "")
        # Operators write their id with or without the country before it.
        accepted = {party.id, party.id[2:]} if party.role in {Role.MSP, Role.CPO} else {party.id}
        if plain not in accepted:
            raise MarketError(Code.FORBIDDEN, f"OPNC-from-party-id says {from_id}, but the token {party}")
