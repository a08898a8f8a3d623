"""What a type looks like to the plan makers: its places in the order of writing, and its states by place."""

import msgspec

from exi.grammar import Mode
from exi.tables import ABSTRACT, NO_STATE
from exi.walk import EV_END, EV_START, Row, Walker

MAX_INLINE_PLACES = 5
"""Types of no more places and without lists are written into the plan of the type that holds them."""


class Unplannable(Exception):  # noqa: N818 - not an error: such a type stays with the engine's walk
    """The type has a shape that no plan is made for."""


class Member(msgspec.Struct, frozen=True):
    """One element (or attribute, or text) that may take a place, and what follows it."""

    event: int
    subject: int
    next: int


class Place(msgspec.Struct):
    """A field's place. Its members are numbered ``base``, ``base + 1`` … through the whole type."""

    field: int
    name: str
    mode: int
    base: int
    members: list[Member]


class Layout:
    """Places and states of one type. ``end`` is the number that stands for the end of the element."""

    def __init__(self, walker: Walker, kind: int) -> None:
        start, cls, names, modes, order, _ = walker.types[kind]
        self.walker = walker
        self.kind = kind
        self.start = start
        self.cls = cls
        self.names = names
        self.modes = modes
        self.states = _reachable(walker, start)
        by_field: dict[int, list[Member]] = {field: [] for field in order}
        for state in self.states:
            for event, subject, field, following in walker.states[state][0]:
                if event == EV_END or modes[field] == Mode.CONTENT or self._is_refused(event, subject, field):
                    continue
                member = Member(event, subject, following)
                if member not in by_field[field]:
                    by_field[field].append(member)
        self.places: list[Place] = []
        base = 0
        for field in order:
            self.places.append(Place(field, names[field], modes[field], base, by_field[field]))
            base += len(by_field[field])
        self.end = base
        self.index = {
            (place.field, member.subject): place.base + offset
            for place in self.places
            for offset, member in enumerate(place.members)
        }

    def numbers(self, state: int) -> tuple[int, ...]:
        """Return for each event code of a state the number of its member.

        -1 stands for content of mixed types, and for the item that a full list refuses.
        """
        return tuple(self._number(row) for row in self.walker.states[state][0])

    def _number(self, row: Row) -> int:
        event, subject, field, _ = row
        if event == EV_END:
            return self.end
        if self.modes[field] == Mode.CONTENT or self._is_refused(event, subject, field):
            return -1
        return self.index[field, subject]

    def _is_refused(self, event: int, subject: int, field: int) -> bool:
        return (
            event == EV_START
            and self.modes[field] == Mode.LIST
            and self.walker.elements[subject][3] > ABSTRACT
        )

    def width(self, state: int) -> int:
        """Return the bits of an event code."""
        return self.walker.states[state][1]

    def code(self, state: int, number: int) -> int | None:
        """Return the event code of a member in a state, None where it may not stand there."""
        numbers = self.numbers(state)
        return numbers.index(number) if number in numbers else None

    def after(self, member: Member) -> int:
        """Return the state after a member that is not counted, or after any but the last counted ones."""
        return member.next if member.next >= NO_STATE else self.counter(member)[3]

    def counter(self, member: Member) -> tuple[int, int, int, int, int]:
        """Return minimum, maximum (-1: none), and the states below, within and full of a list's member."""
        if member.next >= NO_STATE:
            return 0, -1, NO_STATE, member.next, NO_STATE
        minimum, maximum, below, within, full = self.walker.counters[-2 - member.next]
        return minimum, maximum, below, within, full

    def inlinable(self) -> bool:
        """Tell whether the type is small enough to be written into its parent's plan."""
        return len(self.places) <= MAX_INLINE_PLACES and all(place.mode != Mode.LIST for place in self.places)


class Layouts:
    """The layouts of a message set's types, each made once."""

    def __init__(self, walker: Walker) -> None:
        self.walker = walker
        self._layouts: dict[int, Layout] = {}

    def __getitem__(self, kind: int) -> Layout:
        """Return the layout of a type."""
        layout = self._layouts.get(kind)
        if layout is None:
            layout = self._layouts[kind] = Layout(self.walker, kind)
        return layout


def _reachable(walker: Walker, start: int) -> list[int]:
    found = [start]
    for state in found:
        for _, _, _, following in walker.states[state][0]:
            if following <= -2:
                targets: tuple[int, ...] = walker.counters[-2 - following][2:]
            else:
                targets = (following,) if following >= 0 else ()
            found.extend(target for target in dict.fromkeys(targets) if target not in found)
    return found
