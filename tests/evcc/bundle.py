"""Contract bundles as a provisioning service makes them, and all the ways to make them wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from evcc.contracts import Contract
from pki.chain import parse, public_key
from tests.evcc.charger import wrapped
from tests.evcc.material import World
from v2g.messages import iso2, xmldsig
from v2g.messages.iso2 import ResponseCode
from v2g.security.envelope import Envelope, derive_key_iso2, seal_iso2
from v2g.security.signature import sign_certificate_installation_res


@dataclass(frozen=True)
class Bundle:
    """What goes into a CertificateInstallationRes; :func:`usual` makes one with everything as it should be.

    ``receiver`` is whom the key is for, ``signer`` whose key signs and ``signer_chain`` what is said to
    vouch for it, ``envelope`` replaces the sealed key, ``emaid`` the announced eMAID.
    """

    world: World
    contract: Contract
    receiver: ec.EllipticCurvePublicKey
    signer: ec.EllipticCurvePrivateKey
    signer_chain: Sequence[x509.Certificate]
    envelope: Envelope | None = None
    emaid: str | None = None

    def for_request(self, request: iso2.CertificateInstallationReq) -> Bundle:
        """The bundle for the car whose certificate is in the request."""
        return replace(self, receiver=public_key(parse(request.oem_provisioning_cert)))

    def body(self, code: ResponseCode = ResponseCode.OK) -> iso2.CertificateInstallationRes:
        """The response without its signature."""
        sealed = self.envelope or seal_iso2(self.contract.ecdsa_key, self.receiver, self.world.entropy)
        return iso2.CertificateInstallationRes(
            response_code=code,
            sa_provisioning_certificate_chain=chain(self.signer_chain),
            contract_signature_cert_chain=chain(
                [self.contract.certificate, *self.contract.sub_certificates], "id1"
            ),
            contract_signature_encrypted_private_key=iso2.ContractSignatureEncryptedPrivateKey(
                id="id2", value=sealed.encrypted_private_key
            ),
            dh_public_key=iso2.DiffieHellmanPublickey(id="id3", value=sealed.dh_public_key),
            emaid=iso2.EMAID(id="id4", value=self.emaid or self.contract.emaid),
        )

    def sign(self, body: iso2.CertificateInstallationRes) -> xmldsig.Signature:
        """The service's signature over a response."""
        return sign_certificate_installation_res(body, self.signer)

    def message(self) -> iso2.V2G_Message:
        """The signed response as a whole message."""
        body = self.body()
        return wrapped(body, signature=self.sign(body))


def usual(world: World) -> Bundle:
    """A good bundle for the car of ``world``."""
    receiver = public_key(world.oem.leaf.certificate)
    return Bundle(world, world.contract(), receiver, world.cps.leaf.signing_key(), world.cps.wire)


def chain(certificates: Sequence[x509.Certificate], identifier: str | None = None) -> iso2.CertificateChain:
    """A certificate chain as messages carry it."""
    leaf, *above = [certificate.public_bytes(Encoding.DER) for certificate in certificates]
    return iso2.CertificateChain(
        id=identifier,
        certificate=leaf,
        sub_certificates=iso2.SubCertificates(certificate=above) if above else None,
    )


def seal_scalar(scalar: int, receiver: ec.EllipticCurvePublicKey, world: World) -> Envelope:
    """An envelope around any 256-bit number, private key or not."""
    ephemeral = world.entropy.ec_key(ec.SECP256R1())
    key = derive_key_iso2(ephemeral.exchange(ec.ECDH(), receiver))
    vector = world.entropy.bytes(16)
    encryptor = Cipher(algorithms.AES128(key), modes.CBC(vector)).encryptor()
    sealed = encryptor.update(scalar.to_bytes(32, "big")) + encryptor.finalize()
    point = ephemeral.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return Envelope(vector + sealed, point)
