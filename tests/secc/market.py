"""A market in memory for the charger's tests: certificates, a car, its contract, its signed bundle."""

import functools
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

import exi
from pki.entropy import SeededEntropy
from pki.hierarchy import Hierarchy
from pki.issuing import Identity, new_identity
from pki.profiles import CONTRACT, OEM_PROVISIONING, Profile
from v2g.messages import iso2, xmldsig
from v2g.security import envelope, signature

NOW = datetime(2030, 6, 1, 12, 0, tzinfo=UTC)
EMAID = "DEPNCABCDEFGH1"
PCID = "PNCTEST0123456789"


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


@dataclass(frozen=True)
class Market:
    """Everything that car, charger and backend own; made once, since nothing in it changes."""

    pki: Hierarchy
    car: Identity
    contract: Identity

    def identity(
        self,
        profile: Profile,
        name: str,
        issuer: str,
        *,
        start: datetime = NOW,
        validity: timedelta | None = None,
        seed: int = 7,
    ) -> Identity:
        """Issue another certificate with its key."""
        return new_identity(
            profile,
            common_name=name,
            issuer=self.pki[issuer],
            now=start,
            entropy=SeededEntropy(seed),
            validity=validity,
        )

    def contract_chain(self, contract: Identity | None = None) -> iso2.CertificateChain:
        """Return the chain as PaymentDetails and the bundle carry it."""
        leaf = (contract or self.contract).certificate
        return chain_of([leaf, *self.pki.chain("mo_sub_ca2")], "id1")

    def installation_request(self, car: Identity | None = None) -> iso2.CertificateInstallationReq:
        return iso2.CertificateInstallationReq(
            id="id1",
            oem_provisioning_cert=der((car or self.car).certificate),
            list_of_root_certificate_ids=iso2.ListOfRootCertificateIDs(
                root_certificate_id=[
                    xmldsig.X509IssuerSerial(
                        x509_issuer_name="CN=V2G root",
                        x509_serial_number=self.pki["v2g_root"].certificate.serial_number,
                    )
                ]
            ),
        )

    def bundle(self, session_id: bytes = bytes(8), **parts: object) -> iso2.V2G_Message:
        """Return a signed CertificateInstallationRes for the car; ``parts`` replace fields before signing."""
        sealed = envelope.seal_iso2(
            self.contract.signing_key(), public_key(self.car.certificate), SeededEntropy(3)
        )
        response = iso2.CertificateInstallationRes(
            response_code=iso2.ResponseCode.OK,
            sa_provisioning_certificate_chain=chain_of(self.pki.chain("cps_leaf")),
            contract_signature_cert_chain=self.contract_chain(),
            contract_signature_encrypted_private_key=iso2.ContractSignatureEncryptedPrivateKey(
                id="id2", value=sealed.encrypted_private_key
            ),
            dh_public_key=iso2.DiffieHellmanPublickey(id="id3", value=sealed.dh_public_key),
            emaid=iso2.EMAID(id="id4", value=EMAID),
        )
        for name, value in parts.items():
            setattr(response, name, value)
        signed = signature.sign(
            signature.bundle_elements(response), self.pki["cps_leaf"].signing_key(), iso2.SCHEMA
        )
        return iso2.V2G_Message(
            header=iso2.MessageHeader(session_id=session_id, signature=signed),
            body=iso2.Body(body_element=response),
        )

    def bundle_exi(self, session_id: bytes = bytes(8), **parts: object) -> bytes:
        return exi.encode(self.bundle(session_id, **parts), iso2.SCHEMA)


@functools.cache
def market() -> Market:
    """Return the market that all tests share."""
    entropy = SeededEntropy(1)
    pki = Hierarchy.create(now=NOW - timedelta(days=1), entropy=entropy)
    unfinished = Market(pki, pki["oem_root"], pki["mo_root"])
    car = unfinished.identity(OEM_PROVISIONING, PCID, "oem_sub_ca2", start=NOW - timedelta(hours=1), seed=11)
    contract = unfinished.identity(CONTRACT, EMAID, "mo_sub_ca2", start=NOW - timedelta(hours=1), seed=12)
    return replace(unfinished, car=car, contract=contract)


def chain_of(certificates: list[x509.Certificate], identifier: str | None = None) -> iso2.CertificateChain:
    leaf, *others = certificates
    subs = iso2.SubCertificates(certificate=[der(other) for other in others]) if others else None
    return iso2.CertificateChain(id=identifier, certificate=der(leaf), sub_certificates=subs)


def public_key(certificate: x509.Certificate) -> ec.EllipticCurvePublicKey:
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key
