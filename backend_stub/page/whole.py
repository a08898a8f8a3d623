"""The market as a whole: roles and providers with their health, certificates, events, clients."""

# ruff: noqa: N815 - fields are spelled as on the wire

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Annotated, Any

from cryptography import x509
from fastapi import APIRouter, Query, Request
from pydantic import Field

from backend_stub.access import Party, Scope, allow
from backend_stub.access.gate import Gate
from backend_stub.authority.interface import Branch
from backend_stub.errors import Code, MarketError
from backend_stub.events.routes import NumberedEvent, audience_of
from backend_stub.federation import calls
from backend_stub.federation.peer import Peer
from backend_stub.market import Market
from backend_stub.page.describing import CertificateLine, describe_chain
from backend_stub.roles import Role
from backend_stub.web.answers import refusals
from backend_stub.web.fields import Body
from pki.names import fingerprint_sha256
from pki.profiles import Edition

_PATIENCE_S = 5.0
_MAX_EVENTS = 200
_NOBODY = "0" * 17
_TITLES: Mapping[str, str] = {
    Role.OEM: "Car maker",
    Role.PCP: "Provisioning pool",
    Role.MSP: "Mobility operator",
    Role.CPS: "Signing service",
    Role.CCP: "Contract pool",
    Role.RCP: "Root pool",
    Role.REGISTER: "Vehicle register",
    "authority": "Certificate authority",
    "events": "Events",
    "telematics": "Telematics",
}


class RoleLine(Body):
    """A role, and how it fares."""

    role: str
    title: str
    up: bool
    problem: str
    elapsedMs: float = Field(description="How long it took to say so.")
    counts: dict[str, int]


class RoleList(Body):
    """The roles of this provider."""

    provider: str
    wmi: str
    operatorId: str
    roles: list[RoleLine]


class ProviderLine(Body):
    """A provider: this one, or one that it is connected with."""

    name: str
    url: str = Field(description="Empty for this one.")
    up: bool
    problem: str
    elapsedMs: float
    roles: list[RoleLine] = Field(description="Empty where it does not let us see them.")


class ProviderList(Body):
    """All of them, this one first."""

    providers: list[ProviderLine]


class CertificateEntry(Body):
    """A certificate of the market's own, and what it belongs to."""

    group: str
    parent: str = Field(description="Fingerprint of what issued it; empty for a root.")
    line: CertificateLine


class CertificateList(Body):
    """Roots, CAs and signers."""

    certificates: list[CertificateEntry]


class LatestEvents(Body):
    """Events, newest first."""

    events: list[NumberedEvent]


class ClientLine(Body):
    """A client of a closed market; nothing of its secret."""

    clientId: str
    role: str
    id: str
    scopes: list[str]
    created: datetime


class ClientList(Body):
    """Who may call this market."""

    open: bool = Field(description="Everybody on this machine may do everything.")
    clients: list[ClientLine]


def router(market: Market, gate: Gate, monotonic: Callable[[], float]) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/market/v1", tags=["The market as a whole"])

    @routes.get("/roles", summary="Show the roles", responses=refusals())
    async def roles(_party: Annotated[Party, allow(Scope.MARKET)]) -> RoleList:
        """Return each role with what it has, and whether it answers."""
        return RoleList(
            provider=market.name,
            wmi=market.wmi,
            operatorId=market.operator_id,
            roles=await _roles(market, monotonic),
        )

    @routes.get("/providers", summary="Show the providers", responses=refusals())
    async def providers(_party: Annotated[Party, allow(Scope.MARKET)]) -> ProviderList:
        """Return this provider and those it is connected with, each as far as it can be seen from here."""
        async with asyncio.TaskGroup() as group:
            own = group.create_task(_roles(market, monotonic))
            others = [group.create_task(_provider(peer, monotonic)) for peer in market.peers.values()]
        lines = own.result()
        problem = "; ".join(f"{line.title}: {line.problem}" for line in lines if not line.up)
        here = ProviderLine(
            name=market.name, url="", up=not problem, problem=problem, elapsedMs=0, roles=lines
        )
        return ProviderList(providers=[here, *(task.result() for task in others)])

    @routes.get("/certificates", summary="Show roots, CAs and signers", responses=refusals())
    async def certificates(_party: Annotated[Party, allow(Scope.PKI_READ)]) -> CertificateList:
        """Return the market's certificates: what is trusted, what issues, what signs."""
        return CertificateList(certificates=await _certificates(market))

    @routes.get("/events", summary="Show what happened last", responses=refusals())
    async def events(
        request: Request,
        _party: Annotated[Party, allow(Scope.EVENTS_READ)],
        before: Annotated[int | None, Query(ge=0, le=2**63 - 1)] = None,
        emaid: Annotated[str, Query(max_length=15)] = "",
        pcid: Annotated[str, Query(max_length=18)] = "",
        limit: Annotated[int, Query(ge=1, le=_MAX_EVENTS)] = 50,
    ) -> LatestEvents:
        """Return events newest first: before a sequence number, of one contract, of one car."""
        found = await market.over_the_air.events.latest(
            limit,
            before=before,
            emaid=emaid,
            pcid=pcid,
            audience=audience_of(request.state.party),
        )
        return LatestEvents(events=[NumberedEvent.of(event) for event in found])

    @routes.get("/clients", summary="Show the clients", responses=refusals())
    async def clients(_party: Annotated[Party, allow(Scope.MARKET)]) -> ClientList:
        """Return who may call this market, and with which rights."""
        if gate.tokens is None:
            return ClientList(open=True, clients=[])
        known = gate.tokens.clients.values()
        return ClientList(
            open=False,
            clients=[
                ClientLine(
                    clientId=client.client_id,
                    role=client.role,
                    id=client.id,
                    scopes=[str(scope) for scope in client.scopes],
                    created=client.created,
                )
                for client in known
            ],
        )

    return routes


async def _roles(market: Market, monotonic: Callable[[], float]) -> list[RoleLine]:
    """Ask each role something that costs nothing, all at once."""
    questions: dict[str, Callable[[], Awaitable[Any]]] = {
        Role.OEM: lambda: market.oem.find(_NOBODY),
        Role.PCP: lambda: market.pcp.find(_NOBODY),
        Role.MSP: lambda: market.msp.find(_NOBODY),
        Role.CPS: market.cps.signers,
        Role.CCP: lambda: market.ccp.find(_NOBODY),
        Role.RCP: market.rcp.roots,
        Role.REGISTER: lambda: market.register.by_number(_NOBODY),
        "authority": lambda: market.authority.find(_NOBODY),
        "events": market.over_the_air.events.head,
        "telematics": lambda: market.over_the_air.telematics.office.contracts(_NOBODY),
    }
    counts = await market.census.counts()
    with calls.asked(from_here=True, within_s=_PATIENCE_S):
        async with asyncio.TaskGroup() as group:
            asked = {
                role: group.create_task(_asked(question, monotonic)) for role, question in questions.items()
            }
    lines = []
    for role, task in asked.items():
        answer, problem, elapsed_s = task.result()
        figures = dict(counts.get(role, {}))
        if role == Role.CPS and answer is not None:
            figures["signers"] = len(answer)
        lines.append(
            RoleLine(
                role=str(role),
                title=_TITLES[role],
                up=not problem,
                problem=problem,
                elapsedMs=round(1000 * elapsed_s, 1),
                counts=figures,
            )
        )
    return lines


async def _asked(
    question: Callable[[], Awaitable[Any]], monotonic: Callable[[], float]
) -> tuple[Any, str, float]:
    began = monotonic()
    try:
        answer = await question()
    except MarketError as error:
        missing = error.code in {Code.UNKNOWN, Code.UNKNOWN_PCID, Code.NO_CONTRACT}
        return None, "" if missing else str(error), monotonic() - began
    return answer, "", monotonic() - began


async def _provider(peer: Peer, monotonic: Callable[[], float]) -> ProviderLine:
    lines: list[RoleLine] = []
    problem = ""
    began = monotonic()
    with calls.asked(within_s=_PATIENCE_S):
        try:
            lines = [RoleLine(**line) for line in await peer.roles()]
        except MarketError as error:
            # A closed market shows its inside to nobody else; that it said so is all there is to know.
            if error.code is not Code.FORBIDDEN:
                problem = str(error)
    return ProviderLine(
        name=peer.name,
        url=peer.url,
        up=not problem,
        problem=problem,
        elapsedMs=round(1000 * (monotonic() - began), 1),
        roles=lines,
    )


async def _certificates(market: Market) -> list[CertificateEntry]:
    """Collect every certificate once, under the first heading that it belongs to; roots come first."""
    now = market.now()
    found: dict[str, CertificateEntry] = {}

    async def add(group: str, chain: list[x509.Certificate]) -> None:
        lines = await describe_chain(chain, now, market.authority)
        parents = [*(fingerprint_sha256(issuer) for issuer in chain[1:]), ""]
        for line, parent in zip(reversed(lines), reversed(parents), strict=True):
            found.setdefault(line.fingerprint, CertificateEntry(group=group, parent=parent, line=line))

    for root in await market.rcp.roots():
        await add(f"{root.root_type} root", [root.certificate])
    for signer in await market.cps.signers():
        chain = list(signer.chain)
        if chain[-1] != signer.v2g_root:
            chain.append(signer.v2g_root)
        await add("CPS", chain)
    for edition in Edition:
        for branch in Branch:
            try:
                await add(f"CA {branch}", list(await market.authority.ca_certificates(branch, edition)))
            except MarketError as error:
                if error.code is not Code.UNKNOWN:
                    raise
    return list(found.values())
