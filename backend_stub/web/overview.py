"""The market at a glance, for people: what each role has, side by side."""

# ruff: noqa: N815 - fields are spelled as on the wire

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from backend_stub.access import Party, Scope, allow
from backend_stub.market import Market
from backend_stub.web.answers import refusals
from backend_stub.web.fields import Body
from pki.names import common_name

_DEFAULT_LIMIT = 50
_MAX_LIMIT = 1000


class VehicleLine(Body):
    """A car of the OEM."""

    pcid: str
    evccid: str
    inPool: bool = Field(description="The PCP has a certificate for it.")
    validTo: datetime
    builtAt: datetime


class ContractLine(Body):
    """A contract of the MSP."""

    emaid: str
    pcid: str
    inPool: bool = Field(description="The CCP has a signed bundle of it.")
    isDefault: bool = Field(description="It is what the car is given at a charger.")
    validTo: datetime
    onboardedAt: datetime


class RootLine(Body):
    """A root of the RCP."""

    rootType: str
    name: str
    validTo: datetime


class SignerLine(Body):
    """A signing certificate of the CPS."""

    name: str
    v2gRoot: str
    validTo: datetime


class Overview(Body):
    """The market: newest entries first, and how many there are in all."""

    vehicleCount: int
    vehicles: list[VehicleLine]
    contractCount: int
    contracts: list[ContractLine]
    roots: list[RootLine]
    signers: list[SignerLine]


def router(market: Market) -> APIRouter:
    """Return the route of the overview."""
    routes = APIRouter(prefix="/market/v1", tags=["The market as a whole"])

    @routes.get("/overview", summary="Show the market", responses=refusals())
    async def overview(
        _party: Annotated[Party, allow(Scope.MARKET)],
        limit: Annotated[
            int, Query(ge=1, le=_MAX_LIMIT, description="Vehicles and contracts to list, newest first.")
        ] = _DEFAULT_LIMIT,
    ) -> Overview:
        """Return the newest vehicles and contracts, the roots and the signing certificates."""
        return Overview(
            vehicleCount=await market.oem.count(),
            vehicles=await _vehicles(market, limit),
            contractCount=await market.msp.count(),
            contracts=await _contracts(market, limit),
            roots=[
                RootLine(
                    rootType=root.root_type,
                    name=common_name(root.certificate),
                    validTo=root.certificate.not_valid_after_utc,
                )
                for root in await market.rcp.roots()
            ],
            signers=[
                SignerLine(
                    name=common_name(signer.chain[0]),
                    v2gRoot=common_name(signer.v2g_root),
                    validTo=signer.chain[0].not_valid_after_utc,
                )
                for signer in await market.cps.signers()
            ],
        )

    return routes


async def _vehicles(market: Market, limit: int) -> list[VehicleLine]:
    return [
        VehicleLine(
            pcid=vehicle.pcid,
            evccid=vehicle.evccid.hex().upper(),
            inPool=await market.pcp.find(vehicle.pcid) is not None,
            validTo=vehicle.certificate.not_valid_after_utc,
            builtAt=vehicle.built_at,
        )
        for vehicle in await market.oem.vehicles(limit)
    ]


async def _contracts(market: Market, limit: int) -> list[ContractLine]:
    lines = []
    for contract in await market.msp.contracts(limit):
        stored = await market.ccp.find(contract.emaid)
        lines.append(
            ContractLine(
                emaid=contract.emaid,
                pcid=contract.pcid,
                inPool=bool(stored),
                isDefault=any(entry.is_default for entry in stored),
                validTo=contract.not_after,
                onboardedAt=contract.onboarded_at,
            )
        )
    return lines
