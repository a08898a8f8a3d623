"""The vehicle folder: what leaves the factory with a car, as ``evcc`` reads it.

::

    vehicle.toml            who the car is and what its battery can do
    oem/provisioning.pem    its provisioning certificate
    oem/provisioning.key    its private key, for the owner's eyes only
    oem/chain.pem           the OEM's sub-CA 2 and sub-CA 1
    roots/v2g/*.pem         the V2G roots of the region it is sold in
    contracts/              empty; the car keeps its contracts here
    code.txt                the maker's one-time code: who has it may have a contract made for the car
    iso20/                  what it has besides when it speaks ISO 15118-20, see :mod:`pki.vehicle_files`
"""

import math
import os
import secrets
import shutil
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from pki import vehicle_files
from pki.entropy import SystemEntropy
from pki.errors import StoreError
from pki.profiles import OEM_PROVISIONING
from pki.store import SECRET_MODE, read_key, write_atomically, write_certificates, write_key
from pki.vehicle_files import VehicleFiles

_READABLE = 0o644
SETTINGS_NAME = "vehicle.toml"
CODE_NAME = "code.txt"


class FolderError(Exception):
    """The vehicle folder cannot be made; ``path`` names the place."""

    def __init__(self, path: Path, detail: str) -> None:
        super().__init__(f"{path}: {detail}")
        self.path = path
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Battery:
    """The battery of a new car: usable energy in watt hours, charging power in watt."""

    capacity_wh: float
    energy_wh: float
    max_power_w: float

    def problem(self) -> str | None:
        """Return what is wrong with these numbers, if anything."""
        if not all(math.isfinite(value) for value in (self.capacity_wh, self.energy_wh, self.max_power_w)):
            return "the battery's figures must be finite numbers"
        if self.capacity_wh <= 0 or self.max_power_w <= 0:
            return "battery capacity and power must be above 0"
        if not 0 <= self.energy_wh <= self.capacity_wh:
            return f"battery energy must be between 0 and {self.capacity_wh:g} Wh, not {self.energy_wh:g}"
        return None


@dataclass(frozen=True, slots=True)
class NewVehicle:
    """Everything about a new car that goes into its folder."""

    pcid: str
    evccid: str
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    sub_cas: Sequence[x509.Certificate]
    v2g_roots: Sequence[x509.Certificate]
    vin: str = ""
    code: str = ""
    iso20: VehicleFiles | None = None

    def __repr__(self) -> str:
        """Return who the car is: never its key."""
        return f"<NewVehicle {self.pcid}>"


class VehicleFolder:
    """A folder in the making: it is checked and begun on entry, and appears whole by :meth:`complete`.

    Left without completion, nothing remains. Raises FolderError where the folder could not be made, so that
    no car is registered that has nowhere to go.
    """

    def __init__(self, directory: Path, battery: Battery) -> None:
        self._target = directory.absolute()
        self._draft = self._target.with_name(f".{self._target.name}.{secrets.token_hex(4)}.new")
        self._battery = battery

    def __enter__(self) -> Self:
        if (problem := self._battery.problem()) is not None:
            raise FolderError(self._target, problem)
        try:
            if self._target.exists() and (not self._target.is_dir() or any(self._target.iterdir())):
                raise FolderError(self._target, "exists already; a car is not built over another")
            self._target.parent.mkdir(parents=True, exist_ok=True)
            self._draft.mkdir()
        except OSError as error:
            raise FolderError(self._target, f"cannot be made: {error.strerror}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        shutil.rmtree(self._draft, ignore_errors=True)

    def complete(self, vehicle: NewVehicle) -> None:
        """Write everything and put the folder in its place."""
        try:
            for name in ("oem", "roots/v2g"):
                (self._draft / name).mkdir(parents=True)
            (self._draft / "contracts").mkdir(mode=0o700)
            write_atomically(self._draft / SETTINGS_NAME, self._settings(vehicle), mode=_READABLE)
            write_certificates(self._draft / "oem" / "provisioning.pem", [vehicle.certificate])
            write_certificates(self._draft / "oem" / "chain.pem", vehicle.sub_cas)
            write_key(self._draft / "oem" / "provisioning.key", vehicle.key)
            if vehicle.iso20 is not None:
                vehicle_files.save(vehicle.iso20, self._draft)
            for number, root in enumerate(vehicle.v2g_roots, start=1):
                write_certificates(self._draft / "roots" / "v2g" / f"root{number}.pem", [root])
            if vehicle.code:
                write_atomically(self._draft / CODE_NAME, f"{vehicle.code}\n".encode(), mode=SECRET_MODE)
            self._draft.rename(self._target)
            _sync(self._target.parent)
        except StoreError as error:
            raise FolderError(self._target, f"cannot be written: {error}") from error
        except OSError as error:
            raise FolderError(self._target, f"cannot be written: {error.strerror}") from error

    def _settings(self, vehicle: NewVehicle) -> bytes:
        # Identifiers are letters and digits only, so that no value needs escaping.
        return f"""\
# Made by the OEM; read by evcc.
pcid = "{vehicle.pcid}"
evccid = "{vehicle.evccid}"
vin = "{vehicle.vin}"

[battery]
capacity_wh = {self._battery.capacity_wh!r}
energy_wh = {self._battery.energy_wh!r}
max_power_w = {self._battery.max_power_w!r}
""".encode()


def read_pcid(directory: Path) -> str:
    """Return the PCID of the car in a vehicle folder; raises FolderError."""
    file = directory / SETTINGS_NAME
    try:
        pcid = tomllib.loads(file.read_text(encoding="utf-8"))["pcid"]
    except OSError as error:
        raise FolderError(file, f"cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError) as error:
        raise FolderError(file, f"names no PCID: {error}") from error
    return str(pcid)


def read_code(directory: Path) -> str | None:
    """Return the one-time code in a vehicle folder, None where there is none; raises FolderError."""
    file = directory / CODE_NAME
    try:
        return file.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise FolderError(file, f"cannot be read: {error}") from error


class KeyReplacement:
    """A car gets a new key: made and on the disk on entry, in the place of the old one by :meth:`complete`.

    Left without completion, the new key stays beside the old one, and the next attempt goes on with it: the car
    maker may have certified it already. Raises FolderError.
    """

    def __init__(self, directory: Path) -> None:
        self._folder = directory
        self._new = directory / "oem.new"
        self._old = directory / "oem.old"
        self._present = directory / "oem"

    def __enter__(self) -> Self:
        self.pcid = read_pcid(self._folder)
        file = self._new / "provisioning.key"
        try:
            if not self._present.exists() and self._old.exists():
                self._old.rename(self._present)  # cut off between the two renames of complete()
            self._new.mkdir(exist_ok=True)
            if file.exists():
                self.key = read_key(file)
            else:
                self.key = SystemEntropy().ec_key(OEM_PROVISIONING.key_type.curve)
                write_key(file, self.key)
        except StoreError as error:
            raise FolderError(self._folder, str(error)) from error
        except OSError as error:
            raise FolderError(self._folder, f"cannot be written: {error.strerror}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    def complete(self, vehicle: NewVehicle) -> None:
        """Write what the maker sent, and let the new identity take the place of the old one."""
        settings = self._folder / SETTINGS_NAME
        try:
            write_certificates(self._new / "provisioning.pem", [vehicle.certificate])
            write_certificates(self._new / "chain.pem", vehicle.sub_cas)
            shutil.rmtree(self._old, ignore_errors=True)
            self._present.rename(self._old)
            self._new.rename(self._present)
            if vehicle.iso20 is not None:
                vehicle_files.save(vehicle.iso20, self._folder)
            _sync(self._folder)
            if vehicle.pcid != self.pcid:
                text = settings.read_text(encoding="utf-8").replace(
                    f'pcid = "{self.pcid}"', f'pcid = "{vehicle.pcid}"'
                )
                write_atomically(settings, text.encode(), mode=_READABLE)
            if vehicle.code:
                write_atomically(self._folder / CODE_NAME, f"{vehicle.code}\n".encode(), mode=SECRET_MODE)
            shutil.rmtree(self._old, ignore_errors=True)
        except StoreError as error:
            raise FolderError(self._folder, f"cannot be written: {error}") from error
        except OSError as error:
            raise FolderError(self._folder, f"cannot be written: {error.strerror}") from error


def _sync(directory: Path) -> None:
    """Make a rename in ``directory`` survive a power failure, where the system can."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
