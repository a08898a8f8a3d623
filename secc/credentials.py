"""The charger's certificates and roots, read from the files that the configuration names.

A folder that ``pnclab pki init`` wrote holds those of ISO 15118-2, and in ``iso20/`` those of ISO 15118-20. Keys
of the configuration that name single files are for -2, except ``oem_roots`` and ``vehicle_roots``; -20 takes its own
chain, key and other roots from its folder.
"""

from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from pki import store
from pki.errors import StoreError
from pki.hierarchy import ISO20_FOLDER
from pki.keys import SigningKey
from secc.charger import Trust
from secc.config import Certificates, Config
from secc.errors import ConfigError
from secc.protocols import chosen
from v2g.errors import TlsError
from v2g.net.keylog import KeyLog
from v2g.net.tls import Iso20Server, ServerTls

_IN_FOLDER = {
    "chain": "cpo/secc_chain.pem",
    "key": "cpo/secc_leaf.key",
    "v2g_roots": "v2g/root.pem",
    "mo_roots": "mo/root.pem",
    "oem_roots": "oem/root.pem",
}
"""Where ``pnclab pki init`` puts what each key stands for."""


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """What TLS shows to cars: the chain, leaf first, and the leaf's key."""

    chain: tuple[x509.Certificate, ...]
    key: SigningKey


def load_tls(config: Config, source: str, keylog: KeyLog | None) -> ServerTls:
    """Make the TLS side of the protocols that are to be spoken; raises ConfigError.

    ISO 15118-20 needs ``iso20/`` in the folder of certificates; without it a charger that speaks -2 as well
    has TLS 1.2 only.
    """
    settings = config.certificates
    generations = {protocol.tls13 for protocol in chosen(config.network.protocols)}
    own20 = iso20_folder(settings) if True in generations else None
    if own20 is None and generations == {True}:
        reason = f"ISO 15118-20 needs the folder {ISO20_FOLDER} in it (`pnclab pki init` makes it), or iso20"
        raise ConfigError(source, "certificates.directory", reason)
    identity = load_identity(settings, source) if False in generations else None
    try:
        return ServerTls(
            identity.chain if identity else None,
            identity.key if identity else None,
            keylog=keylog,
            iso20=_iso20(settings, own20, source) if own20 else None,
        )
    except TlsError as error:
        raise ConfigError(source, "certificates", error.reason) from error


def _iso20(settings: Certificates, folder: Path, source: str) -> Iso20Server:
    identity = load_identity(Certificates(directory=str(folder)), source)
    return Iso20Server(identity.chain, identity.key, _vehicle_roots(settings, folder, source))


def _vehicle_roots(settings: Certificates, folder: Path, source: str) -> tuple[x509.Certificate, ...]:
    """Return the roots that vehicle certificates may hang under: car makers', and the V2G root."""
    if settings.vehicle_roots:
        return _roots(settings, "vehicle_roots", source)
    own = Certificates(directory=str(folder))
    return (*_roots(own, "oem_roots", source), *_roots(own, "v2g_roots", source))


def iso20_folder(settings: Certificates) -> Path | None:
    """Return the folder with the certificates of ISO 15118-20; None when there is none."""
    if settings.iso20:
        return Path(settings.iso20)
    folder = Path(settings.directory) / ISO20_FOLDER
    return folder if settings.directory and folder.is_dir() else None


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
        private = store.read_signing_key(key_file)
    except StoreError as error:
        raise ConfigError(source, _key_of(settings, error, chain_file), str(error)) from error
    if chain[0].public_key() != private.public_key():
        raise ConfigError(
            source, "certificates.key", f"{key_file} is not the key of the first certificate in {chain_file}"
        )
    return ServerIdentity(chain, private)


def load_trust(settings: Certificates, source: str) -> Trust:
    """Read the roots of ISO 15118-2; those that are not configured are empty. Raises ConfigError."""
    return Trust(mo=_roots(settings, "mo_roots", source), v2g=_roots(settings, "v2g_roots", source))


def load_trust20(settings: Certificates, source: str) -> Trust:
    """Read the roots of ISO 15118-20; those that are not configured are empty. Raises ConfigError."""
    folder = iso20_folder(settings)
    if folder is None:
        return Trust(oem=_roots(replaced_directory(settings, ""), "oem_roots", source))
    own = replaced_directory(settings, str(folder))
    return Trust(
        mo=_roots(own, "mo_roots", source),
        v2g=_roots(own, "v2g_roots", source),
        oem=_roots(own, "oem_roots", source),
    )


def replaced_directory(settings: Certificates, directory: str) -> Certificates:
    """Return the settings of -20: another folder, and only those files that are for -20."""
    return Certificates(directory=directory, oem_roots=settings.oem_roots)


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
