"""Grammars to flat integer tables: the only thing that an engine sees.

Every table is a sequence of integers in rows of fixed length; a row is named by its index. The layout is
described row by row in ``docs/exi.md``. Beside the integers there are the strings that the integers
point to, and three lists of Python objects (classes, enumeration members, field names) that values are
made from. Nothing else of the schema is left.
"""

from array import array
from enum import Enum, IntEnum
from functools import cache

import msgspec

from exi.bits import MAX_INTEGER_BITS
from exi.errors import SchemaError
from exi.grammar import ABSTRACT as IS_ABSTRACT
from exi.grammar import (
    AnyType,
    AttributeUse,
    Counter,
    Declaration,
    Event,
    Grammars,
    Name,
    Production,
    Simple,
    State,
    simple_type,
)
from exi.names import local_name_partitions
from exi.profile import Profile
from exi.schema import Datatype, Kind, MessageSet, Wildcard, XsdType

STATE, PRODUCTION, COUNTER, ELEMENT, ATTRIBUTE, DATATYPE, TYPE, FIELD, RELAXED = 5, 4, 5, 4, 3, 8, 6, 2, 2
"""Row lengths of the tables."""

RELAXED_START = 5
"""Event of a fragment production whose element has several types: the element fragment grammar follows."""

NO_STATE = -1
"""``next`` of a production that ends its element. Below it: ``-2 - n`` names counter ``n``."""

ABSTRACT = 1
"""Index, in `refusals`, of the reason that the schema gives; other reasons are those of a profile."""

HAS_MINIMUM, HAS_MAXIMUM = 1, 2
"""Flags of a datatype row."""


class Representation(IntEnum):
    """How a simple value is written."""

    BOOLEAN = 0
    ENUMERATION = 1
    OFFSET = 2
    UNSIGNED = 3
    SIGNED = 4
    STRING = 5
    BINARY = 6


class WildcardKind(IntEnum):
    """Which namespaces a wildcard admits; NONE is for profiles."""

    ANY = 0
    OTHER = 1
    NONE = 2


_WILDCARDS = {"##any": WildcardKind.ANY, "##other": WildcardKind.OTHER, "": WildcardKind.NONE}


class Tables(msgspec.Struct, frozen=True, eq=False):
    """The tables of one message set; see ``docs/exi.md`` for every column."""

    name: str
    states: "array[int]"
    productions: "array[int]"
    counters: "array[int]"
    elements: "array[int]"
    attributes: "array[int]"
    datatypes: tuple[int, ...]
    types: "array[int]"
    fields: "array[int]"
    order: "array[int]"
    relaxed: "array[int]"
    candidates: "array[int]"
    document_state: int
    fragment_state: int
    relaxed_start_state: int
    relaxed_content_state: int
    strings: tuple[str, ...]
    uris: tuple[str, ...]
    local_names: tuple[tuple[str, ...], ...]
    classes: tuple[type[XsdType], ...]
    enumerations: tuple[tuple[Enum, ...], ...]
    field_names: tuple[tuple[str, ...], ...]
    refusals: tuple[str, ...]
    profile: str
    ascii_only: bool
    empty_as_text: bool
    longest_integer: int


def width_of(count: int) -> int:
    """Return how many bits tell ``count`` alternatives apart."""
    return (count - 1).bit_length()


@cache
def tables_of(schema: MessageSet, profile: Profile | None = None) -> Tables:
    """Return the tables of a message set, as a profile has them if one is given; made at the first call."""
    return _Builder(Grammars(schema, profile)).build()


class _Builder:
    def __init__(self, grammars: Grammars) -> None:
        self.grammars = grammars
        self.profile = grammars.profile or _PLAIN
        self.refusals: dict[str, int] = {"": 0, IS_ABSTRACT: ABSTRACT}
        self.states: list[int] = []
        self.productions: list[int] = []
        self.counters: list[int] = []
        self.elements: list[int] = []
        self.attributes: list[int] = []
        self.datatypes: list[int] = []
        self.types: list[int] = []
        self.fields: list[int] = []
        self.order: list[int] = []
        self.relaxed: list[int] = []
        self.candidates: list[int] = []
        self.strings: dict[str, int] = {}
        self.enumerations: dict[type[Enum], int] = {}
        self.classes: dict[AnyType, int] = {cls: index for index, cls in enumerate(grammars.types)}
        self.uris, self.local_names = local_name_partitions(grammars)
        self.uri_index = {uri: index for index, uri in enumerate(self.uris)}
        self._states: dict[State, int] = {}
        self._counters: dict[Counter, int] = {}
        self._elements: dict[Declaration, int] = {}
        self._attributes: dict[tuple[Name, Simple], int] = {}
        self._datatypes: dict[Simple, int] = {}

    def build(self) -> Tables:
        grammars = self.grammars
        for grammar in grammars.types.values():
            for state in grammar.states:
                self._states[state] = len(self._states)
        for cls, grammar in grammars.types.items():
            for state in grammar.states:
                self._state(state)
            self.types += (
                self._states[grammar.start],
                len(self.fields) // FIELD,
                len(grammar.fields),
                len(self.order),
                len(grammar.order),
                self.uri_index[grammars.namespaces[cls.__module__]],
            )
            self.order += grammar.order
            for field in grammar.fields:
                self.fields += (field.mode, self._string(field.attribute))
        document = self._root([(declaration,) for declaration in grammars.documents], end=False)
        fragment = self._root(grammars.elements, end=True)
        relaxed_start, relaxed_content = self._element_fragment()
        return Tables(
            name=grammars.schema.name,
            states=array("i", self.states),
            productions=array("i", self.productions),
            counters=array("i", self.counters),
            elements=array("i", self.elements),
            attributes=array("i", self.attributes),
            datatypes=tuple(self.datatypes),
            types=array("i", self.types),
            fields=array("i", self.fields),
            order=array("i", self.order),
            relaxed=array("i", self.relaxed),
            candidates=array("i", self.candidates),
            document_state=document,
            fragment_state=fragment,
            relaxed_start_state=relaxed_start,
            relaxed_content_state=relaxed_content,
            strings=tuple(self.strings),
            uris=self.uris,
            local_names=self.local_names,
            classes=tuple(grammars.types),
            enumerations=tuple(tuple(enumeration) for enumeration in self.enumerations),
            field_names=tuple(
                tuple(field.attribute for field in grammar.fields) for grammar in grammars.types.values()
            ),
            refusals=tuple(self.refusals),
            profile=self.profile.name,
            ascii_only=self.profile.ascii_only,
            empty_as_text=self.profile.empty_as_text,
            longest_integer=self.profile.longest_integer or MAX_INTEGER_BITS,
        )

    def _string(self, text: str) -> int:
        return self.strings.setdefault(text, len(self.strings))

    def _uri(self, uri: str) -> int:
        if uri not in self.uri_index:
            raise SchemaError(f"no module of {self.grammars.schema!r} has the namespace {uri}")
        return self.uri_index[uri]

    def _state(self, state: State) -> None:
        count = len(state.productions)
        self.states += (
            len(self.productions) // PRODUCTION,
            count,
            width_of(count + state.missing + 1),
            3 if state.start_tag else 2,
            -1 if state.counter is None else self._counter(state.counter),
        )
        for production in state.productions:
            self._production(production)

    def _production(self, production: Production) -> None:
        target = production.next
        if target is None:
            following = NO_STATE
        elif isinstance(target, Counter):
            following = -2 - self._counter(target)
        else:
            following = self._states[target]
        subject = production.subject
        match subject:
            case Declaration():
                index = self._element(subject)
            case AttributeUse():
                index = self._attribute(subject)
            case Wildcard():
                index = _WILDCARDS[subject.namespace]
            case None:
                index = -1
            case _:
                index = self._datatype(subject)
        self.productions += (production.event, index, production.field, following)

    def _counter(self, counter: Counter) -> int:
        index = self._counters.get(counter)
        if index is None:
            index = self._counters[counter] = len(self._counters)
            self.counters += (
                counter.minimum,
                -1 if counter.maximum is None else counter.maximum,
                self._states[counter.below],
                self._states[counter.within],
                self._states[counter.full],
            )
        return index

    def _element(self, declaration: Declaration) -> int:
        index = self._elements.get(declaration)
        if index is None:
            index = self._elements[declaration] = len(self._elements)
            self.elements += (
                self._string(declaration.name.local),
                self._uri(declaration.name.uri),
                self._type(declaration.type),
                self.refusals.setdefault(declaration.refusal, len(self.refusals)),
            )
        return index

    def _type(self, kind: AnyType) -> int:
        simple = simple_type(kind)
        if simple is not None:
            return -1 - self._datatype(simple)
        index = self.classes.get(kind)
        if index is None:
            raise SchemaError(f"{kind} is not a class of {self.grammars.schema!r}")
        return index

    def _attribute(self, use: AttributeUse) -> int:
        index = self._attributes.get((use.name, use.type))
        if index is None:
            index = self._attributes[use.name, use.type] = len(self._attributes)
            self.attributes += (
                self._string(use.name.local),
                self._uri(use.name.uri),
                self._datatype(use.type),
            )
        return index

    def _datatype(self, simple: Simple) -> int:
        index = self._datatypes.get(simple)
        if index is None:
            index = self._datatypes[simple] = len(self._datatypes)
            self.datatypes += self._datatype_row(simple)
        return index

    def _datatype_row(self, simple: Simple) -> tuple[int, ...]:
        if not isinstance(simple, Datatype):
            enumeration = self.enumerations.setdefault(simple, len(self.enumerations))
            count = len(simple)
            return (Representation.ENUMERATION, width_of(count), 0, 0, count - 1, 0, -1, enumeration)
        simple = self._bounded(simple)
        low, high = simple.minimum, simple.maximum
        flags = (low is not None) * HAS_MINIMUM | (high is not None) * HAS_MAXIMUM
        width = 0
        match simple.kind:
            case Kind.BOOLEAN:
                representation, width = Representation.BOOLEAN, 1
            case Kind.STRING:
                representation = Representation.STRING
            case Kind.BINARY:
                representation, width = Representation.BINARY, 16 if simple.xsd == "hexBinary" else 64
            case Kind.INTEGER:
                if low is not None and high is not None and high - low < 4096:
                    representation, width = Representation.OFFSET, width_of(high - low + 1)
                elif low is not None and low >= 0:
                    representation = Representation.UNSIGNED
                else:
                    representation = Representation.SIGNED
        longest = -1 if simple.max_length is None else simple.max_length
        return (representation, width, flags, low or 0, high or 0, simple.min_length, longest, -1)

    def _bounded(self, datatype: Datatype) -> Datatype:
        """Bound what the schema does not bound as the profile has it."""
        if datatype.max_length is not None:
            return datatype
        if datatype.kind is Kind.STRING and self.profile.longest_text is not None:
            return datatype.restrict(max_length=self.profile.longest_text)
        if datatype.kind is Kind.BINARY and self.profile.longest_binary is not None:
            return datatype.restrict(max_length=self.profile.longest_binary)
        return datatype

    def _root_declaration(self, declaration: Declaration, *, fragment: bool) -> Declaration:
        """Refuse an element that documents or fragments cannot start with in the profile."""
        profile, schema = self.profile, self.grammars.schema.name
        allowed = (profile.fragments if fragment else profile.documents).get(schema)
        simple = not fragment and profile.roots_of_class and simple_type(declaration.type) is not None
        if declaration.refusal or (not simple and (allowed is None or declaration.name.local in allowed)):
            return declaration
        kind = "fragment" if fragment else "document"
        reason = f"{profile.name} has no {kind} {declaration.name.local}"
        return Declaration(declaration.name, declaration.type, reason)

    def _plain_state(self, productions: list[tuple[int, int, int, int]], width: int) -> int:
        index = len(self.states) // STATE
        self.states += (len(self.productions) // PRODUCTION, len(productions), width, 0, -1)
        for production in productions:
            self.productions += production
        return index

    def _root(self, elements: list[tuple[Declaration, ...]], *, end: bool) -> int:
        """Add the state of a document's or fragment's top level, which has no escape."""
        rows: list[tuple[int, int, int, int]] = []
        for declarations in elements:
            plain = declarations[:1]
            if len(declarations) > 1 and self.profile.plain_fragments:
                plain = tuple(found for found in declarations if simple_type(found.type) is None)[:1]
            if len(declarations) == 1 or (plain and self.profile.plain_fragments):
                root = self._root_declaration(plain[0], fragment=end)
                rows.append((Event.START, self._element(root), -1, NO_STATE))
                continue
            rows.append((RELAXED_START, len(self.relaxed) // RELAXED, -1, NO_STATE))
            self.relaxed += (len(self.candidates), len(declarations))
            self.candidates += (self._element(declaration) for declaration in declarations)
        rows.append((Event.START_ANY, WildcardKind.ANY, -1, NO_STATE))
        if end:
            rows.append((Event.END, -1, -1, NO_STATE))
        return self._plain_state(rows, width_of(len(rows)))

    def _element_fragment(self) -> tuple[int, int]:
        """Add the two states of the element fragment grammar [EXI 8.5.3]."""
        grammars = self.grammars
        text = self._datatype(_UNTYPED)
        start = len(self.states) // STATE
        content = start + 1
        attributes: list[tuple[int, int, int, int]] = []
        for uses in grammars.attributes:
            use = uses[0] if len(uses) == 1 else AttributeUse(uses[0].name, _UNTYPED, optional=True)
            attributes.append((Event.ATTRIBUTE, self._attribute(use), -1, start))
        attributes.append((Event.ATTRIBUTE, -1, -1, start))
        elements: list[tuple[int, int, int, int]] = [
            (Event.START, self._element(declarations[0]), -1, content) for declarations in grammars.elements
        ]
        elements.append((Event.START_ANY, WildcardKind.ANY, -1, content))
        elements.append((Event.END, -1, -1, NO_STATE))
        elements.append((Event.TEXT, text, -1, content))
        self._plain_state(attributes + elements, width_of(len(attributes) + len(elements) + 1))
        self._plain_state(elements, width_of(len(elements) + 1))
        return start, content


_PLAIN = Profile(name="", codec="", changes=())
_UNTYPED = Datatype(Kind.STRING, "string")
