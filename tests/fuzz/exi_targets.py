"""The codec under any bytes: each message set, on every engine that is there."""

from collections.abc import Iterable
from functools import cache, partial
from typing import Any, NamedTuple

from exi.codec import tables_for
from exi.decoder import Decoder
from exi.encoder import Encoder
from exi.engine import Engine
from exi.errors import ExiError
from exi.jsontext import item_from_json, to_json
from exi.registry import message_sets, profiles
from exi.schema import Item, MessageSet
from exi.selection import AnyEngine, EngineMaker
from exi.xmltext import item_from_xml, to_xml
from tests.exi.vectors import PROFILE_VECTORS, VECTORS
from tests.fuzz.target import Features, Target, demand, error_features, value_features


class Engines(NamedTuple):
    """The engines of a message set; the walk of the Python engine is what the others are held against."""

    decoder: Decoder
    encoder: Encoder
    others: tuple[tuple[str, AnyEngine], ...]


@cache
def native_engine() -> EngineMaker | None:
    """Return the native engine's class where it was built."""
    try:
        from exi._native import Engine as Native
    except ImportError:
        return None
    return Native


@cache
def engines(schema: MessageSet, profile: str | None = None) -> Engines:
    """Return the engines of a message set, plans made at once."""
    tables = tables_for(schema, profile)
    others: list[tuple[str, AnyEngine]] = [("plans", Engine(tables, warm_up=0))]
    native = native_engine()
    if native is not None:
        others.append(("native", native(tables)))
    return Engines(Decoder(tables), Encoder(tables), tuple(others))


Outcome = tuple[Any, ExiError | None]


def decoded(engine: Any, data: bytes, *, fragment: bool) -> Outcome:
    """Return the value or the error of some data."""
    try:
        return (engine.decode_fragment(data) if fragment else engine.decode_document(data)), None
    except ExiError as error:
        return None, error


def encoded(engine: Any, value: Any, *, fragment: bool) -> Outcome:
    """Return the bytes or the error of a document's value (or Item), or of a fragment's Item."""
    try:
        if fragment:
            return engine.encode_fragment(value.value, value.name, value.ns), None
        return engine.encode_document(value), None
    except ExiError as error:
        return None, error


def same(one: Outcome, other: Outcome) -> bool:
    """Tell whether two engines say the same: value and types, or reason, path and bit offset."""
    if one[1] is not None and other[1] is not None:
        return type(other[1]) is ExiError and one[1].args == other[1].args
    return one[1] is other[1] and one[0] == other[0] and repr(one[0]) == repr(other[0])


def run_exi(schema: MessageSet, data: bytes) -> Features:
    """Decode as document and as fragment; what decodes must be written, and read again, as the same value."""
    return run_kind(schema, data, fragment=False) | run_kind(schema, data, fragment=True)


def run_kind(schema: MessageSet, data: bytes, profile: str | None = None, *, fragment: bool) -> Features:
    """Hold every engine against the walk for a document or a fragment."""
    there = engines(schema, profile)
    outcome = decoded(there.decoder, data, fragment=fragment)
    for name, engine in there.others:
        other = decoded(engine, data, fragment=fragment)
        demand(same(outcome, other), f"{name} decodes as the walk does", outcome, other)
    value, error = outcome
    if error is not None:
        check_error(error, len(data) * 8)
        return error_features(error)
    written = encode_everywhere(schema, value, profile, fragment=fragment)
    demand(written[1] is None, "what was decoded can be encoded", written[1], value)
    again = decoded(there.decoder, written[0], fragment=fragment)
    demand(same(again, outcome), "what was encoded decodes to the same value", again, outcome)
    check_texts(schema, value)
    return value_features(value)


def check_error(error: ExiError, bits: int) -> None:
    """Check that an error of decoding says where, and why."""
    demand(type(error) is ExiError and error.reason, "the error says why", error)
    demand(not error.path or error.path.startswith("/"), "the path starts at the root", error)
    demand(error.bit_offset is not None and 0 <= error.bit_offset <= bits, "the offset is inside", error)


def encode_everywhere(
    schema: MessageSet, value: Any, profile: str | None = None, *, fragment: bool
) -> Outcome:
    """Encode on every engine, and return what all of them say."""
    there = engines(schema, profile)
    written = encoded(there.encoder, value, fragment=fragment)
    for name, engine in there.others:
        other = encoded(engine, value, fragment=fragment)
        demand(same(written, other), f"{name} encodes as the walk does", written, other)
    return written


def check_texts(schema: MessageSet, value: Any) -> None:
    """Check that XML and JSON carry a value there and back, unless XML has no way to write a character."""
    read = item_from_json(to_json(value, schema), schema)
    wanted = value if isinstance(value, Item) else Item(read.name, read.ns, value)
    demand(read == wanted, "JSON carries the value", read, wanted)
    try:
        text = to_xml(value, schema)
    except ExiError as error:
        demand(error.reason.startswith("XML cannot hold"), "only characters keep a value from XML", error)
        return
    read = item_from_xml(text, schema)
    demand(read == wanted, "XML carries the value", read, wanted)


def run_profile(profile: str, data: bytes) -> Features:
    """Do the same with the tables of a profile; the first byte chooses the message set."""
    schema = SETS[data[0] % len(SETS)] if data else SETS[0]
    return run_kind(schema, data[1:], profile, fragment=False) | run_kind(
        schema, data[1:], profile, fragment=True
    )


def profile_seeds(profile: str) -> Iterable[bytes]:
    """Yield the vectors of a profile, and those of all message sets."""
    namespaces = [schema.namespace for schema in SETS]
    for vector in (*PROFILE_VECTORS, *VECTORS):
        if vector.profile in {None, profile}:
            yield bytes([namespaces.index(vector.schema)]) + vector.exi


def seeds(schema: MessageSet) -> Iterable[bytes]:
    """Yield the vectors of a message set."""
    for vector in VECTORS:
        if vector.schema == schema.namespace:
            yield vector.exi
            yield from vector.decode_also


SETS = list(message_sets().values())

TARGETS = [
    Target(
        f"exi-{name}", f"{schema.name} from any bytes", partial(run_exi, schema), partial(seeds, schema), 6000
    )
    for name, schema in message_sets().items()
] + [
    Target(
        f"profile-{name}",
        f"any bytes as {name} reads them",
        partial(run_profile, name),
        partial(profile_seeds, name),
        6000,
    )
    for name in profiles()
]
