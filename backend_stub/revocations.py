"""What roles do with revocation when they judge chains."""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509

from backend_stub.authority.interface import RevocationSource
from pki.revocation import RevocationChecker


async def checker_of(
    source: RevocationSource | None, certificates: Sequence[x509.Certificate]
) -> RevocationChecker | None:
    """Return what :func:`pki.chain.validate` is to ask about these certificates; None without an authority."""
    return None if source is None else await source.checker(certificates)


async def check_each(
    source: RevocationSource | None, certificates: Sequence[x509.Certificate], at: datetime
) -> None:
    """Check certificates whose chains were judged before; raises CertificateError REVOKED."""
    checker = await checker_of(source, certificates)
    if checker is not None:
        for certificate in certificates:
            # The authority finds the issuer by itself; it does not travel with the topmost certificate.
            checker.check(certificate, certificate, at)
