"""The charger's certificates and roots, read from the files that the configuration names."""

from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from pki import store
from pki.errors import StoreError
from secc.charger import Trust
from secc.config import Certificates
from secc.errors import ConfigError

_IN_FOLDER = {
    "chain": "cpo/secc_chain.pem",
    "key": "cpo/secc_leaf.key",
    "v2g_roots": "v2g/root.pem",
    "mo_roots": "mo/root.pem",
}
"""Where ``pnclab pki init`` puts what each key stands for."""


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """What TLS shows to cars: the chain, leaf first, and the leaf's key."""

    chain: tuple[x509.Certificate, ...]
    key: EllipticCurvePrivateKey


def load_identity(settings: Certificates, source: str) -> ServerIdentity:
    """Read chain and key; raises ConfigError when they are missing, unreadable or do not belong together."""
    chain_file, key_file = _place(settings, "chain"), _place(settings, "key")
    if chain_file is None or key_file is None:
        key = "certificates.chain" if chain_file is None else "certificates.key"
        raise ConfigError(
            source, key, "TLS needs it: name a folder (--pki DIR), a file, or switch TLS off (--no-tls)"
        )
    try:
        chain = tuple(store.read_certificates(chain_file))
        private = store.read_key(key_file)
    except StoreError as error:
        raise ConfigError(source, _key_of(settings, error, chain_file), str(error)) from error
    if chain[0].public_key() != private.public_key():
        raise ConfigError(
            source, "certificates.key", f"{key_file} is not the key of the first certificate in {chain_file}"
        )
    return ServerIdentity(chain, private)


def load_trust(settings: Certificates, source: str) -> Trust:
    """Read the roots; those that are not configured are empty. Raises ConfigError."""
    return Trust(mo=_roots(settings, "mo_roots", source), v2g=_roots(settings, "v2g_roots", source))


def _roots(settings: Certificates, key: str, source: str) -> tuple[x509.Certificate, ...]:
    place = _place(settings, key)
    if place is None:
        return ()
    try:
        return tuple(store.read_certificates(place))
    except StoreError as error:
        named = key if getattr(settings, key) else "directory"
        raise ConfigError(source, f"certificates.{named}", str(error)) from error


def _place(settings: Certificates, key: str) -> Path | None:
    explicit: str = getattr(settings, key)
    if explicit:
        return Path(explicit)
    return Path(settings.directory) / _IN_FOLDER[key] if settings.directory else None


def _key_of(settings: Certificates, error: StoreError, chain_file: Path) -> str:
    name = "chain" if Path(error.path) == chain_file else "key"
    return f"certificates.{name if getattr(settings, name) else 'directory'}"
