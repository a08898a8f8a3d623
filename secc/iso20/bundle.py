"""What a charger checks of a contract bundle of ISO 15118-20 before it passes it on to the car.

As with -2 the charger cannot open the envelope. It looks at everything else: the message can be decoded and is of
the right type, curve and fields of the envelope go together, the part that counts is signed by the provisioning
service, and that one hangs under a V2G root that the charger knows. The signature covers SignedInstallationData
only; header, code and counters of the response are the charger's to fill in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

import exi
from pki import chain
from pki.errors import CertificateError
from secc.errors import BundleError, BundleFailure
from secc.iso20.certificates import profile_of
from v2g.errors import SignatureError
from v2g.messages import iso20
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.xmldsig import Signature
from v2g.security import signature_iso20
from v2g.security.dialects import STANDARD, Dialect


@dataclass(frozen=True, slots=True)
class Bundle:
    """A response of the backend: its signature and its body."""

    signature: Signature | None
    response: cm.CertificateInstallationRes

    @property
    def positive(self) -> bool:
        """True if it carries a contract; otherwise only its response code means anything."""
        return self.response.response_code.startswith("OK")


def read(data: bytes) -> Bundle:
    """Decode a backend's response; raises BundleError GARBLED for anything but a CertificateInstallationRes."""
    try:
        message = exi.decode(data, iso20.COMMON_MESSAGES)
    except exi.ExiError as error:
        raise _garbled(f"not an ISO 15118-20 message: {error}") from error
    if not isinstance(message, cm.CertificateInstallationRes):
        raise _garbled(f"{type(message).__name__} instead of a CertificateInstallationRes")
    return Bundle(message.header.signature, message)


def check_form(data: cm.SignedInstallationData) -> None:
    """Check that the envelope is of the curve that it says; raises BundleError GARBLED."""
    if data.ecdh_curve is cm.EcdhCurve.X448:
        if data.x448_encrypted_private_key is None:
            raise _garbled("ECDHCurve X448 without X448_EncryptedPrivateKey")
        return
    if data.secp521_encrypted_private_key is None and data.tpm_encrypted_private_key is None:
        raise _garbled("ECDHCurve SECP521 without an encrypted key for it")
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP521R1(), data.dh_public_key)
    except ValueError as error:
        raise _garbled(f"the DH public key is no point of the curve: {error}") from error


def check_signature(
    bundle: Bundle, roots: Sequence[x509.Certificate], at: datetime, dialect: Dialect = STANDARD
) -> None:
    """Verify the provisioning service's signature and, when roots are given, its chain; raises BundleError."""
    provisioner = bundle.response.cps_certificate_chain
    try:
        leaf = chain.parse(provisioner.certificate)
        others = provisioner.sub_certificates.certificate if provisioner.sub_certificates else []
        if roots:
            profile = profile_of(leaf, "cps_leaf")
            chain.validate(leaf, [chain.parse(other) for other in others], roots, at=at, profile=profile)
        signature_iso20.verify_certificate_installation_res(
            bundle.signature, bundle.response, chain.verifying_key(leaf), dialect
        )
    except CertificateError as error:
        raise _garbled(f"provisioning certificate: {error}") from error
    except SignatureError as error:
        raise _garbled(f"signature of the provisioning service: {error}") from error


def _garbled(reason: str) -> BundleError:
    return BundleError(BundleFailure.GARBLED, reason)
