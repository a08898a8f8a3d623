"""TOML files held against a schema; what does not fit is named by file, key and reason."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from evcc.errors import ConfigError


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the tables of a file: an unknown key is an error, so that no typo goes unnoticed."""


T = TypeVar("T", bound=Section)

_PLACE = re.compile(r"^(?P<reason>.*?)(?: - at `\$\.?(?P<key>[^`]*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>[^`]*)`")
_MISSING = re.compile(r"Object missing required field `(?P<name>[^`]*)`")


def read(path: Path, schema: type[T]) -> T:
    """Return the content of the TOML file ``path`` as ``schema``; raises :class:`ConfigError`."""
    return convert(read_table(path), schema, path)


def read_table(path: Path) -> dict[str, Any]:
    """Return the content of the TOML file ``path`` as plain data; raises :class:`ConfigError`."""
    try:
        return tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise ConfigError(path, "", error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise ConfigError(path, "", f"not UTF-8 text, at byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(path, "", f"not valid TOML: {error}") from error


def convert(data: Mapping[str, Any], schema: type[T], source: Path | str) -> T:
    """Return plain ``data`` as ``schema``; raises :class:`ConfigError` that names ``source`` and the key."""
    try:
        return msgspec.convert(data, schema)
    except msgspec.ValidationError as error:
        found = _PLACE.match(str(error))
        key, reason = (found["key"] or "", found["reason"]) if found else ("", str(error))
        for pattern, words in ((_UNKNOWN, "there is no such key"), (_MISSING, "this key is missing")):
            if match := pattern.match(reason):
                key, reason = ".".join(filter(None, (key, match["name"]))), words
        raise ConfigError(source, key, reason) from error
