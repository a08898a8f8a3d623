"""The car as its maker left it: identity, provisioning certificate, trusted roots, battery.

All of it lies in one folder::

    vehicle.toml            who the car is and what its battery and charger can do
    oem/provisioning.pem    OEM provisioning certificate
    oem/provisioning.key    its private key
    oem/chain.pem           the OEM's sub-CA 2 and sub-CA 1 (the -2 car never sends them)
    roots/v2g/              V2G root certificates that the car trusts
    contracts/              the contract store, see :mod:`evcc.contracts`
    iso20/                  the same for ISO 15118-20, see :mod:`pki.vehicle_files`; may be absent
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import Meta

from evcc import toml
from evcc.battery import Battery
from evcc.dc import DcInlet, Outlet
from evcc.errors import ConfigError
from evcc.identity import Iso20Identity, load_iso20, named, read_roots
from evcc.toml import Section
from pki.errors import StoreError
from pki.store import read_certificate, read_key
from v2g.identifiers import Evccid, IdentifierError, Pcid

SETTINGS_NAME = "vehicle.toml"
_SQRT_3 = math.sqrt(3)


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

    def power_w(self, current_a: float) -> float:
        """Return the power of all phases together at ``current_a`` amperes in each."""
        return self.phases * current_a * self.max_voltage_v / _SQRT_3


class Bidirectional(Section, frozen=True):
    """``[bidirectional]``: what the car gives back to the grid, and down to which state of charge.

    The powers hold for AC and DC, the current for DC only.
    """

    max_discharge_power_w: Annotated[float, Meta(gt=0, le=1_000_000)]
    min_discharge_power_w: Annotated[float, Meta(ge=0, le=1_000_000)] = 0.0
    max_discharge_current_a: Annotated[float, Meta(gt=0, le=3000)] = 50.0
    min_discharge_current_a: Annotated[float, Meta(ge=0, le=3000)] = 0.0
    min_soc_percent: Annotated[float, Meta(ge=0, le=100)] = 20.0

    def outlet(self, voltage_v: float) -> Outlet:
        """Return the limits of discharging as those of one side, with the voltage to give back at."""
        return Outlet(self.max_discharge_power_w, self.max_discharge_current_a, voltage_v)


class VehicleFile(Section, frozen=True):
    """``vehicle.toml``. ``evccid`` is the MAC address of -2, ``evccid_iso20`` the identifier of -20."""

    pcid: str
    evccid: str
    battery: BatterySection
    evccid_iso20: Annotated[str, Meta(max_length=255)] = ""
    vin: str = ""
    ac: AcCharger = AcCharger()
    dc: DcInlet | None = None
    bidirectional: Bidirectional | None = None


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A car, ready to drive up to a charger.

    ``dc`` and ``bidirectional`` are None for a car that cannot do that, ``iso20`` for one without
    certificates of ISO 15118-20.
    """

    directory: Path
    pcid: Pcid
    evccid: Evccid
    evccid_iso20: str
    vin: str
    provisioning_certificate: x509.Certificate
    provisioning_key: ec.EllipticCurvePrivateKey
    v2g_roots: tuple[x509.Certificate, ...]
    battery: Battery
    ac: AcCharger
    dc: DcInlet | None
    bidirectional: Bidirectional | None
    iso20: Iso20Identity | None

    @property
    def contracts_directory(self) -> Path:
        """Where the contract store lies."""
        return self.directory / "contracts"

    @property
    def contract_folders(self) -> Mapping[str, Path]:
        """Where each contract store lies: that of -2, and that of -20 where the car has one."""
        folders = {"iso2": self.contracts_directory}
        return folders if self.iso20 is None else folders | {"iso20": self.iso20.contracts_directory}

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
    if file.dc is not None and (problem := file.dc.problem()):
        raise ConfigError(settings, "dc", problem)
    certificate, key = _provisioning(directory / "oem", pcid, settings)
    iso20 = load_iso20(directory, pcid)
    return Vehicle(
        directory=directory,
        pcid=pcid,
        evccid=evccid,
        evccid_iso20=file.evccid_iso20 or (str(pcid) if iso20 is None else iso20.evccid),
        vin=file.vin,
        provisioning_certificate=certificate,
        provisioning_key=key,
        v2g_roots=read_roots(directory / "roots" / "v2g"),
        battery=_battery(file.battery, settings),
        ac=file.ac,
        dc=file.dc,
        bidirectional=file.bidirectional,
        iso20=iso20,
    )


def _provisioning(
    folder: Path, pcid: Pcid, settings: Path
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Return the provisioning certificate and key, once they fit each other and the PCID."""
    certificate_file, key_file = folder / "provisioning.pem", folder / "provisioning.key"
    try:
        certificate = read_certificate(certificate_file)
        key = read_key(key_file)
    except StoreError as error:
        raise ConfigError(error.path, "", error.detail) from error
    name = named(certificate, certificate_file)
    if certificate.public_key() != key.public_key():
        raise ConfigError(key_file, "", f"the key does not belong to the certificate in {certificate_file}")
    if name.replace("-", "").upper() != str(pcid):
        raise ConfigError(settings, "pcid", f"{pcid} is not the {name} of {certificate_file}")
    return certificate, key


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
