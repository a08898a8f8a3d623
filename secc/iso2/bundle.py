"""What a charger can check of a contract bundle before it passes it on to the car.

The charger cannot open the envelope: the contract key is encrypted to the car. Whether a bundle is for this
very car is therefore the car's to find out, when it decrypts. Everything else is looked at here, so that a
car never waits in vain for what its charger could have seen: the message can be decoded and is of the
right type, its parts have the right form, eMAID and contract certificate belong together, the four parts
are signed by the provisioning service, and that one hangs under a V2G root that the charger knows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

import exi
from pki import chain
from pki.errors import CertificateError
from pki.names import common_name
from pki.profiles import CPS_LEAF
from secc.errors import BundleError, BundleFailure
from v2g.errors import IdentifierError, SignatureError
from v2g.identifiers import Emaid
from v2g.messages import iso2
from v2g.security import signature

_ENVELOPE_BYTES = 48
_POINT_BYTES = 65


Delivery = iso2.CertificateInstallationRes | iso2.CertificateUpdateRes


@dataclass(frozen=True, slots=True)
class Bundle:
    """A response of the backend: the whole ``message``, its body, and its EXI as received."""

    message: iso2.V2G_Message
    response: Delivery
    exi: bytes

    @property
    def session_id(self) -> bytes:
        """The SessionID in its header."""
        return self.message.header.session_id

    @property
    def positive(self) -> bool:
        """True if it carries a contract; otherwise only its response code means anything."""
        return not self.response.response_code.startswith("FAILED")

    @property
    def references(self) -> list[str]:
        """The Ids that its signature says it covers."""
        found = self.message.header.signature
        return [] if found is None else [(r.uri or "").removeprefix("#") for r in found.signed_info.reference]

    def for_session(self, session_id: bytes) -> bytes:
        """Return the EXI with this SessionID: the received bytes if it is there already.

        Signatures cover parts of the body only, so another header does no harm to them. Raises BundleError.
        """
        header = self.message.header
        if header.session_id == session_id:
            return self.exi
        changed = iso2.MessageHeader(session_id=session_id, signature=header.signature)
        try:
            return exi.encode(iso2.V2G_Message(header=changed, body=self.message.body), iso2.SCHEMA)
        except exi.ExiError as error:
            raise _garbled(f"cannot be encoded again: {error}") from error


def read(data: bytes, expected: type[Delivery] = iso2.CertificateInstallationRes) -> Bundle:
    """Decode a backend's response; raises BundleError GARBLED for anything but an ``expected`` one."""
    try:
        message = exi.decode(data, iso2.SCHEMA)
    except exi.ExiError as error:
        raise BundleError(BundleFailure.GARBLED, f"not an ISO 15118-2 message: {error}") from error
    if not isinstance(message, iso2.V2G_Message):
        raise BundleError(BundleFailure.GARBLED, f"{type(message).__name__} instead of a V2G_Message")
    response = message.body.body_element
    if not isinstance(response, expected):
        found = type(response).__name__ if response is not None else "an empty body"
        raise BundleError(BundleFailure.GARBLED, f"{found} instead of a {expected.__name__}")
    return Bundle(message, response, data)


def check_form(response: Delivery) -> None:
    """Check what needs no trust: lengths, point, and that eMAID and certificate agree. Raises BundleError."""
    envelope = response.contract_signature_encrypted_private_key.value
    if len(envelope) != _ENVELOPE_BYTES:
        raise _garbled(f"an encrypted key of {len(envelope)} bytes instead of {_ENVELOPE_BYTES}")
    point = response.dh_public_key.value
    if len(point) != _POINT_BYTES:
        raise _garbled(f"a DH public key of {len(point)} bytes instead of {_POINT_BYTES}")
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError as error:
        raise _garbled(f"the DH public key is no point of the curve: {error}") from error
    try:
        leaf = chain.parse(response.contract_signature_cert_chain.certificate)
        named = Emaid.parse(common_name(leaf), check=False)
        stated = Emaid.parse(response.emaid.value, check=False)
    except (CertificateError, IdentifierError) as error:
        raise _garbled(f"contract certificate or eMAID: {error}") from error
    if named != stated:
        raise _garbled(f"eMAID {stated}, but the contract certificate is for {named}")


def check_signature(received: Bundle, roots: Sequence[x509.Certificate], at: datetime) -> None:
    """Verify the provisioning service's signature and, when roots are given, its chain; raises BundleError."""
    provisioner = received.response.sa_provisioning_certificate_chain
    try:
        leaf = chain.parse(provisioner.certificate)
        others = provisioner.sub_certificates.certificate if provisioner.sub_certificates else []
        if roots:
            chain.validate(leaf, [chain.parse(other) for other in others], roots, at=at, profile=CPS_LEAF)
        signature.verify(
            received.message.header.signature,
            signature.bundle_elements(received.response),
            chain.public_key(leaf),
            iso2.SCHEMA,
        )
    except CertificateError as error:
        raise _garbled(f"provisioning certificate: {error}") from error
    except SignatureError as error:
        raise _garbled(f"signature of the provisioning service: {error}") from error


def _garbled(reason: str) -> BundleError:
    return BundleError(BundleFailure.GARBLED, reason)
