"""OPCP's HTTP door of the certificate provisioning service."""

# ruff: noqa: N815 - fields are spelled as on the wire

from datetime import datetime
from typing import Annotated

from cryptography.x509.oid import NameOID
from fastapi import APIRouter, status
from pydantic import Field

from backend_stub.access import Party, Scope, allow
from backend_stub.cps.interface import ContractData, ProvisioningService, Signer, SignOrder
from backend_stub.errors import Code
from backend_stub.web.answers import refusals
from backend_stub.web.fields import (
    Base64Bytes,
    Body,
    CertificateField,
    FingerprintField,
    MessageNamespaceField,
    PcidField,
    XmlField,
)
from pki.names import fingerprint_sha256
from v2g.messages.iso2 import NAMESPACE


class ContractDataBody(Body):
    """A contract and its sealed key."""

    contractCertificate: CertificateField
    contractSubCa2Certificate: CertificateField | None = None
    contractSubCa1Certificate: CertificateField
    contractSignatureEncryptedPrivateKey: Base64Bytes = Field(description="48 bytes.")
    dHpublickey: Base64Bytes = Field(description="65 bytes: an uncompressed point of secp256r1.")


class SignRequest(Body):
    """What a mobility operator wants signed."""

    contractData: ContractDataBody
    pcid: PcidField | None = Field(
        default=None, description="The car: given, the bundle is stored in the CCP as well."
    )
    xsdMsgDefNamespace: MessageNamespaceField
    cpsV2GRootCertificateFingerprint: FingerprintField | None = Field(
        default=None,
        description="Sign under this V2G root; without it, under one that the car is known to hold.",
    )


class SignAnswer(Body):
    """A signed bundle."""

    pcid: str | None
    emaid: str
    xsdMsgDefNamespace: str
    signedData: XmlField = Field(
        description="XML, in base64, of a V2G_Message with the signed CertificateInstallationRes."
    )
    cpsV2GRootCertificateFingerprint: str
    cpsRootDistinguishedName: str


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
        organizations = leaf.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        return cls(
            cpsDistinguishedName=leaf.subject.rfc4514_string(),
            cpsCertificate=leaf,
            cpsSubCa2Certificate=sub_cas[0] if len(sub_cas) > 1 else None,
            cpsSubCa1Certificate=sub_cas[-1] if sub_cas else None,
            validFrom=leaf.not_valid_before_utc,
            validTo=leaf.not_valid_after_utc,
            organizationName=str(organizations[0].value) if organizations else "",
            cpsV2GRootCertificateFingerprint=fingerprint_sha256(signer.v2g_root),
            cpsRootDistinguishedName=signer.v2g_root.subject.rfc4514_string(),
            xsdMsgDefNamespace=NAMESPACE,
        )


class SignerList(Body):
    """All signing certificates."""

    cpsCertificates: list[SignerEntry]


def router(service: ProvisioningService) -> APIRouter:
    """Return the routes of this role."""
    routes = APIRouter(tags=["CPS: certificate provisioning service"])

    @routes.put(
        "/v1/cps/contractData/signed",
        summary="Sign a contract, and store it for a car",
        status_code=status.HTTP_201_CREATED,
        responses=refusals(
            Code.NAMESPACE,
            Code.CHAIN,
            Code.CHAIN_EXPIRED,
            Code.UNKNOWN_PCID,
            Code.CONFLICT,
            Code.NO_SIGNER,
        ),
    )
    async def sign(body: SignRequest) -> SignAnswer:
        """Check the contract's chain against the MO roots, sign it, and store it in the CCP for a known car."""
        data = body.contractData
        signed = await service.sign(
            SignOrder(
                data=ContractData(
                    certificate=data.contractCertificate,
                    sub_ca1=data.contractSubCa1Certificate,
                    sub_ca2=data.contractSubCa2Certificate,
                    encrypted_private_key=data.contractSignatureEncryptedPrivateKey,
                    dh_public_key=data.dHpublickey,
                ),
                pcid=body.pcid,
                v2g_root_fingerprint=body.cpsV2GRootCertificateFingerprint,
            )
        )
        return SignAnswer(
            pcid=signed.pcid,
            emaid=signed.emaid,
            xsdMsgDefNamespace=NAMESPACE,
            signedData=signed.message,
            cpsV2GRootCertificateFingerprint=fingerprint_sha256(signed.v2g_root),
            cpsRootDistinguishedName=signed.v2g_root.subject.rfc4514_string(),
        )

    @routes.get("/cps/signer", summary="List the signing certificates", responses=refusals())
    async def signers() -> SignerList:
        """Return the certificates that this service signs with, each with the V2G root above it."""
        return SignerList(cpsCertificates=[SignerEntry.of(signer) for signer in await service.signers()])

    return routes
