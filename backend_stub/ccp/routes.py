"""OPCP's HTTP door of the contract certificate pool, and with it the charger's."""

# ruff: noqa: N815 - fields are spelled as on the wire

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Response, status
from pydantic import Field

import exi
from backend_stub.ccp.interface import Contract, ContractPool, SignedBundle
from backend_stub.errors import Code, MarketError
from backend_stub.rcp.interface import RootCertificatePool, RootType
from backend_stub.web.answers import refusals
from backend_stub.web.fields import (
    Base64Bytes,
    Body,
    CertificateField,
    EmaidField,
    FingerprintField,
    Iso2Namespace,
    PcidField,
    XmlField,
)
from v2g.messages import iso2
from v2g.messages.iso2 import NAMESPACE

_EmaidPath = Annotated[EmaidField, Path(description="The contract.")]
_PcidPath = Annotated[PcidField, Path(description="The car's provisioning certificate identifier.")]
_NamespaceQuery = Annotated[Iso2Namespace, Query(alias="xsdMsgDefNamespace")]


class InstallationQuestion(Body):
    """What a charger passes on for a car."""

    certificateInstallationReq: Base64Bytes = Field(
        description="EXI of the whole V2G_Message with the car's CertificateInstallationReq and its signature."
    )
    xsdMsgDefNamespace: Iso2Namespace
    metadata: Any = Field(default=None, description="Anything; not looked at.")


class MessageDefinition(Body):
    """One contract for the car."""

    certificateInstallationRes: Base64Bytes = Field(
        description="EXI of the whole V2G_Message with the CertificateInstallationRes; its SessionID is the request's."
    )
    emaid: str
    metaData: str = ""
    cpsV2GRootCertificateFingerprint: str = Field(
        description="SHA-256 of the V2G root that the bundle is signed under, hex."
    )


class EmaidContent(Body):
    """A list item as OPCP has it."""

    messageDef: MessageDefinition


class CcpResponse(Body):
    """For ISO 15118-2 always exactly one contract: the car's default."""

    emaidContent: list[EmaidContent]


class InstallationAnswer(Body):
    """The answer to a charger."""

    CCPResponse: CcpResponse


class SignedContract(Body):
    """A signed bundle on its way into the pool."""

    signedContractDataXML: XmlField = Field(
        description="XML, in base64, of the V2G_Message with the signed CertificateInstallationRes."
    )
    emaid: EmaidField
    pcid: PcidField
    xsdMsgDefNamespace: Iso2Namespace
    metadata: Any = Field(default=None, description="Anything; not looked at.")
    cpsV2GRootCertificateFingerprint: FingerprintField | None = None


class ContractEntry(Body):
    """A contract in the pool, under one V2G root."""

    pcid: str
    emaid: str
    xsdMsgDefNamespace: str
    contractCertificate: CertificateField
    defaultContract: bool = Field(description="The contract that the car is given at a charger.")
    certValidFrom: datetime
    certValidTo: datetime
    cpsRootCertificateDN: str
    cpsV2GRootCertificateFingerprint: str


class ContractList(Body):
    """Contracts that a lookup found."""

    XMLContracts: list[ContractEntry]


def router(pool: ContractPool, roots: RootCertificatePool) -> APIRouter:
    """Return the routes of this role; ``roots`` gives the names of V2G roots in lookups."""
    routes = APIRouter(prefix="/v1/ccp", tags=["CCP: contract certificate pool"])

    @routes.post(
        "/signedContractData",
        summary="Get the contract for a car at a charger",
        responses=refusals(
            Code.NAMESPACE,
            Code.EXI,
            Code.MESSAGE,
            Code.SIGNATURE,
            Code.CHAIN,
            Code.CHAIN_EXPIRED,
            Code.REVOKED,
            Code.NO_CONTRACT,
            Code.DEADLINE,
        ),
    )
    async def answer(
        body: InstallationQuestion,
        deadline_ms: Annotated[
            int | None,
            Header(
                alias="X-Deadline-Ms",
                ge=0,
                le=3_600_000,
                description="Milliseconds that the caller has left; when they are over, the work is given up.",
            ),
        ] = None,
    ) -> InstallationAnswer:
        """Verify the car's signature and certificate chain, and return its default contract.

        The bundle is chosen by the V2G roots that the car lists in its request.
        """
        try:
            async with asyncio.timeout(None if deadline_ms is None else deadline_ms / 1000):
                found = await pool.answer(body.certificateInstallationReq)
        except TimeoutError:
            raise MarketError(Code.DEADLINE, f"not finished within {deadline_ms} ms") from None
        message = MessageDefinition(
            certificateInstallationRes=found.response,
            emaid=found.emaid,
            cpsV2GRootCertificateFingerprint=found.v2g_root_fingerprint,
        )
        return InstallationAnswer(CCPResponse=CcpResponse(emaidContent=[EmaidContent(messageDef=message)]))

    @routes.put(
        "/signedContractData",
        summary="Store a signed bundle",
        status_code=status.HTTP_201_CREATED,
        response_class=Response,
        responses=refusals(
            Code.NAMESPACE,
            Code.EXI,
            Code.MESSAGE,
            Code.SIGNATURE,
            Code.CHAIN,
            Code.CHAIN_EXPIRED,
            Code.UNKNOWN_PCID,
            Code.CONFLICT,
        ),
    )
    async def put(body: SignedContract) -> Response:
        """Take a bundle whose CPS signature verifies up to a known V2G root. Repeating it changes nothing."""
        try:
            document = exi.encode(body.signedContractDataXML, iso2.SCHEMA)
        except exi.ExiError as error:
            raise MarketError(Code.EXI, f"signedContractDataXML: {error}") from error
        await pool.put(
            SignedBundle(
                pcid=body.pcid,
                document=document,
                emaid=body.emaid,
                v2g_root_fingerprint=body.cpsV2GRootCertificateFingerprint,
            )
        )
        return Response(status_code=status.HTTP_201_CREATED)

    @routes.delete(
        "/signedContractData/{emaid}",
        summary="Remove a contract",
        response_class=Response,
        responses=refusals(Code.NO_CONTRACT),
    )
    async def delete(emaid: _EmaidPath) -> Response:
        """Remove a contract under all roots. If it was the default, the car has none until one is chosen."""
        await pool.delete(emaid)
        return Response()

    @routes.post(
        "/signedContractData/{pcid}/{emaid}/default",
        summary="Choose a car's default contract",
        response_class=Response,
        responses=refusals(Code.NO_CONTRACT),
    )
    async def set_default(pcid: _PcidPath, emaid: _EmaidPath) -> Response:
        """Make this contract the one that the car is given at a charger."""
        await pool.set_default(pcid, emaid)
        return Response()

    @routes.get(
        "/signedContractData/{pcid}", summary="List a car's contracts", responses=refusals(Code.NAMESPACE)
    )
    async def of_car(pcid: _PcidPath, _namespace: _NamespaceQuery = NAMESPACE) -> ContractList:
        """Return the contracts of a car, oldest first; an empty list when there are none."""
        return await _listed(await pool.of_car(pcid))

    @routes.get(
        "/lookupContract/{emaid}",
        summary="Look a contract up",
        responses=refusals(Code.NO_CONTRACT, Code.NAMESPACE),
    )
    async def lookup(emaid: _EmaidPath, _namespace: _NamespaceQuery = NAMESPACE) -> ContractList:
        """Return a contract, once for each V2G root it is signed under."""
        found = await pool.find(emaid)
        if not found:
            raise MarketError(Code.NO_CONTRACT, f"no contract {emaid}")
        return await _listed(found)

    async def _listed(contracts: Sequence[Contract]) -> ContractList:
        names = {
            root.fingerprint: root.certificate.subject.rfc4514_string()
            for root in await roots.roots(RootType.V2G)
        }
        return ContractList(XMLContracts=[_entry(contract, names) for contract in contracts])

    return routes


def _entry(contract: Contract, root_names: Mapping[str, str]) -> ContractEntry:
    return ContractEntry(
        pcid=contract.pcid,
        emaid=contract.emaid,
        xsdMsgDefNamespace=NAMESPACE,
        contractCertificate=contract.certificate,
        defaultContract=contract.is_default,
        certValidFrom=contract.certificate.not_valid_before_utc,
        certValidTo=contract.certificate.not_valid_after_utc,
        cpsRootCertificateDN=root_names.get(contract.v2g_root_fingerprint, ""),
        cpsV2GRootCertificateFingerprint=contract.v2g_root_fingerprint,
    )
