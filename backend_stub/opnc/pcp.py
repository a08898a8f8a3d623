"""OPNC's door of the provisioning certificate pool."""

# ruff: noqa: N815 - fields are spelled as on the wire

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field

from backend_stub.access import Party, Scope, allow
from backend_stub.ccp.asking import Broadcast
from backend_stub.errors import Code
from backend_stub.namespaces import edition
from backend_stub.opnc.fields import CertificateChain, check_caps
from backend_stub.pcp.interface import Provisioning, ProvisioningChain, ProvisioningPool
from backend_stub.pcp.routes import (
    KeyId,
    NamespaceQuery,
    PcidPath,
    check_edition,
    check_uploader,
    colons,
    find_any,
    key_ids,
)
from backend_stub.web.answers import refusals
from backend_stub.web.fields import Body, NamespaceField, PcidField
from pki.names import fingerprint_sha256
from v2g.messages.iso2 import NAMESPACE


class ProvisioningCertificateChainData(Body):
    """The certificate chain of a car. What can be computed from it is informative, and not looked at in a PUT."""

    provisioningCertificateChain: CertificateChain
    xsdMsgDefNamespace: NamespaceField = NAMESPACE
    v2gRootAuthorityKeyIdentifiers: list[KeyId] = Field(
        default=[],
        max_length=20,
        description="Key identifiers of the V2G roots that the car holds, hex with `:` between the bytes.",
    )
    previousPcid: PcidField | None = None
    rootIssuerSerialNumber: str | None = Field(default=None, description="Lower-case hex.")
    rootAuthorityKeyIdentifier: str | None = Field(default=None, description="Hex with `:`.")
    fingerprint: str | None = Field(default=None, description="SHA-256 of the car's certificate, hex.")

    def chain(self) -> ProvisioningChain:
        """Return the chain as the roles know it."""
        return ProvisioningChain(
            vehicle=self.provisioningCertificateChain.certificate,
            sub_ca1=self.provisioningCertificateChain.subCa1Certificate,
            sub_ca2=self.provisioningCertificateChain.subCa2Certificate,
            v2g_root_key_ids=key_ids(self.v2gRootAuthorityKeyIdentifiers),
            previous_pcid=self.previousPcid,
        )

    @classmethod
    def of(cls, entry: Provisioning, namespace: str = NAMESPACE) -> "ProvisioningCertificateChainData":
        """Describe an entry of the pool."""
        chain = entry.chain
        return cls(
            xsdMsgDefNamespace=namespace,
            provisioningCertificateChain=CertificateChain(
                certificate=chain.vehicle,
                subCa1Certificate=chain.sub_ca1,
                subCa2Certificate=chain.sub_ca2,
            ),
            v2gRootAuthorityKeyIdentifiers=[colons(key_id) for key_id in chain.v2g_root_key_ids],
            previousPcid=chain.previous_pcid,
            rootIssuerSerialNumber=f"{entry.root_serial:x}",
            rootAuthorityKeyIdentifier=colons(entry.root_key_id),
            fingerprint=fingerprint_sha256(chain.vehicle),
        )


class ProvisioningCertificateAnswer(Body):
    """The answer to a mobility operator."""

    provisioningCertificate: ProvisioningCertificateChainData


def router(pool: ProvisioningPool, *, strict: bool) -> APIRouter:
    """Return the routes of this role."""
    routes = APIRouter(prefix="/pcp", tags=["OPNC PCP: provisioning certificate pool"])

    @routes.put(
        "/provisioningcertificates",
        summary="Publish a car's provisioning certificate",
        response_class=Response,
        responses=refusals(Code.CHAIN, Code.CHAIN_EXPIRED, Code.NAMESPACE),
    )
    async def put(
        body: ProvisioningCertificateChainData, party: Annotated[Party, allow(Scope.PCP_WRITE)]
    ) -> Response:
        """Register the certificate under the PCID in its subject. The chain must end at an OEM root.

        Sending the same again changes nothing. A certificate with another key replaces the old one and
        deletes the contracts that were sealed for it.
        """
        check_uploader(party, body.provisioningCertificateChain.certificate)
        check_caps(body.provisioningCertificateChain.certificates, strict=strict)
        chain = body.chain()
        check_edition(chain, body.xsdMsgDefNamespace)
        await pool.put(chain)
        return Response()

    @routes.get(
        "/provisioningcertificates/{pcid}",
        summary="Get a car's provisioning certificate",
        responses=refusals(Code.UNKNOWN_PCID),
    )
    async def get(
        pcid: PcidPath,
        party: Annotated[Party, allow(Scope.PCP_READ)],
        namespace: NamespaceQuery = NAMESPACE,
        _broadcast: Broadcast = False,
    ) -> ProvisioningCertificateAnswer:
        """Return the registered chain, for a mobility operator that wants to make a contract for the car."""
        party.check_vehicle(pcid)
        entry = ProvisioningCertificateChainData.of(await pool.get(pcid, edition(namespace)), namespace)
        return ProvisioningCertificateAnswer(provisioningCertificate=entry)

    @routes.delete(
        "/provisioningcertificates/{pcid}",
        summary="Withdraw a car",
        response_class=Response,
        responses=refusals(Code.UNKNOWN_PCID),
    )
    async def delete(pcid: PcidPath, party: Annotated[Party, allow(Scope.PCP_WRITE)]) -> Response:
        """Remove the certificate and every contract that was made for the car."""
        party.check_vehicle(pcid)
        await pool.delete(pcid)
        return Response()

    @routes.get(
        "/lookupvehicle/{pcid}",
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

    return routes
