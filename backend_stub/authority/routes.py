"""The doors of the certificate authority: enrolment (:mod:`.est`), revocation, revocation lists and OCSP.

Lists and OCSP answers are for everybody, because certificates point to them.
"""

# ruff: noqa: N815 - fields are spelled as on the wire

import base64
import binascii
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from datetime import datetime
from email.utils import format_datetime
from types import MappingProxyType
from typing import Annotated, Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema

from backend_stub.access.guard import allow
from backend_stub.access.interface import Party, Scope
from backend_stub.authority import est
from backend_stub.authority.interface import (
    Certificate,
    CertificateAuthority,
    Kind,
    OcspAnswer,
    Progress,
    RevokeOrder,
    Selection,
)
from backend_stub.authority.reach import check_certificate, check_name, confined
from backend_stub.certificates import UNREADABLE
from backend_stub.errors import Code, MarketError
from backend_stub.web.answers import refusals
from backend_stub.web.fields import Body, PcidField, decode_base64
from backend_stub.web.quick import Handler, QuickAnswer
from pki.chain import parse
from pki.errors import CertificateError
from pki.revocation import Reason
from v2g.identifiers import Emaid, IdentifierError

BULK_PATH = "/authority/v1/revocations"
MAX_NAMES = 200_000
MAX_BULK_BYTES = 8 * 1024 * 1024
"""Room for the names of a whole bulk revocation, which other bodies have no need for."""

OCSP_REQUEST = "application/ocsp-request"
OCSP_RESPONSE = "application/ocsp-response"
CRL = "application/pkix-crl"
NDJSON = "application/x-ndjson"

_PEM_BEGIN = b"-----BEGIN"
_MAX_QUESTION = 8192  # characters of an OCSP request in a URL
_NOT_CACHED: Mapping[str, str] = MappingProxyType({"Cache-Control": "no-store"})


def _certificate(value: Any) -> x509.Certificate:
    if isinstance(value, x509.Certificate):
        return value
    data = decode_base64(value)
    try:
        if data.lstrip().startswith(_PEM_BEGIN):
            data = x509.load_pem_x509_certificate(data).public_bytes(Encoding.DER)
        return parse(data)
    except CertificateError as error:
        raise ValueError(f"not a certificate: {error.detail}") from None
    except UNREADABLE as error:
        raise ValueError(f"not a certificate: {error}") from None


class RevokeRequest(Body):
    """One certificate that is not to be believed any more (OPNC)."""

    certificate: Annotated[
        x509.Certificate,
        PlainValidator(_certificate),
        WithJsonSchema({"type": "string", "format": "byte"}),
        Field(description="The certificate, base64 of its DER, or of its PEM as OPNC's text says."),
    ]
    revocationReason: Reason


def _contract_name(value: str) -> str:
    """Return an eMAID as certificates carry it. A wrong check digit stays: contracts with one can be revoked, too."""
    try:
        emaid = Emaid.parse(value, check=False)
    except IdentifierError as error:
        raise ValueError(error.reason) from None
    plain = value.replace("-", "").upper()
    return plain if len(plain) > len(emaid.body) else str(emaid)


class BulkRequest(Body):
    """Which certificates are not to be believed any more: those that meet everything that is given."""

    emaids: list[Annotated[str, AfterValidator(_contract_name)]] = Field(
        default=[], max_length=MAX_NAMES, description="Contracts.", examples=[["DEPNC1A2B3C4D5U"]]
    )
    pcids: list[PcidField] = Field(
        default=[], max_length=MAX_NAMES, description="Cars, in place of contracts."
    )
    kind: Kind | None = Field(
        default=None,
        description="What the certificates are for. Contracts where nothing else follows: `pcids` are cars, and "
        "`issuer` alone means everything that this CA issued.",
    )
    prefix: str = Field(
        default="", max_length=64, description="What the names begin with, such as DEPNC for one operator."
    )
    pcidPrefix: str = Field(
        default="", max_length=18, description="What the PCIDs of the cars begin with that contracts are for."
    )
    issuer: str = Field(default="", pattern=r"^([0-9a-fA-F]{64})?$", description="SHA-256 of the issuing CA.")
    reason: Reason

    def selection(self) -> Selection:
        """Return what is selected; raises MarketError(REQUEST) for contracts and cars in one call."""
        if self.emaids and self.pcids:
            raise MarketError(Code.REQUEST, "emaids and pcids: revoke contracts and cars one after the other")
        by_issuer = bool(self.issuer) and not (self.emaids or self.prefix or self.pcidPrefix)
        implied = Kind.CAR if self.pcids else None if by_issuer else Kind.CONTRACT
        return Selection(
            names=[*self.emaids, *self.pcids],
            kind=self.kind or implied,
            prefix=self.prefix,
            pcid_prefix=self.pcidPrefix,
            issuer=self.issuer.lower(),
        )


class CertificateBody(Body):
    """A certificate of the index."""

    name: str
    kind: Kind
    serial: str = Field(description="Hexadecimal.")
    issuer: str = Field(description="SHA-256 of the CA that issued it.")
    pcid: str | None
    validTo: datetime
    revokedAt: datetime | None
    reason: Reason | None

    @classmethod
    def of(cls, certificate: Certificate) -> "CertificateBody":
        """Describe a certificate."""
        return cls(
            name=certificate.name,
            kind=certificate.kind,
            serial=f"{certificate.serial:x}",
            issuer=certificate.issuer_fingerprint,
            pcid=certificate.pcid,
            validTo=certificate.not_after,
            revokedAt=certificate.revoked_at,
            reason=certificate.reason,
        )


class IndexAnswer(Body):
    """What the index says of a name."""

    certificates: list[CertificateBody]


def router(authority: CertificateAuthority) -> APIRouter:
    """Return the routes of this role but those of OPNC."""
    routes = APIRouter()
    routes.include_router(est.router(authority))
    routes.include_router(_revocation(authority))
    return routes


_REVOKING = Annotated[Party, allow(Scope.PKI_REVOKE)]


def opnc_router(authority: CertificateAuthority) -> APIRouter:
    """Return the routes as OPNC has them, below its prefix."""
    routes = APIRouter(prefix="/pki", tags=["OPNC PKI: certificate authority"])
    routes.include_router(est.opnc_router(authority))

    # OPNC's base has /pki already, and its path has it once more: clients go either way.
    @routes.post("/pki/revokeCertificate", include_in_schema=False)
    @routes.post(
        "/revokeCertificate",
        summary="Revoke a certificate",
        response_class=Response,
        responses=refusals(Code.UNKNOWN, Code.FORBIDDEN),
    )
    async def revoke(party: _REVOKING, body: RevokeRequest) -> Response:
        """Revoke one of the caller's own certificates. Repeating it changes nothing."""
        check_certificate(party, body.certificate)
        await authority.revoke(RevokeOrder(body.certificate, body.revocationReason))
        return Response()

    return routes


def _revocation(authority: CertificateAuthority) -> APIRouter:
    routes = APIRouter(prefix="/authority/v1", tags=["CA: revocation"])

    @routes.post(
        "/revocations",
        summary="Revoke many certificates",
        response_class=StreamingResponse,
        responses={
            200: {
                "description": "One JSON object a line, as it goes on: `done`, `total`, `revoked`, `alreadyRevoked`, "
                "`missing`, `unknown`, `finished`. A line with `error` ends a revocation that stopped.",
                "content": {NDJSON: {"schema": {"type": "string"}}},
            },
            **refusals(Code.FORBIDDEN),
        },
    )
    async def revoke_many(party: _REVOKING, body: BulkRequest) -> StreamingResponse:
        """Revoke up to 200,000 names, or everything that a prefix selects, in one call.

        What a line counts is durable. A call that broke off is simply repeated: it goes on where it stopped.
        """
        selection = confined(party, body.selection())
        if selection.empty:
            raise MarketError(
                Code.REQUEST, "nothing is selected: give emaids, pcids, prefix, pcidPrefix or issuer"
            )
        return StreamingResponse(_lines(authority, selection, body.reason), media_type=NDJSON)

    @routes.get("/certificates/{name}", summary="Look a certificate up", responses=refusals(Code.FORBIDDEN))
    async def find(
        party: _REVOKING,
        name: Annotated[str, Path(max_length=64, description="eMAID, PCID, SECCID or the name of a CA.")],
    ) -> IndexAnswer:
        """Return what was issued under a common name, and whether it is revoked."""
        check_name(party, name)
        return IndexAnswer(certificates=[CertificateBody.of(each) for each in await authority.find(name)])

    return routes


def status_router(authority: CertificateAuthority) -> APIRouter:
    """Return the routes for everybody. Asked far more often than all others, so they are to be found first."""
    routes = APIRouter(tags=["CA: revocation lists and OCSP"])
    answered: dict[int | str, dict[str, Any]] = {
        200: {"description": "An OCSP answer, or OCSP's own refusal.", "content": {OCSP_RESPONSE: {}}},
        **refusals(),
    }

    @routes.get(
        "/crl/{issuer}.crl",
        summary="Get the revocation list of a CA",
        response_class=Response,
        responses={200: {"description": "The list, DER.", "content": {CRL: {}}}, **refusals(Code.UNKNOWN)},
    )
    async def crl(
        issuer: Annotated[
            str, Path(pattern="^[0-9a-fA-F]{64}$", description="SHA-256 of the CA's certificate.")
        ],
    ) -> Response:
        """Return the current list; it is made anew when something was revoked since the last one."""
        found = await authority.crl(issuer)
        headers = {"Expires": format_datetime(found.next_update, usegmt=True), "ETag": f'"{found.number}"'}
        return Response(found.document, media_type=CRL, headers=headers)

    @routes.post(
        "/ocsp",
        summary="Ask whether certificates are revoked",
        response_class=Response,
        responses=answered,
        openapi_extra={"requestBody": {"required": True, "content": {OCSP_REQUEST: {}}}},
    )
    async def ask(request: Request) -> Response:
        """Answer a request of RFC 6960; bytes that are none get ``malformedRequest``."""
        return _ocsp(await authority.ocsp(await request.body()), cached=False)

    @routes.get(
        "/ocsp/{question:path}",
        summary="Ask whether certificates are revoked, so that the answer can be cached",
        response_class=Response,
        responses=answered,
    )
    async def ask_by_url(question: str) -> Response:
        """Answer a request that stands in the URL, in base64 [RFC 6960 A.1]."""
        return _ocsp(await authority.ocsp(_from_url(question)), cached=True)

    return routes


def quick_doors(authority: CertificateAuthority) -> Mapping[tuple[str, str], Handler]:
    """Return the short way of ``POST /ocsp``: every charger of an operator asks, for every car."""

    async def ask(_scope: Mapping[str, Any], question: bytes) -> QuickAnswer:
        answer = await authority.ocsp(question)
        return QuickAnswer(answer.document, OCSP_RESPONSE, _NOT_CACHED)

    return {("POST", "/ocsp"): ask}


async def _lines(
    authority: CertificateAuthority, selection: Selection, reason: Reason
) -> AsyncIterator[bytes]:
    async with aclosing(authority.revoke_many(selection, reason)) as steps:
        try:
            async for progress in steps:
                yield _line(_progress(progress))
        except MarketError as error:  # the answer has begun: its status can say nothing any more
            yield _line({"error": str(error)})


def _progress(progress: Progress) -> dict[str, Any]:
    return {
        "done": progress.done,
        "total": progress.total,
        "revoked": progress.revoked,
        "alreadyRevoked": progress.already_revoked,
        "missing": progress.missing,
        "unknown": list(progress.unknown),
        "finished": progress.finished,
    }


def _line(facts: dict[str, Any]) -> bytes:
    return json.dumps(facts).encode() + b"\n"


def _from_url(question: str) -> bytes:
    """Return the request in a URL; what cannot be read becomes an empty one, which is malformed."""
    if len(question) > _MAX_QUESTION:
        return b""
    # Some clients leave plus signs to be read as blanks, or the padding away.
    text = question.replace(" ", "+").rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _ocsp(answer: OcspAnswer, *, cached: bool) -> Response:
    """Return an OCSP answer over HTTP, with how long a cache may keep it [RFC 5019 6.2]."""
    headers = _NOT_CACHED
    if cached and answer.until is not None and answer.produced_at is not None:
        age = int((answer.until - answer.produced_at).total_seconds()) // 4
        headers = {
            "Cache-Control": f"max-age={age}, public, no-transform, must-revalidate",
            "Last-Modified": format_datetime(answer.produced_at, usegmt=True),
            "Expires": format_datetime(answer.until, usegmt=True),
        }
    return Response(answer.document, media_type=OCSP_RESPONSE, headers=headers)
