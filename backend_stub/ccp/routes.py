"""OPCP's HTTP door of the contract certificate pool, and with it the charger's."""

# ruff: noqa: N815 - fields are spelled as on the wire

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response, status
from pydantic import Field

import exi
from backend_stub.access import Party, Scope, allow
from backend_stub.ccp import asking
from backend_stub.ccp.asking import AlwaysReturnExi, Broadcast, DeadlineHeader
from backend_stub.ccp.ending import Revoker, SkipRevocation, end_contract
from backend_stub.ccp.interface import Collection, Contract, ContractPool, SignedBundle
from backend_stub.ccp.refusing import refusal_message
from backend_stub.ccp.update import Updates
from backend_stub.errors import Code, MarketError
from backend_stub.namespaces import edition
from backend_stub.rcp.interface import RootCertificatePool, RootType
from backend_stub.reading import edition_of_message, encode_message
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
    SessionIdField,
    XmlField,
    encode,
)
from v2g.messages.iso2 import NAMESPACE

EmaidPath = Annotated[EmaidField, Path(description="The contract.")]
PcidPath = Annotated[PcidField, Path(description="The car's provisioning certificate identifier.")]
NamespaceQuery = Annotated[
    NamespaceField,
    Query(alias="xsdMsgDefNamespace", description="The edition: its messages, or contracts of it."),
]
SessionIdQuery = Annotated[
    SessionIdField,
    Query(alias="sessionID", description="Hex; stands in the message's header. Without it: zeros."),
]
FingerprintQuery = Annotated[
    FingerprintField | None,
    Query(
        alias="cpsV2GRootCertificateFingerprint",
        description="SHA-256 of the V2G root that it must be signed under, hex.",
    ),
]


class InstallationQuestion(Body):
    """What a charger passes on for a car."""

    certificateInstallationReq: Base64Bytes = Field(
        description="EXI of the whole message (in -2 a V2G_Message) with the car's CertificateInstallationReq and its signature."
    )
    xsdMsgDefNamespace: NamespaceField
    metadata: Any = Field(default=None, description="Anything; not looked at.")


class MessageDefinition(Body):
    """One contract for the car."""

    certificateInstallationRes: Base64Bytes = Field(
        description="EXI of the whole message (in -2 a V2G_Message) with the CertificateInstallationRes; its SessionID is the request's."
    )
    emaid: str | None = None
    metaData: str = ""
    cpsV2GRootCertificateFingerprint: str | None = Field(
        default=None, description="SHA-256 of the V2G root that the bundle is signed under, hex."
    )


class EmaidContent(Body):
    """A list item as OPCP has it."""

    messageDef: MessageDefinition


class CcpResponse(Body):
    """For ISO 15118-2 always exactly one contract, the car's default; for -20 as many as the car can take."""

    emaidContent: list[EmaidContent]


class InstallationAnswer(Body):
    """The answer to a charger."""

    CCPResponse: CcpResponse

    @classmethod
    def of(cls, messages: Iterable[MessageDefinition]) -> "InstallationAnswer":
        """Wrap the contracts of an answer."""
        contents = [EmaidContent(messageDef=message) for message in messages]
        return cls(CCPResponse=CcpResponse(emaidContent=contents))


class InstallationRefusal(ErrorAnswer):
    """Why there is no contract; for the car as well, unless ``alwaysReturnEXI`` says no."""

    CCPResponse: CcpResponse | None = None


class CollectedContract(Body):
    """A signed bundle for delivery over the air."""

    certificateInstallationRes: Base64Bytes = Field(
        description="EXI of the whole message (in -2 a V2G_Message) with the CertificateInstallationRes."
    )
    xsdMsgDefNamespace: str
    emaid: str
    pcid: str
    cpsV2GRootCertificateFingerprint: str


class SignedContract(Body):
    """A signed bundle on its way into the pool."""

    signedContractDataXML: XmlField = Field(
        description="XML, in base64, of the message with the signed CertificateInstallationRes."
    )
    emaid: EmaidField
    pcid: PcidField
    xsdMsgDefNamespace: NamespaceField
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


def router(
    pool: ContractPool,
    roots: RootCertificatePool,
    revoker: Revoker | None,
    updates: Updates | None = None,
) -> APIRouter:
    """Return the routes of this role; ``roots`` gives the names of V2G roots in lookups.

    ``revoker`` revokes what is deleted; None: nothing is revoked here. ``updates`` answers CertificateUpdateReq;
    None: nobody does.
    """
    routes = APIRouter(prefix="/v1/ccp", tags=["CCP: contract certificate pool"])

    @routes.post(
        "/signedContractData",
        summary="Get the contract for a car at a charger",
        responses=refusals(*asking.REFUSALS, model=InstallationRefusal),
        response_model_exclude_none=True,
    )
    async def answer(
        body: InstallationQuestion,
        party: Annotated[Party, allow(Scope.CCP_ASK)],
        deadline_ms: DeadlineHeader = None,
        always_return_exi: AlwaysReturnExi = True,
        _broadcast: Broadcast = False,
    ) -> InstallationAnswer:
        """Verify the car's signature and certificate chain, and return its default contract.

        The bundle is chosen by the V2G roots that the car lists in its request. A car of ISO 15118-20 gets several, one
        to an entry: those that it prioritises, its default one, then the others, up to its maximum. A
        CertificateUpdateReq is answered with a CertificateUpdateRes: the contract's operator renews it for the key that
        signed the request.
        """
        asked = edition(body.xsdMsgDefNamespace)
        request = body.certificateInstallationReq
        try:
            found = await asking.ask(pool, party, request, asked, deadline_ms, updates)
        except MarketError as error:
            told = refusal_message(request, error.code, asked) if always_return_exi else None
            if told is None or error.code is Code.FORBIDDEN:
                raise
            # Written by hand: an answer that is no success is not passed through the model.
            entry = {"messageDef": {"certificateInstallationRes": encode(told)}}
            raise FullRefusalError(error, {"CCPResponse": {"emaidContent": [entry]}}) from error
        return InstallationAnswer.of(
            MessageDefinition(
                certificateInstallationRes=each.response,
                emaid=each.emaid,
                cpsV2GRootCertificateFingerprint=each.v2g_root_fingerprint,
            )
            for each in found
        )

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
    async def put(body: SignedContract, party: Annotated[Party, allow(Scope.CCP_WRITE)]) -> Response:
        """Take a bundle whose CPS signature verifies up to a known V2G root. Repeating it changes nothing."""
        party.check_contract(body.emaid)
        try:
            document = encode_message(body.signedContractDataXML)
        except exi.ExiError as error:
            raise MarketError(Code.EXI, f"signedContractDataXML: {error}") from error
        named = edition(body.xsdMsgDefNamespace)
        if edition_of_message(body.signedContractDataXML) is not named:
            raise MarketError(Code.MESSAGE, f"signedContractDataXML is no message of {named}")
        await pool.put(
            SignedBundle(
                pcid=body.pcid,
                document=document,
                emaid=body.emaid,
                v2g_root_fingerprint=body.cpsV2GRootCertificateFingerprint,
                edition=named,
            )
        )
        return Response(status_code=status.HTTP_201_CREATED)

    @routes.delete(
        "/signedContractData/{emaid}",
        summary="Remove a contract",
        response_class=Response,
        responses=refusals(Code.NO_CONTRACT),
    )
    async def delete(
        emaid: EmaidPath,
        party: Annotated[Party, allow(Scope.CCP_DELETE)],
        skip_revocation: SkipRevocation = False,
    ) -> Response:
        """Revoke a contract and remove it under all roots.

        If it was the default, the car has none until one is chosen.
        """
        party.check_contract(emaid)
        await end_contract(pool, revoker, emaid, skip_revocation=skip_revocation)
        return Response()

    @routes.post(
        "/signedContractData/{pcid}/{emaid}/default",
        summary="Choose a car's default contract",
        response_class=Response,
        responses=refusals(Code.NO_CONTRACT),
    )
    async def set_default(
        pcid: PcidPath, emaid: EmaidPath, party: Annotated[Party, allow(Scope.CCP_DEFAULT)]
    ) -> Response:
        """Make this contract the one that the car is given at a charger."""
        party.check_vehicle(pcid)
        await pool.set_default(pcid, emaid)
        return Response()

    @routes.get(
        "/signedContractData/{pcid}", summary="List a car's contracts", responses=refusals(Code.NAMESPACE)
    )
    async def of_car(
        pcid: PcidPath,
        party: Annotated[Party, allow(Scope.CCP_READ)],
        namespace: NamespaceQuery = NAMESPACE,
    ) -> ContractList:
        """Return the contracts of a car, oldest first; an empty list when there are none.

        A mobility operator sees its own among them, a car maker those of its own cars.
        """
        party.check_vehicle(pcid)
        found = [contract for contract in await pool.of_car(pcid) if party.owns_contract(contract.emaid)]
        return await _listed(found, namespace)

    @routes.get(
        "/lookupContract/{emaid}",
        summary="Look a contract up",
        responses=refusals(Code.NO_CONTRACT, Code.NAMESPACE),
    )
    async def lookup(
        emaid: EmaidPath,
        party: Annotated[Party, allow(Scope.CCP_READ)],
        namespace: NamespaceQuery = NAMESPACE,
        fingerprint: FingerprintQuery = None,
    ) -> ContractList:
        """Return a contract, once for each V2G root it is signed under, or under the given one only."""
        return await _listed(await looked_up(pool, party, emaid, namespace, fingerprint), namespace)

    @routes.get(
        "/provideSignedContractData/{emaid}/{pcid}",
        summary="Collect a contract for delivery over the air",
        responses=refusals(Code.NO_CONTRACT, Code.NAMESPACE),
    )
    async def provide(
        emaid: EmaidPath,
        pcid: PcidPath,
        party: Annotated[Party, allow(Scope.CCP_COLLECT)],
        session_id: SessionIdQuery = NO_SESSION,
        namespace: NamespaceQuery = NAMESPACE,
        fingerprint: FingerprintQuery = None,
    ) -> CollectedContract:
        """Return the signed bundle of any contract of a car, default or not, for the car's maker."""
        party.check_vehicle(pcid)
        found = await pool.collect(Collection(emaid, pcid, session_id, fingerprint, edition(namespace)))
        return CollectedContract(
            certificateInstallationRes=found.response,
            xsdMsgDefNamespace=namespace,
            emaid=found.emaid,
            pcid=pcid,
            cpsV2GRootCertificateFingerprint=found.v2g_root_fingerprint,
        )

    async def _listed(contracts: Sequence[Contract], namespace: str) -> ContractList:
        names = await v2g_root_names(roots)
        return ContractList(
            XMLContracts=[
                _entry(contract, names, namespace)
                for contract in contracts
                if contract.edition is edition(namespace)
            ]
        )

    return routes


async def looked_up(
    pool: ContractPool, party: Party, emaid: str, namespace: str, fingerprint: str | None
) -> Sequence[Contract]:
    """Return a contract for a party that may see it.

    Raises MarketError: FORBIDDEN for another's contract, NO_CONTRACT when it is not here, or not like this. A
    car maker sees the contracts of its own cars; that another's exists at all it does not learn.
    """
    party.check_contract(emaid)
    found = [
        contract
        for contract in await pool.find(emaid)
        if party.owns_vehicle(contract.pcid)
        and fingerprint in {None, contract.v2g_root_fingerprint}
        and contract.edition is edition(namespace)
    ]
    if not found:
        raise MarketError(Code.NO_CONTRACT, f"no contract {emaid}")
    return found


async def v2g_root_names(roots: RootCertificatePool) -> Mapping[str, str]:
    """Return the distinguished names of the V2G roots by fingerprint."""
    return {
        root.fingerprint: root.certificate.subject.rfc4514_string()
        for root in await roots.roots(RootType.V2G)
    }


def _entry(contract: Contract, root_names: Mapping[str, str], namespace: str) -> ContractEntry:
    return ContractEntry(
        pcid=contract.pcid,
        emaid=contract.emaid,
        xsdMsgDefNamespace=namespace,
        contractCertificate=contract.certificate,
        defaultContract=contract.is_default,
        certValidFrom=contract.certificate.not_valid_before_utc,
        certValidTo=contract.certificate.not_valid_after_utc,
        cpsRootCertificateDN=root_names.get(contract.v2g_root_fingerprint, ""),
        cpsV2GRootCertificateFingerprint=contract.v2g_root_fingerprint,
    )
