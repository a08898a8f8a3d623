"""Cars, requests, clocks and running markets for the tests of this package."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from fastapi import FastAPI

import exi
from backend_stub.access.settings import AccessSettings, open_gate
from backend_stub.ccp.interface import Installation
from backend_stub.certificates import der
from backend_stub.database import Database
from backend_stub.market import Market, open_market
from backend_stub.oem.interface import BuiltVehicle
from backend_stub.pcp.interface import ProvisioningChain
from backend_stub.web.app import create_app
from pki.entropy import Entropy, SeededEntropy, SystemEntropy
from pki.hierarchy import Hierarchy
from pki.issuing import Identity, issue
from pki.names import issuer_serial
from pki.profiles import OEM_PROVISIONING
from v2g.messages import iso2
from v2g.messages.xmldsig import X509IssuerSerial
from v2g.security.envelope import Envelope, open_iso2
from v2g.security.signature import sign_certificate_installation_req
from v2g.trace import ListSink, Tracer

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SESSION_ID = bytes.fromhex("0102030405060708")
URL = "http://market"
DOOR = "/v1/ccp/signedContractData"


@dataclass
class SetClock:
    """A clock that stands still until a test moves it."""

    moment: datetime = START + timedelta(days=1)

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    def forward(self, **amount: float) -> None:
        self.moment += timedelta(**amount)


def make_hierarchy(seed: int = 1) -> Hierarchy:
    """Return a world of certificates valid from START; the same for the same seed."""
    return Hierarchy.create(now=START, entropy=SeededEntropy(seed))


@dataclass(frozen=True)
class Car:
    """A car as its maker left it: the key, the certificate, the V2G roots it holds."""

    pcid: str
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    v2g_roots: tuple[x509.Certificate, ...]

    def request(
        self,
        *,
        session_id: bytes = SESSION_ID,
        roots: tuple[x509.Certificate, ...] | None = None,
        certificate: bytes | None = None,
        signer: ec.EllipticCurvePrivateKey | None = None,
    ) -> iso2.V2G_Message:
        """Return the signed CertificateInstallationReq of this car."""
        body = iso2.CertificateInstallationReq(
            id="id1",
            oem_provisioning_cert=certificate or der(self.certificate),
            list_of_root_certificate_ids=iso2.ListOfRootCertificateIDs(
                root_certificate_id=[
                    X509IssuerSerial(x509_issuer_name=name, x509_serial_number=serial)
                    for name, serial in map(issuer_serial, roots or self.v2g_roots)
                ]
            ),
        )
        signature = sign_certificate_installation_req(body, signer or self.key)
        return iso2.V2G_Message(
            header=iso2.MessageHeader(session_id=session_id, signature=signature),
            body=iso2.Body(body_element=body),
        )


def request_of(message: iso2.V2G_Message) -> iso2.CertificateInstallationReq:
    """Return the request in a message."""
    body = message.body.body_element
    assert isinstance(body, iso2.CertificateInstallationReq)
    return body


def response_of(document: bytes) -> tuple[iso2.V2G_Message, iso2.CertificateInstallationRes]:
    """Decode an answer of the market."""
    message = exi.decode(document, iso2.SCHEMA)
    assert isinstance(message, iso2.V2G_Message)
    body = message.body.body_element
    assert isinstance(body, iso2.CertificateInstallationRes)
    return message, body


def open_contract_key(car: Car, body: iso2.CertificateInstallationRes) -> ec.EllipticCurvePrivateKey:
    """Do what the car does: decrypt the contract key and check that it fits the certificate."""
    return open_iso2(
        Envelope(body.contract_signature_encrypted_private_key.value, body.dh_public_key.value),
        car.key,
        certificate=x509.load_der_x509_certificate(body.contract_signature_cert_chain.certificate),
    )


def encode(message: iso2.V2G_Message) -> bytes:
    """Return the EXI of a message."""
    return exi.encode(message, iso2.SCHEMA)


def door_body(document: bytes) -> dict[str, Any]:
    """Return what a charger posts for a request."""
    return {
        "certificateInstallationReq": base64.b64encode(document).decode(),
        "xsdMsgDefNamespace": iso2.NAMESPACE,
    }


def signing_request(key: ec.EllipticCurvePrivateKey) -> x509.CertificateSigningRequest:
    """Return a PKCS #10 request for ``key``."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "anything")])
    return x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())


def provisioning_certificate(
    hierarchy: Hierarchy,
    pcid: str,
    public_key: ec.EllipticCurvePublicKey,
    *,
    now: datetime,
    issuer: Identity | None = None,
) -> x509.Certificate:
    """Issue a provisioning certificate past the OEM role, as a maker elsewhere would."""
    return issue(
        OEM_PROVISIONING,
        common_name=pcid,
        public_key=public_key,
        issuer=issuer or hierarchy["oem_sub_ca2"],
        now=now,
        entropy=SystemEntropy(),
    )


def chain_of(hierarchy: Hierarchy, certificate: x509.Certificate, **changes: Any) -> ProvisioningChain:
    """Return what an OEM uploads for ``certificate``."""
    parts: dict[str, Any] = {
        "vehicle": certificate,
        "sub_ca2": hierarchy["oem_sub_ca2"].certificate,
        "sub_ca1": hierarchy["oem_sub_ca1"].certificate,
    }
    return ProvisioningChain(**(parts | changes))


@dataclass
class World:
    """A market with everything around it that a test may want to touch."""

    hierarchy: Hierarchy
    database: Database
    clock: SetClock
    sink: ListSink
    tracer: Tracer
    market: Market
    app: FastAPI
    http: httpx.AsyncClient
    cars: list[Car] = field(default_factory=list)

    async def build(self) -> Car:
        """Build a car through the OEM role."""
        key = SystemEntropy().ec_key(ec.SECP256R1())
        built: BuiltVehicle = await self.market.oem.build(signing_request(key))
        return Car(built.vehicle.pcid, key, built.vehicle.certificate, tuple(built.v2g_roots))

    async def car_with_contract(self) -> tuple[Car, str]:
        """Build a car and onboard one contract; return both."""
        car = await self.build()
        contract = await self.market.msp.onboard(car.pcid)
        return car, contract.emaid

    async def install(self, car: Car) -> Installation:
        """Ask the contract pool as a charger does, past HTTP."""
        return await self.market.ccp.answer(encode(car.request()))

    async def knock(self, message: iso2.V2G_Message, **headers: str) -> httpx.Response:
        """Post a request to the charger's door."""
        return await self.http.post(DOOR, json=door_body(encode(message)), headers=headers)


@asynccontextmanager
async def open_world(
    directory: Path,
    hierarchy: Hierarchy,
    *,
    clock: SetClock | None = None,
    entropy: Entropy | None = None,
    target: str | Path | None = None,
    access: AccessSettings | None = None,
    iso20: Hierarchy | None = None,
) -> AsyncIterator[World]:
    """Open a market on ``target``, else ``directory``/market.db, with an HTTP client that needs no socket.

    ``access`` closes it; with ``iso20`` it speaks that edition as well.
    """
    clock = clock or SetClock()
    sink = ListSink()
    tracer = Tracer("backend", sink, clock.now)
    database = Database(target or directory / "market.db")
    try:
        market = await open_market(
            hierarchy,
            database,
            now=clock.now,
            entropy=entropy or SystemEntropy(),
            tracer=tracer,
            iso20=iso20,
        )
        settings, random = access or AccessSettings(), SystemEntropy()
        gate = await open_gate(settings, database, now=clock.now, monotonic=clock.monotonic, entropy=random)
        app = create_app(
            market,
            tracer=tracer,
            monotonic=clock.monotonic,
            gate=gate,
            strict_opnc=settings.strict_opnc,
        )
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
            yield World(hierarchy, database, clock, sink, tracer, market, app, client)
    finally:
        database.close()


def der_base64(certificate: x509.Certificate) -> str:
    """Return a certificate as the API carries it."""
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
