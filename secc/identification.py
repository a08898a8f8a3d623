"""Who pays: contracts and their chains, and external identification, as every protocol judges them.

What the verdicts are called on the wire is each protocol's own.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from cryptography import x509

from pki import chain
from pki.errors import CertificateError, Rule
from pki.names import common_name
from pki.profiles import Profile
from secc.context import Context
from secc.contract import Contract
from secc.waiting import Progress
from v2g.errors import SignatureError
from v2g.identifiers import Emaid
from v2g.timing import Limit

EXTERNAL = "identification"
"""What :class:`secc.waiting.Waits` calls it."""


def contract_of(
    leaf_der: bytes,
    others_der: Sequence[bytes],
    roots: Sequence[x509.Certificate],
    *,
    at: datetime,
    profile: Profile,
) -> Contract:
    """Return the contract that a chain proves; raises CertificateError or IdentifierError."""
    leaf = chain.parse(leaf_der)
    others = [chain.parse(other) for other in others_der]
    path = chain.validate(leaf, others, roots, at=at, profile=profile)
    # Contracts with a wrong check digit exist in the field; the certificate is what counts.
    emaid = str(Emaid.parse(common_name(leaf), check=False))
    return Contract(emaid, leaf, chain.verifying_key(leaf), path)


def check_validity(certificate: x509.Certificate, now: datetime) -> None:
    """Raise CertificateError when a certificate is not valid at ``now``."""
    subject = certificate.subject.rfc4514_string()
    if now > certificate.not_valid_after_utc:
        end = certificate.not_valid_after_utc.isoformat()
        raise CertificateError(Rule.EXPIRED, subject, f"valid until {end}")
    if now < certificate.not_valid_before_utc:
        start = certificate.not_valid_before_utc.isoformat()
        raise CertificateError(Rule.NOT_YET_VALID, subject, f"valid from {start}")


def note_rejected(error: CertificateError, context: Context) -> None:
    """Put a rejected certificate into the trace."""
    context.tracer.event(
        "certificate.rejected", rule=str(error.rule), subject=error.subject, detail=error.detail
    )


def check_signature(
    what: str, references: Sequence[str | None], verify: Callable[[], None], context: Context
) -> None:
    """Run a verification, which raises SignatureError, and put its outcome into the trace."""
    try:
        verify()
    except SignatureError as error:
        context.tracer.event("signature.failed", what=what, reason=str(error))
        raise
    context.tracer.event("signature.verified", what=what, references=list(references))


def external(context: Context, now: float, limit: Limit) -> Progress:
    """Tell how far external identification is for a request at ``now``; policy ``[external]``."""
    policy = context.charger.config.external
    return context.waits.progress(EXTERNAL, now, limit=limit, rounds=policy.rounds, delay_s=policy.delay_s)
