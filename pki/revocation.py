"""Whether certificates are revoked: what CRLs and OCSP answers have in common.

A :class:`RevocationChecker` judges one certificate from what it holds; fetching is somebody else's task, so
that nothing here does I/O. :func:`pki.chain.validate` takes one and asks it about a whole path.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519

from pki.errors import CertificateError, Rule

TOLERANCE = timedelta(minutes=5)
"""How far the clocks of whoever says something and of whoever hears it may differ."""

UNSETTLED = frozenset({Rule.STATUS_UNKNOWN, Rule.STATUS_STALE, Rule.STATUS_UNTRUSTED})
"""The rules that mean: nobody trustworthy says anything about it now."""


class Reason(StrEnum):
    """Why a certificate is revoked, in the spelling of RFC 5280, which OPNC shares.

    ``removeFromCRL`` is missing: it stands in delta CRLs only.
    """

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "keyCompromise"
    CA_COMPROMISE = "cACompromise"
    AFFILIATION_CHANGED = "affiliationChanged"
    SUPERSEDED = "superseded"
    CESSATION_OF_OPERATION = "cessationOfOperation"
    CERTIFICATE_HOLD = "certificateHold"
    PRIVILEGE_WITHDRAWN = "privilegeWithdrawn"
    AA_COMPROMISE = "aACompromise"

    @property
    def flag(self) -> x509.ReasonFlags:
        """The reason as pyca/cryptography has it."""
        return x509.ReasonFlags(self.value)

    @property
    def code(self) -> int:
        """The number of the reason in CRLs and OCSP answers [RFC 5280 5.3.1]."""
        return _CODES[self]


_CODES = {
    Reason.UNSPECIFIED: 0,
    Reason.KEY_COMPROMISE: 1,
    Reason.CA_COMPROMISE: 2,
    Reason.AFFILIATION_CHANGED: 3,
    Reason.SUPERSEDED: 4,
    Reason.CESSATION_OF_OPERATION: 5,
    Reason.CERTIFICATE_HOLD: 6,
    Reason.PRIVILEGE_WITHDRAWN: 9,
    Reason.AA_COMPROMISE: 10,
}


UNREADABLE = (
    ValueError,
    TypeError,
    KeyError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    UserWarning,  # where a process turns warnings into errors
)
"""What pyca/cryptography raises for bytes that are not a proper list or answer."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """That a certificate of some issuer is revoked: since when, and why."""

    at: datetime
    reason: Reason = Reason.UNSPECIFIED


class RevocationChecker(Protocol):
    """Judges single certificates of a path."""

    def check(self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime) -> None:
        """Return when ``certificate``, which ``issuer`` issued, is known not to be revoked at ``at``.

        Raises CertificateError: REVOKED, or one of :data:`UNSETTLED`.
        """
        ...


class SoftFail:
    """Lets pass what nobody trustworthy says anything about; what is revoked stays revoked."""

    def __init__(self, checker: RevocationChecker) -> None:
        self._checker = checker

    def check(self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime) -> None:
        """See :class:`RevocationChecker`; raises CertificateError REVOKED only."""
        try:
            self._checker.check(certificate, issuer, at)
        except CertificateError as error:
            if error.rule not in UNSETTLED:
                raise


class FirstAnswer:
    """Asks several checkers in turn until one knows. The last one's error counts when none does."""

    def __init__(self, checkers: Sequence[RevocationChecker]) -> None:
        self._checkers = checkers

    def check(self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime) -> None:
        """See :class:`RevocationChecker`."""
        unsettled = fault(Rule.STATUS_UNKNOWN, certificate, "there is nobody to ask")
        for checker in self._checkers:
            try:
                checker.check(certificate, issuer, at)
            except CertificateError as error:
                if error.rule not in UNSETTLED:
                    raise
                unsettled = error
            else:
                return
        raise unsettled


def check_path(path: Sequence[x509.Certificate], checker: RevocationChecker, at: datetime) -> None:
    """Check every certificate of ``path`` (leaf first, root last) but the root, which is only trusted.

    From the top downwards: what a revoked CA says of others is not worth looking at.
    """
    for issuer, certificate in zip(path[:0:-1], path[-2::-1], strict=True):
        checker.check(certificate, issuer, at)


def fault(rule: Rule, certificate: x509.Certificate, detail: str) -> CertificateError:
    """Return the error about a certificate's status."""
    return CertificateError(rule, certificate.subject.rfc4514_string(), detail)


def revoked(certificate: x509.Certificate, entry: Revoked) -> CertificateError:
    """Return the error for a certificate that is revoked."""
    return fault(Rule.REVOKED, certificate, f"revoked since {entry.at.isoformat()} ({entry.reason})")


def check_freshness(
    certificate: x509.Certificate, this_update: datetime, next_update: datetime | None, at: datetime
) -> None:
    """Raise CertificateError STATUS_STALE when what was said from ``this_update`` on does not hold at ``at``.

    Without ``next_update`` newer information is always there [RFC 6960 2.4]: it holds for the tolerance only.
    """
    until = next_update or this_update
    if at < this_update - TOLERANCE:
        raise fault(
            Rule.STATUS_STALE,
            certificate,
            f"said as of {this_update.isoformat()}, now it is {at.isoformat()}",
        )
    if at > until + TOLERANCE:
        raise fault(
            Rule.STATUS_STALE,
            certificate,
            f"what was said held until {until.isoformat()}, now it is {at.isoformat()}",
        )


def signature_hash(key: object) -> hashes.SHA256 | hashes.SHA512 | None:
    """Return the hash that a CA's key signs with; None for an Edwards curve, which has its own."""
    if not isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey):
        return None
    return hashes.SHA256() if key.key_size <= 256 else hashes.SHA512()


def signed_by(
    certificate: x509.Certificate, signature: bytes, content: bytes, algorithm: hashes.HashAlgorithm | None
) -> bool:
    """Say whether ``signature`` over ``content`` is that of the certificate's key. Never raises."""
    try:
        key = certificate.public_key()
        if isinstance(key, ec.EllipticCurvePublicKey) and algorithm is not None:
            key.verify(signature, content, ec.ECDSA(algorithm))
        elif isinstance(key, ed448.Ed448PublicKey | ed25519.Ed25519PublicKey) and algorithm is None:
            key.verify(signature, content)
        else:
            return False
    except (InvalidSignature, *UNREADABLE):
        return False
    return True
