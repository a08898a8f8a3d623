"""One vehicle and one contract, put together from all roles that know something of it."""

# ruff: noqa: N815 - fields are spelled as on the wire

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from cryptography import x509
from fastapi import APIRouter, Path
from pydantic import Field

from backend_stub.access import Party, Scope, allow
from backend_stub.ccp.interface import Contract
from backend_stub.certificates import subject_key_id
from backend_stub.errors import Code, MarketError
from backend_stub.federation import calls
from backend_stub.market import Market
from backend_stub.msp.interface import DriverContract
from backend_stub.namespaces import Edition
from backend_stub.page.bundles import BundleView, bundle_view
from backend_stub.page.describing import CertificateLine, describe_chain, name_of, under_root
from backend_stub.rcp.interface import Root, RootType
from backend_stub.telematics.interface import CarContract
from backend_stub.web.answers import refusals
from backend_stub.web.fields import Body, EmaidField, PcidField

_PEERS_S = 2.0


class HeldRoot(Body):
    """A V2G root that a car trusts."""

    keyId: str
    name: str = Field(description="Empty for one that the root pool does not have.")
    fingerprint: str


class CarContractLine(Body):
    """A contract of a car, as each role has it; empty where one does not know it."""

    emaid: str
    state: str = Field(description="In the operator's books.")
    inPool: bool
    isDefault: bool
    validTo: datetime
    v2gRoots: list[str] = Field(description="What it is signed under, by name.")
    overTheAir: str = Field(description="How far it is on its way into the car.")
    reason: str


class VehicleView(Body):
    """A car."""

    pcid: str
    vin: str
    evccid: str
    region: str
    registration: str
    builtAt: datetime | None = Field(description="None for a car of another provider's maker.")
    previousPcid: str | None
    inPool: bool
    chain: list[CertificateLine] = Field(description="Its certificate first, the OEM root last.")
    chainIso20: list[CertificateLine] = Field(description="The same for ISO 15118-20; empty without one.")
    v2gRoots: list[HeldRoot] = Field(description="Empty: its maker does not say.")
    contracts: list[CarContractLine]


class Place(Body):
    """Where a contract lies."""

    place: str
    detail: str
    present: bool


class IndexLine(Body):
    """A certificate of a contract in the authority's index."""

    serial: str
    validTo: datetime
    revokedAt: datetime | None
    reason: str


class ContractView(Body):
    """A contract."""

    emaid: str
    pcid: str
    state: str
    onboardedAt: datetime | None
    endedAt: datetime | None
    endReason: str
    validFrom: datetime | None
    validTo: datetime | None
    isDefault: bool
    chain: list[CertificateLine] = Field(description="Its certificate first, the MO root last.")
    certificates: list[IndexLine] = Field(description="All that were ever issued for it, oldest first.")
    bundles: list[BundleView]
    places: list[Place]


def router(market: Market) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/market/v1", tags=["The market as a whole"])

    @routes.get(
        "/vehicles/{pcid}", summary="Show all about a car", responses=refusals(Code.UNKNOWN_PCID, Code.PEER)
    )
    async def vehicle(
        pcid: Annotated[PcidField, Path(description="The car.")],
        party: Annotated[Party, allow(Scope.OEM)],
    ) -> VehicleView:
        """Return a car with its chain, the V2G roots it holds, and its contracts wherever they are."""
        party.check_vehicle(pcid)
        return await _vehicle(market, pcid)

    @routes.get(
        "/contracts/{emaid}",
        summary="Show all about a contract",
        responses=refusals(Code.NO_CONTRACT, Code.PEER, Code.EXI, Code.MESSAGE, Code.CHAIN),
    )
    async def contract(
        emaid: Annotated[EmaidField, Path(description="The contract.")],
        party: Annotated[Party, allow(Scope.MSP)],
    ) -> ContractView:
        """Return a contract with its chain, its signed bundles decoded, its status, and where it lies."""
        party.check_contract(emaid)
        return await _contract(market, emaid)

    return routes


async def _vehicle(market: Market, pcid: str) -> VehicleView:
    book = await market.oem.find(pcid)
    entry = await market.pcp.find(pcid)
    if book is None and entry is None:
        raise MarketError(Code.UNKNOWN_PCID, f"PCID {pcid} is neither in the maker's books nor in a pool")
    roots = await market.rcp.roots()
    chain: Sequence[x509.Certificate] = []
    held: list[HeldRoot] = []
    if entry is not None:
        whole = [entry.chain.vehicle, *entry.chain.sub_cas]
        chain = under_root(whole, _anchors(roots, RootType.OEM))
        held = _held(entry.chain.v2g_root_key_ids, roots)
    elif book is not None:
        chain = [book.certificate]
    newer = await market.pcp.find(pcid, Edition.ISO20)
    if newer is not None:
        whole = [newer.chain.vehicle, *newer.chain.sub_cas]
        newer_chain = under_root(whole, _anchors(roots, RootType.OEM))
    else:
        newer_chain = []
    vin = book.vin if book else ""
    registration = await market.register.by_vin(vin) if vin else None
    return VehicleView(
        pcid=pcid,
        vin=vin,
        evccid=book.evccid.hex().upper() if book else "",
        region=book.region if book else "",
        registration=registration.number if registration else "",
        builtAt=book.built_at if book else None,
        previousPcid=book.previous_pcid if book else None,
        inPool=entry is not None,
        chain=await describe_chain(chain, market.now(), market.authority),
        chainIso20=await describe_chain(newer_chain, market.now(), market.authority),
        v2gRoots=held,
        contracts=await _contracts_of(market, pcid, roots),
    )


def _held(key_ids: Sequence[bytes], roots: Sequence[Root]) -> list[HeldRoot]:
    known = {subject_key_id(root.certificate): root for root in roots if root.root_type is RootType.V2G}
    return [
        HeldRoot(
            keyId=key_id.hex(),
            name=name_of(known[key_id].certificate) if key_id in known else "",
            fingerprint=known[key_id].fingerprint if key_id in known else "",
        )
        for key_id in key_ids
    ]


async def _contracts_of(market: Market, pcid: str, roots: Sequence[Root]) -> list[CarContractLine]:
    books = {contract.emaid: contract for contract in await market.msp.of_car(pcid)}
    pooled: dict[str, list[Contract]] = {}
    for item in await market.ccp.of_car(pcid):
        pooled.setdefault(item.emaid, []).append(item)
    mail = {item.emaid: item for item in await market.over_the_air.telematics.office.contracts(pcid)}
    names = {root.fingerprint: name_of(root.certificate) for root in roots}
    emaids = dict.fromkeys([*books, *pooled, *mail])
    return [_line(emaid, books.get(emaid), pooled.get(emaid, []), mail.get(emaid), names) for emaid in emaids]


def _line(
    emaid: str,
    book: DriverContract | None,
    pooled: Sequence[Contract],
    mail: CarContract | None,
    names: dict[str, str],
) -> CarContractLine:
    ends = [book.not_after] if book else [item.certificate.not_valid_after_utc for item in pooled]
    ends += [mail.valid_until] if mail else []
    return CarContractLine(
        emaid=emaid,
        state=book.state if book else "",
        inPool=bool(pooled),
        isDefault=any(item.is_default for item in pooled),
        validTo=ends[0],
        v2gRoots=[names.get(item.v2g_root_fingerprint, item.v2g_root_fingerprint[:16]) for item in pooled],
        overTheAir=mail.state if mail else "",
        reason=mail.reason if mail else "",
    )


async def _contract(market: Market, emaid: str) -> ContractView:
    book = await market.msp.find(emaid)
    with calls.asked(from_here=True):
        entries = await market.ccp.find(emaid)
    elsewhere = await _at_peers(market, emaid)
    index = await market.authority.find(emaid)
    if book is None and not entries and not any(elsewhere.values()):
        raise MarketError(Code.NO_CONTRACT, f"contract {emaid} is neither in the books nor in a pool")
    everywhere = [*entries, *(item for found in elsewhere.values() for item in found)]
    roots = await market.rcp.roots()
    bundles = [await bundle_view(market, entry, roots) for entry in entries]
    leaf = [everywhere[0].certificate] if everywhere else []
    mo_roots = _anchors(roots, RootType.MO)
    chain = (
        bundles[0].contractChain
        if bundles
        else await describe_chain(under_root(leaf, mo_roots) if leaf else [], market.now(), market.authority)
    )
    pcid = book.pcid if book else everywhere[0].pcid
    return ContractView(
        emaid=emaid,
        pcid=pcid,
        state=book.state if book else "",
        onboardedAt=book.onboarded_at if book else None,
        endedAt=book.ended_at if book else None,
        endReason=book.end_reason if book else "",
        validFrom=book.not_before if book else None,
        validTo=book.not_after if book else None,
        isDefault=any(item.is_default for item in everywhere),
        chain=chain,
        certificates=[
            IndexLine(
                serial=f"{item.serial:x}",
                validTo=item.not_after,
                revokedAt=item.revoked_at,
                reason=item.reason or "",
            )
            for item in index
        ],
        bundles=bundles,
        places=await _places(market, emaid, pcid, book, entries, elsewhere),
    )


async def _at_peers(market: Market, emaid: str) -> dict[str, Sequence[Contract]]:
    """Ask every connected provider for a contract; one that does not answer has none."""
    found: dict[str, Sequence[Contract]] = {}

    async def ask(name: str) -> None:
        try:
            found[name] = await market.peers[name].contract(emaid)
        except MarketError:
            found[name] = []

    with calls.asked(within_s=_PEERS_S):
        async with asyncio.TaskGroup() as group:
            for name in market.peers:
                group.create_task(ask(name))
    return found


async def _places(
    market: Market,
    emaid: str,
    pcid: str,
    book: DriverContract | None,
    entries: Sequence[Contract],
    elsewhere: dict[str, Sequence[Contract]],
) -> list[Place]:
    mail = await market.over_the_air.telematics.office.contracts(pcid)
    here = next((item for item in mail if item.emaid == emaid), None)
    found = [
        Place(place="MSP", detail=f"in the books, {book.state}" if book else "not here", present=bool(book)),
        Place(
            place="CCP",
            detail=f"{len(entries)} signed bundle{'s' if len(entries) > 1 else ''}"
            if entries
            else "not here",
            present=bool(entries),
        ),
    ]
    found += [
        Place(place=f"CCP of {name}", detail="has it" if items else "not there", present=bool(items))
        for name, items in elsewhere.items()
    ]
    found.append(
        Place(
            place="telematics",
            detail=f"{here.state} {here.reason}".strip() if here else "nothing for the car",
            present=here is not None,
        )
    )
    return found


def _anchors(roots: Sequence[Root], root_type: RootType) -> list[x509.Certificate]:
    return [root.certificate for root in roots if root.root_type is root_type]
