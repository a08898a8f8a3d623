"""Small questions about certificates that several roles ask, and refusals made from certificate errors."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from backend_stub.errors import Code, MarketError
from pki.chain import verifying_key
from pki.errors import CertificateError, Rule
from pki.issuing import Identity
from pki.keys import PublicKey

UNREADABLE = (
    ValueError,
    TypeError,
    KeyError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    UserWarning,  # where a process turns warnings into errors
)
"""What pyca/cryptography raises for bytes that are no proper PKCS #10 request."""

_OUTSIDE_VALIDITY = frozenset({Rule.EXPIRED, Rule.NOT_YET_VALID})


def der(certificate: x509.Certificate) -> bytes:
    """Return the DER bytes of a certificate."""
    return certificate.public_bytes(Encoding.DER)


def stored(data: bytes) -> x509.Certificate:
    """Return a certificate from bytes of our own database, which were judged before they went in."""
    return x509.load_der_x509_certificate(data)


def key_fingerprint(key: PublicKey) -> str:
    """Return the SHA-256 of a public key (SubjectPublicKeyInfo) as lower-case hex."""
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def subject_key_id(certificate: x509.Certificate) -> bytes:
    """Return the subject key identifier; of a certificate without one, what it would be."""
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest


def present(*certificates: x509.Certificate | None) -> Sequence[x509.Certificate]:
    """Return those of the optional chain members that are there, in order."""
    return [certificate for certificate in certificates if certificate is not None]


def check_issuer(issuer: Identity, now: datetime) -> None:
    """Raise MarketError(CHAIN_EXPIRED) when a CA of ours has run out and must not issue any more."""
    end = issuer.certificate.not_valid_after_utc
    if now >= end:
        raise MarketError(
            Code.CHAIN_EXPIRED, f"{issuer.subject}: the issuing CA is valid until {end.isoformat()}"
        )


def chain_refusal(error: CertificateError, whose: str) -> MarketError:
    """Return the refusal for a chain that broke a rule; ``whose`` says which chain, in words."""
    code = Code.CHAIN_EXPIRED if error.rule in _OUTSIDE_VALIDITY else Code.CHAIN
    if error.rule is Rule.REVOKED:
        code = Code.REVOKED
    return MarketError(code, f"{whose}: {error}")


def check_anchor(certificate: x509.Certificate, now: datetime) -> None:
    """Raise MarketError (CHAIN, CHAIN_EXPIRED) for a certificate that cannot be a trust anchor.

    Whether it is trusted is a decision, and not made here.
    """
    name = certificate.subject.rfc4514_string()
    try:
        verifying_key(certificate)
    except CertificateError as error:
        raise MarketError(Code.CHAIN, str(error)) from error
    try:
        certificate.verify_directly_issued_by(certificate)
    except (InvalidSignature, ValueError, TypeError) as error:
        raise MarketError(Code.CHAIN, f"{name}: not self-signed") from error
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound as error:
        raise MarketError(Code.CHAIN, f"{name}: not a CA certificate") from error
    if not constraints.ca:
        raise MarketError(Code.CHAIN, f"{name}: not a CA certificate")
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise MarketError(Code.CHAIN_EXPIRED, f"{name}: not valid now")
