"""Quantities as people write them: ``100ms``, ``20kbit``, ``1.5%``, ``64kB``; and links and toxics made of them."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from v2g.net.link import Link
from v2g.net.toxics import TOXICS, AnyToxic

_NUMBER = re.compile(r"\s*([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*([a-zA-Z/%µ]*)\s*")
_SECONDS = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
_BITS = {
    unit: 1000.0**power
    for power, prefix in enumerate(("", "k", "m", "g"))
    for unit in (f"{prefix}bit", f"{prefix}bit/s", f"{prefix}bps")
}
_BYTES = {"": 1.0, "b": 1.0, "kb": 1e3, "mb": 1e6, "kib": 1024.0, "mib": 1024.0**2}


class QuantityError(Exception):
    """A text is not the quantity that was asked for."""


def seconds(text: str) -> float:
    """Return a duration such as ``100ms``, ``1.5s`` or ``2min`` in seconds."""
    return _read(text, _SECONDS, "a duration such as 100ms or 1.5s")


def bit_rate(text: str) -> float:
    """Return a rate such as ``20kbit`` or ``12Mbit/s`` in bit/s."""
    return _read(text, _BITS, "a rate such as 20kbit or 12Mbit")


def size(text: str) -> int:
    """Return a size such as ``64kB`` or ``1500`` in bytes."""
    value = _read(text, _BYTES, "a size such as 1500 or 64kB")
    if value != int(value):
        raise QuantityError(f"{text!r} is no whole number of bytes")
    return int(value)


def share(text: str) -> float:
    """Return a share such as ``1.5%`` or ``0.015``."""
    value = _read(text, {"%": 0.01, "": 1.0}, "a share such as 1.5% or 0.015")
    if not 0 <= value <= 1:
        raise QuantityError(f"{text!r} does not lie between 0 and 100 %")
    return value


def _read(text: str, units: Mapping[str, float], wanted: str) -> float:
    found = _NUMBER.fullmatch(text)
    unit = "" if found is None else found[2].lower()
    if found is None or unit not in units:
        raise QuantityError(f"{text!r} is not {wanted}")
    return float(found[1]) * units[unit]


_BY_SUFFIX = (("_bit_s", bit_rate), ("_bytes", size), ("_s", seconds))


def toxic(text: str) -> AnyToxic:
    """Return a toxic written as ``reset,after=2000,direction=down``; the units of fields may be left out of names."""
    kind, *settings = text.split(",")
    found = TOXICS.get(kind)
    if found is None:
        raise QuantityError(f"there is no toxic {kind!r}; there are {', '.join(TOXICS)}")
    values: dict[str, Any] = {"kind": kind}
    for setting in settings:
        name, equals, value = setting.partition("=")
        field = _field(name, found.__struct_fields__)
        if not equals or field is None:
            known = ", ".join(found.__struct_fields__)
            raise QuantityError(f"{setting!r} is no setting of {kind}; there are {known}")
        read = next((read for suffix, read in _BY_SUFFIX if field.endswith(suffix)), None)
        values[field] = value if read is None else read(value)
    return toxic_of(values)


def _field(name: str, fields: Sequence[str]) -> str | None:
    wanted = name.replace("-", "_")
    return next(
        (f for f in fields if f == wanted or any(f == wanted + suffix for suffix, _ in _BY_SUFFIX)), None
    )


def toxic_of(values: object) -> AnyToxic:
    """Return a toxic from plain data; QuantityError names the field that does not fit."""
    try:
        made: AnyToxic = msgspec.convert(values, AnyToxic, strict=False)
    except msgspec.ValidationError as error:
        raise QuantityError(f"toxic: {error}") from error
    return made


def link_of(base: Link, changes: Mapping[str, Any]) -> Link:
    """Return ``base`` with plain data merged over it, tables into tables; QuantityError names what does not fit.

    A table that says its ``kind`` replaces what it stands for.
    """
    try:
        return msgspec.convert(_merged(msgspec.to_builtins(base), changes), Link)
    except msgspec.ValidationError as error:
        raise QuantityError(f"link: {error}") from error


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(old)
    for key, value in new.items():
        before = result.get(key)
        if (
            isinstance(before, Mapping)
            and isinstance(value, Mapping)
            and "kind" not in value
            and key != "loss"
        ):
            result[key] = _merged(before, value)
        else:
            result[key] = value
    return result
