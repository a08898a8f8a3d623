"""The CAs of this market, found by what others call them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from backend_stub.certificates import UNREADABLE, subject_key_id
from pki.entropy import Entropy
from pki.hierarchy import Hierarchy
from pki.issuing import Identity
from pki.names import fingerprint_sha256
from pki.ocsp import Responder, issue_responder, issuer_hashes
from pki.profiles import Edition

_RENEW_RESPONDER = timedelta(days=1)


class Authority:
    """One CA with its key: its id in the database, and who answers for it."""

    def __init__(self, identity: Identity, id_: int, entropy: Entropy) -> None:
        self.identity = identity
        self.id = id_
        self.fingerprint = fingerprint_sha256(identity.certificate)
        self._entropy = entropy
        self._responder: Responder | None = None

    @property
    def certificate(self) -> x509.Certificate:
        """The CA's certificate."""
        return self.identity.certificate

    def responder(self, now: datetime) -> Responder:
        """Return who signs answers for this CA; its key is made here, renewed before it ends, never stored."""
        if self._responder is None or now > self._responder.not_after - _RENEW_RESPONDER:
            delegate = issue_responder(self.identity, now=now, entropy=self._entropy)
            self._responder = Responder(self.certificate, delegate)
        return self._responder


@dataclass(frozen=True, slots=True)
class Authorities:
    """All CAs whose keys are here."""

    hierarchies: Sequence[Hierarchy]
    by_fingerprint: Mapping[str, Authority]
    by_name: Mapping[x509.Name, Sequence[Authority]]
    by_hashes: Mapping[tuple[str, bytes, bytes], Authority]

    @classmethod
    def of(cls, hierarchies: Sequence[Hierarchy], ids: Mapping[str, int], entropy: Entropy) -> "Authorities":
        """Make the CAs of some hierarchies; ``ids`` are those in the database by fingerprint."""
        made = {
            fingerprint: Authority(identity, ids[fingerprint], entropy)
            for fingerprint, identity in owned(hierarchies).items()
        }
        names: dict[x509.Name, list[Authority]] = {}
        for authority in made.values():
            names.setdefault(authority.certificate.subject, []).append(authority)
        hashes = {
            each: authority for authority in made.values() for each in issuer_hashes(authority.certificate)
        }
        return cls(hierarchies, made, names, hashes)

    def by_certificate(self, certificate: x509.Certificate) -> Authority | None:
        """Return the CA that this is the certificate of."""
        return self.by_fingerprint.get(fingerprint_sha256(certificate))

    def named_by(self, certificate: x509.Certificate) -> Authority | None:
        """Return the CA of ours that a certificate names as its issuer; whether that is true is not looked at."""
        wanted = _authority_key_id(certificate)
        for authority in self.by_name.get(certificate.issuer, ()):
            if wanted is None or wanted == subject_key_id(authority.certificate):
                return authority
        return None

    def issuer_of(self, certificate: x509.Certificate) -> Authority | None:
        """Return the CA of ours that issued a certificate, None for one of somebody else, or a forged one."""
        authority = self.named_by(certificate)
        if authority is None:
            return None
        try:
            certificate.verify_directly_issued_by(authority.certificate)
        except (InvalidSignature, *UNREADABLE):
            return None
        return authority

    def hierarchy(self, edition: Edition) -> Hierarchy | None:
        """Return the hierarchy of an edition; the suites of -20 stand in for each other."""
        exact = [each for each in self.hierarchies if each.edition is edition]
        if exact or edition is Edition.ISO2:
            return exact[0] if exact else None
        return next((each for each in self.hierarchies if each.edition is not Edition.ISO2), None)


def owned(hierarchies: Sequence[Hierarchy]) -> Mapping[str, Identity]:
    """Return the CAs whose keys are here, by fingerprint."""
    return {
        fingerprint_sha256(identity.certificate): identity
        for hierarchy in hierarchies
        for name, identity in hierarchy.items()
        if identity.key is not None and hierarchy.members[name].profile.ca
    }


def _authority_key_id(certificate: x509.Certificate) -> bytes | None:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    except (x509.ExtensionNotFound, *UNREADABLE):
        return None
    return extension.value.key_identifier
