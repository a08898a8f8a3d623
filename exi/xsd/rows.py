"""Rows of tables held against single productions and types of an XSD: what both table checks share."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from exi.grammar import Event, Name
from exi.schema import XsdType
from exi.tables import (
    ATTRIBUTE,
    COUNTER,
    DATATYPE,
    ELEMENT,
    NO_STATE,
    PRODUCTION,
    RELAXED,
    STATE,
    Tables,
    WildcardKind,
)
from exi.xsd.differences import Difference
from exi.xsd.model import ComplexType, ElementDeclaration, SimpleType
from exi.xsd.source import Place
from exi.xsd.values import UNTYPED, datatype_row, datatype_text

_SHOWN: Final = 6

Row = tuple[int, ...]

Path = tuple["Path | None", str]
"""Events on the way to a state, the last first."""


class Where(msgspec.Struct, frozen=True):
    """Where a difference would be, put into words only if there is one."""

    subject: str
    path: "Path | None" = None
    inside: str = ""

    def within(self, inside: str) -> "Where":
        """Return a place inside this one."""
        return Where(self.subject, self.path, f"{self.inside}, {inside}")

    def __str__(self) -> str:
        return f"{self.subject}{_after(self.path)}{self.inside}"


class RowCheck:
    """The tables of a message set as rows, with the comparison of single rows.

    ``classes`` says which complex type of the XSD each class stands for. ``differences`` is what was found,
    ``productions`` how many productions were compared.
    """

    def __init__(self, tables: Tables, classes: Mapping[type[XsdType], ComplexType]) -> None:
        self.tables = tables
        self.classes = classes
        self.differences: list[Difference] = []
        self.productions = 0
        self.states = rows_of(tables.states, STATE)
        self.counters = rows_of(tables.counters, COUNTER)
        self.attributes = rows_of(tables.attributes, ATTRIBUTE)
        self.elements = rows_of(tables.elements, ELEMENT)
        self.relaxed = rows_of(tables.relaxed, RELAXED)
        self._productions = rows_of(tables.productions, PRODUCTION)
        self._datatypes = rows_of(tables.datatypes, DATATYPE)
        self._known_datatypes: set[tuple[int, SimpleType]] = set()
        self._known_elements: set[tuple[int, ElementDeclaration]] = set()

    def report(
        self, where: Where, what: str, ours: object, theirs: object, place: Place | None = None
    ) -> None:
        """Note a difference."""
        self.differences.append(Difference(str(where), what, str(ours), str(theirs), place))

    def productions_of(self, state: int) -> list[Row]:
        """Return the productions of a state."""
        first, count, *_ = self.states[state]
        return [self._productions[row] for row in range(first, first + count)]

    def next_state(self, state: int, following: int, count: int) -> tuple[int, int]:
        """Return the state behind a production, and the number of items of its counter, as docs/exi.md says."""
        if following >= NO_STATE:
            return following, 0
        counter = -2 - following
        minimum, maximum, below, within, full = self.counters[counter]
        count = count + 1 if self.states[state][4] == counter else 1
        if count < minimum:
            return below, count
        if count == maximum:
            return full, count
        # Without a maximum more items make no difference once there are enough.
        return within, min(count, minimum) if maximum == -1 else count

    def compare_events(
        self, state: int, expected: list[str], width: int, where: Where, place: Place | None = None
    ) -> bool:
        """Compare the events of a state and the width of their codes; tell whether the events are equal."""
        self.productions += len(expected)
        ours = [self._event(row) for row in self.productions_of(state)]
        if ours != expected:
            self.report_lists(where, "events", ours, expected, place)
            return False
        if self.states[state][2] != width:
            self.report(where, "bits of an event code", self.states[state][2], width, place)
        return True

    def report_lists(
        self, where: Where, what: str, ours: list[str], theirs: list[str], place: Place | None = None
    ) -> None:
        """Report two unequal lists from their first difference on."""
        place_of = (index for index, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b)
        first = next(place_of, min(len(ours), len(theirs)))
        self.report(where, f"{what} from code {first} on", _some(ours[first:]), _some(theirs[first:]), place)

    def _event(self, row: Row) -> str:
        event, subject = row[:2]
        match event:
            case Event.START:
                return self._element_name(subject)
            case Event.ATTRIBUTE:
                return f"@{written(self._attribute_name(subject))}" if subject >= 0 else "@*"
            case Event.START_ANY:
                return any_event("##other" if subject == WildcardKind.OTHER else "##any")
            case Event.END:
                return "end"
            case Event.TEXT:
                return "text"
            case _:
                return self._element_name(self.tables.candidates[self.relaxed[subject][0]])

    def _element_name(self, element: int) -> str:
        local, uri = self.elements[element][:2]
        return written(Name(self.tables.strings[local], self.tables.uris[uri]))

    def _attribute_name(self, attribute: int) -> Name:
        local, uri = self.attributes[attribute][:2]
        return Name(self.tables.strings[local], self.tables.uris[uri])

    def compare_element(self, element: int, theirs: ElementDeclaration, where: Where) -> None:
        """Compare an element row with a declaration of the same name, once."""
        if (element, theirs) in self._known_elements:
            return
        self._known_elements.add((element, theirs))
        _, _, kind, abstract = self.elements[element]
        may_not_occur = theirs.abstract or (isinstance(theirs.type, ComplexType) and theirs.type.abstract)
        if bool(abstract) != may_not_occur:
            self.report(where, "abstract", bool(abstract), may_not_occur, theirs.place)
        if kind < 0:
            if isinstance(theirs.type, SimpleType):
                self.compare_datatype(-1 - kind, theirs.type, where, theirs.place)
            else:
                self.report(where, "type", "a simple type", theirs.type.label, theirs.place)
            return
        cls = self.tables.classes[kind]
        known = self.classes.get(cls)
        if known is not theirs.type:
            stands_for = "no type of the XSD" if known is None else known.label
            self.report(
                where, "type", f"class {cls.__name__} for {stands_for}", theirs.type.label, theirs.place
            )

    def compare_datatype(self, datatype: int, theirs: SimpleType, where: Where, place: Place) -> None:
        """Compare a datatype row, and the values of its enumeration, with a simple type, once."""
        if (datatype, theirs) in self._known_datatypes:
            return
        self._known_datatypes.add((datatype, theirs))
        *row, enumeration = self._datatypes[datatype]
        expected = datatype_row(theirs)
        if tuple(row) != expected:
            self.report(where, "how the value is written", datatype_text(row), datatype_text(expected), place)
        members = self.tables.enumerations[enumeration] if enumeration >= 0 else ()
        values = [str(member.value) for member in members]
        if values != list(theirs.values or ()):
            self.report_lists(where, "values", values, list(theirs.values or ()), place)

    def compare_untyped(self, datatype: int, where: Where) -> None:
        """Compare a datatype row with that of text without a type."""
        row = self._datatypes[datatype][:-1]
        if row != UNTYPED:
            self.report(where, "how the text is written", datatype_text(row), datatype_text(UNTYPED))

    def is_written_as(self, datatype: int, theirs: SimpleType) -> bool:
        """Tell whether a datatype row is that of a simple type."""
        return self._datatypes[datatype][:-1] == datatype_row(theirs)


def rows_of(table: Iterable[int], length: int) -> list[Row]:
    """Cut a flat table into rows."""
    values = tuple(table)
    return [values[start : start + length] for start in range(0, len(values), length)]


def written(name: Name) -> str:
    """Return a qualified name in one string."""
    return f"{{{name.uri}}}{name.local}" if name.uri else name.local


def any_event(namespace: str) -> str:
    """Return how a wildcard is shown among other events."""
    return f"any({namespace})"


def _some(entries: list[str]) -> str:
    shown = ", ".join(entries[:_SHOWN]) or "none"
    return f"{shown} and {len(entries) - _SHOWN} more" if len(entries) > _SHOWN else shown


def _after(path: "Path | None") -> str:
    """Say where a state is: behind which events, equal neighbours counted."""
    steps: list[tuple[str, int]] = []
    while path is not None:
        path, event = path
        local = event.rpartition("}")[2]
        if event.startswith("@{"):
            local = f"@{local}"
        if steps and steps[-1][0] == local:
            steps[-1] = (local, steps[-1][1] + 1)
        else:
            steps.append((local, 1))
    if not steps:
        return ""
    names = (name if times == 1 else f"{name} ({times} times)" for name, times in reversed(steps))
    return f", after {', '.join(names)}"
