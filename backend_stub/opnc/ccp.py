"""OPNC's door of the contract certificate pool."""

# ruff: noqa: N815 - fields are spelled as on the wire

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Response, status
from pydantic import Field

from backend_stub.access import Party, Scope, allow
from backend_stub.ccp import asking
from backend_stub.ccp.asking import AlwaysReturnExi, Broadcast, DeadlineHeader
from backend_stub.ccp.ending import Revoker, SkipRevocation, end_contract
from backend_stub.ccp.interface import Collection, Contract, ContractPool, Installation, SignedBundle
from backend_stub.ccp.refusing import PLACEHOLDER_EMAID, refusal_message
from backend_stub.ccp.routes import (
    EmaidPath,
    FingerprintQuery,
    InstallationQuestion,
    NamespaceQuery,
    PcidPath,
    SessionIdQuery,
    looked_up,
    v2g_root_names,
)
from backend_stub.errors import Code, MarketError
from backend_stub.namespaces import edition
from backend_stub.rcp.interface import RootCertificatePool
from backend_stub.reading import read_request
from backend_stub.web.answers import ErrorAnswer, FullRefusalError, refusals
from backend_stub.web.fields import (
    NO_SESSION,
    Base64Bytes,
    Body,
    CertificateField,
    EmaidField,
    FingerprintField,
    NamespaceField,
    PcidField,
    encode,
)
from v2g.messages.iso2 import NAMESPACE


class SignedContractData(Body):
    """A signed bundle."""

    certificateInstallationRes: Base64Bytes = Field(
        description="EXI of the whole message (in -2 a V2G_Message) with the CertificateInstallationRes."
    )
    emaid: EmaidField
    pcid: PcidField
    xsdMsgDefNamespace: NamespaceField = NAMESPACE
    metaData: Any = ""
    cpsV2GRootCertificateFingerprint: FingerprintField | None = None
    cpsRootDistinguishedName: str | None = None


class SignedContractDataCollection(Body):
    """For ISO 15118-2 exactly one bundle, so that a client may read the first or the last; for -20 one or more."""

    signedContractDataCollection: list[SignedContractData]


class RefusedContractData(Body):
    """A response that tells the car why it gets nothing; the eMAID is a placeholder."""

    certificateInstallationRes: str
    emaid: str
    pcid: str
    xsdMsgDefNamespace: str


class CollectionRefusal(ErrorAnswer):
    """Why there is no contract; for the car as well, unless ``alwaysReturnEXI`` says no."""

    signedContractDataCollection: list[RefusedContractData] | None = None


class ContractData(Body):
    """A contract in the pool, under one V2G root."""

    pcid: str
    emaid: str
    xsdMsgDefNamespace: str
    contractCertificate: CertificateField
    defaultContract: bool
    certValidFrom: datetime
    certValidTo: datetime
    cpsV2GRootDistinguishedName: str
    cpsV2GRootCertificateFingerprint: str


class ContractDataCollection(Body):
    """Contracts that a lookup found."""

    contractDataCollection: list[ContractData]


def router(pool: ContractPool, roots: RootCertificatePool, revoker: Revoker | None) -> APIRouter:
    """Return the routes of this role."""
    routes = APIRouter(prefix="/ccp", tags=["OPNC CCP: contract certificate pool"])

    @routes.post(
        "/signedcontractdata",
        summary="Get the contract for a car at a charger",
        responses=refusals(*asking.REFUSALS, model=CollectionRefusal),
    )
    async def answer(
        body: InstallationQuestion,
        party: Annotated[Party, allow(Scope.CCP_ASK)],
        deadline_ms: DeadlineHeader = None,
        always_return_exi: AlwaysReturnExi = True,
        _broadcast: Broadcast = False,
    ) -> SignedContractDataCollection:
        """Verify the car's signature and certificate chain, and return its default contract."""
        asked = edition(body.xsdMsgDefNamespace)
        request = body.certificateInstallationReq
        try:
            found = await asking.ask(pool, party, request, asked, deadline_ms)
        except MarketError as error:
            told = refusal_message(request, error.code, asked) if always_return_exi else None
            if told is None or error.code is Code.FORBIDDEN:
                raise
            entry = {
                "certificateInstallationRes": encode(told),
                "emaid": PLACEHOLDER_EMAID,
                "pcid": read_request(request, asked).pcid,
                "xsdMsgDefNamespace": body.xsdMsgDefNamespace,
            }
            raise FullRefusalError(error, {"signedContractDataCollection": [entry]}) from error
        return await _collection(found, read_request(request, asked).pcid, body.xsdMsgDefNamespace)

    @routes.put(
        "/signedcontractdata",
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
    async def put(body: SignedContractData, party: Annotated[Party, allow(Scope.CCP_WRITE)]) -> Response:
        """Take a bundle whose CPS signature verifies up to a known V2G root. Repeating it changes nothing."""
        party.check_contract(body.emaid)
        await pool.put(
            SignedBundle(
                pcid=body.pcid,
                document=body.certificateInstallationRes,
                emaid=body.emaid,
                v2g_root_fingerprint=body.cpsV2GRootCertificateFingerprint,
                edition=edition(body.xsdMsgDefNamespace),
            )
        )
        return Response(status_code=status.HTTP_201_CREATED)

    @routes.delete(
        "/signedcontractdata/{emaid}",
        summary="Remove a contract",
        response_class=Response,
        responses=refusals(Code.NO_CONTRACT),
    )
    async def delete(
        emaid: EmaidPath,
        party: Annotated[Party, allow(Scope.CCP_DELETE)],
        skip_revocation: SkipRevocation = False,
    ) -> Response:
        """Revoke a contract and remove it under all roots."""
        party.check_contract(emaid)
        await end_contract(pool, revoker, emaid, skip_revocation=skip_revocation)
        return Response()

    @routes.get(
        "/signedcontractdata/{emaid}/{pcid}",
        summary="Collect a contract for delivery over the air",
        responses=refusals(Code.NO_CONTRACT, Code.NAMESPACE),
    )
    async def collect(
        emaid: EmaidPath,
        pcid: PcidPath,
        party: Annotated[Party, allow(Scope.CCP_COLLECT)],
        session_id: SessionIdQuery = NO_SESSION,
        namespace: NamespaceQuery = NAMESPACE,
        fingerprint: FingerprintQuery = None,
    ) -> SignedContractDataCollection:
        """Return the signed bundle of any contract of a car, default or not, for the car's maker."""
        party.check_vehicle(pcid)
        found = await pool.collect(Collection(emaid, pcid, session_id, fingerprint, edition(namespace)))
        return await _collection([found], pcid, namespace)

    @routes.post(
        "/signedcontractdata/{emaid}/{pcid}/setdefault",
        summary="Choose a car's default contract",
        response_class=Response,
        responses=refusals(Code.NO_CONTRACT),
    )
    async def set_default(
        emaid: EmaidPath, pcid: PcidPath, party: Annotated[Party, allow(Scope.CCP_DEFAULT)]
    ) -> Response:
        """Make this contract the one that the car is given at a charger."""
        party.check_vehicle(pcid)
        await pool.set_default(pcid, emaid)
        return Response()

    @routes.get(
        "/contractData/emaid/{emaid}",
        summary="Look a contract up",
        responses=refusals(Code.NO_CONTRACT, Code.NAMESPACE),
    )
    async def by_emaid(
        emaid: EmaidPath,
        party: Annotated[Party, allow(Scope.CCP_READ)],
        namespace: NamespaceQuery = NAMESPACE,
        fingerprint: FingerprintQuery = None,
    ) -> ContractDataCollection:
        """Return a contract, once for each V2G root it is signed under, or under the given one only."""
        found = await looked_up(pool, party, emaid, namespace, fingerprint)
        names = await v2g_root_names(roots)
        return ContractDataCollection(
            contractDataCollection=[_entry(contract, names, namespace) for contract in found]
        )

    @routes.get(
        "/contractData/pcid/{pcid}", summary="List a car's contracts", responses=refusals(Code.NAMESPACE)
    )
    async def by_pcid(
        pcid: PcidPath,
        party: Annotated[Party, allow(Scope.CCP_READ)],
        namespace: NamespaceQuery = NAMESPACE,
    ) -> ContractDataCollection:
        """Return the contracts of a car that the caller may see, oldest first; an empty list when there are none."""
        party.check_vehicle(pcid)
        names = await v2g_root_names(roots)
        asked = edition(namespace)
        return ContractDataCollection(
            contractDataCollection=[
                _entry(contract, names, namespace)
                for contract in await pool.of_car(pcid)
                if contract.edition is asked and party.owns_contract(contract.emaid)
            ]
        )

    async def _collection(
        found: Sequence[Installation], pcid: str, namespace: str
    ) -> SignedContractDataCollection:
        names = await v2g_root_names(roots)
        data = [
            SignedContractData(
                certificateInstallationRes=each.response,
                emaid=each.emaid,
                pcid=pcid,
                xsdMsgDefNamespace=namespace,
                cpsV2GRootCertificateFingerprint=each.v2g_root_fingerprint,
                cpsRootDistinguishedName=names.get(each.v2g_root_fingerprint),
            )
            for each in found
        ]
        return SignedContractDataCollection(signedContractDataCollection=data)

    return routes


def _entry(contract: Contract, root_names: Mapping[str, str], namespace: str) -> ContractData:
    return ContractData(
        pcid=contract.pcid,
        emaid=contract.emaid,
        xsdMsgDefNamespace=namespace,
        contractCertificate=contract.certificate,
        defaultContract=contract.is_default,
        certValidFrom=contract.certificate.not_valid_before_utc,
        certValidTo=contract.certificate.not_valid_after_utc,
        cpsV2GRootDistinguishedName=root_names.get(contract.v2g_root_fingerprint, ""),
        cpsV2GRootCertificateFingerprint=contract.v2g_root_fingerprint,
    )
