"""Certificates and signatures of ISO 15118-20, where the key decides on the suite."""

from collections.abc import Mapping
from types import MappingProxyType

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed448

from exi.schema import XsdType
from pki.chain import any_public_key
from pki.errors import CertificateError, Rule
from pki.keys import VerifyingKey
from pki.profiles import Edition, Profile
from secc import identification
from secc.context import Context
from v2g.messages import iso20
from v2g.messages.iso20.common_types import ResponseCode
from v2g.messages.xmldsig import Signature
from v2g.security import signature

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


def suite_of(_key: VerifyingKey) -> signature.Suite:
    """Return the signature suite that goes with a key."""
    return signature.ISO20_SECP521


def check_signature(
    signed: Signature | None, identifier: str, name: str, value: XsdType, key: VerifyingKey, context: Context
) -> None:
    """Verify the signature over one element of a common message; raises SignatureError. Traced."""
    element = (identifier, name, value)
    identification.check_signature(signed, element, key, iso20.COMMON_MESSAGES, context, suite_of(key))
