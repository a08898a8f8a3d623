"""The errors of this package: one tree, facts in fields."""

from enum import StrEnum
from os import PathLike


class PkiError(Exception):
    """Base of everything that this package raises on purpose."""


class Rule(StrEnum):
    """What a certificate or chain broke. Each check of :mod:`pki.chain` names exactly one.

    The last four come from :mod:`pki.revocation`: the certificate is revoked, nobody says whether it is, what
    is said is out of date, or said by somebody who may not (or garbled).
    """

    UNREADABLE = "unreadable"
    TOO_LARGE = "too_large"
    WRONG_VERSION = "wrong_version"
    WRONG_KEY_TYPE = "wrong_key_type"
    WRONG_ALGORITHM = "wrong_algorithm"
    CHAIN_TOO_LONG = "chain_too_long"
    WRONG_ORDER = "wrong_order"
    UNEXPECTED_CERTIFICATE = "unexpected_certificate"
    UNKNOWN_ISSUER = "unknown_issuer"
    BAD_SIGNATURE = "bad_signature"
    UNKNOWN_CRITICAL_EXTENSION = "unknown_critical_extension"
    NOT_A_CA = "not_a_ca"
    LEAF_IS_CA = "leaf_is_ca"
    PATH_LENGTH = "path_length"
    WRONG_KEY_USAGE = "wrong_key_usage"
    WRONG_EXTENDED_KEY_USAGE = "wrong_extended_key_usage"
    WRONG_DOMAIN = "wrong_domain"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    REVOKED = "revoked"
    STATUS_UNKNOWN = "status_unknown"
    STATUS_STALE = "status_stale"
    STATUS_UNTRUSTED = "status_untrusted"


class CertificateError(PkiError):
    """A certificate or chain that must not be trusted or issued.

    ``rule`` is the broken rule, ``subject`` the RFC 4514 name of the certificate that broke it (empty
    when it could not even be read), ``detail`` one sentence with what was found and what was expected.
    """

    def __init__(self, rule: Rule, subject: str, detail: str) -> None:
        super().__init__(rule, subject, detail)
        self.rule = rule
        self.subject = subject
        self.detail = detail

    def __str__(self) -> str:
        """Return rule, subject and detail on one line."""
        return f"{self.rule}: {self.subject or 'certificate'}: {self.detail}"


class StoreError(PkiError):
    """A file or folder with certificates or keys that cannot be read or written.

    ``path`` names the file, ``detail`` says what is wrong with it. Key material is never quoted.
    """

    def __init__(self, path: str | PathLike[str], detail: str) -> None:
        super().__init__(str(path), detail)
        self.path = str(path)
        self.detail = detail

    def __str__(self) -> str:
        """Return path and detail on one line."""
        return f"{self.path}: {self.detail}"
