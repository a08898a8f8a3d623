"""What a car remembers of its telematics backend between two processes, in one file replaced atomically."""

from pathlib import Path

import msgspec

from evcc.errors import ConfigError
from evcc.files import replace_file

FILE_NAME = "telematics.json"


class Memory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the backend is, and what it and the driver have said about the default contract.

    ``default`` is what the backend called the default last. ``pending`` is a choice of the driver that the
    backend has not heard of yet, ``reset`` that the car was reset and the backend has not heard of that.
    """

    url: str = ""
    ca: str = ""
    default: str | None = None
    pending: str | None = None
    reset: bool = False


def load(vehicle: Path) -> Memory:
    """Read the memory of the car in ``vehicle``; raises :class:`ConfigError` when the file is damaged."""
    path = vehicle / FILE_NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=Memory)
    except FileNotFoundError:
        return Memory()
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigError(path, "", f"cannot be read: {error}; remove it to begin anew") from error


def save(vehicle: Path, memory: Memory) -> None:
    """Write the memory durably; raises :class:`ConfigError` when the disk refuses."""
    path = vehicle / FILE_NAME
    try:
        replace_file(path, msgspec.json.format(msgspec.json.encode(memory), indent=2) + b"\n")
    except OSError as error:
        raise ConfigError(path, "", f"cannot be written: {error.strerror or error}") from error
