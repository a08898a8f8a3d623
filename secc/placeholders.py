"""The smallest message that its schema admits, for answers that have nothing to say.

A charger that refuses must still fill every mandatory field: a peer that put empty ones there made cars
unable to decode their own refusal. :func:`build` derives the filling from the message class, so it holds
for every protocol and cannot fall behind the schema.

* Numbers are the admissible value nearest to zero, booleans False, enumerations their first value.
* Strings and binaries are as short as allowed, but never empty: decoders differ in how they treat an
  empty value, and every one of them reads a single byte.
* Ids are unique within one message.
"""

import functools
import itertools
import typing
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any, NamedTuple, TypeVar

from exi.schema import ID, IDREF, Attribute, Content, Datatype, Element, Kind, Text, XsdType

T = TypeVar("T", bound=XsdType)
Marker = Element | Attribute | Text | Content
Fillers = Mapping[type[XsdType], Callable[[str], XsdType]]
"""How to make a value of a class; the argument is the name of the field that it is for."""


class _Field(NamedTuple):
    """One field that must be filled: its name, its bare Python type, its marker."""

    name: str
    type: Any
    marker: Marker


def build(cls: type[T], given: Mapping[str, Any], fillers: Fillers) -> T:
    """Return an instance of ``cls`` with every mandatory field filled.

    ``given`` holds values for fields of ``cls`` itself; names that it does not have are passed over.
    ``fillers`` make values for classes that a bare minimum would not do for, among them abstract ones.
    Raises TypeError for a class that nothing can be made for: a programming error, found by tests.
    """
    return _build(cls, given, fillers, itertools.count(1))


def _build(cls: type[T], given: Mapping[str, Any], fillers: Fillers, ids: Iterator[int]) -> T:
    values = {field.name: _value(field, fillers, ids) for field in _mandatory(cls) if field.name not in given}
    values |= {name: value for name, value in given.items() if name in cls.__struct_fields__}
    return cls(**values)


def _value(field: _Field, fillers: Fillers, ids: Iterator[int]) -> Any:
    marker = field.marker
    if typing.get_origin(field.type) is list and isinstance(marker, Element):
        (item,) = typing.get_args(field.type)
        return [_single(item, field, fillers, ids) for _ in range(marker.occurs[0] if marker.occurs else 0)]
    return _single(field.type, field, fillers, ids)


def _single(kind: Any, field: _Field, fillers: Fillers, ids: Iterator[int]) -> Any:
    datatype = getattr(field.marker, "datatype", None)
    if isinstance(datatype, Datatype):
        return f"id{next(ids)}" if datatype in {ID, IDREF} else _simple(datatype)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind))
    if isinstance(kind, type) and issubclass(kind, XsdType):
        return fillers[kind](field.name) if kind in fillers else _build(kind, {}, fillers, ids)
    raise TypeError(f"no placeholder for field {field.name} of type {kind}")


def _simple(datatype: Datatype) -> bool | int | str | bytes:
    if datatype.kind is Kind.BOOLEAN:
        return False
    if datatype.kind is Kind.INTEGER:
        low = 0 if datatype.minimum is None else datatype.minimum
        high = 0 if datatype.maximum is None else datatype.maximum
        return min(max(0, low), max(high, low))
    length = max(1, datatype.min_length)
    return "0" * length if datatype.kind is Kind.STRING else bytes(length)


@functools.cache
def _mandatory(cls: type[XsdType]) -> tuple[_Field, ...]:
    """Return the fields of a class that its schema demands, the first member of each demanded choice."""
    hints = typing.get_type_hints(cls, include_extras=True)
    choices: set[str] = set()
    found: list[_Field] = []
    for name in cls.__struct_fields__:
        kind, marker = typing.get_args(hints[name])
        choice = marker.choice if isinstance(marker, Element) else None
        if choice is not None and not choice.endswith("?"):
            if choice not in choices:
                choices.add(choice)
                found.append(_Field(name, _without_none(kind), marker))
        elif _is_demanded(kind, marker):
            found.append(_Field(name, kind, marker))
    return tuple(found)


def _is_demanded(kind: Any, marker: Marker) -> bool:
    if typing.get_origin(kind) is list:
        return isinstance(marker, Element) and marker.occurs is not None and marker.occurs[0] > 0
    return type(None) not in typing.get_args(kind)


def _without_none(kind: Any) -> Any:
    (rest,) = (k for k in typing.get_args(kind) if k is not type(None))
    return rest
