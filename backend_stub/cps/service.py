"""The certificate provisioning service at work. It keeps nothing: what it signs, it hands on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from backend_stub.authority.interface import RevocationSource
from backend_stub.ccp.interface import ContractPool, SignedBundle
from backend_stub.certificates import chain_refusal, der, present, subject_key_id
from backend_stub.cps.interface import ContractData, SignedContract, Signer, SignOrder
from backend_stub.errors import Code, MarketError
from backend_stub.namespaces import Edition
from backend_stub.pcp.interface import ProvisioningPool
from backend_stub.rcp.interface import RootCertificatePool, RootType
from backend_stub.reading import Message, check_form, encode_message
from backend_stub.revocations import checker_of
from backend_stub.suites import of_edition, profile_of, suite_of
from pki.chain import validate
from pki.errors import CertificateError
from pki.keys import SigningKey
from pki.names import common_name, fingerprint_sha256
from v2g.errors import EnvelopeError
from v2g.identifiers import Emaid, IdentifierError
from v2g.messages import iso2
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20.common_types import MessageHeader, Processing, ResponseCode
from v2g.security import signature, signature_iso20
from v2g.security.installation_iso20 import installation_data
from v2g.trace import Tracer

NO_SESSION = bytes(8)
"""Stands in a bundle where the pool puts the SessionID of each request; the signature does not cover it."""


@dataclass(frozen=True, slots=True)
class SigningIdentity:
    """A signer with its private key, which never leaves this role."""

    signer: Signer
    key: SigningKey

    def __repr__(self) -> str:
        """Return the subject: never the key."""
        return f"<SigningIdentity {self.signer.chain[0].subject.rfc4514_string()}>"


class ProvisioningSigner:
    """Signs with one of several identities, each under a V2G root of its own."""

    def __init__(
        self,
        identities: Sequence[SigningIdentity],
        roots: RootCertificatePool,
        provisioning: ProvisioningPool,
        contracts: ContractPool,
        now: Callable[[], datetime],
        tracer: Tracer,
        revocations: RevocationSource | None = None,
    ) -> None:
        self._revocations = revocations
        self._identities = identities
        self._roots = roots
        self._provisioning = provisioning
        self._contracts = contracts
        self._now = now
        self._tracer = tracer

    async def sign(self, order: SignOrder) -> SignedContract:
        """See :class:`~backend_stub.cps.interface.ProvisioningService`."""
        emaid = await self._check(order.data)
        identity = await self._identity_for(order)
        edition = order.data.edition
        document = encode_message(signed_bundle(order.data, emaid, identity))
        self._tracer.event(
            "signature.created",
            what="CertificateInstallationRes",
            references=["id1", "id2", "id3", "id4"] if edition is Edition.ISO2 else ["id1"],
            emaid=emaid,
        )
        if order.pcid is not None:
            await self._contracts.put(
                SignedBundle(
                    pcid=order.pcid, document=document, receiver_key=order.receiver_key, edition=edition
                )
            )
        return SignedContract(emaid, order.pcid, document, identity.signer.v2g_root, edition)

    async def signers(self) -> Sequence[Signer]:
        """See :class:`~backend_stub.cps.interface.ProvisioningService`."""
        return [identity.signer for identity in self._identities]

    async def _check(self, data: ContractData) -> str:
        """Return the eMAID of a contract whose chain and sealed key have the right form."""
        roots = of_edition([root.certificate for root in await self._roots.roots(RootType.MO)], data.edition)
        sub_cas = present(data.sub_ca2, data.sub_ca1)
        revocation = await checker_of(self._revocations, [data.certificate, *sub_cas])
        try:
            validate(
                data.certificate,
                sub_cas,
                roots,
                at=self._now(),
                profile=profile_of(data.certificate, "contract"),
                revocation=revocation,
            )
            emaid = Emaid.normalise(common_name(data.certificate))
        except CertificateError as error:
            raise chain_refusal(error, "contract certificate") from error
        except IdentifierError as error:
            raise MarketError(Code.CHAIN, f"contract certificate: common name: {error}") from error
        try:
            check_form(data.envelope, suite_of(data.certificate))
        except EnvelopeError as error:
            raise MarketError(Code.REQUEST, str(error)) from error
        return emaid

    async def _identity_for(self, order: SignOrder) -> SigningIdentity:
        """Choose the signer by the order, or by the V2G roots that the car's maker says it holds."""
        held: Sequence[bytes] = ()
        if order.pcid is not None:
            held = (await self._provisioning.get(order.pcid, order.data.edition)).chain.v2g_root_key_ids
        now = self._now()
        for identity in self._identities:
            root = identity.signer.v2g_root
            if identity.signer.edition is not order.data.edition:
                continue
            if now > min(certificate.not_valid_after_utc for certificate in identity.signer.chain):
                continue  # no car would accept what it signs
            if order.v2g_root_fingerprint is not None:
                if fingerprint_sha256(root) == order.v2g_root_fingerprint:
                    return identity
            elif not held or subject_key_id(root) in held:
                return identity
        wanted = order.v2g_root_fingerprint or f"one that PCID {order.pcid} holds"
        raise MarketError(Code.NO_SIGNER, f"no signing certificate under V2G root {wanted}")


def signed_bundle(data: ContractData, emaid: str, identity: SigningIdentity) -> Message:
    """Return the signed message, of the edition that contract and signer are of."""
    make = _iso2 if data.edition is Edition.ISO2 else _iso20
    return make(data, emaid, identity)


def _iso2(data: ContractData, emaid: str, identity: SigningIdentity) -> iso2.V2G_Message:
    """Return the message of -2; the four signed parts are id1 to id4 in this order."""
    assert isinstance(identity.key, ec.EllipticCurvePrivateKey)
    body = iso2.CertificateInstallationRes(
        response_code=iso2.ResponseCode.OK,
        sa_provisioning_certificate_chain=_chain(identity.signer.chain),
        contract_signature_cert_chain=_chain(
            present(data.certificate, data.sub_ca2, data.sub_ca1), element_id="id1"
        ),
        contract_signature_encrypted_private_key=iso2.ContractSignatureEncryptedPrivateKey(
            id="id2", value=data.encrypted_private_key
        ),
        dh_public_key=iso2.DiffieHellmanPublickey(id="id3", value=data.dh_public_key),
        emaid=iso2.EMAID(id="id4", value=emaid),
    )
    signed = signature.sign_certificate_installation_res(body, identity.key)
    return iso2.V2G_Message(
        header=iso2.MessageHeader(session_id=NO_SESSION, signature=signed), body=iso2.Body(body_element=body)
    )


def _iso20(data: ContractData, _emaid: str, identity: SigningIdentity) -> cm.CertificateInstallationRes:
    """Return the message of -20: SignedInstallationData is what is signed. The certificate alone names the eMAID."""
    leaf, *above = map(der, identity.signer.chain)
    contract = [der(each) for each in present(data.certificate, data.sub_ca2, data.sub_ca1)]
    message = cm.CertificateInstallationRes(
        header=MessageHeader(session_id=NO_SESSION, time_stamp=0),
        response_code=ResponseCode.OK,
        evse_processing=Processing.Finished,
        cps_certificate_chain=cm.CertificateChain(
            certificate=leaf, sub_certificates=cm.SubCertificates(certificate=above) if above else None
        ),
        signed_installation_data=installation_data(contract, data.envelope),
        remaining_contract_certificate_chains=0,
    )
    message.header.signature = signature_iso20.sign_certificate_installation_res(message, identity.key)
    return message


def _chain(certificates: Sequence[x509.Certificate], element_id: str | None = None) -> iso2.CertificateChain:
    leaf, *sub_cas = [der(certificate) for certificate in certificates]
    return iso2.CertificateChain(
        id=element_id,
        certificate=leaf,
        sub_certificates=iso2.SubCertificates(certificate=sub_cas) if sub_cas else None,
    )
