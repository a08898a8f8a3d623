"""Judge certificate chains as ISO 15118 wants them: one named rule for each thing that can be wrong.

The checks go from the outside inwards: can each certificate be read, has it the right form, do names and
order link the chain, do the signatures hold, may the CAs do what they did, is the leaf of the right kind,
and last, is everything valid now. So "expired" is only ever said of a chain that is genuine otherwise.

Whether something is revoked is asked last, and only of whoever the caller names (:mod:`pki.revocation`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, x448
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key
from cryptography.x509.oid import ExtensionOID, NameOID, SignatureAlgorithmOID

from pki.errors import CertificateError, Rule
from pki.keys import ALTERNATE_KEY, KeyType, PublicKey, VerifyingKey, type_name
from pki.profiles import KeyUse, Profile, purpose_name
from pki.revocation import RevocationChecker, check_path

__all__ = [
    "CertificateError",
    "Rule",
    "alternate_key",
    "any_public_key",
    "check_root",
    "key_name",
    "parse",
    "public_key",
    "validate",
    "verifying_key",
]

_T = TypeVar("_T", bound=x509.ExtensionType)
_Pairs = frozenset[tuple[x509.Certificate, x509.Certificate]]
"""Certificates of which each first one is known to be signed by its second."""

_UNDERSTOOD = frozenset({ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE})
# Annex B of -20 marks these critical, which RFC 5280 does not. Where revocation can be asked for is for whoever
# asks (:mod:`pki.crl`, :mod:`pki.ocsp`).
_UNDERSTOOD_ISO20 = _UNDERSTOOD | {
    ExtensionOID.SUBJECT_KEY_IDENTIFIER,
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    ExtensionOID.CRL_DISTRIBUTION_POINTS,
    ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
}

_ALGORITHMS = {
    KeyType.SECP256R1: SignatureAlgorithmOID.ECDSA_WITH_SHA256,
    KeyType.SECP521R1: SignatureAlgorithmOID.ECDSA_WITH_SHA512,
    KeyType.ED448: SignatureAlgorithmOID.ED448,
}

# Everything that pyca/cryptography raises for bytes that are not a proper certificate. Some faults are
# warnings unless the process turns warnings into errors; older versions let a KeyError through for a name
# whose string type they do not know.
_UNREADABLE = (
    ValueError,
    TypeError,
    KeyError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    UserWarning,
)


_REMEMBERED = 512
"""Certificates whose reading is remembered. The CAs of a market, asked for with every leaf, stay among them."""


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the checks want to know of one certificate, read once."""

    certificate: x509.Certificate
    label: str
    size: int
    extensions: x509.Extensions
    domains: tuple[str, ...]
    constraints: x509.BasicConstraints | None
    constraints_critical: bool
    key_usage: x509.KeyUsage | None
    key_usage_critical: bool
    subject_key_id: bytes | None
    authority_key_id: bytes | None

    @property
    def is_ca(self) -> bool:
        """Say whether this is a CA certificate, marked so in a way that nobody may overlook."""
        return self.constraints is not None and self.constraints.ca and self.constraints_critical

    @property
    def self_issued(self) -> bool:
        return self.certificate.subject == self.certificate.issuer

    def names(self, issuer: "_Facts") -> bool:
        """Say whether this certificate names ``issuer`` as its issuer."""
        return self.certificate.issuer == issuer.certificate.subject

    def names_key(self, issuer: "_Facts") -> bool:
        """Say whether the key identifiers allow ``issuer``; absent ones allow anyone."""
        wanted, offered = self.authority_key_id, issuer.subject_key_id
        return wanted is None or offered is None or wanted == offered

    def fail(self, rule: Rule, detail: str) -> CertificateError:
        return CertificateError(rule, self.label, detail)


def parse(der: bytes) -> x509.Certificate:
    """Return the certificate that ``der`` encodes, all parts of it readable.

    Any bytes give a certificate or :class:`CertificateError` ``UNREADABLE``, nothing else.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
    except _UNREADABLE as error:
        raise CertificateError(Rule.UNREADABLE, "", f"not a DER certificate: {error}") from error
    _facts(certificate)
    return certificate


def any_public_key(certificate: x509.Certificate) -> PublicKey:
    """Return the certificate's public key; raises ``WRONG_KEY_TYPE`` when it is none that ISO 15118 knows."""
    label = certificate.subject.rfc4514_string()
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateError(Rule.WRONG_KEY_TYPE, label, f"the key cannot be read: {error}") from error
    if not isinstance(key, ec.EllipticCurvePublicKey | ed448.Ed448PublicKey | x448.X448PublicKey):
        raise CertificateError(Rule.WRONG_KEY_TYPE, label, "not an elliptic curve key")
    return key


def public_key(
    certificate: x509.Certificate, key_type: KeyType = KeyType.SECP256R1
) -> ec.EllipticCurvePublicKey:
    """Return the certificate's public key; raises ``WRONG_KEY_TYPE`` when it is not on that curve."""
    key = any_public_key(certificate)
    _require_type(certificate, key, key_type)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key


def verifying_key(certificate: x509.Certificate) -> VerifyingKey:
    """Return the public key to check signatures with; raises ``WRONG_KEY_TYPE`` when it is not for that."""
    key = any_public_key(certificate)
    if isinstance(key, x448.X448PublicKey):
        label = certificate.subject.rfc4514_string()
        raise CertificateError(Rule.WRONG_KEY_TYPE, label, "an x448 key cannot check signatures")
    return key


def alternate_key(certificate: x509.Certificate) -> PublicKey | None:
    """Return the second key that a certificate carries [V2G20-2534]; None when there is none.

    Raises ``WRONG_KEY_TYPE`` when it cannot be read.
    """
    try:
        value = certificate.extensions.get_extension_for_oid(ALTERNATE_KEY).value
    except x509.ExtensionNotFound:
        return None
    label = certificate.subject.rfc4514_string()
    try:
        key = load_der_public_key(value.public_bytes())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateError(
            Rule.WRONG_KEY_TYPE, label, f"the alternate key cannot be read: {error}"
        ) from error
    if not isinstance(key, PublicKey):
        raise CertificateError(Rule.WRONG_KEY_TYPE, label, "the alternate key is no elliptic curve key")
    return key


def key_name(certificate: x509.Certificate) -> str:
    """Return what kind of key a certificate holds, for people: the curve's name where it has one."""
    try:
        return type_name(certificate.public_key())
    except (ValueError, UnsupportedAlgorithm):
        return "unreadable key"


def validate(
    leaf: x509.Certificate,
    intermediates: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    *,
    at: datetime,
    profile: Profile,
    revocation: RevocationChecker | None = None,
    verified: Sequence[x509.Certificate] = (),
) -> tuple[x509.Certificate, ...]:
    """Return the path from ``leaf`` to one of ``roots``, or raise.

    ``intermediates`` are the sub-CA certificates in the order in which the message carried them, which
    must be the order of issuing: each signs the one before it, the first signs the leaf. ``roots`` are
    the trust anchors; they never travel. ``at`` is the time to judge validity at and must carry a zone.
    ``profile`` says what the leaf must be (a CA's profile judges a CA). ``revocation`` is asked about the whole
    path but its root; :class:`pki.revocation.SoftFail` around it lets pass what nobody knows. ``verified`` is a
    path, leaf to root, in which TLS has checked that each is signed by the next: those signatures are not
    checked again.

    Raises :class:`CertificateError` whose rule names the first thing found wrong. A ValueError means that
    the caller passed a time without a zone, or asked to validate a root, which is trusted and not judged.
    """
    if profile.issuer is None:
        raise ValueError(f"{profile.name} is a root: it is trusted, not validated")
    if at.tzinfo is None:
        raise ValueError("the time to validate at must carry a time zone")
    wire = [_facts(certificate) for certificate in (leaf, *intermediates)]
    if len(wire) > profile.max_chain:
        raise wire[0].fail(
            Rule.CHAIN_TOO_LONG,
            f"{len(wire)} certificates below the root, at most {profile.max_chain} allowed",
        )
    anchors = [_facts(root) for root in roots]
    _check_form(wire[0], profile)
    for facts in wire[1:]:
        _check_form(facts, profile.issuer)
    _check_order(wire, anchors)
    known = frozenset(pairwise(verified))
    for lower, upper in pairwise(wire):
        _check_issued(lower, upper, known)
    path = [*wire, _anchor_of(wire[-1], anchors, known)]
    _check_leaf(path[0], profile)
    _check_authorities(path, profile)
    for facts in path:
        _check_validity(facts, at)
    certificates = tuple(facts.certificate for facts in path)
    if revocation is not None:
        check_path(certificates, revocation, at)
    return certificates


def check_root(certificate: x509.Certificate, *, at: datetime, profile: Profile) -> None:
    """Raise :class:`CertificateError` for a certificate that cannot be the trust anchor ``profile`` describes.

    Form, self-signature, CA marks, key usage and validity are judged. Whether it is trusted is a decision, and not
    made here. A ValueError means that ``profile`` is not a root's, or that ``at`` has no time zone.
    """
    if profile.issuer is not None:
        raise ValueError(f"{profile.name} is not a root")
    if at.tzinfo is None:
        raise ValueError("the time to validate at must carry a time zone")
    facts = _facts(certificate)
    _check_form(facts, profile)
    if not facts.self_issued:
        raise facts.fail(Rule.UNEXPECTED_CERTIFICATE, f"issued by {_issuer(facts)}, a root issues itself")
    _check_issued(facts, facts, frozenset())
    if not facts.is_ca:
        raise facts.fail(Rule.NOT_A_CA, "not marked as a CA")
    _check_key_usage(facts, profile)
    _check_validity(facts, at)


@lru_cache(maxsize=_REMEMBERED)
def _facts(certificate: x509.Certificate) -> _Facts:
    """Read a certificate. What it says follows from its bytes alone, so it is read once; time judges it elsewhere."""
    label = ""
    try:
        label = certificate.subject.rfc4514_string()
        extensions = certificate.extensions
        constraints = _extension(extensions, x509.BasicConstraints)
        key_usage = _extension(extensions, x509.KeyUsage)
        subject_key_id = _extension(extensions, x509.SubjectKeyIdentifier)
        authority_key_id = _extension(extensions, x509.AuthorityKeyIdentifier)
        domains = certificate.subject.get_attributes_for_oid(NameOID.DOMAIN_COMPONENT)
        serial = certificate.serial_number
        _ = certificate.issuer, certificate.not_valid_before_utc, certificate.not_valid_after_utc
        version = certificate.version
        der = certificate.public_bytes(Encoding.DER)
        signature = certificate.signature
    except _UNREADABLE as error:
        raise CertificateError(Rule.UNREADABLE, label, f"cannot be read: {error}") from error
    if not der.endswith(b"\0" + signature):
        # The count of unused bits stands outside of what is signed: only one value may be accepted, or
        # the same certificate would have several fingerprints.
        raise CertificateError(Rule.UNREADABLE, label, "the signature is not a whole number of bytes")
    if serial <= 0:
        raise CertificateError(Rule.UNREADABLE, label, "the serial number is not positive")
    if version is not x509.Version.v3:
        raise CertificateError(Rule.WRONG_VERSION, label, f"X.509 version {version.name}, expected v3")
    return _Facts(
        certificate=certificate,
        label=label,
        size=len(der),
        extensions=extensions,
        domains=tuple(str(domain.value) for domain in domains),
        constraints=constraints.value if constraints else None,
        constraints_critical=bool(constraints and constraints.critical),
        key_usage=key_usage.value if key_usage else None,
        key_usage_critical=bool(key_usage and key_usage.critical),
        subject_key_id=subject_key_id.value.digest if subject_key_id else None,
        authority_key_id=authority_key_id.value.key_identifier if authority_key_id else None,
    )


def _extension(extensions: x509.Extensions, kind: type[_T]) -> x509.Extension[_T] | None:
    try:
        return extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None


def _check_form(facts: _Facts, profile: Profile) -> None:
    """Size, key, algorithm and extensions: what one certificate shows by itself."""
    if facts.size > profile.max_der:
        raise facts.fail(Rule.TOO_LARGE, f"{facts.size} bytes, at most {profile.max_der} allowed")
    _require_type(facts.certificate, any_public_key(facts.certificate), profile.key_type)
    algorithm, expected = facts.certificate.signature_algorithm_oid, _ALGORITHMS[profile.root.key_type]
    if algorithm != expected:
        detail = f"signed with {algorithm.dotted_string}, expected {expected.dotted_string}"
        raise facts.fail(Rule.WRONG_ALGORITHM, detail)
    understood = _UNDERSTOOD if profile.root.key_type is KeyType.SECP256R1 else _UNDERSTOOD_ISO20
    if profile.purposes:
        understood |= {ExtensionOID.EXTENDED_KEY_USAGE}
    for extension in facts.extensions:
        if extension.critical and extension.oid not in understood:
            oid = extension.oid.dotted_string
            raise facts.fail(Rule.UNKNOWN_CRITICAL_EXTENSION, f"critical extension {oid} is not understood")


def _check_order(wire: list[_Facts], anchors: list[_Facts]) -> None:
    """Each certificate must name the next one as its issuer; if not, find out what went wrong."""
    for facts in wire[1:]:
        if facts.self_issued:
            raise facts.fail(Rule.UNEXPECTED_CERTIFICATE, "a root has no place among the sub-CA certificates")
    gap = next((lower for lower, upper in pairwise(wire) if not lower.names(upper)), None)
    if gap is None:
        return
    reached, left = wire[0], wire[1:]
    while step := next((facts for facts in left if reached.names(facts)), None):
        left.remove(step)
        reached = step
    if not left:
        raise gap.fail(
            Rule.WRONG_ORDER, "the sub-CA certificates are there, but not each after the one it signed"
        )
    if any(reached.names(anchor) for anchor in anchors):
        raise left[0].fail(Rule.UNEXPECTED_CERTIFICATE, "this certificate is not part of the chain")
    raise reached.fail(Rule.UNKNOWN_ISSUER, f"no certificate for {_issuer(reached)} in the chain")


def _check_issued(lower: _Facts, upper: _Facts, known: _Pairs) -> None:
    if not lower.names_key(upper):
        raise lower.fail(Rule.UNKNOWN_ISSUER, f"{_issuer(lower)} is there, but with another key")
    if not _signed_by(lower, upper, known):
        raise lower.fail(Rule.BAD_SIGNATURE, f"the signature is not that of {_issuer(lower)}")


def _anchor_of(last: _Facts, anchors: list[_Facts], known: _Pairs) -> _Facts:
    """Return the trusted root that issued ``last``. Roots may share a name when one follows another."""
    named = [anchor for anchor in anchors if last.names(anchor)]
    if not named:
        raise last.fail(Rule.UNKNOWN_ISSUER, f"{_issuer(last)} is not a trusted root")
    with_key = [anchor for anchor in named if last.names_key(anchor)]
    if not with_key:
        raise last.fail(Rule.UNKNOWN_ISSUER, f"a root {_issuer(last)} is trusted, but with another key")
    for anchor in with_key:
        if _signed_by(last, anchor, known):
            return anchor
    raise last.fail(Rule.BAD_SIGNATURE, f"the signature is not that of the trusted root {_issuer(last)}")


def _require_type(certificate: x509.Certificate, key: PublicKey, expected: KeyType) -> None:
    if (found := type_name(key)) != expected:
        label = certificate.subject.rfc4514_string()
        raise CertificateError(Rule.WRONG_KEY_TYPE, label, f"a {found} key, expected {expected}")


def _signed_by(lower: _Facts, upper: _Facts, known: _Pairs) -> bool:
    if (lower.certificate, upper.certificate) in known:
        return True
    return _verified(lower.certificate, upper.certificate)


@lru_cache(maxsize=_REMEMBERED)
def _verified(lower: x509.Certificate, upper: x509.Certificate) -> bool:
    """Say whether the key in ``upper`` signed ``lower``: a matter of their bytes, whoever is trusted and whenever."""
    try:
        lower.verify_directly_issued_by(upper)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def _check_leaf(leaf: _Facts, profile: Profile) -> None:
    if leaf.constraints is not None and leaf.constraints.ca and not profile.ca:
        raise leaf.fail(Rule.LEAF_IS_CA, f"a CA certificate where a {profile.name} is expected")
    if profile.ca and not leaf.is_ca:
        raise leaf.fail(Rule.NOT_A_CA, f"not a CA certificate where a {profile.name} is expected")
    _check_key_usage(leaf, profile)
    _check_purposes(leaf, profile)
    _check_domain(leaf, profile)


def _check_authorities(path: list[_Facts], profile: Profile) -> None:
    """Check that everything above the leaf was allowed to issue what it issued [RFC 5280 6.1]."""
    sub_cas = [above for above in profile.above() if above.issuer is not None]
    for below, facts in enumerate(path[1:]):
        if not facts.is_ca:
            raise facts.fail(Rule.NOT_A_CA, "issued a certificate without being marked as a CA")
        limit = facts.constraints.path_length if facts.constraints else None
        if limit is not None and below > limit:
            raise facts.fail(Rule.PATH_LENGTH, f"{below} CAs below it, at most {limit} allowed")
        if facts is path[-1]:
            # The name of a trust anchor is the business of whoever trusts it.
            _check_key_usage(facts, profile.root)
        else:
            wanted = sub_cas[min(below, len(sub_cas) - 1)]
            _check_key_usage(facts, wanted)
            _check_domain(facts, wanted)


def _check_key_usage(facts: _Facts, profile: Profile) -> None:
    usage = facts.key_usage
    if usage is None:
        raise facts.fail(Rule.WRONG_KEY_USAGE, "no key usage")
    if not facts.key_usage_critical:
        raise facts.fail(Rule.WRONG_KEY_USAGE, "the key usage is not critical")
    has = {use for use in KeyUse if getattr(usage, use.value)}
    if missing := profile.required_key_usage - has:
        raise facts.fail(Rule.WRONG_KEY_USAGE, f"the key may not be used for {', '.join(sorted(missing))}")
    if not profile.ca and KeyUse.KEY_CERT_SIGN in has:
        raise facts.fail(Rule.WRONG_KEY_USAGE, f"a {profile.name} may not sign certificates")


def _check_purposes(leaf: _Facts, profile: Profile) -> None:
    if not profile.purposes:
        return
    found = _extension(leaf.extensions, x509.ExtendedKeyUsage)
    if found is None:
        raise leaf.fail(Rule.WRONG_EXTENDED_KEY_USAGE, "no extended key usage")
    if missing := sorted(purpose_name(use) for use in profile.purposes - set(found.value)):
        raise leaf.fail(Rule.WRONG_EXTENDED_KEY_USAGE, f"not meant for {', '.join(missing)}")


def _check_domain(facts: _Facts, profile: Profile) -> None:
    accepted = {profile.domain, *profile.also_accepted}
    if len(facts.domains) != 1 or facts.domains[0] not in accepted:
        found = ", ".join(facts.domains) or "none"
        raise facts.fail(
            Rule.WRONG_DOMAIN, f"domain component {found}, expected {' or '.join(sorted(accepted))}"
        )


def _check_validity(facts: _Facts, at: datetime) -> None:
    start, end = facts.certificate.not_valid_before_utc, facts.certificate.not_valid_after_utc
    if at < start:
        raise facts.fail(Rule.NOT_YET_VALID, f"valid from {start.isoformat()}, now it is {at.isoformat()}")
    if at > end:
        raise facts.fail(Rule.EXPIRED, f"valid until {end.isoformat()}, now it is {at.isoformat()}")


def _issuer(facts: _Facts) -> str:
    return facts.certificate.issuer.rfc4514_string()
