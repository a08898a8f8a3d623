"""Whom a TLS peer claims to be, held against the rules of ISO 15118.

OpenSSL checks signatures, validity and purpose. Domain components, curves, sizes and the order on the wire
are rules of the standard only, and :mod:`pki.chain` names certificate and rule for whatever is wrong.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography import x509

from pki import chain
from pki.errors import CertificateError
from pki.profiles import Edition, Profile
from v2g.errors import TlsError
from v2g.net.tls_config import ClientTls, ServerTls
from v2g.net.tls_words import NOT_ACCEPTED

Config = ClientTls | ServerTls


def judge(peer_chain: Sequence[bytes], verified: Sequence[bytes], config: Config) -> None:
    """Hold a peer of ISO 15118-20 to the profile of its kind of leaf.

    ``verified`` is the path that OpenSSL found good; the signatures in it are not checked a second time.

    Raises TlsError whose reason names the certificate and the broken rule and whose code is that rule.
    """
    if not peer_chain:
        raise TlsError("the peer sent no certificate", "NO_CERTIFICATE")
    try:
        leaf, *above = map(chain.parse, peer_chain)
        path = [chain.parse(der) for der in verified]
        _validate(leaf, above, config.roots_iso20, _profile(leaf, config), config, path)
    except CertificateError as error:
        raise TlsError(f"{NOT_ACCEPTED}: {error}", error.rule.value) from error


def broken_rule(peer_chain: Sequence[bytes], config: Config) -> str:
    """Return certificate and rule behind a refusal by OpenSSL; empty when our own rules see nothing wrong.

    OpenSSL shows a server no certificate that it has refused; then the roots that cars are trusted by are told.
    """
    if not peer_chain:
        names = ", ".join(root.subject.rfc4514_string() for root in config.roots_iso20)
        return f"trusted roots: {names}" if names else ""
    try:
        leaf, *above = map(chain.parse, peer_chain)
        profile = _profile(leaf, config)
        roots = list(config.roots_iso20)
        if isinstance(config, ClientTls):
            roots += config.roots
        _validate(leaf, above, roots, profile, config)
    except CertificateError as error:
        return str(error)
    return ""


def _profile(leaf: x509.Certificate, config: Config) -> Profile:
    """Return what the leaf should be: a charger's for a car, a car's for a charger, of the edition of its key."""
    found = chain.key_name(leaf)
    edition = next((edition for edition in Edition if edition.key_type == found), Edition.ISO20)
    if isinstance(config, ClientTls) and edition is Edition.ISO2 and config.roots:
        return edition.profiles["secc_leaf"]
    if edition is Edition.ISO2:
        edition = Edition.ISO20
    return edition.profiles["secc_leaf" if isinstance(config, ClientTls) else "vehicle"]


def _validate(
    leaf: x509.Certificate,
    above: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    profile: Profile,
    config: Config,
    verified: Sequence[x509.Certificate] = (),
) -> None:
    at = datetime.now(UTC) if config.now is None else config.now()
    chain.validate(leaf, above, roots, at=at, profile=profile, verified=verified)
