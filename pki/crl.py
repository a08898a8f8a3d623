"""Certificate revocation lists: make them, and judge certificates by them [RFC 5280 5].

Full lists of one issuer only. Delta, indirect and partitioned lists are refused, not misread: each of them
carries a critical extension that a reader has to understand.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID

from pki.entropy import deterministic_ecdsa
from pki.errors import CertificateError, Rule
from pki.issuing import Identity
from pki.revocation import UNREADABLE, Reason, Revoked, check_freshness, fault, revoked, signature_hash

_UNDERSTOOD = frozenset({ExtensionOID.AUTHORITY_KEY_IDENTIFIER, ExtensionOID.CRL_NUMBER})
_PEM_BEGIN = b"-----BEGIN X509 CRL-----"


@dataclass(frozen=True, slots=True)
class Entry:
    """One revoked certificate of a list."""

    serial: int
    revoked: Revoked


def make_crl(
    issuer: Identity,
    entries: Iterable[Entry],
    *,
    number: int,
    this_update: datetime,
    next_update: datetime,
) -> bytes:
    """Return a list as DER, signed by ``issuer``.

    ``number`` must be higher than that of every list before. A hundred thousand entries take about a second.
    Raises ValueError for times without a zone, or when ``issuer`` has no key.
    """
    if this_update.tzinfo is None or next_update.tzinfo is None:
        raise ValueError("the times of a list must carry a time zone")
    key = issuer.signer()
    builder = x509.CertificateRevocationListBuilder(
        issuer_name=issuer.certificate.subject,
        last_update=_whole(this_update),
        next_update=_whole(next_update),
        # All at once: adding entries one by one copies the whole list each time.
        revoked_certificates=[_build(entry) for entry in entries],
    )
    signed = (
        builder.add_extension(_authority_key_id(issuer.certificate), critical=False)
        .add_extension(x509.CRLNumber(number), critical=False)
        .sign(key, signature_hash(key), ecdsa_deterministic=_deterministic(key))
    )
    return signed.public_bytes(Encoding.DER)


def parse_crl(data: bytes) -> x509.CertificateRevocationList:
    """Return the list in ``data``, DER or PEM. Any bytes give a list or CertificateError STATUS_UNTRUSTED."""
    load = x509.load_pem_x509_crl if data.lstrip().startswith(_PEM_BEGIN) else x509.load_der_x509_crl
    try:
        crl = load(data)
        _ = crl.issuer, crl.extensions, crl.last_update_utc, crl.next_update_utc, len(crl)
    except UNREADABLE as error:
        raise CertificateError(Rule.STATUS_UNTRUSTED, "", f"not a revocation list: {error}") from error
    return crl


class CrlChecker:
    """Judges certificates by lists, one for each issuer; the newest of an issuer's lists counts.

    A list's signature is verified when it is first needed and its entries are looked up in memory, so that one
    checker serves any number of certificates.
    """

    def __init__(self, crls: Iterable[x509.CertificateRevocationList]) -> None:
        self._lists: dict[x509.Name, list[_List]] = {}
        for crl in crls:
            self._lists.setdefault(crl.issuer, []).append(_List(crl))
        for lists in self._lists.values():
            lists.sort(key=lambda entry: entry.crl.last_update_utc, reverse=True)

    def check(self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime) -> None:
        """See :class:`pki.revocation.RevocationChecker`.

        STATUS_UNKNOWN: no list of this issuer; STATUS_UNTRUSTED: a list in its name that it did not sign, or
        that is of a kind not understood; STATUS_STALE: the list is out of date.
        """
        lists = self._lists.get(certificate.issuer)
        if not lists:
            raise fault(
                Rule.STATUS_UNKNOWN,
                certificate,
                f"no revocation list of {certificate.issuer.rfc4514_string()}",
            )
        problem: CertificateError | None = None
        for candidate in lists:
            try:
                candidate.judge(certificate, issuer, at)
            except CertificateError as error:
                if error.rule is Rule.REVOKED:
                    raise
                problem = problem or error
            else:
                return
        assert problem is not None
        raise problem


class _List:
    """A list, its verdict on its own signature, and its entries by serial number."""

    def __init__(self, crl: x509.CertificateRevocationList) -> None:
        self.crl = crl
        self._trusted_for: x509.Certificate | None = None
        self._entries: dict[int, x509.RevokedCertificate] | None = None

    def judge(self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime) -> None:
        if self._trusted_for != issuer:
            self._verify(certificate, issuer)
            self._trusted_for = issuer
        check_freshness(certificate, self.crl.last_update_utc, self.crl.next_update_utc, at)
        if self._entries is None:
            self._entries = {entry.serial_number: entry for entry in self.crl}
        entry = self._entries.get(certificate.serial_number)
        if entry is not None:
            raise revoked(certificate, Revoked(entry.revocation_date_utc, _reason(entry)))

    def _verify(self, certificate: x509.Certificate, issuer: x509.Certificate) -> None:
        unknown = [
            e.oid.dotted_string for e in self.crl.extensions if e.critical and e.oid not in _UNDERSTOOD
        ]
        if unknown:
            detail = f"its list has the critical extension {unknown[0]}, which is not understood"
            raise fault(Rule.STATUS_UNTRUSTED, certificate, detail)
        if not _may_sign(issuer):
            raise fault(Rule.STATUS_UNTRUSTED, certificate, "its issuer may not sign revocation lists")
        try:
            genuine = self.crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
        except UNREADABLE as error:
            raise fault(
                Rule.STATUS_UNTRUSTED, certificate, f"its list cannot be verified: {error}"
            ) from error
        if not genuine:
            raise fault(Rule.STATUS_UNTRUSTED, certificate, "its list is not signed by its issuer")


def _build(entry: Entry) -> x509.RevokedCertificate:
    builder = x509.RevokedCertificateBuilder(entry.serial, _whole(entry.revoked.at))
    reason = entry.revoked.reason
    if reason is not Reason.UNSPECIFIED:  # which is said by saying nothing [RFC 5280 5.3.1]
        builder = builder.add_extension(x509.CRLReason(reason.flag), critical=False)
    return builder.build()


def _reason(entry: x509.RevokedCertificate) -> Reason:
    try:
        flag = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
        return Reason(flag.value)
    except (x509.ExtensionNotFound, *UNREADABLE):
        return Reason.UNSPECIFIED


def _may_sign(issuer: x509.Certificate) -> bool:
    try:
        return issuer.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
    except x509.ExtensionNotFound:
        return True


def _authority_key_id(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        key_id = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        key_id = x509.SubjectKeyIdentifier.from_public_key(issuer.public_key()).digest
    return x509.AuthorityKeyIdentifier(key_id, None, None)


def _whole(moment: datetime) -> datetime:
    """Return a moment in whole seconds of UTC, without zone, as the builders want it."""
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None)


def _deterministic(key: object) -> bool | None:
    return deterministic_ecdsa() if isinstance(key, ec.EllipticCurvePrivateKey) else None
