"""A certificate authority by itself, with its doors, for tests."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fastapi import FastAPI
from starlette.types import Scope as AsgiScope

from backend_stub.access.gate import Gate, Rates
from backend_stub.access.interface import OPEN, Party
from backend_stub.authority import routes, store
from backend_stub.authority.interface import Issued
from backend_stub.authority.service import CertificateOffice, Settings
from backend_stub.database import Database
from backend_stub.web.answers import install_error_handlers
from backend_stub.web.envelope import Envelope
from pki.entropy import SystemEntropy
from pki.hierarchy import Hierarchy
from pki.issuing import new_identity
from pki.profiles import CONTRACT, OEM_PROVISIONING, Profile
from tests.backend_stub.material import URL, SetClock
from v2g.trace import ListSink, Tracer

ENTROPY = SystemEntropy()


@dataclass
class Office:
    """An authority with everything around it that a test may want to touch."""

    hierarchy: Hierarchy
    database: Database
    clock: SetClock
    authority: CertificateOffice
    http: httpx.AsyncClient
    gate: "Door"

    def make(self, profile: Profile, name: str, issuer: str) -> x509.Certificate:
        """Issue a certificate past the authority."""
        made = new_identity(
            profile, common_name=name, issuer=self.hierarchy[issuer], now=self.clock.now(), entropy=ENTROPY
        )
        return made.certificate

    async def contract(self, emaid: str, pcid: str | None = None) -> x509.Certificate:
        """Issue a contract and register it, as the MSP does."""
        certificate = self.make(CONTRACT, emaid, "mo_sub_ca2")
        await self.authority.register_issued([Issued(certificate, pcid)])
        return certificate

    async def car(self, pcid: str) -> x509.Certificate:
        """Issue a provisioning certificate and register it, as the OEM does."""
        certificate = self.make(OEM_PROVISIONING, pcid, "oem_sub_ca2")
        await self.authority.register_issued([Issued(certificate)])
        return certificate


class Door(Gate):
    """A gate that lets in whom the test says."""

    def __init__(self) -> None:
        super().__init__(None, Rates(), time.monotonic)
        self.party: Party = OPEN

    def admit(self, scope: AsgiScope) -> Party:
        return self.party


@asynccontextmanager
async def open_office(
    target: str | Path,
    hierarchy: Hierarchy,
    *,
    settings: Settings | None = None,
    clock: SetClock | None = None,
) -> AsyncIterator[Office]:
    """Open an authority on a database that may be new."""
    clock = clock or SetClock()
    database = Database(target)
    try:
        database.create([store.SCHEMA])
        authority = await CertificateOffice.open(
            database, [hierarchy], now=clock.now, entropy=ENTROPY, settings=settings
        )
        app = FastAPI()
        app.include_router(routes.status_router(authority))
        app.include_router(routes.router(authority))
        app.include_router(routes.opnc_router(authority), prefix="/opnc/v1")
        install_error_handlers(app)
        door = Door()
        app.add_middleware(
            Envelope,
            tracer=Tracer("backend", ListSink(), clock.now),
            monotonic=clock.monotonic,
            gate=door,
            large_bodies={routes.BULK_PATH: routes.MAX_BULK_BYTES},
        )
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
            yield Office(hierarchy, database, clock, authority, client, door)
    finally:
        database.close()


def request_for(
    name: str, key: ec.EllipticCurvePrivateKey | None = None
) -> tuple[x509.CertificateSigningRequest, ec.EllipticCurvePrivateKey]:
    """Return a PKCS #10 request for a common name, and the key it is for."""
    key = key or ENTROPY.ec_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256()), key
