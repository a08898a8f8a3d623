"""OPNC's door of the root certificate pool."""

# ruff: noqa: N815 - fields are spelled as on the wire

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BeforeValidator, Field, model_validator

from backend_stub.access import Party, Scope, allow
from backend_stub.certificates import subject_key_id
from backend_stub.errors import Code
from backend_stub.opnc.fields import check_caps
from backend_stub.rcp.interface import Root, RootCertificatePool, RootType
from backend_stub.rcp.routes import find_root
from backend_stub.web.answers import refusals
from backend_stub.web.fields import Body, CertificateField
from pki.names import common_name


class PkiType(StrEnum):
    """The branches as OPNC's query names them; ``mo`` is what its text says."""

    EMSP = "emsp"
    V2G = "v2g"
    OEM = "oem"
    PE = "pe"


class WireRootType(StrEnum):
    """The branches as they stand in a root."""

    EMSP = "eMSP"
    V2G = "V2G"
    OEM = "OEM"


_BRANCHES: Mapping[str, RootType] = MappingProxyType(
    {"emsp": RootType.MO, "v2g": RootType.V2G, "oem": RootType.OEM}
)
_NAMES: Mapping[RootType, WireRootType] = MappingProxyType(
    {RootType.MO: WireRootType.EMSP, RootType.V2G: WireRootType.V2G, RootType.OEM: WireRootType.OEM}
)


def _pki_type(value: object) -> object:
    """Take any case, and ``mo`` for ``emsp``."""
    if not isinstance(value, str):
        return value
    lower = value.lower()
    return "emsp" if lower == "mo" else lower


def _wire_type(value: object) -> object:
    lower = _pki_type(value)
    return {"emsp": "eMSP", "v2g": "V2G", "oem": "OEM"}.get(lower, value) if isinstance(lower, str) else value


_AnyWireType = Annotated[WireRootType, BeforeValidator(_wire_type)]


class RootCertificate(Body):
    """A trust anchor. The schema asks for ``rootType`` but describes ``rootTypeList``: both are given."""

    rootCertificateId: UUID
    distinguishedName: str
    rootCtlList: list[str] = Field(description="Trust lists that recognise it: none, this is a laboratory.")
    rootTypeList: list[WireRootType]
    rootType: WireRootType
    caCertificate: CertificateField
    commonName: str
    rootAuthorityKeyIdentifier: str = Field(description="Hex with `:` between the bytes.")
    rootIssuerSerialNumber: str
    validFrom: datetime
    validTo: datetime
    fingerprint: str = Field(description="SHA-256 of the certificate, hex.")

    @classmethod
    def of(cls, root: Root) -> "RootCertificate":
        """Describe ``root``."""
        certificate = root.certificate
        return cls(
            rootCertificateId=root.id,
            distinguishedName=certificate.subject.rfc4514_string(),
            rootCtlList=["No CTL"],
            rootTypeList=[_NAMES[root.root_type]],
            rootType=_NAMES[root.root_type],
            caCertificate=certificate,
            commonName=common_name(certificate),
            rootAuthorityKeyIdentifier=subject_key_id(certificate).hex(":"),
            rootIssuerSerialNumber=f"{certificate.serial_number:x}",
            validFrom=certificate.not_valid_before_utc,
            validTo=certificate.not_valid_after_utc,
            fingerprint=root.fingerprint,
        )


class RootCollection(Body):
    """All roots that the query selects."""

    rootCertificateCollection: list[RootCertificate]


class RootAnswer(Body):
    """One root, under the name that the schema misspells and under the one that clients expect."""

    roootCertificate: RootCertificate
    rootCertificate: RootCertificate | None = Field(
        default=None, description="The same; missing where the schemas are taken to the letter."
    )


class NewRoot(Body):
    """A trust anchor to be taken in: plain, or wrapped as ``rootCertificate`` or ``roootCertificate``."""

    caCertificate: CertificateField
    rootType: _AnyWireType | None = None
    rootTypeList: list[_AnyWireType] = Field(default=[], max_length=4)

    @model_validator(mode="before")
    @classmethod
    def _unwrap(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            for name in ("roootCertificate", "rootCertificate"):
                if name in value and "caCertificate" not in value:
                    return value[name]
        return value

    @model_validator(mode="after")
    def _named(self) -> "NewRoot":
        if not self.branches:
            raise ValueError("rootType or rootTypeList is needed")
        return self

    @property
    def branches(self) -> list[RootType]:
        """What it is to anchor."""
        named = [*self.rootTypeList, *([self.rootType] if self.rootType else [])]
        return list(dict.fromkeys(_BRANCHES[name.lower()] for name in named))


def router(pool: RootCertificatePool, *, strict: bool) -> APIRouter:
    """Return the routes of this role."""
    routes = APIRouter(prefix="/rcp", tags=["OPNC RCP: root certificate pool"])

    @routes.get("/rootcertificates", summary="List the trust anchors", responses=refusals())
    async def list_roots(
        _party: Annotated[Party, allow(Scope.RCP_READ)],
        pki_type: Annotated[
            PkiType | None,
            BeforeValidator(_pki_type),
            Query(alias="pkiType", description="Only the roots of this branch; `mo` is taken for `emsp`."),
        ] = None,
    ) -> RootCollection:
        """Return the roots of one branch, or of all. There are none of branch `pe`."""
        if pki_type is PkiType.PE:
            return RootCollection(rootCertificateCollection=[])
        roots = await pool.roots(None if pki_type is None else _BRANCHES[pki_type])
        return RootCollection(rootCertificateCollection=[RootCertificate.of(root) for root in roots])

    @routes.put(
        "/rootcertificates",
        summary="Take a trust anchor in",
        responses=refusals(Code.CHAIN, Code.CHAIN_EXPIRED),
        response_model_exclude_none=True,
    )
    async def put_root(body: NewRoot, _party: Annotated[Party, allow(Scope.RCP_WRITE)]) -> RootAnswer:
        """Believe a root from now on. For whoever runs the market; repeating it changes nothing."""
        check_caps([body.caCertificate], strict=strict)
        for branch in body.branches:
            root = await pool.add(branch, body.caCertificate)
        return _answer(root)

    @routes.get(
        "/rootcertificates/{rootCertificateId}",
        summary="Get one trust anchor",
        responses=refusals(Code.UNKNOWN),
        response_model_exclude_none=True,
    )
    async def get_root(
        rootCertificateId: UUID,  # noqa: N803 - as on the wire
        _party: Annotated[Party, allow(Scope.RCP_READ)],
    ) -> RootAnswer:
        """Return the root with this id."""
        return _answer(await find_root(pool, rootCertificateId))

    @routes.delete(
        "/rootcertificates/{rootCertificateId}",
        summary="Withdraw a trust anchor",
        response_class=Response,
        responses=refusals(Code.UNKNOWN),
    )
    async def delete_root(
        rootCertificateId: UUID,  # noqa: N803 - as on the wire
        _party: Annotated[Party, allow(Scope.RCP_WRITE)],
    ) -> Response:
        """Believe a root no more. For whoever runs the market; its own roots are back with its next start."""
        await pool.remove(rootCertificateId)
        return Response()

    def _answer(root: Root) -> RootAnswer:
        described = RootCertificate.of(root)
        return RootAnswer(roootCertificate=described, rootCertificate=None if strict else described)

    return routes
