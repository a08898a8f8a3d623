"""OPCP's HTTP door of the certificate provisioning service."""

# ruff: noqa: N815 - fields are spelled as on the wire

from datetime import datetime
from typing import Annotated, Any

from cryptography import x509
from cryptography.x509.oid import NameOID
from fastapi import APIRouter, Response, status
from pydantic import AwareDatetime, Field

from backend_stub.access import Party, Scope, allow
from backend_stub.certificates import chain_refusal
from backend_stub.cps.generation import ContractGenerator, ContractOrder
from backend_stub.cps.interface import (
    ContractData,
    ProvisioningService,
    SignedContract,
    Signer,
    SignOrder,
)
from backend_stub.errors import Code, MarketError
from backend_stub.namespaces import edition, spelling
from backend_stub.web.answers import refusals
from backend_stub.web.fields import (
    Base64Bytes,
    Body,
    CertificateField,
    EmaidField,
    FingerprintField,
    NamespaceField,
    PcidField,
    XmlField,
)
from pki.errors import CertificateError
from pki.names import common_name, fingerprint_sha256
from v2g.identifiers import Emaid, IdentifierError
from v2g.messages.iso2 import NAMESPACE


class ContractDataBody(Body):
    """A contract and its sealed key."""

    contractCertificate: CertificateField
    contractSubCa2Certificate: CertificateField | None = None
    contractSubCa1Certificate: CertificateField
    contractSignatureEncryptedPrivateKey: Base64Bytes = Field(
        description="48 bytes; in -20 94 (P-521) or 84 (X448)."
    )
    dHpublickey: Base64Bytes = Field(
        description="65 bytes: an uncompressed point of secp256r1; in -20 133 bytes."
    )


class SignRequest(Body):
    """What a mobility operator wants signed."""

    contractData: ContractDataBody
    pcid: PcidField | None = Field(
        default=None, description="The car: given, the bundle is stored in the CCP as well."
    )
    xsdMsgDefNamespace: NamespaceField
    cpsV2GRootCertificateFingerprint: FingerprintField | None = Field(
        default=None,
        description="Sign under this V2G root; without it, under one that the car is known to hold.",
    )


class CreateContractData(Body):
    """A contract and its sealed key, in the words of ISO 15118-2."""

    class Chain(Body):
        """The contract's chain without the root."""

        contractSignatureCertChainCertificate: CertificateField
        contractSignatureCertChainSubCertificates: list[CertificateField] = Field(
            min_length=1, max_length=2, description="The one that issued the contract's first."
        )

    contractSignatureCertChain: Chain
    contractSignatureEncryptedPrivateKey: Base64Bytes = Field(
        description="48 bytes; in -20 94 (P-521) or 84 (X448)."
    )
    dHpublickey: Base64Bytes = Field(
        description="65 bytes: an uncompressed point of secp256r1; in -20 133 bytes."
    )
    emaid: EmaidField


class CreateRequest(Body):
    """What a mobility operator with a PKI of its own wants signed."""

    contractData: CreateContractData
    pcid: PcidField
    emaid: EmaidField
    xsdMsgDefNamespace: NamespaceField = NAMESPACE
    metaData: Any = Field(default=None, description="Anything; not looked at.")
    cpsV2GRootCertificateFingerprint: FingerprintField | None = None

    def order(self, *, store: bool) -> SignOrder:
        """Return what to sign; with ``store``, for the CCP."""
        data = self.contractData
        chain = data.contractSignatureCertChain
        *sub_ca2, sub_ca1 = chain.contractSignatureCertChainSubCertificates
        return SignOrder(
            data=ContractData(
                certificate=chain.contractSignatureCertChainCertificate,
                sub_ca1=sub_ca1,
                sub_ca2=sub_ca2[0] if sub_ca2 else None,
                encrypted_private_key=data.contractSignatureEncryptedPrivateKey,
                dh_public_key=data.dHpublickey,
            ),
            pcid=self.pcid if store else None,
            v2g_root_fingerprint=self.cpsV2GRootCertificateFingerprint,
        )

    def check(self) -> None:
        """Raise MarketError(MESSAGE) unless the places that name the contract agree, and the namespace with its key."""
        named = contract_name(
            self.contractData.contractSignatureCertChain.contractSignatureCertChainCertificate
        )
        if not self.emaid == self.contractData.emaid == named:
            raise MarketError(Code.MESSAGE, f"emaid {self.emaid}, but the certificate names {named}")
        check_edition(self.order(store=False).data, self.xsdMsgDefNamespace)


class GenerateRequest(Body):
    """What a mobility operator without a PKI of its own wants made."""

    contractBegins: AwareDatetime
    contractEnds: AwareDatetime
    emaid: EmaidField
    pcid: PcidField
    xsdMsgDefNamespace: NamespaceField
    subscriptionUrl: str | None = Field(default=None, max_length=2048, description="Not looked at.")
    cpsV2GRootCertificateFingerprint: FingerprintField | None = None
    metaData: Any = Field(default=None, description="Anything; not looked at.")

    def order(self) -> ContractOrder:
        """Return what to make."""
        return ContractOrder(
            emaid=self.emaid,
            pcid=self.pcid,
            begins=self.contractBegins,
            ends=self.contractEnds,
            v2g_root_fingerprint=self.cpsV2GRootCertificateFingerprint,
            edition=edition(self.xsdMsgDefNamespace),
        )


class SignAnswer(Body):
    """A signed bundle."""

    pcid: str | None
    emaid: str
    xsdMsgDefNamespace: str
    signedData: XmlField = Field(
        description="XML, in base64, of the message with the signed CertificateInstallationRes."
    )
    cpsV2GRootCertificateFingerprint: str
    cpsRootDistinguishedName: str

    @classmethod
    def of(cls, signed: SignedContract, pcid: str | None, namespace: str) -> "SignAnswer":
        """Describe what was signed."""
        return cls(
            pcid=pcid,
            emaid=signed.emaid,
            xsdMsgDefNamespace=namespace,
            signedData=signed.message,
            cpsV2GRootCertificateFingerprint=fingerprint_sha256(signed.v2g_root),
            cpsRootDistinguishedName=signed.v2g_root.subject.rfc4514_string(),
        )


class SignerEntry(Body):
    """A signing certificate of this service."""

    cpsDistinguishedName: str
    cpsCertificate: CertificateField
    cpsSubCa2Certificate: CertificateField | None
    cpsSubCa1Certificate: CertificateField | None
    validFrom: datetime
    validTo: datetime
    organizationName: str
    cpsV2GRootCertificateFingerprint: str
    cpsRootDistinguishedName: str
    xsdMsgDefNamespace: str

    @classmethod
    def of(cls, signer: Signer) -> "SignerEntry":
        """Describe a signer."""
        leaf, *sub_cas = signer.chain
        return cls(
            cpsDistinguishedName=leaf.subject.rfc4514_string(),
            cpsCertificate=leaf,
            cpsSubCa2Certificate=sub_cas[0] if len(sub_cas) > 1 else None,
            cpsSubCa1Certificate=sub_cas[-1] if sub_cas else None,
            validFrom=leaf.not_valid_before_utc,
            validTo=leaf.not_valid_after_utc,
            organizationName=organization_of(leaf),
            cpsV2GRootCertificateFingerprint=fingerprint_sha256(signer.v2g_root),
            cpsRootDistinguishedName=signer.v2g_root.subject.rfc4514_string(),
            xsdMsgDefNamespace=spelling(signer.edition),
        )


class SignerList(Body):
    """All signing certificates."""

    cpsCertificates: list[SignerEntry]


def organization_of(certificate: x509.Certificate) -> str:
    """Return the organisation in the subject, empty when none is named."""
    values = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return str(values[0].value) if values else ""


def contract_name(certificate: x509.Certificate) -> str:
    """Return the eMAID that a contract certificate names; raises MarketError(CHAIN) when it names none."""
    try:
        return Emaid.normalise(common_name(certificate))
    except CertificateError as error:
        raise chain_refusal(error, "contract certificate") from error
    except IdentifierError as error:
        raise MarketError(Code.CHAIN, f"contract certificate: common name: {error}") from error


def check_edition(data: ContractData, namespace: str) -> None:
    """Raise MarketError(MESSAGE) unless a contract's key is of the edition that the caller names."""
    if data.edition is not (named := edition(namespace)):
        raise MarketError(Code.MESSAGE, f"a contract of {data.edition}, but xsdMsgDefNamespace says {named}")


SIGN_REFUSALS = (
    Code.NAMESPACE,
    Code.MESSAGE,
    Code.CHAIN,
    Code.CHAIN_EXPIRED,
    Code.UNKNOWN_PCID,
    Code.CONFLICT,
    Code.NO_SIGNER,
)
"""What the calls that sign may refuse with."""


def router(service: ProvisioningService, generator: ContractGenerator | None) -> APIRouter:
    """Return the routes of this role; ``generator`` None: no contracts are made here, only signed."""
    routes = APIRouter(tags=["CPS: certificate provisioning service"])

    @routes.put(
        "/v1/cps/contractData/signed",
        summary="Sign a contract, and store it for a car",
        status_code=status.HTTP_201_CREATED,
        responses=refusals(*SIGN_REFUSALS),
    )
    async def sign(body: SignRequest, party: Annotated[Party, allow(Scope.CPS_SIGN)]) -> SignAnswer:
        """Check the contract's chain against the MO roots, sign it, and store it in the CCP for a known car."""
        data = body.contractData
        party.check_contract(contract_name(data.contractCertificate))
        contract = ContractData(
            certificate=data.contractCertificate,
            sub_ca1=data.contractSubCa1Certificate,
            sub_ca2=data.contractSubCa2Certificate,
            encrypted_private_key=data.contractSignatureEncryptedPrivateKey,
            dh_public_key=data.dHpublickey,
        )
        check_edition(contract, body.xsdMsgDefNamespace)
        order = SignOrder(contract, body.pcid, body.cpsV2GRootCertificateFingerprint)
        signed = await service.sign(order)
        return SignAnswer.of(signed, body.pcid, body.xsdMsgDefNamespace)

    @routes.put(
        "/v1/cps/signedContractData",
        summary="Sign a contract, and give it back only",
        responses=refusals(*SIGN_REFUSALS),
    )
    async def create(body: CreateRequest, party: Annotated[Party, allow(Scope.CPS_SIGN)]) -> SignAnswer:
        """Check the contract's chain against the MO roots and sign it; nothing is stored."""
        party.check_contract(body.emaid)
        body.check()
        signed = await service.sign(body.order(store=False))
        return SignAnswer.of(signed, body.pcid, body.xsdMsgDefNamespace)

    @routes.put(
        "/v1/cps/forward/signedContractData",
        summary="Sign a contract, and store it only",
        status_code=status.HTTP_201_CREATED,
        responses=refusals(*SIGN_REFUSALS),
    )
    async def forward(body: CreateRequest, party: Annotated[Party, allow(Scope.CPS_SIGN)]) -> dict[str, str]:
        """Check the contract's chain against the MO roots, sign it, and store it in the CCP. The answer is `{}`."""
        party.check_contract(body.emaid)
        body.check()
        await service.sign(body.order(store=True))
        return {}

    if generator is not None:

        @routes.put(
            "/v1/cps/generate/signedContractData",
            summary="Make a contract for a car",
            status_code=status.HTTP_201_CREATED,
            response_class=Response,
            responses=refusals(*SIGN_REFUSALS),
        )
        async def generate(
            body: GenerateRequest, party: Annotated[Party, allow(Scope.CPS_GENERATE)]
        ) -> Response:
            """Make key and certificate under the market's MO hierarchy, seal the key, sign, and store in the CCP.

            For mobility operators without a PKI of their own. Repeating it changes nothing.
            """
            party.check_contract(body.emaid)
            await generator.generate(body.order())
            return Response(status_code=status.HTTP_201_CREATED)

    @routes.get("/cps/signer", summary="List the signing certificates", responses=refusals())
    async def signers(_party: Annotated[Party, allow(Scope.CPS_READ)]) -> SignerList:
        """Return the certificates that this service signs with, each with the V2G root above it."""
        return SignerList(cpsCertificates=[SignerEntry.of(signer) for signer in await service.signers()])

    return routes
