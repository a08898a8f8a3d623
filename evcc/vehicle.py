"""The car as its maker left it: identity, provisioning certificate, trusted roots, battery.

All of it lies in one folder::

    vehicle.toml            who the car is and what its battery and charger can do
    oem/provisioning.pem    OEM provisioning certificate
    oem/provisioning.key    its private key
    oem/chain.pem           the OEM's sub-CA 2 and sub-CA 1 (the -2 car never sends them)
    roots/v2g/              V2G root certificates that the car trusts
    contracts/              the contract store, see :mod:`evcc.contracts`
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import Meta

from evcc import toml
from evcc.battery import Battery
from evcc.errors import ConfigError
from evcc.toml import Section
from pki.errors import CertificateError, StoreError
from pki.names import common_name
from pki.store import read_certificate, read_certificates, read_key
from v2g.identifiers import Evccid, IdentifierError, Pcid

SETTINGS_NAME = "vehicle.toml"
MAX_ROOTS = 20
"""As many as a ListOfRootCertificateIDs holds."""


class BatterySection(Section, frozen=True):
    """``[battery]``; the fields of :class:`evcc.battery.Battery`."""

    capacity_wh: Annotated[float, Meta(gt=0, le=10_000_000)]
    energy_wh: Annotated[float, Meta(ge=0)]
    max_power_w: Annotated[float, Meta(gt=0, le=1_000_000)]
    taper_from: Annotated[float, Meta(ge=0, lt=1)] = 0.8
    taper_to: Annotated[float, Meta(gt=0, le=1)] = 0.05


class AcCharger(Section, frozen=True):
    """``[ac]``: the on-board charger. Currents are per phase, the voltage is that between the lines."""

    phases: Annotated[int, Meta(ge=1, le=3)] = 3
    max_voltage_v: Annotated[float, Meta(gt=0, le=1000)] = 400.0
    max_current_a: Annotated[float, Meta(gt=0, le=200)] = 16.0
    min_current_a: Annotated[float, Meta(ge=0, le=80)] = 6.0


class VehicleFile(Section, frozen=True):
    """``vehicle.toml``."""

    pcid: str
    evccid: str
    battery: BatterySection
    vin: str = ""
    ac: AcCharger = AcCharger()


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A car, ready to drive up to a charger."""

    directory: Path
    pcid: Pcid
    evccid: Evccid
    vin: str
    provisioning_certificate: x509.Certificate
    provisioning_key: ec.EllipticCurvePrivateKey
    v2g_roots: tuple[x509.Certificate, ...]
    battery: Battery
    ac: AcCharger

    @property
    def contracts_directory(self) -> Path:
        """Where the contract store lies."""
        return self.directory / "contracts"

    def __repr__(self) -> str:
        """Return who the car is: never its key."""
        return f"<Vehicle {self.pcid} in {self.directory}>"


def load(directory: Path) -> Vehicle:
    """Read a vehicle folder; raises :class:`ConfigError` naming the file, the key and the reason."""
    settings = directory / SETTINGS_NAME
    if not directory.is_dir():
        raise ConfigError(directory, "", "there is no such vehicle folder")
    file = toml.read(settings, VehicleFile)
    try:
        pcid = Pcid.parse(file.pcid)
    except IdentifierError as error:
        raise ConfigError(settings, "pcid", str(error)) from error
    try:
        evccid = Evccid.parse(file.evccid)
    except IdentifierError as error:
        raise ConfigError(settings, "evccid", str(error)) from error
    certificate, key = _provisioning(directory / "oem", pcid, settings)
    return Vehicle(
        directory=directory,
        pcid=pcid,
        evccid=evccid,
        vin=file.vin,
        provisioning_certificate=certificate,
        provisioning_key=key,
        v2g_roots=_roots(directory / "roots" / "v2g"),
        battery=_battery(file.battery, settings),
        ac=file.ac,
    )


def _provisioning(
    folder: Path, pcid: Pcid, settings: Path
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Return the provisioning certificate and key, once they fit each other and the PCID."""
    certificate_file, key_file = folder / "provisioning.pem", folder / "provisioning.key"
    try:
        certificate = read_certificate(certificate_file)
        key = read_key(key_file)
        name = common_name(certificate)
    except StoreError as error:
        raise ConfigError(error.path, "", error.detail) from error
    except CertificateError as error:
        raise ConfigError(certificate_file, "", str(error)) from error
    if certificate.public_key() != key.public_key():
        raise ConfigError(key_file, "", f"the key does not belong to the certificate in {certificate_file}")
    if name.replace("-", "").upper() != str(pcid):
        raise ConfigError(settings, "pcid", f"{pcid} is not the {name} of {certificate_file}")
    return certificate, key


def _roots(folder: Path) -> tuple[x509.Certificate, ...]:
    if not folder.is_dir():
        raise ConfigError(folder, "", "there is no such folder; the car needs a V2G root to trust a charger")
    try:
        roots = tuple(read_certificates(folder))
    except StoreError as error:
        raise ConfigError(error.path, "", error.detail) from error
    if len(roots) > MAX_ROOTS:
        raise ConfigError(folder, "", f"{len(roots)} roots; a request can name {MAX_ROOTS}")
    return roots


def _battery(section: BatterySection, settings: Path) -> Battery:
    try:
        return Battery(
            capacity_wh=section.capacity_wh,
            energy_wh=section.energy_wh,
            max_power_w=section.max_power_w,
            taper_from=section.taper_from,
            taper_to=section.taper_to,
        )
    except ValueError as error:
        raise ConfigError(settings, "battery", str(error)) from error
