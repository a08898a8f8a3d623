"""Holds the codec against vectors: JSON lines, each a message as XML text and as EXI bytes.

Keys of a line: ``name``, ``schema`` (namespace of the message set), ``kind`` (``document`` or
``fragment``), ``xml``, ``exi_hex``, and optionally ``decode_also``, other legal encodings of the same
message, and ``profile``, the codec whose departures the bytes have. Further keys are ignored.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from exi.codec import decode, decode_item, encode, encode_fragment, tables_for
from exi.decoder import Decoder
from exi.errors import ExiError
from exi.registry import profile_named
from exi.schema import Item, MessageSet, XsdType
from exi.xmltext import item_from_xml, to_xml, translator_of


class Vector(msgspec.Struct, frozen=True):
    """One line of a vector file."""

    name: str
    schema: str
    kind: str
    xml: str
    exi: bytes
    decode_also: tuple[bytes, ...] = ()
    profile: str | None = None


class VectorError(Exception):
    """A vector file that cannot be read: ``place`` is file and line, ``reason`` what is wrong there."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}")
        self.place = place
        self.reason = reason


class Summary(msgspec.Struct):
    """What a run over vectors found. ``skipped`` counts by schema."""

    passed: int = 0
    failures: list[str] = []
    skipped: Counter[str] = msgspec.field(default_factory=Counter)

    def __str__(self) -> str:
        skipped = self.skipped.total()
        text = f"{self.passed} passed, {len(self.failures)} failed, {skipped} skipped"
        if skipped:
            schemas = ", ".join(f"{schema}: {count}" for schema, count in sorted(self.skipped.items()))
            text += f" (schema not installed: {schemas})"
        return text


def read_vectors(path: Path) -> Iterator[Vector]:
    """Yield the vectors of a JSON lines file. Raises VectorError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise VectorError(str(path), str(error)) from error
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield _vector(json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            reason = f"the key {error} is missing" if isinstance(error, KeyError) else str(error)
            raise VectorError(f"{path}:{number}", reason) from error


def _vector(record: dict[str, Any]) -> Vector:
    if record["kind"] not in {"document", "fragment"}:
        raise ValueError(f"the kind {record['kind']!r} is neither document nor fragment")
    return Vector(
        record["name"],
        record["schema"],
        record["kind"],
        record["xml"],
        bytes.fromhex(record["exi_hex"]),
        tuple(bytes.fromhex(text) for text in record.get("decode_also", ())),
        None if record.get("profile") is None else profile_named(record["profile"]).name,
    )


def verify(vectors: Iterable[Vector], schemas: Iterable[MessageSet]) -> Summary:
    """Check every vector in both directions and return what was found."""
    by_namespace = {schema.namespace: schema for schema in schemas}
    summary = Summary()
    for vector in vectors:
        schema = by_namespace.get(vector.schema)
        if schema is None:
            summary.skipped[vector.schema] += 1
            continue
        differences = check(vector, schema)
        summary.failures += (f"{vector.name}: {difference}" for difference in differences)
        summary.passed += not differences
    return summary


def check(vector: Vector, schema: MessageSet) -> list[str]:
    """Return what is wrong with one vector, nothing where all agrees."""
    found: list[str] = []
    try:
        expected = item_from_xml(vector.xml, schema)
    except ExiError as error:
        return [f"the XML text is refused: {error}"]
    try:
        encoded = _encode(expected, vector, schema)
    except ExiError as error:
        found.append(f"encoding fails: {error}")
    else:
        if encoded != vector.exi:
            found.append(_describe_bits(encoded, vector, schema))
    for label, data in (("", vector.exi), *((" the alternative", also) for also in vector.decode_also)):
        found += (
            f"decoding{label}: {difference}" for difference in _check_decoding(data, expected, vector, schema)
        )
    return found


def _check_decoding(data: bytes, expected: Item, vector: Vector, schema: MessageSet) -> Iterator[str]:
    try:
        decoded = _decode(data, vector, schema)
    except ExiError as error:
        yield str(error)
        return
    difference = first_difference(decoded, expected)
    if difference is not None:
        yield difference
    elif item_from_xml(to_xml(decoded, schema), schema) != decoded:
        yield "its XML text does not give the same message again"


def _encode(item: Item, vector: Vector, schema: MessageSet) -> bytes:
    if vector.kind == "document":
        return encode(item, schema, vector.profile)
    return encode_fragment(item, schema, profile=vector.profile)


def _decode(data: bytes, vector: Vector, schema: MessageSet) -> Item:
    if vector.kind == "fragment":
        return decode_item(data, schema, vector.profile)
    value = decode(data, schema, vector.profile)
    if isinstance(value, Item):
        return value
    return Item(*translator_of(schema).write(value).name, value)


def _describe_bits(encoded: bytes, vector: Vector, schema: MessageSet) -> str:
    bit = first_differing_bit(encoded, vector.exi)
    path = Decoder(tables_for(schema, vector.profile)).path_at(
        vector.exi, bit, fragment=vector.kind == "fragment"
    )
    return (
        f"encoding differs from bit {bit} on at {path or 'the top level'}: "
        f"{encoded.hex()} instead of {vector.exi.hex()}"
    )


def first_differing_bit(first: bytes, second: bytes) -> int:
    """Return the offset of the first bit in which two different byte strings differ."""
    length = min(len(first), len(second))
    head = int.from_bytes(first[:length], "big") ^ int.from_bytes(second[:length], "big")
    return length * 8 - head.bit_length()


def first_difference(first: Any, second: Any, path: str = "") -> str | None:
    """Say where two messages differ first, None where they are equal."""
    if (
        isinstance(first, Item)
        and isinstance(second, Item)
        and (first.name, first.ns) == (second.name, second.ns)
    ):
        return first_difference(first.value, second.value, f"{path}/{first.name}")
    if isinstance(first, XsdType) and type(first) is type(second):
        for name in first.__struct_fields__:
            found = first_difference(getattr(first, name), getattr(second, name), f"{path}/{name}")
            if found is not None:
                return found
        return None
    if isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        for number, (one, other) in enumerate(zip(first, second, strict=True), 1):
            found = first_difference(one, other, f"{path}[{number}]")
            if found is not None:
                return found
        return None
    return None if first == second else f"{first!r:.200} instead of {second!r:.200} at {path or '/'}"
