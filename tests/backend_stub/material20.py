"""Cars and requests of ISO 15118-20 for the tests of this package."""

import base64
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

import exi
from backend_stub.certificates import der
from backend_stub.namespaces import Edition, spelling
from backend_stub.oem.interface import Iso20Request
from pki.entropy import SeededEntropy, SystemEntropy
from pki.hierarchy import Hierarchy
from pki.keys import KeyType, PrivateKey, SigningKey, new_key, new_signing_key
from pki.names import issuer_serial
from pki.profiles import Edition as Suite
from tests.backend_stub.material import SESSION_ID, START, World, signing_request
from v2g.messages import iso20
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20.common_types import ListOfRootCertificateIDs, MessageHeader
from v2g.messages.xmldsig import X509IssuerSerial
from v2g.security.envelope_iso20 import open_iso20
from v2g.security.installation_iso20 import envelope_of
from v2g.security.signature_iso20 import sign_certificate_installation_req

SUITES = (Suite.ISO20, Suite.ISO20_ED448)


def make_iso20(suite: Suite = Suite.ISO20, seed: int = 1) -> Hierarchy:
    """Return certificates of ISO 15118-20, valid from START; the same for the same seed."""
    return Hierarchy.create(now=START, entropy=SeededEntropy(seed), edition=suite)


@dataclass(frozen=True)
class Car20:
    """What a car has for ISO 15118-20. ``receiver`` opens its envelopes."""

    pcid: str
    key: SigningKey
    receiver: PrivateKey
    provisioning: x509.Certificate
    vehicle: x509.Certificate
    sub_cas: tuple[x509.Certificate, ...]
    v2g_roots: tuple[x509.Certificate, ...]

    def request(
        self,
        *,
        maximum: int = 8,
        prioritized: tuple[str, ...] = (),
        roots: tuple[x509.Certificate, ...] | None = None,
        signer: SigningKey | None = None,
        **changes: Any,
    ) -> bytes:
        """Return the EXI of a signed CertificateInstallationReq."""
        fields: dict[str, Any] = {
            "oem_provisioning_certificate_chain": cm.SignedCertificateChain(
                id="id1",
                certificate=der(self.provisioning),
                sub_certificates=cm.SubCertificates(certificate=[der(each) for each in self.sub_cas]),
            ),
            "list_of_root_certificate_ids": ListOfRootCertificateIDs(
                root_certificate_id=[
                    X509IssuerSerial(x509_issuer_name=name, x509_serial_number=serial)
                    for name, serial in map(issuer_serial, roots or self.v2g_roots)
                ]
            ),
            "maximum_contract_certificate_chains": maximum,
            "prioritized_emaids": cm.EMAIDList(emaid=list(prioritized)) if prioritized else None,
        }
        message = cm.CertificateInstallationReq(
            header=MessageHeader(session_id=SESSION_ID, time_stamp=1), **(fields | changes)
        )
        message.header.signature = sign_certificate_installation_req(message, signer or self.key)
        return exi.encode(message, iso20.COMMON_MESSAGES)

    def open(self, response: cm.CertificateInstallationRes) -> PrivateKey:
        """Return the contract key in a response, as the car decrypts and checks it."""
        data = response.signed_installation_data
        certificate = x509.load_der_x509_certificate(data.contract_certificate_chain.certificate)
        return open_iso20(envelope_of(data), self.receiver, pcid=self.pcid, certificate=certificate)


def response_of(document: bytes) -> cm.CertificateInstallationRes:
    """Decode an answer of the market."""
    message = exi.decode(document, iso20.COMMON_MESSAGES)
    assert isinstance(message, cm.CertificateInstallationRes)
    return message


def door_body20(document: bytes, namespace: str = spelling(Edition.ISO20)) -> dict[str, Any]:
    """Return what a charger posts for a request."""
    return {
        "certificateInstallationReq": base64.b64encode(document).decode(),
        "xsdMsgDefNamespace": namespace,
    }


def signing_request20(key: SigningKey) -> x509.CertificateSigningRequest:
    """Return a PKCS #10 request for a key of either suite."""
    if isinstance(key, ed448.Ed448PrivateKey):
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "anything")])
        return x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, None)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "anything")])
    return x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA512())


async def build20(world: World, suite: Suite = Suite.ISO20) -> Car20:
    """Build a car that speaks both editions; return what it has for -20."""
    entropy = SystemEntropy()
    key, tls = (new_signing_key(suite.key_type, entropy) for _ in range(2))
    receiver = new_key(KeyType.X448, entropy) if suite is Suite.ISO20_ED448 else None
    request = Iso20Request(
        signing_request20(key),
        signing_request20(tls),
        None
        if receiver is None
        else receiver.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    )
    first = signing_request(entropy.ec_key(ec.SECP256R1()))
    built = await world.market.oem.build(first, iso20=request)
    assert built.iso20 is not None
    return Car20(
        built.vehicle.pcid,
        key,
        receiver or key,
        built.iso20.provisioning,
        built.iso20.vehicle,
        tuple(built.iso20.sub_cas),
        tuple(built.iso20.v2g_roots),
    )
