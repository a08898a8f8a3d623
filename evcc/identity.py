"""Who the car is in ISO 15118-20: the folder ``iso20`` of a vehicle folder, checked.

Its files are described in :mod:`pki.vehicle_files`.
"""

from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from evcc.errors import ConfigError
from pki import vehicle_files
from pki.chain import any_public_key
from pki.errors import CertificateError, StoreError
from pki.hierarchy import ISO20_FOLDER
from pki.keys import KeyType, PrivateKey, SigningKey, type_name
from pki.names import common_name
from pki.profiles import Edition
from pki.store import read_certificates
from v2g.identifiers import Pcid

MAX_ROOTS = 20
"""As many as a ListOfRootCertificateIDs holds."""
MAX_SUB_CERTIFICATES = 3
"""As many as a -20 chain carries above its leaf."""

_EDITIONS = {KeyType.SECP521R1: Edition.ISO20, KeyType.ED448: Edition.ISO20_ED448}


@dataclass(frozen=True, slots=True, repr=False)
class Iso20Identity:
    """What a car brings to a -20 charger: certificates with their chains and keys, and the roots it trusts.

    Chains are those above the leaf, nearest first, without the root. ``suite`` is the set of profiles that
    the car's certificates follow.
    """

    directory: Path
    suite: Edition
    vehicle_chain: tuple[x509.Certificate, ...]
    """Leaf first: what the car shows in TLS."""
    vehicle_key: SigningKey
    provisioning_certificate: x509.Certificate
    provisioning_sub_cas: tuple[x509.Certificate, ...]
    provisioning_key: SigningKey
    receiver_key: PrivateKey
    """What opens the envelopes: the provisioning key, or the X448 key that its certificate carries besides."""
    v2g_roots: tuple[x509.Certificate, ...]

    @property
    def evccid(self) -> str:
        """The EVCCID that the vehicle certificate names."""
        return common_name(self.vehicle_chain[0])

    @property
    def contracts_directory(self) -> Path:
        """Where the -20 contracts lie."""
        return self.directory / "contracts"

    def __repr__(self) -> str:
        """Return where it was read from: never the keys."""
        return f"<Iso20Identity in {self.directory}>"


def load_iso20(vehicle_folder: Path, pcid: Pcid) -> Iso20Identity | None:
    """Read the folder ``iso20``; None if there is none. Raises :class:`ConfigError` naming the file."""
    folder = vehicle_folder / ISO20_FOLDER
    if not folder.is_dir():
        return None
    try:
        files = vehicle_files.load(vehicle_folder)
    except StoreError as error:
        raise ConfigError(error.path, "", error.detail) from error
    certificate_file = folder / "provisioning.pem"
    check_pcid(files.provisioning.certificate, certificate_file, pcid)
    named(files.vehicle.certificate, folder / "vehicle.pem")
    for chain, name in (
        (files.vehicle_sub_cas, "vehicle_chain.pem"),
        (files.provisioning_sub_cas, "chain.pem"),
    ):
        if len(chain) > MAX_SUB_CERTIFICATES:
            reason = f"{len(chain)} sub-CA certificates; a chain has at most {MAX_SUB_CERTIFICATES}"
            raise ConfigError(folder / name, "", reason)
    return Iso20Identity(
        directory=folder,
        suite=_suite(files.provisioning.certificate, certificate_file),
        vehicle_chain=files.vehicle_chain,
        vehicle_key=_signer(files.vehicle.private_key(), folder / "vehicle.key"),
        provisioning_certificate=files.provisioning.certificate,
        provisioning_sub_cas=files.provisioning_sub_cas,
        provisioning_key=_signer(files.provisioning.private_key(), folder / "provisioning.key"),
        receiver_key=files.receiver_key,
        v2g_roots=_limited(files.v2g_roots, folder / "roots" / "v2g"),
    )


def check_pcid(certificate: x509.Certificate, file: Path, pcid: Pcid) -> None:
    """Raise :class:`ConfigError` unless the certificate in ``file`` is that of ``pcid``."""
    if (name := named(certificate, file)).replace("-", "").upper() != str(pcid):
        raise ConfigError(file, "", f"it is for {name}, but the vehicle is {pcid}")


def named(certificate: x509.Certificate, file: Path) -> str:
    """Return the common name of the certificate in ``file``; raises :class:`ConfigError`."""
    try:
        return common_name(certificate)
    except CertificateError as error:
        raise ConfigError(file, "", str(error)) from error


def read_roots(folder: Path) -> tuple[x509.Certificate, ...]:
    """Return the V2G roots in a folder; raises :class:`ConfigError` for none, or for too many."""
    if not folder.is_dir():
        raise ConfigError(folder, "", "there is no such folder; the car needs a V2G root to trust a charger")
    try:
        return _limited(tuple(read_certificates(folder)), folder)
    except StoreError as error:
        raise ConfigError(error.path, "", error.detail) from error


def _limited(roots: tuple[x509.Certificate, ...], folder: Path) -> tuple[x509.Certificate, ...]:
    if len(roots) > MAX_ROOTS:
        raise ConfigError(folder, "", f"{len(roots)} roots; a request can name {MAX_ROOTS}")
    return roots


def _suite(certificate: x509.Certificate, file: Path) -> Edition:
    """Return the profiles to hold contracts against: those of the provisioning certificate's key."""
    try:
        found = type_name(any_public_key(certificate))
    except CertificateError as error:
        raise ConfigError(file, "", str(error)) from error
    suite = _EDITIONS.get(KeyType(found)) if found in set(KeyType) else None
    if suite is None:
        raise ConfigError(file, "", f"a {found} key; ISO 15118-20 has secp521r1 and ed448")
    return suite


def _signer(key: object, file: Path) -> SigningKey:
    if not isinstance(key, SigningKey):
        raise ConfigError(file, "", f"a {type_name(key)} key, which cannot sign")
    return key
