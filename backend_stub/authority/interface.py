"""What the other roles, certificate holders and relying parties may ask of the certificate authority."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from cryptography import x509

from pki.names import domain_components
from pki.profiles import Edition
from pki.revocation import Reason, RevocationChecker


class Branch(StrEnum):
    """Which kind of leaf is asked for; spelled as in the path of EST requests."""

    MO = "mo"
    CPS = "cps"
    OEM = "oem"
    CPO = "cpo"
    VEHICLE = "veh"

    @property
    def profile(self) -> str:
        """The name of the profile that its leaves are issued after."""
        return _PROFILES[self]


_PROFILES = {
    Branch.MO: "contract",
    Branch.CPS: "cps_leaf",
    Branch.OEM: "oem_provisioning",
    Branch.CPO: "secc_leaf",
    Branch.VEHICLE: "vehicle_v2g",
}


class Kind(StrEnum):
    """What a certificate is for. Names alone do not tell: a charger may be called as contracts begin."""

    CONTRACT = "contract"
    CAR = "car"
    CHARGER = "charger"
    SIGNER = "signer"
    CA = "ca"
    OTHER = "other"

    @classmethod
    def of(cls, certificate: x509.Certificate) -> "Kind":
        """Return the kind of a certificate, by its basic constraints and domain component."""
        try:
            if certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
                return cls.CA
        except x509.ExtensionNotFound:
            pass
        domains = domain_components(certificate)
        return _KINDS.get(domains[0], cls.OTHER) if len(domains) == 1 else cls.OTHER


_KINDS = {"MO": Kind.CONTRACT, "OEM": Kind.CAR, "CPO": Kind.CHARGER, "CPS": Kind.SIGNER}


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate for the index; ``pcid`` is the car that a contract is for."""

    certificate: x509.Certificate
    pcid: str | None = None


@dataclass(frozen=True, slots=True)
class Pointers:
    """Where certificates of one CA say that revocation can be asked for; None where the market has no URL."""

    crl_url: str | None = None
    ocsp_url: str | None = None


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate as the index has it."""

    issuer_fingerprint: str
    serial: int
    kind: Kind
    name: str
    """Its common name: eMAID, PCID, SECCID, or what a CA is called."""
    pcid: str | None
    not_after: datetime
    revoked_at: datetime | None
    reason: Reason | None


@dataclass(frozen=True, slots=True)
class RevokeOrder:
    """That one certificate is to be revoked. Repeating it changes nothing: the first moment and reason stay."""

    certificate: x509.Certificate
    reason: Reason = Reason.UNSPECIFIED


@dataclass(frozen=True, slots=True)
class Selection:
    """Which certificates are to be revoked: those that meet everything that is given.

    ``names``        common names: eMAIDs of contracts, PCIDs of provisioning certificates
    ``kind``         what the certificates are for; None: whatever they are for
    ``prefix``       what the common name begins with, such as the ``DEPNC`` of all contracts of one operator
    ``pcid_prefix``  what the PCID of the car begins with that a contract is for
    ``issuer``       SHA-256 of the CA that issued them
    """

    names: Sequence[str] = ()
    kind: Kind | None = None
    prefix: str = ""
    pcid_prefix: str = ""
    issuer: str = ""

    @property
    def empty(self) -> bool:
        """True if nothing is given, or a kind only: that selects nothing, and never everything."""
        return not (self.names or self.prefix or self.pcid_prefix or self.issuer)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a bulk revocation has come. What is counted here is durable.

    ``total`` is how much there is to go through: names, or certificates that are not revoked yet.
    ``unknown`` are the first names that no certificate bears (of all ``missing`` ones).
    """

    done: int
    total: int
    revoked: int
    already_revoked: int
    missing: int = 0
    unknown: Sequence[str] = field(default=())

    @property
    def finished(self) -> bool:
        """True if nothing is left to do."""
        return self.done >= self.total


@dataclass(frozen=True, slots=True)
class Crl:
    """A revocation list, DER, and until when it holds."""

    document: bytes
    number: int
    next_update: datetime


@dataclass(frozen=True, slots=True)
class OcspAnswer:
    """A signed answer, DER. ``until`` is None for one that nobody should keep: a refusal, or one with a nonce."""

    document: bytes
    produced_at: datetime | None = None
    until: datetime | None = None


class IssuedRegister(Protocol):
    """What a role must know that issues certificates itself."""

    def pointers(self, issuer: x509.Certificate) -> Pointers:
        """Return where certificates that ``issuer`` issues are to point."""
        ...

    async def register_issued(self, issued: Sequence[Issued]) -> None:
        """Enter certificates into the index; repeating it changes nothing.

        To be called *before* a certificate is stored or handed out: whoever is killed in between leaves an entry
        for a certificate that nobody has, and never a certificate that cannot be revoked. Raises
        MarketError(UNKNOWN) for one of a CA that is not ours.
        """
        ...


class RevocationSource(Protocol):
    """What a role must know that judges chains."""

    async def checker(self, certificates: Sequence[x509.Certificate]) -> RevocationChecker:
        """Return a checker that knows what this authority knows of ``certificates`` now.

        Of certificates of other CAs it knows nothing and lets them pass.
        """
        ...


class CertificateAuthority(IssuedRegister, RevocationSource, Protocol):
    """The role CA."""

    async def enroll(
        self, branch: Branch, edition: Edition, request: x509.CertificateSigningRequest
    ) -> x509.Certificate:
        """Issue a leaf for the key that ``request`` proves possession of; it is in the index before it is returned.

        Of the request only the common name and the key are used; everything else follows from the profile. Raises
        MarketError: REQUEST for a bad proof, key or name; UNKNOWN where this market has no such CA;
        CHAIN_EXPIRED when the CA has run out.
        """
        ...

    async def ca_certificates(self, branch: Branch, edition: Edition) -> Sequence[x509.Certificate]:
        """Return the CAs above leaves of a branch, nearest first, the root last; raises MarketError(UNKNOWN)."""
        ...

    async def revoke(self, order: RevokeOrder) -> Certificate:
        """Revoke a certificate; raises MarketError(UNKNOWN) for one that is not in the index."""
        ...

    def revoke_many(self, selection: Selection, reason: Reason) -> AsyncGenerator[Progress, None]:
        """Revoke everything selected, some hundred in a transaction, and tell the progress after each.

        What was told is durable. Broken off, or killed, the same call goes on where it stopped, since what is
        revoked already stays as it is. Raises MarketError(REQUEST) for an empty selection.
        """
        ...

    async def find(self, name: str) -> Sequence[Certificate]:
        """Return the certificates with a common name, oldest first."""
        ...

    async def crl(self, issuer_fingerprint: str) -> Crl:
        """Return the current list of one of our CAs, by its SHA-256; raises MarketError(UNKNOWN)."""
        ...

    async def ocsp(self, request: bytes) -> OcspAnswer:
        """Answer an OCSP request; never raises for what a client can send, since OCSP has its own refusals."""
        ...
