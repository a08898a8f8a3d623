"""Hypothesis strategies that make valid messages of any message set, from its tables.

``documents(schema)`` makes root values, ``fragments(schema)`` any element with its name, ``values_of(cls, schema)``
instances of one class. ``xml`` keeps strings to what XML text can carry unchanged.
"""

from functools import cache
from typing import Any

from hypothesis import strategies as st

from exi.grammar import Mode
from exi.schema import Item, MessageSet, XsdType
from exi.tables import DATATYPE, HAS_MAXIMUM, HAS_MINIMUM, Representation, tables_of
from exi.walk import EV_ATTRIBUTE, EV_END, EV_START, EV_START_ANY, EV_TEXT, Row, Walker

MAX_DEPTH = 10
NEVER = 10**6
LONG = (125, 126, 127, 128, 129, 800)

Strategy = st.SearchStrategy[Any]


class Maker(Walker):
    """A walk over the tables that draws what it meets."""

    def __init__(self, schema: MessageSet, *, xml: bool) -> None:
        super().__init__(tables_of(schema))
        self.xml = xml
        rows = self.tables.datatypes
        self.simple = [self._simple(*rows[at : at + DATATYPE]) for at in range(0, len(rows), DATATYPE)]
        self.heights = [NEVER] * len(self.types)
        self.needs = [NEVER] * len(self.states)
        self.kinds = self._kinds_of_states()
        self.known_needs: dict[tuple[int, Row], int] = {}
        changed = True
        while changed:
            lowered = [self._lower(state) for state in range(len(self.states))]
            lowered += [self._lower_type(kind) for kind in range(len(self.types))]
            changed = any(lowered)
            self.known_needs.clear()

    def _kinds_of_states(self) -> dict[int, int]:
        found: dict[int, int] = {}
        for kind, (start, *_) in enumerate(self.types):
            queue = [start]
            while queue:
                state = queue.pop()
                if state in found:
                    continue
                found[state] = kind
                for _, _, _, following in self.states[state][0]:
                    if following <= -2:
                        queue += self.counters[-2 - following][2:]
                    elif following >= 0:
                        queue.append(following)
        return found

    def _simple(
        self,
        representation: int,
        _width: int,
        flags: int,
        minimum: int,
        maximum: int,
        shortest: int,
        longest: int,
        enumeration: int,
    ) -> Strategy:
        match representation:
            case Representation.BOOLEAN:
                return st.booleans()
            case Representation.ENUMERATION:
                return st.sampled_from(self.tables.enumerations[enumeration])
            case Representation.STRING:
                return self._text(shortest, longest)
            case Representation.BINARY:
                most = 24 if longest < 0 else longest
                long = [size for size in LONG if shortest <= size <= (longest if longest >= 0 else NEVER)]
                plain = st.binary(min_size=shortest, max_size=max(shortest, min(24, most)))
                return st.one_of(plain, st.sampled_from(long).map(_pattern)) if long else plain
        low = minimum if flags & HAS_MINIMUM else -(2**160)
        high = maximum if flags & HAS_MAXIMUM else 2**160
        edges = [low, high, *(n for n in (-1, 0, 1, 63, 127, 128, 16383, 16384) if low <= n <= high)]
        return st.one_of(st.integers(low, high), st.sampled_from(edges))

    def _text(self, shortest: int, longest: int) -> Strategy:
        letters = st.characters(
            min_codepoint=32 if self.xml else None,
            exclude_categories=["Cs"],
            exclude_characters="\ufffe\uffff\x7f" if self.xml else "",
        )
        most = 40 if longest < 0 else longest
        plain = st.text(letters, min_size=shortest, max_size=min(40, most))
        ascii_only = st.text(
            st.characters(min_codepoint=32, max_codepoint=126), min_size=shortest, max_size=min(40, most)
        )
        if longest >= 0:
            return st.one_of(plain, ascii_only)
        return st.one_of(plain, ascii_only, st.sampled_from(LONG).map(lambda size: "long" * (size // 4)))

    # How deep the smallest value is that a state or type can still become: wildcards may admit nothing.

    def _lower(self, state: int) -> bool:
        kind = self.kinds.get(state)
        if kind is None:
            return False
        need = min((self.need_of(row, kind) for row in self.states[state][0]), default=NEVER)
        lowered = need < self.needs[state]
        self.needs[state] = min(need, self.needs[state])
        return lowered

    def _lower_type(self, kind: int) -> bool:
        height = self.needs[self.types[kind][0]] + 1
        lowered = height < self.heights[kind]
        self.heights[kind] = min(height, self.heights[kind])
        return lowered

    def need_of(self, row: Row, kind: int) -> int:
        known = self.known_needs.get((kind, row))
        if known is None:
            known = self.known_needs[kind, row] = self._need_of(row, kind)
        return known

    def _need_of(self, row: Row, kind: int) -> int:
        event, subject, _, following = row
        if event == EV_END:
            return 0
        if following <= -2:
            after = min(self.needs[state] for state in self.counters[-2 - following][2:])
        else:
            after = self.needs[following] if following >= 0 else 0
        if event == EV_START:
            return max(after, self.height_of(subject))
        if event == EV_START_ANY:
            heights = [
                self.height_of(element)
                for name, element in self.globals.items()
                if self.wildcard_admits(kind, subject, name[1])
            ]
            return max(after, min(heights, default=NEVER) + 1)
        return after

    def height_of(self, element: int) -> int:
        _, _, kind, abstract = self.elements[element]
        if abstract:
            return NEVER
        return 0 if kind < 0 else self.heights[kind]

    # Drawing

    def element(self, draw: st.DrawFn, element: int, depth: int) -> Any:
        kind = self.elements[element][2]
        return draw(self.simple[-1 - kind]) if kind < 0 else self.value(draw, kind, depth)

    def value(self, draw: st.DrawFn, kind: int, depth: int) -> XsdType:
        state, cls, _, modes, _, _ = self.types[kind]
        values: list[Any] = [[] if mode >= Mode.LIST else None for mode in modes]
        wanted: dict[int, int] = {}
        count = 0
        while True:
            rows = [
                row for row in self.states[state][0] if self._open(row, kind, depth, values, modes, wanted)
            ]
            rows = rows or [min(self.states[state][0], key=lambda row: self.need_of(row, kind))]
            event, subject, field, following = draw(st.sampled_from(rows))
            if event == EV_END:
                return cls(*values)
            self._take(draw, (event, subject, field), kind, depth, values, modes)
            if modes[field] >= Mode.LIST:
                wanted.setdefault(field, draw(st.sampled_from((1, 1, 2, 3, self._most(following)))))
            state, count = self.next_state(state, following, count)

    def _most(self, following: int) -> int:
        maximum = self.counters[-2 - following][1] if following <= -2 else -1
        return maximum if 0 <= maximum <= 24 else 5

    def _open(
        self,
        row: Row,
        kind: int,
        depth: int,
        values: list[Any],
        modes: tuple[int, ...],
        wanted: dict[int, int],
    ) -> bool:
        event, _, field, _ = row
        if self.need_of(row, kind) > MAX_DEPTH - depth:
            return False
        if field < 0 or modes[field] < Mode.LIST:
            return True
        items = values[field]
        if event == EV_TEXT and items and isinstance(items[-1], str):
            return False
        return len(items) < wanted.get(field, NEVER)

    def _admitted(self, kind: int, wildcard: int, depth: int) -> list[tuple[tuple[str, str], int]]:
        return [
            (name, element)
            for name, element in self.globals.items()
            if self.wildcard_admits(kind, wildcard, name[1])
            and self.height_of(element) <= MAX_DEPTH - depth - 1
        ]

    def _take(
        self,
        draw: st.DrawFn,
        production: Row,
        kind: int,
        depth: int,
        values: list[Any],
        modes: tuple[int, ...],
    ) -> None:
        event, subject, field = production
        mixed = modes[field] == Mode.CONTENT
        if event == EV_ATTRIBUTE:
            value: Any = draw(self.simple[self.attributes[subject][2]])
        elif event == EV_TEXT and mixed:
            value = draw(
                st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=1, max_size=9)
            )
        elif event == EV_TEXT:
            value = draw(self.simple[subject])
        elif event == EV_START:
            value = self.element(draw, subject, depth + 1)
            value = Item(*self.name(subject), value) if mixed else value
        else:
            name, element = draw(st.sampled_from(self._admitted(kind, subject, depth)))
            value = Item(*name, self.element(draw, element, depth + 1))
        if modes[field] >= Mode.LIST:
            values[field].append(value)
        else:
            values[field] = value


def _pattern(size: int) -> bytes:
    return bytes(number * 89 & 0xFF for number in range(size))


@cache
def maker_of(schema: MessageSet, *, xml: bool = False) -> Maker:
    return Maker(schema, xml=xml)


@st.composite
def documents(draw: st.DrawFn, schema: MessageSet, *, xml: bool = False) -> XsdType:
    """Draw the root value of a document."""
    maker = maker_of(schema, xml=xml)
    roots = [
        kind
        for event, subject, _, _ in maker.states[maker.tables.document_state][0]
        if event == EV_START
        and (kind := maker.elements[subject][2]) >= 0
        and maker.height_of(subject) <= MAX_DEPTH
    ]
    return maker.value(draw, draw(st.sampled_from(roots)), 0)


@st.composite
def fragments(draw: st.DrawFn, schema: MessageSet, *, xml: bool = False) -> Item:
    """Draw any element of a message set, with its name."""
    maker = maker_of(schema, xml=xml)
    choices = [
        (name, element)
        for name, elements in maker.named_elements.items()
        for element in elements
        if maker.height_of(element) <= MAX_DEPTH
    ]
    name, element = draw(st.sampled_from(choices))
    return Item(*name, maker.element(draw, element, 0))


@st.composite
def values_of(draw: st.DrawFn, cls: type[XsdType], schema: MessageSet, *, xml: bool = False) -> XsdType:
    """Draw an instance of a class."""
    maker = maker_of(schema, xml=xml)
    kind = next(index for index, row in enumerate(maker.types) if row[1] is cls)
    return maker.value(draw, kind, 0)
