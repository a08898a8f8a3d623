"""OPNC's doors, one for each of its services, under one prefix."""

from fastapi import APIRouter, Depends

from backend_stub.authority import routes as authority_routes
from backend_stub.authority.interface import CertificateAuthority
from backend_stub.ccp.interface import ContractPool
from backend_stub.cps.generation import ContractGenerator
from backend_stub.cps.interface import ProvisioningService
from backend_stub.events.interface import WebhookEndpoints
from backend_stub.opnc import ccp, cps, event, pcp, rcp
from backend_stub.opnc.parties import party_check
from backend_stub.pcp.interface import ProvisioningPool
from backend_stub.rcp.interface import RootCertificatePool

PREFIX = "/opnc/v1"


def router(
    *,
    contracts: ContractPool,
    provisioning: ProvisioningPool,
    roots: RootCertificatePool,
    signing: ProvisioningService,
    generator: ContractGenerator | None,
    authority: CertificateAuthority,
    endpoints: WebhookEndpoints,
    strict: bool,
) -> APIRouter:
    """Return all routes of OPNC.

    ``strict`` holds callers to the letter of the schemas: certificates of more than 800 characters are refused,
    and answers have no member that the schemas do not know.
    """
    routes = APIRouter(prefix=PREFIX, dependencies=[Depends(party_check(signing))])
    routes.include_router(ccp.router(contracts, roots, authority))
    routes.include_router(cps.router(signing, generator, strict=strict))
    routes.include_router(pcp.router(provisioning, strict=strict))
    routes.include_router(rcp.router(roots, strict=strict))
    routes.include_router(authority_routes.opnc_router(authority))
    routes.include_router(event.router(endpoints))
    return routes
