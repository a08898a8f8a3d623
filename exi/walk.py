"""The tables cut into rows, and the few questions that every walk over them asks."""

from collections.abc import Iterable
from functools import cache, cached_property
from typing import Any, Final, NamedTuple

from exi.grammar import Event
from exi.schema import Item, XsdType
from exi.tables import (
    ATTRIBUTE,
    COUNTER,
    ELEMENT,
    FIELD,
    NO_STATE,
    PRODUCTION,
    RELAXED,
    RELAXED_START,
    STATE,
    TYPE,
    Tables,
    WildcardKind,
)
from exi.values import ValueCodec

MAX_DEPTH: Final = 64
"""Deepest nesting of elements; only wildcards could nest without end."""

# Plain integers: comparing with an IntEnum member costs three times as much.
EV_ATTRIBUTE: Final = int(Event.ATTRIBUTE)
EV_START: Final = int(Event.START)
EV_START_ANY: Final = int(Event.START_ANY)
EV_END: Final = int(Event.END)
EV_TEXT: Final = int(Event.TEXT)

Row = tuple[int, ...]
Productions = tuple[Row, ...]


TypeRow = tuple[int, type[XsdType], tuple[str, ...], tuple[int, ...], Row, str]


class Rows(NamedTuple):
    """The tables cut into rows, once for all that walk over them.

    ``states[n]`` is (productions, width, width of the second level, counter); ``types[n]`` is (first
    state, class, field names, field modes, fields in the order of writing, namespace).
    """

    states: list[tuple[Productions, int, int, int]]
    counters: list[Row]
    elements: list[Row]
    attributes: list[Row]
    relaxed: list[Row]
    types: list[TypeRow]
    values: ValueCodec


@cache
def rows_of(tables: Tables) -> Rows:
    """Return the rows of a message set's tables."""
    productions = cut(tables.productions, PRODUCTION)
    modes = [mode for mode, _ in cut(tables.fields, FIELD)]
    return Rows(
        states=[
            (tuple(productions[first : first + count]), width, second, counter)
            for first, count, width, second, counter in cut(tables.states, STATE)
        ],
        counters=cut(tables.counters, COUNTER),
        elements=cut(tables.elements, ELEMENT),
        attributes=cut(tables.attributes, ATTRIBUTE),
        relaxed=cut(tables.relaxed, RELAXED),
        types=[
            (
                start,
                tables.classes[index],
                tables.field_names[index],
                tuple(modes[field : field + fields]),
                tuple(tables.order[order : order + places]),
                tables.uris[uri],
            )
            for index, (start, field, fields, order, places, uri) in enumerate(cut(tables.types, TYPE))
        ],
        values=ValueCodec(tables),
    )


class Walker:
    """The rows of the tables by index, with names; see :class:`Rows`."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        rows = rows_of(tables)
        self.states, self.counters, self.elements, self.attributes, self.relaxed, self.types, self.values = (
            rows
        )

    @cached_property
    def globals(self) -> dict[tuple[str, str], int]:
        """The global elements by local name and URI."""
        productions = self.states[self.tables.document_state][0]
        return {self.name(row[1]): row[1] for row in productions if row[0] == EV_START}

    @cached_property
    def documents(self) -> dict[type, tuple[int, int]]:
        """Event code and element of the document of each class: the first global element that has it."""
        found: dict[type, tuple[int, int]] = {}
        for code, (event, element, *_) in enumerate(self.states[self.tables.document_state][0]):
            if event == EV_START:
                _, _, kind, refusal = self.elements[element]
                if kind >= 0 and not refusal:
                    found.setdefault(self.types[kind][1], (code, element))
        return found

    def names_root(self, element: int) -> bool:
        """Tell whether the class of a document's value is enough to find its root element again."""
        kind = self.elements[element][2]
        return kind >= 0 and self.documents[self.types[kind][1]][1] == element

    @cached_property
    def named_elements(self) -> dict[tuple[str, str], tuple[int, ...]]:
        """The elements that a fragment may start with, by local name and URI."""
        found: dict[tuple[str, str], tuple[int, ...]] = {}
        for event, subject, _, _ in self.states[self.tables.fragment_state][0]:
            if event in {EV_START, RELAXED_START}:
                elements = (subject,) if event == EV_START else self.candidates(subject)
                found[self.name(elements[0])] = elements
        return found

    def local(self, element: int) -> str:
        """Return an element's local name."""
        return self.tables.strings[self.elements[element][0]]

    def name(self, element: int) -> tuple[str, str]:
        """Return an element's local name and URI."""
        row = self.elements[element]
        return (self.tables.strings[row[0]], self.tables.uris[row[1]])

    def attribute_name(self, attribute: int) -> tuple[str, str]:
        """Return an attribute's local name and URI."""
        row = self.attributes[attribute]
        return (self.tables.strings[row[0]], self.tables.uris[row[1]])

    def attribute_step(self, attribute: int) -> str:
        """Return an attribute's step in an error path."""
        return f"@{self.attribute_name(attribute)[0]}"

    def next_state(self, state: int, following: int, count: int) -> tuple[int, int]:
        """Return the state after an item, and how many items its counted particle has by now.

        ``following`` is the production's ``next``; ``count`` is what the call before returned.
        """
        if following >= NO_STATE:
            return following, 0
        counter = -2 - following
        count = count + 1 if self.states[state][3] == counter else 1
        minimum, maximum, below, within, full = self.counters[counter]
        if count < minimum:
            return below, count
        return (full if count == maximum else within), count

    def candidates(self, relaxed: int) -> tuple[int, ...]:
        """Return the elements that share the name of a relaxed fragment production."""
        first, count = self.relaxed[relaxed]
        return tuple(self.tables.candidates[first : first + count])

    def wildcard_admits(self, kind: int, wildcard: int, uri: str) -> bool:
        """Tell whether a wildcard in type ``kind`` admits elements of a namespace."""
        if wildcard == WildcardKind.OTHER:
            return uri not in {self.types[kind][5], ""}
        return wildcard != WildcardKind.NONE

    def expected(self, state: int) -> str:
        """Say what may stand in a state, for error messages."""
        rows = self.states[state][0]
        concrete = [row for row in rows if row[0] != EV_START or not self.elements[row[1]][3]]
        names = [self._production_name(row) for row in concrete or rows]
        return " or ".join(names[:4]) + (" or others" if len(names) > 4 else "")

    def _production_name(self, production: Row) -> str:
        event, subject, *_ = production
        if event == EV_ATTRIBUTE:
            return self.attribute_step(subject) if subject >= 0 else "any attribute"
        if event == EV_START:
            return self.local(subject)
        if event == RELAXED_START:
            return self.local(self.candidates(subject)[0])
        return {EV_START_ANY: "any element", EV_END: "its end"}.get(event, "its text")

    def text_content(self, kind: int) -> tuple[int, list[Row]]:
        """Return the datatype of a type's text and its attribute productions, optional ones marked by 1.

        Rows are (attribute, field, optional). Types with child elements give -1 as the datatype: the
        element fragment grammar supports no children.
        """
        found: list[Row] = []
        state = self.types[kind][0]
        while True:
            productions = self.states[state][0]
            event, subject, field, following = productions[0]
            if event == EV_TEXT:
                return subject, found
            if event != EV_ATTRIBUTE:
                return -1, found
            found.append((subject, field, int(len(productions) > 1)))
            state = following

    def text_field(self, kind: int) -> int:
        """Return the field that holds the text of a type with simple content."""
        return self.types[kind][4][-1]


def cut(table: Iterable[int], length: int) -> list[tuple[int, ...]]:
    """Cut a flat table into rows."""
    values = tuple(table)
    return [values[start : start + length] for start in range(0, len(values), length)]


def numbered(name: tuple[str, str], items: list[Any], end: int, *, mixed: bool = True) -> str:
    """Return the path step of a list's item ``end``: its name, and its number among those of that name.

    ``mixed``: the list is a content model, where text and elements of other names stand between them.
    """
    if not mixed:
        return f"{name[0]}[{end + 1}]"
    same = 1
    for entry in items[:end]:
        same += (entry.name, entry.ns) == name if isinstance(entry, Item) else not isinstance(entry, str)
    return f"{name[0]}[{same}]"
