"""The encoders under messages with wrong values: every engine writes the same bytes, or refuses for the same reason.

An input is a program of five-byte steps: the first chooses a vector, each other one a place in its message and
what to put there.
"""

import copy
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from exi.registry import message_sets
from exi.schema import Item, MessageSet, XsdType
from tests.exi.vectors import VECTORS
from tests.fuzz.exi_targets import decoded, encode_everywhere, engines
from tests.fuzz.target import Features, Target, demand, error_features, value_features
from v2g.messages import iso2

STEP: Final = 5
BY_NAMESPACE: Final = {schema.namespace: schema for schema in message_sets().values()}


class Number(int):
    """An integer of a class of its own."""


class Text(str):
    """A string of a class of its own."""

    __slots__ = ()


def wrong_value(kind: int, size: int, place: Any) -> Any:
    """Return a value, wrong for most places; ``size`` makes it shorter or longer."""
    number = 2 ** (size & 127)
    letters = ("a", "\x7f", "é", "€", "😀", "\ud800", "\0")
    choices: list[Any] = [
        None,
        bool(size & 1),
        number,
        number - 1,
        -number,
        -number - 1,
        Number(size),
        1.0 * size,
        letters[size % 7] * (size // 7),
        "a" * size + letters[size % 7],
        Text("a" * size),
        b"\xa5" * size,
        b"\x5a" * (size * 16),
        bytearray(size),
        [place] * (size & 31),
        (place,) * (size & 3),
        [],
        [None],
        list(iso2.ResponseCode)[size % len(iso2.ResponseCode)],
        str(list(iso2.UnitSymbol)[size % len(iso2.UnitSymbol)].value),
        iso2.PhysicalValue(multiplier=size - 99, unit=iso2.UnitSymbol.A, value=size << 9),
        iso2.BodyBase(),
        Item("Object", "http://www.w3.org/2000/09/xmldsig#", place),
        object,
    ]
    return choices[kind % len(choices)]


@cache
def origin(number: int) -> tuple[MessageSet, Any, bool]:
    """Return a vector's message set, its message or its fragment's Item, and whether it is a fragment."""
    vector = VECTORS[number % len(VECTORS)]
    schema = BY_NAMESPACE[vector.schema]
    fragment = vector.kind == "fragment"
    value, error = decoded(engines(schema).decoder, vector.exi, fragment=fragment)
    assert error is None
    return schema, value, fragment


def places(value: Any) -> Iterable[tuple[Any, Any]]:
    """Yield every field of a message and every item of its lists as (holder, field or index)."""
    if isinstance(value, XsdType | Item):
        for field in value.__struct_fields__:
            yield value, field
            yield from places(getattr(value, field))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield value, index
            yield from places(item)


def part_of(number: int, place: int) -> Any:
    """Return a part of a vector's message."""
    parts = list(places(origin(number)[1]))
    if not parts:
        return None
    holder, field = parts[place % len(parts)]
    return copy.deepcopy(holder[field] if isinstance(holder, list) else getattr(holder, field))


def changed(value: Any, data: bytes) -> Any:
    """Return a copy of a message after the steps of an input."""
    value = copy.deepcopy(value)
    for at in range(0, len(data) - STEP + 1, STEP):
        there = list(places(value))
        if not there:
            break
        holder, place = there[int.from_bytes(data[at : at + 2], "big") % len(there)]
        held = holder[place] if isinstance(holder, list) else getattr(holder, place)
        new = wrong_value(data[at + 2], data[at + 3], copy.deepcopy(held))
        if data[at + 4] & 128:
            new = part_of(data[at + 2] << 8 | data[at + 3], data[at + 4])
        if isinstance(holder, list):
            holder[place] = new
        else:
            setattr(holder, place, new)
    return value


def run_encode(data: bytes) -> Features:
    """Encode on every engine; what is written must be read as a message that is written the same."""
    schema, value, fragment = origin(int.from_bytes(data[:2], "big"))
    value = changed(value, data[2:])
    written, error = encode_everywhere(schema, value, fragment=fragment)
    if error is not None:
        demand(error.reason and error.bit_offset is None, "the error says why, and has no offset", error)
        demand(not error.path or error.path.startswith("/"), "the path starts at the root", error)
        return error_features(error)
    read, error = decoded(engines(schema).decoder, written, fragment=fragment)
    demand(error is None, "what was encoded can be decoded", error, value)
    again, error = encode_everywhere(schema, read, fragment=fragment)
    demand(error is None and again == written, "it is written the same again", error, value, read)
    return value_features(read)


def seeds() -> Iterable[bytes]:
    """Yield a program of no step for every vector, and one of a step for each kind of wrong value."""
    for number in range(len(VECTORS)):
        start = number.to_bytes(2, "big")
        yield start
        yield start + bytes([number % 7, number * 37 % 256, number % 24, number % 256, 0])


TARGETS = [Target("encode", "wrong values in messages", run_encode, seeds, 2 + 12 * STEP)]
