"""CertificateUpdate of ISO 15118-2: a car shows its contract, and gets the successor at the charger.

OPCP has no call of its own for it: a charger posts the request as it posts a CertificateInstallationReq. The key
that signs it is that of the contract to be replaced, and the new contract key is sealed for it, so that the car
maker is not asked. The contract's operator renews it; a CPS signs under a V2G root that the car lists. What is
signed in a CertificateInstallationRes is the same in a CertificateUpdateRes, and so is the signature.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

import exi
from backend_stub.authority.interface import RevocationSource
from backend_stub.ccp.interface import Installation
from backend_stub.certificates import chain_refusal
from backend_stub.cps.interface import SignedContract
from backend_stub.errors import Code, MarketError
from backend_stub.msp.interface import MobilityServiceProvider
from backend_stub.rcp.interface import RootCertificatePool, RootType
from backend_stub.reading import read_message
from backend_stub.revocations import checker_of
from pki.chain import parse, public_key, validate
from pki.errors import CertificateError
from pki.names import common_name, fingerprint_sha256, matches_issuer_serial
from pki.profiles import CONTRACT
from v2g.errors import IdentifierError, SignatureError
from v2g.identifiers import Emaid
from v2g.messages import iso2
from v2g.security.signature import verify_certificate_update_req
from v2g.trace import Tracer

_WHAT = "CertificateUpdateReq"


@dataclass(frozen=True, slots=True)
class Updates:
    """Renews contracts for cars at a charger."""

    operator: MobilityServiceProvider
    roots: RootCertificatePool
    now: Callable[[], datetime]
    tracer: Tracer
    revocations: RevocationSource | None = None

    async def answer(self, message: iso2.V2G_Message) -> Installation:
        """Answer a message that holds a CertificateUpdateReq.

        Raises MarketError: MESSAGE for another one, SIGNATURE, CHAIN, CHAIN_EXPIRED, REVOKED for a contract that
        does not stand, NO_CONTRACT for one that is not this operator's or has ended, or when nobody can sign
        under a V2G root that the car holds.
        """
        request = message.body.body_element
        if not isinstance(request, iso2.CertificateUpdateReq):
            raise MarketError(Code.MESSAGE, f"the body holds {type(request).__name__}, expected {_WHAT}")
        tracer = self.tracer.bind(session=message.header.session_id.hex())
        try:
            old = await self._contract(request)
            verify_certificate_update_req(message.header.signature, request, public_key(old))
        except CertificateError as error:
            tracer.event("certificate.rejected", rule=error.rule, subject=error.subject, detail=error.detail)
            raise chain_refusal(error, "contract certificate") from error
        except SignatureError as error:
            tracer.event("signature.failed", what=_WHAT, reason=str(error))
            raise MarketError(Code.SIGNATURE, f"{_WHAT}: {error}") from error
        tracer.event("signature.verified", what=_WHAT, references=[request.id])
        signed = await self.operator.update(old, await self._known_roots(request))
        return Installation(
            response=_response(signed, message.header.session_id),
            emaid=signed.emaid,
            v2g_root_fingerprint=fingerprint_sha256(signed.v2g_root),
        )

    async def _contract(self, request: iso2.CertificateUpdateReq) -> x509.Certificate:
        """Return the contract certificate, once its chain stands and the eMAID is its own."""
        chain = request.contract_signature_cert_chain
        leaf = parse(chain.certificate)
        above = [
            parse(data) for data in (chain.sub_certificates.certificate if chain.sub_certificates else ())
        ]
        roots = [root.certificate for root in await self.roots.roots(RootType.MO)]
        revocation = await checker_of(self.revocations, [leaf, *above])
        validate(leaf, above, roots, at=self.now(), profile=CONTRACT, revocation=revocation)
        try:
            named, stated = Emaid.normalise(common_name(leaf)), Emaid.normalise(request.emaid)
        except IdentifierError as error:
            raise MarketError(Code.CHAIN, f"contract certificate: {error}") from error
        if named != stated:
            raise MarketError(Code.CHAIN, f"eMAID {stated}, but the contract certificate names {named}")
        return leaf

    async def _known_roots(self, request: iso2.CertificateUpdateReq) -> Sequence[str]:
        """Return the fingerprints of the V2G roots that the car lists and the pool knows, in the car's order."""
        anchors = await self.roots.roots(RootType.V2G)
        return [
            root.fingerprint
            for held in request.list_of_root_certificate_ids.root_certificate_id
            for root in anchors
            if matches_issuer_serial(root.certificate, held.x509_issuer_name, held.x509_serial_number)
        ]


def read_update(request: bytes) -> iso2.V2G_Message | None:
    """Return the message of -2 that holds a CertificateUpdateReq; None for any other document."""
    try:
        message = read_message(request)
    except MarketError:
        return None
    if isinstance(message, iso2.V2G_Message) and isinstance(
        message.body.body_element, iso2.CertificateUpdateReq
    ):
        return message
    return None


def _response(signed: SignedContract, session_id: bytes) -> bytes:
    """Return the CertificateUpdateRes of a signed contract as EXI. RetryCounter 0: nothing has to be tried again."""
    message = signed.message
    assert isinstance(message, iso2.V2G_Message)
    body = message.body.body_element
    assert isinstance(body, iso2.CertificateInstallationRes)
    response = iso2.CertificateUpdateRes(
        response_code=iso2.ResponseCode.OK,
        sa_provisioning_certificate_chain=body.sa_provisioning_certificate_chain,
        contract_signature_cert_chain=body.contract_signature_cert_chain,
        contract_signature_encrypted_private_key=body.contract_signature_encrypted_private_key,
        dh_public_key=body.dh_public_key,
        emaid=body.emaid,
        retry_counter=0,
    )
    header = iso2.MessageHeader(session_id=session_id, signature=message.header.signature)
    return exi.encode(iso2.V2G_Message(header=header, body=iso2.Body(body_element=response)), iso2.SCHEMA)
