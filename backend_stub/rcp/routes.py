"""OPCP's HTTP door of the root certificate pool."""

# ruff: noqa: N815 - fields are spelled as on the wire

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from backend_stub.errors import Code, MarketError
from backend_stub.rcp.interface import Root, RootCertificatePool, RootType
from backend_stub.web.answers import refusals
from backend_stub.web.fields import Body, CertificateField
from pki.names import common_name
from v2g.messages.iso2 import NAMESPACE


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
            signatureAlgorithm="secp256r1",
            xsdMsgDefNamespace=NAMESPACE,
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


class RootAnswer(Body):
    """One root."""

    RootResponse: RootCertificate


def router(pool: RootCertificatePool) -> APIRouter:
    """Return the routes of this role."""
    routes = APIRouter(prefix="/v1/root", tags=["RCP: root certificate pool"])

    @routes.get("/rootCerts", summary="List the trust anchors", responses=refusals())
    async def list_roots(
        root_type: Annotated[
            RootType | None, Query(alias="rootType", description="Only the roots of this branch.")
        ] = None,
    ) -> RootCollection:
        """Return the roots of one branch, or of all."""
        roots = await pool.roots(root_type)
        found = [RootCertificate.of(root) for root in roots]
        return RootCollection(RootCertificateCollection=RootCertificates(rootCertificates=found))

    @routes.get(
        "/rootCerts/{root_certificate_id}",
        summary="Get one trust anchor",
        responses=refusals(Code.UNKNOWN),
    )
    async def get_root(root_certificate_id: UUID) -> RootAnswer:
        """Return the root with this id."""
        for root in await pool.roots():
            if root.id == root_certificate_id:
                return RootAnswer(RootResponse=RootCertificate.of(root))
        raise MarketError(Code.UNKNOWN, f"no root {root_certificate_id}")

    return routes
