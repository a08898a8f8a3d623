"""OPCP's HTTP door of the root certificate pool."""

# ruff: noqa: N815 - fields are spelled as on the wire

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import APIRouter, Query, Response
from pydantic import BeforeValidator, Field

from backend_stub.access import Party, Scope, allow
from backend_stub.errors import Code, MarketError
from backend_stub.namespaces import Edition, spelling
from backend_stub.rcp.interface import Root, RootCertificatePool, RootType
from backend_stub.rcp.trust_list import TrustListSigner
from backend_stub.web.answers import refusals
from backend_stub.web.fields import Body, CertificateField
from pki.names import common_name
from v2g.messages.iso2 import NAMESPACE

_ISO2_CURVE = "secp256r1"


class RootCertificate(Body):
    """A trust anchor."""

    rootCertificateId: UUID
    rootType: Literal["MO", "V2G", "OEM"]
    caCertificate: CertificateField
    distinguishedName: str
    commonName: str
    rootIssuerSerialNumber: str = Field(description="Serial number in lower-case hex, without separators.")
    validFrom: datetime
    validTo: datetime
    fingerprint: str = Field(description="SHA-256 of the certificate, hex.")
    signatureAlgorithm: str = Field(description="The curve of its key.", examples=["secp256r1"])
    xsdMsgDefNamespace: str

    @classmethod
    def of(cls, root: Root) -> "RootCertificate":
        """Describe ``root``."""
        certificate = root.certificate
        key = certificate.public_key()
        algorithm = key.curve.name if isinstance(key, ec.EllipticCurvePublicKey) else "ed448"
        return cls(
            rootCertificateId=root.id,
            rootType=_TYPES[root.root_type],
            caCertificate=certificate,
            distinguishedName=certificate.subject.rfc4514_string(),
            commonName=common_name(certificate),
            rootIssuerSerialNumber=f"{certificate.serial_number:x}",
            validFrom=certificate.not_valid_before_utc,
            validTo=certificate.not_valid_after_utc,
            fingerprint=root.fingerprint,
            signatureAlgorithm=algorithm,
            xsdMsgDefNamespace=NAMESPACE if algorithm == _ISO2_CURVE else spelling(Edition.ISO20),
        )


_TYPES: dict[RootType, Literal["MO", "V2G", "OEM"]] = {
    RootType.MO: "MO",
    RootType.V2G: "V2G",
    RootType.OEM: "OEM",
}


class RootCertificates(Body):
    """A list of roots."""

    rootCertificates: list[RootCertificate]


class RootCollection(Body):
    """All roots that the query selects."""

    RootCertificateCollection: RootCertificates


class NewRoot(Body):
    """A trust anchor to be taken in."""

    caCertificate: CertificateField
    rootType: Literal["MO", "V2G", "OEM"]


class TrustListBody(Body):
    """What the list holds."""

    rootCertificates: list[RootCertificate]


class TrustListAnswer(Body):
    """All trust anchors, signed."""

    signerCertificate: CertificateField
    timeStamp: datetime
    CTL: TrustListBody
    signature: str = Field(
        description="JWS in its compact form: ES256, the signer's chain in `x5c`; the payload repeats `timeStamp` "
        "and has `fingerprint` and `rootType` of each root."
    )


class RootAnswer(Body):
    """One root."""

    RootResponse: RootCertificate


def router(pool: RootCertificatePool, signer: TrustListSigner) -> APIRouter:
    """Return the routes of this role."""
    routes = APIRouter(prefix="/v1/root", tags=["RCP: root certificate pool"])

    @routes.get("/rootCerts", summary="List the trust anchors", responses=refusals())
    async def list_roots(
        _party: Annotated[Party, allow(Scope.RCP_READ)],
        root_type: Annotated[
            Literal["mo", "v2g", "oem"] | None,
            BeforeValidator(_lower),
            Query(alias="rootType", description="Only the roots of this branch."),
        ] = None,
    ) -> RootCollection:
        """Return the roots of one branch, or of all."""
        roots = await pool.roots(None if root_type is None else RootType(root_type))
        found = [RootCertificate.of(root) for root in roots]
        return RootCollection(RootCertificateCollection=RootCertificates(rootCertificates=found))

    @routes.put(
        "/rootCerts",
        summary="Take a trust anchor in",
        responses=refusals(Code.CHAIN, Code.CHAIN_EXPIRED),
    )
    async def put_root(body: NewRoot, _party: Annotated[Party, allow(Scope.RCP_WRITE)]) -> RootAnswer:
        """Believe a root from now on. For whoever runs the market; repeating it changes nothing."""
        root = await pool.add(RootType(body.rootType.lower()), body.caCertificate)
        return RootAnswer(RootResponse=RootCertificate.of(root))

    @routes.get(
        "/rootCerts/{root_certificate_id}",
        summary="Get one trust anchor",
        responses=refusals(Code.UNKNOWN),
    )
    async def get_root(
        root_certificate_id: UUID, _party: Annotated[Party, allow(Scope.RCP_READ)]
    ) -> RootAnswer:
        """Return the root with this id."""
        return RootAnswer(RootResponse=RootCertificate.of(await find_root(pool, root_certificate_id)))

    @routes.delete(
        "/rootCerts/{root_certificate_id}",
        summary="Withdraw a trust anchor",
        response_class=Response,
        responses=refusals(Code.UNKNOWN),
    )
    async def delete_root(
        root_certificate_id: UUID, _party: Annotated[Party, allow(Scope.RCP_WRITE)]
    ) -> Response:
        """Believe a root no more. For whoever runs the market; its own roots are back with its next start."""
        await pool.remove(root_certificate_id)
        return Response()

    @routes.get("/ctl", summary="Get the certificate trust list", responses=refusals())
    async def trust_list(_party: Annotated[Party, allow(Scope.RCP_READ)]) -> TrustListAnswer:
        """Return all trust anchors in one signed list."""
        found = await signer.trust_list()
        return TrustListAnswer(
            signerCertificate=found.signer,
            timeStamp=found.made_at,
            CTL=TrustListBody(rootCertificates=[RootCertificate.of(root) for root in found.roots]),
            signature=found.signature,
        )

    return routes


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


async def find_root(pool: RootCertificatePool, root_id: UUID) -> Root:
    """Return the root with this id; raises MarketError(UNKNOWN)."""
    for root in await pool.roots():
        if root.id == root_id:
            return root
    raise MarketError(Code.UNKNOWN, f"no root {root_id}")
