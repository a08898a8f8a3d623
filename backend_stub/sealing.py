"""A contract key's short life: made, certified, sealed for one car, and gone.

The key lives in the one call of :func:`make_contract`. What that leaves in memory is treated with care, and
tests search a live process for it; docs/market/msp.md says what can and what cannot be promised.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from backend_stub.authority.interface import Pointers
from backend_stub.certificates import chain_refusal
from backend_stub.errors import Code, MarketError
from backend_stub.namespaces import Edition
from backend_stub.suites import edition_of, suite_of
from pki.chain import public_key
from pki.entropy import Entropy, SystemEntropy
from pki.errors import CertificateError
from pki.hierarchy import Hierarchy
from pki.issuing import Identity, issue
from pki.keys import PrivateKey, PublicKey, new_key, type_name
from pki.profiles import Edition as Suite
from v2g.errors import EnvelopeError
from v2g.security.envelope import Envelope, seal_iso2
from v2g.security.envelope_iso20 import receivers, seal_iso20

_TRACES = 2
"""Sealings after which nothing of the first is left; measured, one is enough nearly always."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a contract certificate says. Without ``validity`` it is valid as long as the profile allows.

    An envelope of ISO 15118-20 is bound to the car's PCID besides its key.
    """

    emaid: str
    begins: datetime
    validity: timedelta | None = None
    pointers: Pointers | None = None
    pcid: str = ""


@dataclass(frozen=True, slots=True)
class ContractIssuer:
    """The certificates that contracts of one edition hang under; ``sub_ca2`` issues them."""

    sub_ca2: Identity
    sub_ca1: x509.Certificate
    root: x509.Certificate

    @classmethod
    def of(cls, hierarchy: Hierarchy) -> "ContractIssuer":
        """Take them out of a whole hierarchy."""
        return cls(
            hierarchy["mo_sub_ca2"], hierarchy["mo_sub_ca1"].certificate, hierarchy["mo_root"].certificate
        )


def receiver_of(provisioning: x509.Certificate) -> PublicKey:
    """Return the key that contract keys are sealed for: of -20 the alternate key, where the certificate has one.

    Raises MarketError(CHAIN) when there is none.
    """
    try:
        found = receivers(provisioning) if edition_of(provisioning) is Edition.ISO20 else {}
        return next(iter(found.values())) if found else public_key(provisioning)
    except EnvelopeError as error:
        raise MarketError(Code.CHAIN, f"provisioning certificate: {error}") from error
    except CertificateError as error:
        raise chain_refusal(error, "provisioning certificate") from error


def make_contract(
    terms: Terms, issuer: Identity, receiver: PublicKey, entropy: Entropy
) -> tuple[x509.Certificate, Envelope]:
    """Make a contract key, certify it, and seal it for the owner of ``receiver``; nothing else keeps it.

    The contract is of the edition and suite that the issuer is of. Raises MarketError(CHAIN, CHAIN_EXPIRED) when the
    issuer cannot issue such a certificate, or the key cannot be sealed for this receiver.
    """
    certificate = None
    try:
        certificate, envelope = _make(terms, issuer, receiver, entropy)
    finally:
        _overwrite_traces(receiver, terms, certificate)
    return certificate, envelope


def make_contracts(
    orders: Iterable[tuple[Terms, PublicKey]], issuer: Identity, entropy: Entropy
) -> list[tuple[x509.Certificate, Envelope]]:
    """Do the same for many: each next one overwrites the traces of the one before, the last are overwritten once.

    Raises as :func:`make_contract`.
    """
    last = None
    made: list[tuple[x509.Certificate, Envelope]] = []
    try:
        for terms, receiver in orders:
            last = receiver, terms
            made.append(_make(terms, issuer, receiver, entropy))
    finally:
        if last is not None:
            _overwrite_traces(*last, made[-1][0] if made else None)
    return made


def _make(
    terms: Terms, issuer: Identity, receiver: PublicKey, entropy: Entropy
) -> tuple[x509.Certificate, Envelope]:
    """Do the work. The key is gone with this frame; OpenSSL wipes its own copy when it is freed."""
    profile = suite_of(issuer.certificate).profiles["contract"]
    key = new_key(profile.key_type, entropy)
    try:
        certificate = issue(
            profile,
            common_name=terms.emaid,
            public_key=key.public_key(),
            issuer=issuer,
            now=terms.begins,
            validity=terms.validity,
            entropy=entropy,
            crl_url=terms.pointers.crl_url if terms.pointers else None,
            ocsp_url=terms.pointers.ocsp_url if terms.pointers else None,
        )
    except CertificateError as error:
        raise chain_refusal(error, "contract certificate") from error
    try:
        return certificate, _seal(key, receiver, entropy, terms, certificate)
    except EnvelopeError as error:
        raise MarketError(Code.CHAIN, f"provisioning certificate: {error}") from error


def _seal(
    key: PrivateKey, receiver: PublicKey, entropy: Entropy, terms: Terms, certificate: x509.Certificate
) -> Envelope:
    if edition_of(certificate) is Edition.ISO20:
        return seal_iso20(key, receiver, entropy, pcid=terms.pcid, certificate=certificate)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(receiver, ec.EllipticCurvePublicKey):
        raise EnvelopeError("receiver", f"a {type_name(receiver)} key, expected {Suite.ISO2.key_type}")
    return seal_iso2(key, receiver, entropy)


def _overwrite_traces(receiver: PublicKey, terms: Terms, certificate: x509.Certificate | None) -> None:
    """Seal a key that nobody will ever have, on the same way.

    Sealing turns the private number into a Python number and into bytes for a moment. Both are freed without being
    wiped, which no Python program can prevent; the allocators hand the same blocks out again at once, and so
    the next key's values take the place of this one's.
    """
    if certificate is None:
        return  # nothing was sealed
    for _ in range(_TRACES):
        nobody = SystemEntropy()
        _seal(new_key(suite_of(certificate).key_type, nobody), receiver, nobody, terms, certificate)
