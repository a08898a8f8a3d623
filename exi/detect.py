"""Finds out which message set a byte string belongs to, and says how sure that is.

Every set is tried. Since the payload must be used up to the last bit, and padded with zeros, few sets fit by
accident; where one does, doubts tell it apart: it would be written differently, its root usually stands
inside other elements or belongs to an imported namespace, or its strings are gibberish.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import cache
from typing import Any

import msgspec

from exi.codec import decode, decode_item, encode, encode_fragment
from exi.errors import ExiError
from exi.jsontext import QName, json_translator_of
from exi.schema import Item, MessageSet, XsdType
from exi.walk import EV_START


class Sureness(StrEnum):
    """How sure it is that the best candidate is the right one."""

    CERTAIN = "certain"
    LIKELY = "likely"
    AMBIGUOUS = "ambiguous"
    NONE = "none"


class Candidate(msgspec.Struct, frozen=True):
    """A message set that the data fit: the root element ``item``, and ``doubts``, what speaks against it."""

    schema: MessageSet
    fragment: bool
    item: Item
    doubts: tuple[str, ...]

    def __str__(self) -> str:
        what = f"fragment {self.item.name}" if self.fragment else self.item.name
        doubts = f", but {' and '.join(self.doubts)}" if self.doubts else ""
        return f"{self.schema.name}: {what}{doubts}"


class Refusal(msgspec.Struct, frozen=True):
    """A message set that the data do not fit, and where they stop fitting.

    ``root`` says whether at least the root is an element that documents of the set have.
    """

    schema: MessageSet
    fragment: bool
    error: ExiError
    root: bool

    @property
    def reached(self) -> tuple[bool, int]:
        """How far decoding came: a fitting root counts more than any number of bits."""
        return self.root, self.error.bit_offset or 0

    def __str__(self) -> str:
        return f"{self.schema.name}: {self.error}"


class Identification(msgspec.Struct, frozen=True):
    """What was found: candidates and refusals, both best first, and why."""

    sure: Sureness
    reason: str
    candidates: tuple[Candidate, ...]
    refusals: tuple[Refusal, ...]


def identify(
    data: bytes,
    schemas: Sequence[MessageSet],
    *,
    payload_type: int | None = None,
    fragment: bool | None = None,
    profile: str | None = None,
) -> Identification:
    """Find the message set of some data among ``schemas``.

    The sets of the V2GTP ``payload_type`` are tried first. ``fragment`` None: documents first, fragments if
    no document fits; ``profile`` is that of :func:`exi.decode`. Where nothing fits, ``refusals`` starts with the set that came furthest.
    """
    declared = [schema for schema in schemas if payload_type in schema.payload_types]
    others = [schema for schema in schemas if schema not in declared]
    refusals: list[Refusal] = []
    for kind in (False, True) if fragment is None else (fragment,):
        for tried in filter(None, (declared, others)):
            fitting, refused = _try(data, tried, profile, fragment=kind)
            refusals += refused
            if fitting:
                by_type = f" of payload type 0x{payload_type:04X}" if declared and payload_type else ""
                sure, reason = _judge(fitting, len(tried), by_type if tried is declared else "")
                if by_type and tried is others:
                    sure = Sureness.LIKELY if sure is Sureness.CERTAIN else sure
                    reason = f"no set{by_type} fits; among the others {reason}"
                return Identification(sure, reason, tuple(fitting), tuple(refusals))
    refusals.sort(key=lambda refusal: (not refusal.fragment, refusal.reached), reverse=True)
    return Identification(Sureness.NONE, f"none of {len(schemas)} message sets fits", (), tuple(refusals))


def _try(
    data: bytes, schemas: Sequence[MessageSet], profile: str | None, *, fragment: bool
) -> tuple[list[Candidate], list[Refusal]]:
    fitting: list[Candidate] = []
    refusals: list[Refusal] = []
    for schema in schemas:
        try:
            fitting.append(_candidate(data, schema, profile, fragment=fragment))
        except ExiError as error:
            root = (error.path.split("/", 2)[1] if error.path else "", schema.namespace)
            usual = fragment or (
                root in json_translator_of(schema).globals and root not in _inner_names(schema)
            )
            refusals.append(Refusal(schema, fragment, error, usual))
    fitting.sort(key=lambda candidate: len(candidate.doubts))
    return fitting, refusals


def _judge(fitting: list[Candidate], tried: int, by_type: str) -> tuple[Sureness, str]:
    best, *rest = fitting
    if not rest:
        reason = (
            f"the only one of {tried}{by_type} that fits" if tried > 1 else f"the set{by_type}, and it fits"
        )
        if not best.doubts:
            return Sureness.CERTAIN, reason
        return Sureness.LIKELY, f"{reason}, but {' and '.join(best.doubts)}"
    if len(best.doubts) < len(rest[0].doubts):
        return Sureness.LIKELY, f"{len(fitting)} fit, this one best; {'; '.join(map(str, rest))}"
    return Sureness.AMBIGUOUS, f"{len(fitting)} fit equally well"


def decode_with_name(data: bytes, schema: MessageSet, profile: str | None = None, *, fragment: bool) -> Item:
    """Return the root element of a document, or a fragment's only element, with its name. Raises ExiError."""
    if fragment:
        return decode_item(data, schema, profile)
    value = decode(data, schema, profile)
    if isinstance(value, Item):
        return value
    translator = json_translator_of(schema)
    return Item(*translator.name(translator.documents[type(value)][1]), value)


def _candidate(data: bytes, schema: MessageSet, profile: str | None, *, fragment: bool) -> Candidate:
    item = decode_with_name(data, schema, profile, fragment=fragment)
    return Candidate(schema, fragment, item, tuple(_doubts(data, schema, item, profile, fragment=fragment)))


def _doubts(
    data: bytes, schema: MessageSet, item: Item, profile: str | None, *, fragment: bool
) -> Iterator[str]:
    try:
        again = encode_fragment(item, schema, profile=profile) if fragment else encode(item, schema, profile)
    except ExiError:
        again = b""
    if again != data:
        yield "it would be written differently"
    if not fragment:
        root = (item.name, item.ns)
        if root in _inner_names(schema):
            yield f"{item.name} usually stands inside other elements"
        if item.ns != schema.namespace:
            yield f"{item.name} belongs to a namespace that the set imports"
    if not all(text.replace("\n", "").isprintable() for text in _strings(item)):
        yield "there are unprintable characters"


@cache
def _inner_names(schema: MessageSet) -> frozenset[QName]:
    """Return the names of all elements that stand inside others."""
    translator = json_translator_of(schema)
    tables = translator.tables
    top = {
        tables.document_state,
        tables.fragment_state,
        tables.relaxed_start_state,
        tables.relaxed_content_state,
    }
    return frozenset(
        translator.name(subject)
        for state, (productions, *_) in enumerate(translator.states)
        if state not in top
        for event, subject, *_ in productions
        if event == EV_START
    )


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str) and not isinstance(value, StrEnum):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, Item):
        yield from _strings(value.value)
    elif isinstance(value, XsdType):
        for name in value.__struct_fields__:
            yield from _strings(getattr(value, name))
