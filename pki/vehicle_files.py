"""What a car of ISO 15118-20 is delivered with, issued and on disk.

Beside the files of -2 a vehicle folder holds ``iso20/``::

    vehicle.pem             vehicle certificate: the car as TLS client, CN=EVCCID
    vehicle_chain.pem       the same, followed by the sub-CAs above it, as TLS sends them
    vehicle.key             its private key
    provisioning.pem        OEM provisioning certificate, CN=PCID: signs requests, receives envelopes
    chain.pem               the sub-CAs above it, nearest first; they travel in CertificateInstallationReq
    provisioning.key        its private key
    receiver.key            with Ed448: the X448 key that it carries besides, which receives the envelopes
    roots/v2g/*.pem         V2G root certificates of -20 that the car trusts
    contracts/              the contracts of -20
"""

import os
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509

from pki import store
from pki.chain import alternate_key
from pki.entropy import Entropy
from pki.errors import CertificateError, StoreError
from pki.hierarchy import ISO20_FOLDER, Hierarchy
from pki.issuing import Identity, new_identity
from pki.keys import KeyType, PrivateKey, new_key
from pki.profiles import Edition, Profile

__all__ = ["VehicleFiles", "issue", "load", "save"]


@dataclass(frozen=True, slots=True)
class VehicleFiles:
    """The two identities of a car with the sub-CAs above each (nearest first), and the roots it trusts.

    ``alternate_key`` is the private key of the alternate key in the provisioning certificate, where it has one.
    """

    vehicle: Identity
    vehicle_sub_cas: tuple[x509.Certificate, ...]
    provisioning: Identity
    provisioning_sub_cas: tuple[x509.Certificate, ...]
    v2g_roots: tuple[x509.Certificate, ...]
    alternate_key: PrivateKey | None = field(default=None, repr=False)

    @property
    def receiver_key(self) -> PrivateKey:
        """The private key that opens the envelopes of contract keys."""
        return self.provisioning.private_key() if self.alternate_key is None else self.alternate_key

    @property
    def vehicle_chain(self) -> tuple[x509.Certificate, ...]:
        """The chain that the car shows in TLS, leaf first."""
        return (self.vehicle.certificate, *self.vehicle_sub_cas)


def issue(
    hierarchy: Hierarchy,
    *,
    evccid: str,
    pcid: str,
    now: datetime,
    entropy: Entropy,
    under_v2g_root: bool = False,
) -> VehicleFiles:
    """Make keys and certificates for one car under ``hierarchy``, which is one of -20.

    The vehicle certificate hangs in the car maker's branch, or with ``under_v2g_root`` below the V2G root.
    ``evccid`` and ``pcid`` become common names as they are. Raises ValueError for a hierarchy of -2 or one
    without the keys of the sub-CAs 2, and what :func:`pki.issuing.issue` raises.
    """
    if hierarchy.edition is Edition.ISO2:
        raise ValueError("a car of ISO 15118-20 needs a hierarchy of ISO 15118-20")
    profiles = hierarchy.edition.profiles
    alternate = new_key(KeyType.X448, entropy) if hierarchy.edition is Edition.ISO20_ED448 else None
    made: list[tuple[Identity, tuple[x509.Certificate, ...]]] = []
    for profile, name, second in (
        (profiles["vehicle_v2g" if under_v2g_root else "vehicle"], evccid, None),
        (profiles["oem_provisioning"], pcid, alternate),
    ):
        above = _issuer(profile)
        identity = new_identity(
            profile,
            common_name=name,
            issuer=hierarchy[above],
            now=now,
            entropy=entropy,
            alternate_key=None if second is None else second.public_key(),
        )
        made.append((identity, tuple(hierarchy.chain(above))))
    (vehicle, vehicle_sub_cas), (provisioning, provisioning_sub_cas) = made
    return VehicleFiles(
        vehicle,
        vehicle_sub_cas,
        provisioning,
        provisioning_sub_cas,
        (hierarchy["v2g_root"].certificate,),
        alternate,
    )


def save(files: VehicleFiles, vehicle_folder: str | os.PathLike[str]) -> None:
    """Write ``files`` into ``iso20/`` of a vehicle folder. Raises :class:`StoreError`."""
    place = Path(vehicle_folder) / ISO20_FOLDER
    try:
        (place / "roots" / "v2g").mkdir(parents=True, exist_ok=True)
        (place / "contracts").mkdir(exist_ok=True)
    except OSError as error:
        raise StoreError(place, f"cannot be made: {error.strerror or error}") from error
    store.write_certificates(place / "vehicle.pem", [files.vehicle.certificate])
    store.write_certificates(place / "vehicle_chain.pem", files.vehicle_chain)
    store.write_key(place / "vehicle.key", files.vehicle.private_key())
    store.write_certificates(place / "provisioning.pem", [files.provisioning.certificate])
    store.write_certificates(place / "chain.pem", files.provisioning_sub_cas)
    store.write_key(place / "provisioning.key", files.provisioning.private_key())
    if files.alternate_key is not None:
        store.write_key(place / "receiver.key", files.alternate_key)
    for number, root in enumerate(files.v2g_roots, start=1):
        store.write_certificates(place / "roots" / "v2g" / f"root{number}.pem", [root])


def load(vehicle_folder: str | os.PathLike[str]) -> VehicleFiles:
    """Read what :func:`save` wrote; raises :class:`StoreError` naming the file that is wrong.

    Keys are held against their certificates; chains and names are the caller's to judge.
    """
    place = Path(vehicle_folder) / ISO20_FOLDER
    if not place.is_dir():
        raise StoreError(place, "no such folder: this car has nothing of ISO 15118-20")
    vehicle = _identity(place, "vehicle")
    leaf, *sub_cas = store.read_certificates(place / "vehicle_chain.pem")
    if leaf != vehicle.certificate:
        raise StoreError(place / "vehicle_chain.pem", "does not begin with the certificate in vehicle.pem")
    return VehicleFiles(
        vehicle,
        tuple(sub_cas),
        _identity(place, "provisioning"),
        tuple(store.read_certificates(place / "chain.pem")),
        tuple(store.read_certificates(place / "roots" / "v2g")),
        _receiver(place),
    )


def _issuer(profile: Profile) -> str:
    assert profile.issuer is not None
    return profile.issuer.name


def _receiver(place: Path) -> PrivateKey | None:
    """Return the key of the provisioning certificate's alternate key, once they fit each other."""
    certificate, file = store.read_certificate(place / "provisioning.pem"), place / "receiver.key"
    try:
        certified = alternate_key(certificate)
    except CertificateError as error:
        raise StoreError(place / "provisioning.pem", str(error)) from error
    if certified is None:
        return None
    key = store.read_any_key(file)
    if key.public_key() != certified:
        raise StoreError(file, "this key does not belong to the alternate key in provisioning.pem")
    return key


def _identity(place: Path, name: str) -> Identity:
    certificate = store.read_certificate(place / f"{name}.pem")
    key = store.read_any_key(place / f"{name}.key")
    if key.public_key() != certificate.public_key():
        raise StoreError(place / f"{name}.key", f"this key does not belong to {name}.pem")
    return Identity(name, certificate, key)
