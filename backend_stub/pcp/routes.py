"""OPCP's HTTP door of the provisioning certificate pool."""

# ruff: noqa: N815 - fields are spelled as on the wire

from typing import Annotated

from cryptography import x509
from fastapi import APIRouter, Path, Query, Response
from pydantic import Field, StringConstraints

from backend_stub.access import Party, Role, Scope, allow
from backend_stub.ccp.asking import Broadcast
from backend_stub.certificates import chain_refusal
from backend_stub.errors import Code, MarketError
from backend_stub.namespaces import Edition, edition
from backend_stub.pcp.interface import Provisioning, ProvisioningChain, ProvisioningPool
from backend_stub.web.answers import refusals
from backend_stub.web.fields import Body, CertificateField, NamespaceField, PcidField
from pki.errors import CertificateError
from pki.names import common_name, fingerprint_sha256
from v2g.messages.iso2 import NAMESPACE

KeyId = Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f]{2}(:?[0-9A-Fa-f]{2}){1,63}$")]

PcidPath = Annotated[PcidField, Path(description="The car's provisioning certificate identifier.")]


NamespaceQuery = Annotated[
    NamespaceField, Query(alias="xsdMsgDefNamespace", description="The edition that the certificate is for.")
]


class ProvisioningCertificate(Body):
    """The certificate chain of a car, without the root."""

    vehicleCertificate: CertificateField
    subCA2Certificate: CertificateField | None = None
    subCA1Certificate: CertificateField
    xsdMsgDefNamespace: NamespaceField = NAMESPACE
    v2gRootAuthorityKeyIdentifiers: list[KeyId] = Field(
        default=[],
        max_length=20,
        description="Key identifiers of the V2G roots that the car holds, hex with `:` between the bytes.",
    )
    previousPcid: PcidField | None = None

    def chain(self) -> ProvisioningChain:
        """Return the chain as the roles know it."""
        return ProvisioningChain(
            vehicle=self.vehicleCertificate,
            sub_ca1=self.subCA1Certificate,
            sub_ca2=self.subCA2Certificate,
            v2g_root_key_ids=key_ids(self.v2gRootAuthorityKeyIdentifiers),
            previous_pcid=self.previousPcid,
        )


class ProvisioningCertificateData(ProvisioningCertificate):
    """What the pool knows of a car."""

    rootIssuerDistinguishedName: str
    rootIssuerSerialNumber: str = Field(description="Lower-case hex without separators.")
    rootAuthorityKeyIdentifier: str = Field(description="Hex with `:` between the bytes.")
    fingerprint: str = Field(description="SHA-256 of the car's certificate, hex.")

    @classmethod
    def of(cls, entry: Provisioning, namespace: str = NAMESPACE) -> "ProvisioningCertificateData":
        """Describe an entry of the pool."""
        chain = entry.chain
        return cls(
            xsdMsgDefNamespace=namespace,
            vehicleCertificate=chain.vehicle,
            subCA2Certificate=chain.sub_ca2,
            subCA1Certificate=chain.sub_ca1,
            v2gRootAuthorityKeyIdentifiers=[colons(key_id) for key_id in chain.v2g_root_key_ids],
            previousPcid=chain.previous_pcid,
            rootIssuerDistinguishedName=entry.root_name,
            rootIssuerSerialNumber=f"{entry.root_serial:x}",
            rootAuthorityKeyIdentifier=colons(entry.root_key_id),
            fingerprint=fingerprint_sha256(chain.vehicle),
        )


class ProvisioningAnswer(Body):
    """The answer to a mobility operator."""

    OEMMessage: ProvisioningCertificateData


def key_ids(texts: list[str]) -> tuple[bytes, ...]:
    """Return key identifiers from hex, with or without ``:``."""
    return tuple(bytes.fromhex(text.replace(":", "")) for text in texts)


def check_uploader(party: Party, certificate: x509.Certificate) -> None:
    """Raise MarketError(FORBIDDEN) when a car maker brings another's certificate; the name decides whose it is."""
    if party.role is Role.OEM:
        try:
            name = common_name(certificate).upper()
        except CertificateError as error:
            raise chain_refusal(error, "provisioning certificate") from error
        party.check_vehicle(name)


def check_edition(chain: ProvisioningChain, namespace: str) -> None:
    """Raise MarketError(CHAIN) unless a car's key is of the edition that its maker names."""
    if chain.edition is not (named := edition(namespace)):
        raise MarketError(
            Code.CHAIN, f"provisioning certificate: of {chain.edition}, but xsdMsgDefNamespace says {named}"
        )


async def find_any(pool: ProvisioningPool, pcid: str) -> None:
    """Return when a car is known, whatever it speaks; raises MarketError(UNKNOWN_PCID)."""
    if await pool.find(pcid) is None:
        await pool.get(pcid, Edition.ISO20)


def colons(data: bytes) -> str:
    """Return bytes as hex with ``:`` between them."""
    return data.hex(":")


def router(pool: ProvisioningPool) -> APIRouter:
    """Return the routes of this role."""
    routes = APIRouter(prefix="/v1/oem/provCerts", tags=["PCP: provisioning certificate pool"])

    @routes.put(
        "",
        summary="Publish a car's provisioning certificate",
        responses=refusals(Code.CHAIN, Code.CHAIN_EXPIRED, Code.NAMESPACE),
    )
    async def put(
        body: ProvisioningCertificate, party: Annotated[Party, allow(Scope.PCP_WRITE)]
    ) -> ProvisioningCertificateData:
        """Register the certificate under the PCID in its subject. The chain must end at an OEM root.

        Sending the same again changes nothing. A certificate with another key replaces the old one and
        deletes the contracts that were sealed for it.
        """
        check_uploader(party, body.vehicleCertificate)
        chain = body.chain()
        check_edition(chain, body.xsdMsgDefNamespace)
        return ProvisioningCertificateData.of(await pool.put(chain), body.xsdMsgDefNamespace)

    @routes.get(
        "/lookupVehicle/{pcid}",
        summary="Ask whether a car is known",
        response_class=Response,
        responses=refusals(Code.UNKNOWN_PCID),
        response_description="The car is known; no content.",
    )
    async def lookup(pcid: PcidPath, party: Annotated[Party, allow(Scope.PCP_READ)]) -> Response:
        """Say whether a provisioning certificate is registered for this PCID."""
        party.check_vehicle(pcid)
        await find_any(pool, pcid)
        return Response()

    @routes.get(
        "/{pcid}", summary="Get a car's provisioning certificate", responses=refusals(Code.UNKNOWN_PCID)
    )
    async def get(
        pcid: PcidPath,
        party: Annotated[Party, allow(Scope.PCP_READ)],
        namespace: NamespaceQuery = NAMESPACE,
        _broadcast: Broadcast = False,
    ) -> ProvisioningAnswer:
        """Return the registered chain, for a mobility operator that wants to make a contract for the car."""
        party.check_vehicle(pcid)
        entry = await pool.get(pcid, edition(namespace))
        return ProvisioningAnswer(OEMMessage=ProvisioningCertificateData.of(entry, namespace))

    @routes.delete(
        "/{pcid}",
        summary="Withdraw a car",
        response_class=Response,
        responses=refusals(Code.UNKNOWN_PCID),
    )
    async def delete(pcid: PcidPath, party: Annotated[Party, allow(Scope.PCP_WRITE)]) -> Response:
        """Remove the certificate and every contract that was made for the car."""
        party.check_vehicle(pcid)
        await pool.delete(pcid)
        return Response()

    return routes
