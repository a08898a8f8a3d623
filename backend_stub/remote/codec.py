"""Values of the role interfaces as JSON and back: dataclasses, certificates, moments, bytes.

The type annotations of the interfaces are the schema, so that a role gains nothing by being called from
another process and loses nothing either.
"""

import base64
import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki.chain import parse
from pki.errors import CertificateError

_PLAIN = (str, int, float, bool)
_LISTS = (Sequence, list, tuple, Set, set, frozenset)


class CodecError(Exception):
    """A value does not fit the annotation; ``place`` names it."""

    def __init__(self, place: str, detail: str) -> None:
        super().__init__(f"{place}: {detail}")
        self.place = place
        self.detail = detail


def to_wire(value: Any) -> Any:
    """Return ``value`` as what JSON can hold. Raises TypeError for a type that no interface uses."""
    match value:
        case None | bool() | float():
            return value
        case Enum():
            return value.value
        case str():
            return value
        case int():
            # Serial numbers exceed what other JSON readers keep exactly.
            return str(value)
        case bytes():
            return base64.b64encode(value).decode()
        case datetime():
            return value.isoformat()
        case UUID():
            return str(value)
        case x509.Certificate() | x509.CertificateSigningRequest():
            return base64.b64encode(value.public_bytes(Encoding.DER)).decode()
        case Mapping():
            return {str(to_wire(key)): to_wire(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [to_wire(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_wire(getattr(value, field.name)) for field in dataclasses.fields(value)}
    raise TypeError(f"no wire form for {type(value).__name__}")


def from_wire(data: Any, annotation: Any, place: str = "value") -> Any:
    """Return the value that ``data`` stands for. Raises CodecError naming the place."""
    try:
        return _read(data, annotation, place)
    except (ValueError, TypeError, CertificateError) as error:
        raise CodecError(place, str(error)) from error


def _read(data: Any, annotation: Any, place: str) -> Any:
    origin = get_origin(annotation)
    if origin in {Union, types.UnionType}:
        return _read_union(data, annotation, place)
    if origin in _LISTS or annotation in _LISTS:
        return _read_list(data, annotation, origin, place)
    if origin is not None and issubclass(origin, Mapping):
        key_type, item_type = get_args(annotation)
        return {
            from_wire(key, key_type, place): from_wire(item, item_type, f"{place}.{key}")
            for key, item in _expect(data, dict, place).items()
        }
    if annotation is None or annotation is type(None):
        if data is not None:
            raise CodecError(place, "expected nothing")
        return None
    if dataclasses.is_dataclass(annotation):
        return _read_dataclass(data, annotation, place)
    return _read_scalar(data, annotation, place)


def _read_union(data: Any, annotation: Any, place: str) -> Any:
    members = [member for member in get_args(annotation) if member is not type(None)]
    if data is None and len(members) < len(get_args(annotation)):
        return None
    if len(members) != 1:
        raise TypeError(f"{annotation} is ambiguous on the wire")
    return from_wire(data, members[0], place)


def _read_list(data: Any, annotation: Any, origin: Any, place: str) -> Any:
    arguments = get_args(annotation)
    item_type = arguments[0] if arguments else str
    items = [
        from_wire(item, item_type, f"{place}[{index}]")
        for index, item in enumerate(_expect(data, list, place))
    ]
    if origin in {set, frozenset, Set}:
        return frozenset(items)
    return tuple(items) if origin is tuple else items


def _read_dataclass(data: Any, annotation: Any, place: str) -> Any:
    hints = _hints(annotation)
    values = {
        name: from_wire(value, hints[name], f"{place}.{name}")
        for name, value in _expect(data, dict, place).items()
        if name in hints  # a newer process may say more
    }
    return annotation(**values)


def _read_scalar(data: Any, annotation: Any, place: str) -> Any:
    if annotation is int:
        if isinstance(data, bool) or not isinstance(data, str | int):
            raise CodecError(place, "expected a whole number")
        return int(data)
    if annotation is float:
        return float(_expect(data, (int, float), place))
    if annotation in _PLAIN:
        return _expect(data, annotation, place)
    text = _expect(data, str, place)
    if annotation is bytes:
        return base64.b64decode(text, validate=True)
    if annotation is datetime:
        return datetime.fromisoformat(text)
    if annotation is x509.Certificate:
        return parse(base64.b64decode(text, validate=True))
    if annotation is x509.CertificateSigningRequest:
        return x509.load_der_x509_csr(base64.b64decode(text, validate=True))
    return annotation(text)


def _expect(data: Any, kind: Any, place: str) -> Any:
    if not isinstance(data, kind):
        raise CodecError(place, f"unexpected {type(data).__name__}")
    return data


@cache
def _hints(annotation: Any) -> Mapping[str, Any]:
    return typing.get_type_hints(annotation)
