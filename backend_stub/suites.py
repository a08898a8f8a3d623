"""Which edition of ISO 15118 a certificate belongs to, and by which profiles it is judged: its key says so.

ISO 15118-2 has P-256, ISO 15118-20 has P-521 and Ed448. A certificate with any other key counts as one of -2,
so that the check against the profile says what is wrong with it.
"""

from collections.abc import Iterable

from cryptography import x509

from backend_stub.namespaces import Edition
from pki.chain import any_public_key
from pki.errors import CertificateError
from pki.keys import PublicKey, type_name
from pki.profiles import Edition as Suite
from pki.profiles import Profile

_BY_KEY = {str(suite.key_type): suite for suite in Suite}
_BY_EDITION = {Edition.ISO2: (Suite.ISO2,), Edition.ISO20: (Suite.ISO20, Suite.ISO20_ED448)}


def suite_of_key(key: PublicKey) -> Suite:
    """Return the set of profiles that a key belongs to."""
    return _BY_KEY.get(type_name(key), Suite.ISO2)


def suite_of(certificate: x509.Certificate) -> Suite:
    """Return the set of profiles that a certificate belongs to."""
    try:
        return suite_of_key(any_public_key(certificate))
    except CertificateError:
        return Suite.ISO2


def edition_of(certificate: x509.Certificate) -> Edition:
    """Return the edition that a certificate belongs to."""
    return Edition.ISO2 if suite_of(certificate) is Suite.ISO2 else Edition.ISO20


def profile_of(certificate: x509.Certificate, name: str) -> Profile:
    """Return the profile called ``name`` that a certificate is judged by."""
    return suite_of(certificate).profiles[name]


def profile_in(edition: Edition, certificate: x509.Certificate, name: str) -> Profile:
    """Return the profile that a certificate must fit where ``edition`` is spoken; another one's fits none."""
    suites = _BY_EDITION[edition]
    found = suite_of(certificate)
    return (found if found in suites else suites[0]).profiles[name]


def of_edition(certificates: Iterable[x509.Certificate], edition: Edition) -> list[x509.Certificate]:
    """Return the certificates of one edition."""
    return [certificate for certificate in certificates if edition_of(certificate) is edition]
