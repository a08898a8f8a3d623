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
from pki.entropy import Entropy, SystemEntropy
from pki.errors import CertificateError
from pki.issuing import Identity, issue
from pki.profiles import CONTRACT
from v2g.security.envelope import Envelope, seal_iso2

_TRACES = 2
"""Sealings after which nothing of the first is left; measured, one is enough nearly always."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a contract certificate says. Without ``validity`` it is valid as long as the profile allows."""

    emaid: str
    begins: datetime
    validity: timedelta | None = None
    pointers: Pointers | None = None


def make_contract(
    terms: Terms, issuer: Identity, receiver: ec.EllipticCurvePublicKey, entropy: Entropy
) -> tuple[x509.Certificate, Envelope]:
    """Make a contract key, certify it, and seal it for the owner of ``receiver``; nothing else keeps it.

    Raises MarketError(CHAIN, CHAIN_EXPIRED) when the issuer cannot issue such a certificate.
    """
    try:
        return _make(terms, issuer, receiver, entropy)
    finally:
        _overwrite_traces(receiver)


def make_contracts(
    orders: Iterable[tuple[Terms, ec.EllipticCurvePublicKey]], issuer: Identity, entropy: Entropy
) -> list[tuple[x509.Certificate, Envelope]]:
    """Do the same for many: each next one overwrites the traces of the one before, the last are overwritten once.

    Raises as :func:`make_contract`.
    """
    receiver = None
    made = []
    try:
        for terms, receiver in orders:
            made.append(_make(terms, issuer, receiver, entropy))
    finally:
        if receiver is not None:
            _overwrite_traces(receiver)
    return made


def _make(
    terms: Terms, issuer: Identity, receiver: ec.EllipticCurvePublicKey, entropy: Entropy
) -> tuple[x509.Certificate, Envelope]:
    """Do the work. The key is gone with this frame; OpenSSL wipes its own copy when it is freed."""
    key = entropy.ec_key(CONTRACT.key_type.curve)
    try:
        certificate = issue(
            CONTRACT,
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
    return certificate, seal_iso2(key, receiver, entropy)


def _overwrite_traces(receiver: ec.EllipticCurvePublicKey) -> None:
    """Seal a key that nobody will ever have, on the same way.

    Sealing turns the private number into a Python number and into bytes for a moment. Both are freed without being
    wiped, which no Python program can prevent; the allocators hand the same blocks out again at once, and so
    the next key's values take the place of this one's.
    """
    for _ in range(_TRACES):
        nobody = SystemEntropy()
        seal_iso2(nobody.ec_key(CONTRACT.key_type.curve), receiver, nobody)
