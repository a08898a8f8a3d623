"""The doors for enrolment: EST [RFC 7030] as OPCP and OPNC speak it, with branch and edition in path or query."""

import base64
import binascii
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import serialize_certificates
from fastapi import APIRouter, Query, Request, Response
from pydantic import BeforeValidator, WithJsonSchema

from backend_stub.access.guard import allow
from backend_stub.access.interface import Party, Scope
from backend_stub.authority.interface import Branch, CertificateAuthority
from backend_stub.authority.reach import check_request
from backend_stub.certificates import UNREADABLE
from backend_stub.errors import Code, MarketError
from backend_stub.web.answers import refusals
from pki.profiles import Edition

CERTIFICATES = "application/pkcs7-mime; smime-type=certs-only"
REQUEST_TYPE = "application/pkcs10"

_PEM_BEGIN = b"-----BEGIN"


class Version(StrEnum):
    """The editions of ISO 15118 as EST paths name them."""

    ISO2 = "ISO15118-2"
    ISO20 = "ISO15118-20"

    @property
    def edition(self) -> Edition:
        """The edition of the certificates; of -20 the first suite stands for both."""
        return Edition.ISO2 if self is Version.ISO2 else Edition.ISO20


_ENROLL_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "PKCS #10, DER in base64.",
        "content": {REQUEST_TYPE: {"schema": {"type": "string"}}},
    }
}
_CERTIFICATES_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Certificates in PKCS #7 without signature, DER in base64.",
        "content": {"application/pkcs7-mime": {"schema": {"type": "string"}}},
    }
}
_ENROLLING = Annotated[Party, allow(Scope.PKI_ENROLL)]
_READING = Annotated[Party, allow(Scope.PKI_READ)]


def router(authority: CertificateAuthority) -> APIRouter:
    """Return the calls that OPCP has."""
    routes = APIRouter(prefix="/.well-known/est", tags=["PKI: certificate authority (OPCP)"])

    async def enroll(
        party: _ENROLLING, request: Request, ca: Branch, version: Version = Version.ISO2
    ) -> Response:
        """Have a leaf certified. Of the request only common name and key are used; the profile decides the rest."""
        return await _enrolled(authority, party, request, ca, version)

    async def ca_certificates(_party: _READING, ca: Branch, version: Version = Version.ISO2) -> Response:
        """Return the CAs above the leaves of a branch, the root included."""
        return _pkcs7(await authority.ca_certificates(ca, version.edition))

    for path in ("/{ca}/simpleenroll/{version}", "/{ca}/simpleenroll"):
        routes.add_api_route(
            path,
            enroll,
            methods=["POST"],
            summary="Have a certificate issued",
            openapi_extra=_ENROLL_BODY,
            response_class=Response,
            responses=_CERTIFICATES_ANSWER | refusals(Code.UNKNOWN, Code.CHAIN_EXPIRED, Code.FORBIDDEN),
            include_in_schema="version" in path,
        )
    for path in ("/{ca}/cacerts/{version}", "/{ca}/cacerts"):
        routes.add_api_route(
            path,
            ca_certificates,
            methods=["GET"],
            summary="Get the CA certificates of a branch",
            response_class=Response,
            responses=_CERTIFICATES_ANSWER | refusals(Code.UNKNOWN),
            include_in_schema="version" in path,
        )
    return routes


def _branch(value: Any) -> Any:
    return "mo" if value == "emsp" else value


_Domain = Annotated[
    Branch,
    BeforeValidator(_branch),
    WithJsonSchema({"type": "string", "enum": ["emsp", *Branch]}),
    Query(description="The branch; OPNC writes `emsp` where OPCP has `mo`."),
]


def opnc_router(authority: CertificateAuthority) -> APIRouter:
    """Return the calls that OPNC has, below its prefix."""
    routes = APIRouter()

    @routes.post(
        "/est/simpleenroll",
        summary="Have a certificate issued",
        openapi_extra=_ENROLL_BODY,
        response_class=Response,
        responses=_CERTIFICATES_ANSWER | refusals(Code.UNKNOWN, Code.CHAIN_EXPIRED, Code.FORBIDDEN),
    )
    async def enroll(
        party: _ENROLLING,
        request: Request,
        caDomain: _Domain,  # noqa: N803 - as on the wire
        iso15118Version: Annotated[Version, Query()] = Version.ISO2,  # noqa: N803 - as on the wire
    ) -> Response:
        """Have a leaf certified, as under ``/.well-known/est``."""
        return await _enrolled(authority, party, request, caDomain, iso15118Version)

    @routes.get(
        "/est/cacerts",
        summary="Get the CA certificates of a branch",
        response_class=Response,
        responses=_CERTIFICATES_ANSWER | refusals(Code.UNKNOWN),
    )
    async def ca_certificates(
        _party: _READING,
        caDomain: _Domain,  # noqa: N803 - as on the wire
        iso15118Version: Annotated[Version, Query()] = Version.ISO2,  # noqa: N803 - as on the wire
    ) -> Response:
        """Return the CAs above the leaves of a branch, the root included."""
        return _pkcs7(await authority.ca_certificates(caDomain, iso15118Version.edition))

    return routes


async def _enrolled(
    authority: CertificateAuthority, party: Party, request: Request, branch: Branch, version: Version
) -> Response:
    wanted = _signing_request(await request.body())
    check_request(party, branch, wanted)
    return _pkcs7([await authority.enroll(branch, version.edition, wanted)])


def _signing_request(body: bytes) -> x509.CertificateSigningRequest:
    """Read PKCS #10 in base64 with or without line breaks, as PEM, or as plain DER; raises MarketError(REQUEST)."""
    try:
        if body.lstrip().startswith(_PEM_BEGIN):
            return x509.load_pem_x509_csr(body)
        data = body if body[:1] == b"\x30" else base64.b64decode(b"".join(body.split()), validate=True)
        return x509.load_der_x509_csr(data)
    except (binascii.Error, *UNREADABLE) as error:
        raise MarketError(Code.REQUEST, f"not a PKCS #10 request in base64: {error}") from error


def _pkcs7(certificates: Sequence[x509.Certificate]) -> Response:
    data = serialize_certificates(list(certificates), Encoding.DER)
    headers = {"Content-Transfer-Encoding": "base64"}
    return Response(base64.encodebytes(data), headers=headers, media_type=CERTIFICATES)
