"""The certificate provisioning service at work. It keeps nothing: what it signs, it hands on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

import exi
from backend_stub.authority.interface import RevocationSource
from backend_stub.ccp.interface import ContractPool, SignedBundle
from backend_stub.certificates import chain_refusal, der, present, subject_key_id
from backend_stub.cps.interface import ContractData, SignedContract, Signer, SignOrder
from backend_stub.errors import Code, MarketError
from backend_stub.pcp.interface import ProvisioningPool
from backend_stub.rcp.interface import RootCertificatePool, RootType
from backend_stub.revocations import checker_of
from pki.chain import validate
from pki.errors import CertificateError
from pki.names import common_name, fingerprint_sha256
from pki.profiles import CONTRACT
from v2g.identifiers import Emaid, IdentifierError
from v2g.messages import iso2
from v2g.security.signature import sign_certificate_installation_res
from v2g.trace import Tracer

NO_SESSION = bytes(8)
"""Stands in a bundle where the pool puts the SessionID of each request; the signature does not cover it."""

_SEALED_KEY_BYTES = 48


@dataclass(frozen=True, slots=True)
class SigningIdentity:
    """A signer with its private key, which never leaves this role."""

    signer: Signer
    key: ec.EllipticCurvePrivateKey

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
        message = signed_bundle(order.data, emaid, identity)
        self._tracer.event(
            "signature.created",
            what="CertificateInstallationRes",
            references=["id1", "id2", "id3", "id4"],
            emaid=emaid,
        )
        if order.pcid is not None:
            document = exi.encode(message, iso2.SCHEMA)
            await self._contracts.put(
                SignedBundle(pcid=order.pcid, document=document, receiver_key=order.receiver_key)
            )
        return SignedContract(emaid, order.pcid, message, identity.signer.v2g_root)

    async def signers(self) -> Sequence[Signer]:
        """See :class:`~backend_stub.cps.interface.ProvisioningService`."""
        return [identity.signer for identity in self._identities]

    async def _check(self, data: ContractData) -> str:
        """Return the eMAID of a contract whose chain and sealed key have the right form."""
        roots = [root.certificate for root in await self._roots.roots(RootType.MO)]
        sub_cas = present(data.sub_ca2, data.sub_ca1)
        revocation = await checker_of(self._revocations, [data.certificate, *sub_cas])
        try:
            validate(
                data.certificate,
                sub_cas,
                roots,
                at=self._now(),
                profile=CONTRACT,
                revocation=revocation,
            )
            emaid = Emaid.normalise(common_name(data.certificate))
        except CertificateError as error:
            raise chain_refusal(error, "contract certificate") from error
        except IdentifierError as error:
            raise MarketError(Code.CHAIN, f"contract certificate: common name: {error}") from error
        if len(data.encrypted_private_key) != _SEALED_KEY_BYTES:
            raise MarketError(
                Code.REQUEST,
                f"the sealed key has {len(data.encrypted_private_key)} bytes, expected {_SEALED_KEY_BYTES}",
            )
        try:
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), data.dh_public_key)
        except ValueError:
            raise MarketError(Code.REQUEST, "the DH public key is no point of secp256r1") from None
        return emaid

    async def _identity_for(self, order: SignOrder) -> SigningIdentity:
        """Choose the signer by the order, or by the V2G roots that the car's maker says it holds."""
        held: Sequence[bytes] = ()
        if order.pcid is not None:
            held = (await self._provisioning.get(order.pcid)).chain.v2g_root_key_ids
        now = self._now()
        for identity in self._identities:
            root = identity.signer.v2g_root
            if now > min(certificate.not_valid_after_utc for certificate in identity.signer.chain):
                continue  # no car would accept what it signs
            if order.v2g_root_fingerprint is not None:
                if fingerprint_sha256(root) == order.v2g_root_fingerprint:
                    return identity
            elif not held or subject_key_id(root) in held:
                return identity
        wanted = order.v2g_root_fingerprint or f"one that PCID {order.pcid} holds"
        raise MarketError(Code.NO_SIGNER, f"no signing certificate under V2G root {wanted}")


def signed_bundle(data: ContractData, emaid: str, identity: SigningIdentity) -> iso2.V2G_Message:
    """Return the signed message; the four signed parts are id1 to id4 in this order."""
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
    signature = sign_certificate_installation_res(body, identity.key)
    return iso2.V2G_Message(
        header=iso2.MessageHeader(session_id=NO_SESSION, signature=signature),
        body=iso2.Body(body_element=body),
    )


def _chain(certificates: Sequence[x509.Certificate], element_id: str | None = None) -> iso2.CertificateChain:
    leaf, *sub_cas = [der(certificate) for certificate in certificates]
    return iso2.CertificateChain(
        id=element_id,
        certificate=leaf,
        sub_certificates=iso2.SubCertificates(certificate=sub_cas) if sub_cas else None,
    )
