"""OPNC's door of the certificate provisioning service."""

# ruff: noqa: N815 - fields are spelled as on the wire

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Response, status
from pydantic import AwareDatetime, Field

from backend_stub.access import Party, Scope, allow
from backend_stub.cps.generation import ContractGenerator, ContractOrder
from backend_stub.cps.interface import ContractData, ProvisioningService, Signer, SignOrder
from backend_stub.cps.routes import SIGN_REFUSALS, check_edition, contract_name, organization_of
from backend_stub.errors import Code, MarketError
from backend_stub.namespaces import edition, spelling
from backend_stub.opnc.ccp import SignedContractData
from backend_stub.opnc.fields import CertificateChain, check_caps
from backend_stub.web.answers import refusals
from backend_stub.web.fields import (
    Base64Bytes,
    Body,
    EmaidField,
    FingerprintField,
    NamespaceField,
    PcidField,
)
from pki.names import fingerprint_sha256


class ContractCertificateBundle(Body):
    """A contract and its sealed key."""

    pcid: PcidField
    emaid: EmaidField
    contractCertificateChain: CertificateChain
    contractSignatureEncryptedPrivateKey: Base64Bytes = Field(
        description="48 bytes; in -20 94 (P-521) or 84 (X448)."
    )
    dHpublickey: Base64Bytes = Field(
        description="65 bytes: an uncompressed point of secp256r1; in -20 133 bytes."
    )


class SignRequest(Body):
    """What a mobility operator wants signed."""

    contractCertificateBundle: ContractCertificateBundle
    xsdMsgDefNamespace: NamespaceField
    cpsV2GRootCertificateFingerprint: FingerprintField | None = Field(
        default=None,
        description="Sign under this V2G root; without it, under one that the car is known to hold.",
    )

    def order(self) -> SignOrder:
        """Return what to sign."""
        bundle = self.contractCertificateBundle
        chain = bundle.contractCertificateChain
        return SignOrder(
            data=ContractData(
                certificate=chain.certificate,
                sub_ca1=chain.subCa1Certificate,
                sub_ca2=chain.subCa2Certificate,
                encrypted_private_key=bundle.contractSignatureEncryptedPrivateKey,
                dh_public_key=bundle.dHpublickey,
            ),
            pcid=bundle.pcid,
            v2g_root_fingerprint=self.cpsV2GRootCertificateFingerprint,
        )


class SignAnswer(Body):
    """A signed bundle."""

    signedContractData: SignedContractData


class GenerateRequest(Body):
    """What a mobility operator without a PKI of its own wants made."""

    contractBegins: AwareDatetime
    contractEnds: AwareDatetime
    emaid: EmaidField
    pcid: PcidField
    xsdMsgDefNamespace: NamespaceField
    subscriptionUrl: str | None = Field(default=None, max_length=2048, description="Not looked at.")
    cpsV2GRootCertificateFingerprint: FingerprintField | None = None
    moRootCertificateFingerprint: FingerprintField | None = Field(
        default=None, description="SHA-256 of the MO root that the contract must stand under."
    )
    metaData: Any = Field(default=None, description="Anything; not looked at.")

    def order(self) -> ContractOrder:
        """Return what to make."""
        return ContractOrder(
            emaid=self.emaid,
            pcid=self.pcid,
            begins=self.contractBegins,
            ends=self.contractEnds,
            v2g_root_fingerprint=self.cpsV2GRootCertificateFingerprint,
            mo_root_fingerprint=self.moRootCertificateFingerprint,
            edition=edition(self.xsdMsgDefNamespace),
        )


class CpsCertificate(Body):
    """A signing certificate of this service."""

    cpsDistinguishedName: str
    cpsCertificateChain: CertificateChain
    validFrom: datetime
    validTo: datetime
    organizationName: str
    cpsV2GRootCertificateFingerprint: str
    cpsV2GRootDistinguishedName: str
    xsdMsgDefNamespace: str

    @classmethod
    def of(cls, signer: Signer) -> "CpsCertificate":
        """Describe a signer."""
        leaf, *sub_cas = signer.chain
        return cls(
            cpsDistinguishedName=leaf.subject.rfc4514_string(),
            cpsCertificateChain=CertificateChain(
                certificate=leaf,
                # Below the root itself, the root is the nearest there is.
                subCa1Certificate=sub_cas[-1] if sub_cas else signer.v2g_root,
                subCa2Certificate=sub_cas[0] if len(sub_cas) > 1 else None,
            ),
            validFrom=leaf.not_valid_before_utc,
            validTo=leaf.not_valid_after_utc,
            organizationName=organization_of(leaf),
            cpsV2GRootCertificateFingerprint=fingerprint_sha256(signer.v2g_root),
            cpsV2GRootDistinguishedName=signer.v2g_root.subject.rfc4514_string(),
            xsdMsgDefNamespace=spelling(signer.edition),
        )


class CpsCertificates(Body):
    """All signing certificates."""

    cpsCertificateDataCollection: list[CpsCertificate]


def router(service: ProvisioningService, generator: ContractGenerator | None, *, strict: bool) -> APIRouter:
    """Return the routes of this role; ``generator`` None: no contracts are made here, only signed."""
    routes = APIRouter(prefix="/cps", tags=["OPNC CPS: certificate provisioning service"])

    @routes.put(
        "/contractData/sign",
        summary="Sign a contract, and store it for its car",
        status_code=status.HTTP_201_CREATED,
        responses=refusals(*SIGN_REFUSALS),
    )
    async def sign(body: SignRequest, party: Annotated[Party, allow(Scope.CPS_SIGN)]) -> SignAnswer:
        """Check the contract's chain against the MO roots, sign it, and store it in the CCP."""
        bundle = body.contractCertificateBundle
        party.check_contract(bundle.emaid)
        check_caps(bundle.contractCertificateChain.certificates, strict=strict)
        named = contract_name(bundle.contractCertificateChain.certificate)
        if named != bundle.emaid:
            raise MarketError(Code.MESSAGE, f"emaid {bundle.emaid}, but the certificate names {named}")
        order = body.order()
        check_edition(order.data, body.xsdMsgDefNamespace)
        signed = await service.sign(order)
        return SignAnswer(
            signedContractData=SignedContractData(
                certificateInstallationRes=signed.document,
                emaid=signed.emaid,
                pcid=bundle.pcid,
                xsdMsgDefNamespace=body.xsdMsgDefNamespace,
                cpsV2GRootCertificateFingerprint=fingerprint_sha256(signed.v2g_root),
                cpsRootDistinguishedName=signed.v2g_root.subject.rfc4514_string(),
            )
        )

    if generator is not None:

        @routes.put(
            "/contractData/generateandsign",
            summary="Make a contract for a car",
            status_code=status.HTTP_201_CREATED,
            response_class=Response,
            responses=refusals(*SIGN_REFUSALS),
        )
        async def generate(
            body: GenerateRequest, party: Annotated[Party, allow(Scope.CPS_GENERATE)]
        ) -> Response:
            """Make key and certificate under the market's MO hierarchy, seal the key, sign, and store in the CCP.

            Repeating it changes nothing.
            """
            party.check_contract(body.emaid)
            await generator.generate(body.order())
            return Response(status_code=status.HTTP_201_CREATED)

    @routes.get("/cpsCertificates", summary="List the signing certificates", responses=refusals())
    async def signers(_party: Annotated[Party, allow(Scope.CPS_READ)]) -> CpsCertificates:
        """Return the certificates that this service signs with, each with the V2G root above it."""
        found = [CpsCertificate.of(signer) for signer in await service.signers()]
        return CpsCertificates(cpsCertificateDataCollection=found)

    return routes
