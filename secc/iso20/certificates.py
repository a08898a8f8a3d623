"""Certificates of ISO 15118-20: which profile they are judged by, and what a verdict is called."""

from collections.abc import Mapping
from types import MappingProxyType

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed448

from pki.chain import any_public_key
from pki.errors import CertificateError, Rule
from pki.profiles import Edition, Profile
from v2g.messages.iso20.common_types import ResponseCode

_WARNINGS: Mapping[Rule, ResponseCode] = MappingProxyType(
    {
        Rule.EXPIRED: ResponseCode.WARNING_CertificateExpired,
        Rule.NOT_YET_VALID: ResponseCode.WARNING_CertificateNotYetValid,
        Rule.REVOKED: ResponseCode.WARNING_CertificateRevoked,
    }
)


def warning(error: CertificateError) -> ResponseCode:
    """Return the code for a rejected certificate [V2G20-2203…2205]."""
    return _WARNINGS.get(error.rule, ResponseCode.WARNING_CertificateValidationError)


def profile_of(leaf: x509.Certificate, name: str) -> Profile:
    """Return the profile to judge a leaf by: that of the suite which its key belongs to."""
    edition = Edition.ISO20_ED448 if isinstance(any_public_key(leaf), ed448.Ed448PublicKey) else Edition.ISO20
    return edition.profiles[name]
