"""What the car maker makes for ISO 15118-20: a provisioning certificate, and one for the car as TLS client."""

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import x448
from cryptography.hazmat.primitives.serialization import load_der_public_key

from backend_stub.authority.interface import IssuedRegister
from backend_stub.certificates import UNREADABLE, chain_refusal, check_issuer
from backend_stub.errors import Code, MarketError
from backend_stub.oem.interface import Iso20Request
from pki.entropy import Entropy
from pki.errors import CertificateError
from pki.issuing import Identity, issue
from pki.keys import KeyType, PublicKey, VerifyingKey, type_name
from pki.profiles import Edition as Suite

_WMI_LENGTH = 3


def proven_key(request: x509.CertificateSigningRequest, key_type: KeyType) -> VerifyingKey:
    """Return the key of a request that its owner signed; raises MarketError(REQUEST)."""
    try:
        key = request.public_key()
        signed = request.is_signature_valid
    except UNREADABLE as error:
        raise MarketError(Code.REQUEST, f"certificate request: {error}") from error
    if not signed:
        raise MarketError(Code.REQUEST, "certificate request: not signed with the key in it")
    if not isinstance(key, VerifyingKey) or type_name(key) != key_type:
        raise MarketError(Code.REQUEST, f"certificate request: the key must be on {key_type}")
    return key


@dataclass(frozen=True, slots=True)
class Iso20Keys:
    """The public keys of a car; ``receiver`` is the X448 key of one with Ed448."""

    provisioning: VerifyingKey
    vehicle: VerifyingKey
    receiver: PublicKey | None


@dataclass(frozen=True, slots=True)
class Iso20Factory:
    """The CA that certifies cars of ISO 15118-20, of either suite."""

    suite: Suite
    sub_ca2: Identity
    sub_ca1: x509.Certificate

    @property
    def sub_cas(self) -> tuple[x509.Certificate, x509.Certificate]:
        """What stands above the car's certificates, nearest first."""
        return self.sub_ca2.certificate, self.sub_ca1

    def keys(self, request: Iso20Request) -> Iso20Keys:
        """Return the keys that a car has shown to have; raises MarketError(REQUEST)."""
        key_type = self.suite.key_type
        keys = Iso20Keys(
            proven_key(request.provisioning, key_type),
            proven_key(request.vehicle, key_type),
            None if request.receiver_key is None else _receiver(request.receiver_key),
        )
        if (keys.receiver is not None) is not (self.suite is Suite.ISO20_ED448):
            raise MarketError(
                Code.REQUEST, "receiver key: one on X448 for a car with Ed448, none for another"
            )
        return keys

    def certify(
        self,
        pcid: str,
        keys: Iso20Keys,
        now: datetime,
        entropy: Entropy,
        issued: IssuedRegister | None,
    ) -> tuple[x509.Certificate, x509.Certificate]:
        """Return the provisioning certificate, and that of the car as TLS client.

        Raises MarketError(CHAIN, CHAIN_EXPIRED) when the CA cannot issue them.
        """
        check_issuer(self.sub_ca2, now)
        pointers = issued.pointers(self.sub_ca2.certificate) if issued else None
        try:
            provisioning, vehicle = (
                issue(
                    self.suite.profiles[profile],
                    common_name=name,
                    public_key=key,
                    issuer=self.sub_ca2,
                    now=now,
                    entropy=entropy,
                    crl_url=pointers.crl_url if pointers else None,
                    ocsp_url=pointers.ocsp_url if pointers else None,
                    alternate_key=alternate,
                )
                for profile, name, key, alternate in (
                    ("oem_provisioning", pcid, keys.provisioning, keys.receiver),
                    ("vehicle", evccid_of(pcid), keys.vehicle, None),
                )
            )
        except CertificateError as error:
            raise chain_refusal(error, "certificate of ISO 15118-20") from error
        return provisioning, vehicle


def evccid_of(pcid: str) -> str:
    """Return the EVCCID of -20 that goes with a PCID: the maker's code, EVCC, and the car's own number."""
    return f"{pcid[:_WMI_LENGTH]}EVCC{pcid[_WMI_LENGTH:]}"


def _receiver(data: bytes) -> PublicKey:
    try:
        key = load_der_public_key(data)
    except UNREADABLE as error:
        raise MarketError(Code.REQUEST, f"receiver key: {error}") from error
    if not isinstance(key, x448.X448PublicKey):
        raise MarketError(Code.REQUEST, "receiver key: must be on X448")
    return key
