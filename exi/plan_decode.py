"""Makes the decoding function of a type: straight-line Python instead of a walk.

A plan has the signature ``(data, p) -> (value, position)``; ``data`` ends in padding, ``p`` is a bit position.
Fields of fixed width that follow each other, with the event codes between them, are one read: the *run*. It is
taken from a window, an integer ``w`` of the next few bytes, of which ``r`` bits are still to be read; ``e`` is the
bit position of the window's end. Where no window is open, short runs are read from two bytes at ``p``.

A plan raises :class:`Slow` (or some ValueError or IndexError) for whatever it does not cover, and leaves it to the
decoder to find out what it is.
"""

from typing import Final

from exi.grammar import Mode
from exi.plan_layout import Layout, Layouts, Member, Place, Unplannable
from exi.plan_source import WINDOW_BYTES, Slow, Source
from exi.tables import DATATYPE, HAS_MAXIMUM, HAS_MINIMUM, Representation
from exi.values import STRING_CODES
from exi.walk import EV_ATTRIBUTE, EV_START, EV_TEXT

SHORT_BYTES: Final = 16
"""Longest string or binary that is taken out of the window; others come from the data as one block."""

_MOST_LINES: Final = 400
"""Beyond so many lines no further type is written into the plan."""

_MOST_GROUPS: Final = 48
"""Longer integers go the slow way; a certificate's serial number has 24 groups."""


def block(data: bytes, position: int, count: int) -> bytes:
    """Return ``count`` bytes from any bit position: one shifted copy."""
    start = position >> 3
    window = data[start : start + count + 1]
    if len(window) <= count:
        raise Slow
    shift = position & 7
    if shift:
        return (int.from_bytes(window, "big") >> (8 - shift)).to_bytes(count + 1, "big")[1:]
    return window[:count]


def varint(data: bytes, position: int, groups: int) -> tuple[int, int]:
    """Return an Unsigned Integer of at most ``groups`` groups, and the position behind it."""
    value = shift = 0
    for group in block(data, position, min(groups, _MOST_GROUPS)):
        value |= (group & 0x7F) << shift
        shift += 7
        if group < 0x80:
            return value, position + (shift // 7 << 3)
    raise Slow


def more(window: int, rest: int, value: int, groups: int) -> tuple[int, int]:
    """Return an integer whose second group announced a third, and what remains of the window.

    ``groups`` bounds the groups still to come. An encoding longer than it must be goes the slow way.
    """
    value -= 1 << 14
    shift = 14
    for _ in range(groups):
        rest -= 8
        group = window >> rest & 0xFF
        value |= (group & 0x7F) << shift
        if group < 0x80:
            return value, rest
        shift += 7
    raise Slow


RUNTIME: Final = {
    "Slow": Slow,
    "more": more,
    "varint": varint,
    "number": int.from_bytes,
    "MASKS": tuple((1 << 8 * count) - 1 for count in range(SHORT_BYTES + 1)),
}


def decode_source(layouts: Layouts, kind: int) -> Source:
    """Return the body of a type's plan. Raises Unplannable."""
    maker = _Maker(layouts)
    maker.type(layouts[kind], "value")
    maker.to_position()
    maker.source.add("return value, p")
    return maker.source


class _Maker:
    def __init__(self, layouts: Layouts) -> None:
        self.layouts = layouts
        self.walker = layouts.walker
        self.source = Source()
        self.run: list[tuple[int, str]] = []
        """Widths and, for what is not constant zero, a template that takes the field out of the run."""
        self.windowed = False
        self.budget = 0
        rows = self.walker.tables.datatypes
        self.datatypes = [rows[start : start + DATATYPE] for start in range(0, len(rows), DATATYPE)]

    # Windows and runs

    def to_position(self) -> None:
        """Leave the window: from here on ``p`` says where reading stands."""
        self.flush()
        if self.windowed:
            self.source.add("p = e - r")
            self.windowed = False

    def open(self) -> None:
        """Open a window at ``p``."""
        self.source.add(
            "i = p >> 3",
            f"w = number(data[i:i + {WINDOW_BYTES}], 'big')",
            f"e = (i << 3) + {WINDOW_BYTES * 8}",
            "r = e - p",
        )
        self.windowed = True
        self.budget = WINDOW_BYTES * 8 - 7

    def need(self, bits: int) -> None:
        """Have at least ``bits`` bits in an open window."""
        if not self.windowed or self.budget < bits:
            if self.windowed:
                self.source.add("p = e - r")
            self.open()
        self.budget -= bits

    def zero(self, width: int = 1) -> None:
        """Expect zero bits."""
        self.run.append((width, ""))

    def take(self, width: int, template: str) -> None:
        """Read a field. ``template`` is a line in which ``{}`` stands for the field's bits."""
        self.run.append((width, template))

    def flush(self, reserve: int = 0) -> None:
        """Read the run, check its zeros and give its fields to their templates.

        ``reserve`` bits more are sure to be in the window afterwards; 0 may leave no window at all.
        """
        run, self.run = self.run, []
        width = sum(bits for bits, _ in run)
        after: list[str] = []
        if width and not self.windowed and not reserve and width <= 17:
            self.source.add("i = p >> 3")
            octets = (
                "data[i] << 8 | data[i + 1]"
                if width <= 9
                else "data[i] << 16 | data[i + 1] << 8 | data[i + 2]"
            )
            read = f"({octets}) >> ({(16 if width <= 9 else 24) - width} - (p & 7)) & {(1 << width) - 1}"
            after = [f"p += {width}"]
        elif width:
            self.need(width + reserve)
            self.source.add(f"r -= {width}")
            read = f"w >> r & {(1 << width) - 1}"
        else:
            self.source.add(*(template.format(0) for _, template in run))
            if reserve:
                self.need(reserve)
            return
        zeros, shift, lines = 0, width, []
        for bits, template in run:
            shift -= bits
            mask = (1 << bits) - 1
            if not template:
                zeros |= mask << shift
            elif bits == width:
                lines.append(template.format("x"))
            else:
                lines.append(template.format(f"(x >> {shift} & {mask})" if shift else f"(x & {mask})"))
        if lines:
            self.source.add(f"x = {read}", *after)
            if zeros:
                self.source.add(f"if x & {zeros}: raise Slow")
            self.source.add(*lines)
        else:
            self.source.add(f"if {read}: raise Slow", *after)

    # Types

    def type(self, layout: Layout, target: str) -> None:
        """Read a value of a class into a variable, from behind its start tag."""
        variables = {place.field: self.source.name("v") for place in layout.places}
        possible: set[int] = set()
        state: int | None = layout.start
        for place in layout.places:
            variable = variables[place.field]
            if place.mode == Mode.CONTENT:
                self.source.add(f"{variable} = []")
                continue
            mine = set(range(place.base, place.base + len(place.members)))
            if state is not None:
                possible, state = self._code(layout, state), None
            if place.mode == Mode.LIST:
                possible = self._list(layout, place, variable, possible, mine)
            elif possible == mine and len(mine) == 1:
                state = self._member(place.members[0], layout, variable)
            elif possible == mine:
                state = self._group(layout, place, variable)
            elif possible & mine:
                possible = self._optional(layout, place, variable, possible, mine)
            else:
                self.source.add(f"{variable} = None")
        if state is not None:
            possible = self._code(layout, state)
        if possible != {layout.end}:
            raise Unplannable
        cls = self.source.constant("C", layout.cls)
        fields = ", ".join(variables[field] for field in range(len(layout.names)))
        self.take(0, f"{target} = {cls}({fields})")

    def _code(self, layout: Layout, state: int) -> set[int]:
        """Read a state's event code into ``k``, or expect it where there is one only; return what it can be."""
        numbers = layout.numbers(state)
        width = layout.width(state)
        if len(numbers) == 1 and numbers[0] >= 0:
            self.zero(width)
            return set(numbers)
        known = {number for number in numbers if number >= 0}
        if known == {layout.end}:
            # Content that a plan leaves to the decoder may stand here; the end is the code to expect.
            self.take(width, f"if {{}} != {numbers.index(layout.end)}: raise Slow")
            return known
        if -1 in numbers:
            raise Unplannable
        table = self.source.constant("K", numbers)
        self.take(width, f"k = {table}[{{}}]")
        return known

    def _follow(self, layout: Layout, state: int) -> set[int]:
        """Read the code behind an item that not every message has; ``k`` is set in any case."""
        possible = self._code(layout, state)
        self.flush()
        if len(possible) == 1:
            self.source.add(f"k = {next(iter(possible))}")
        return possible

    def _optional(
        self, layout: Layout, place: Place, variable: str, possible: set[int], mine: set[int]
    ) -> set[int]:
        """Read what may stand in a place, if ``k`` says that it does."""
        if self._leaves_window(place):
            self.to_position()
        self.flush()
        windowed, budget = self.windowed, self.budget
        self.source.add(f"{variable} = None")
        last = place.base + len(place.members) - 1
        many = last > place.base
        with self.source.block(f"if {place.base} <= k <= {last}:" if many else f"if k == {last}:"):
            state = (
                self._group(layout, place, variable)
                if many
                else self._member(place.members[0], layout, variable)
            )
            following = (possible - mine) | self._follow(layout, state)
            if not windowed:
                self.to_position()
            elif not self.windowed:
                self.open()
        self.windowed = windowed
        self.budget = min(budget, self.budget)
        return following

    def _leaves_window(self, place: Place) -> bool:
        """Tell whether reading a place's item ends outside a window."""
        event, subject = place.members[0].event, place.members[0].subject
        if event == EV_START:
            kind = self.walker.elements[subject][2]
            if kind >= 0:
                return len(place.members) > 1 or not self.layouts[kind].inlinable()
            subject = -1 - kind
        elif event == EV_ATTRIBUTE:
            subject = self.walker.attributes[subject][2]
        representation, *_, longest, _ = self.datatypes[subject]
        return representation >= Representation.STRING and not 0 <= longest <= SHORT_BYTES

    def _group(self, layout: Layout, place: Place, variable: str) -> int:
        """Read the one element of a substitution group, whose number is in ``k``."""
        self.to_position()
        first, *others = place.members
        if any(member.next != first.next for member in others):
            raise Unplannable
        kinds = []
        for member in place.members:
            _, _, kind, refusal = self.walker.elements[member.subject]
            if kind < 0 or member.event != EV_START:
                raise Unplannable
            kinds.append(-1 if refusal else kind)
        table = self.source.constant("G", tuple(kinds))
        self.source.add(f"{variable}, p = decode[{table}[k - {place.base}]](data, p)")
        return layout.after(first)

    def _list(
        self, layout: Layout, place: Place, variable: str, possible: set[int], mine: set[int]
    ) -> set[int]:
        if len(place.members) != 1:
            raise Unplannable
        member, number = place.members[0], place.base
        minimum, maximum, below, within, full = layout.counter(member)
        self.to_position()
        self.source.add(f"{variable} = []")
        if possible == mine:
            self.source.add(f"k = {number}")
        elif number not in possible:
            return possible
        item = self.source.name("v")
        following = set(possible)
        with self.source.block(f"while k == {number}:"):
            self.source.add("if p > len(data) << 3: raise Slow")
            self._member(member, layout, item)
            self.to_position()
            self.source.add(f"{variable}.append({item})")
            branches = [(f"if len({variable}) < {minimum}:", below)] if minimum > 1 else []
            branches += [(f"if len({variable}) == {maximum}:", full)] if maximum >= 0 else []
            for number_of_branch, (head, state) in enumerate(branches):
                with self.source.block("el" * bool(number_of_branch) + head):
                    following |= self._follow(layout, state)
                    self.to_position()
            if branches:
                with self.source.block("else:"):
                    following |= self._follow(layout, within)
                    self.to_position()
            else:
                following |= self._follow(layout, within)
                self.to_position()
        return following - mine

    # Members

    def _member(self, member: Member, layout: Layout, variable: str) -> int:
        """Read what a member holds into a variable; return the state that follows."""
        if member.event == EV_ATTRIBUTE:
            self.value(self.walker.attributes[member.subject][2], variable)
        elif member.event == EV_TEXT:
            self.value(member.subject, variable)
        elif member.event == EV_START:
            self._element(member.subject, variable)
        else:
            raise Unplannable
        return layout.after(member)

    def _element(self, element: int, variable: str) -> None:
        _, _, kind, refusal = self.walker.elements[element]
        if refusal:
            raise Unplannable
        if kind < 0:
            self.zero()
            self.value(-1 - kind, variable)
            self.zero()
            return
        layout = self.layouts[kind]
        if layout.inlinable() and len(self.source.lines) < _MOST_LINES:
            before = (len(self.source.lines), list(self.run), self.windowed, self.budget)
            try:
                self.type(layout, variable)
            except Unplannable:
                lines, self.run, self.windowed, self.budget = before
                del self.source.lines[lines:]
            else:
                return
        self.to_position()
        self.source.add(f"{variable}, p = decode[{kind}](data, p)")

    # Values

    def value(self, datatype: int, variable: str) -> None:
        """Read a simple value into a variable and check its facets."""
        representation, width, flags, minimum, maximum, shortest, longest, enumeration = self.datatypes[
            datatype
        ]
        match representation:
            case Representation.BOOLEAN:
                self.take(1, f"{variable} = {{}} != 0")
            case Representation.ENUMERATION:
                members = self.source.constant("E", self.walker.tables.enumerations[enumeration])
                self.take(width, f"{variable} = {members}[{{}}]")
            case Representation.OFFSET:
                self._offset(width, minimum, maximum, variable)
            case Representation.UNSIGNED | Representation.SIGNED:
                self._integer(representation == Representation.SIGNED, flags, minimum, maximum, variable)
            case _:
                text = representation == Representation.STRING
                self._block(variable, shortest, longest, text=text)

    def _offset(self, width: int, minimum: int, maximum: int, variable: str) -> None:
        if maximum - minimum + 1 == 1 << width:
            self.take(width, f"{variable} = {{}} + {minimum}" if minimum else f"{variable} = {{}}")
        elif width <= 8:
            values = self.source.constant("V", tuple(range(minimum, maximum + 1)))
            self.take(width, f"{variable} = {values}[{{}}]")
        else:
            self.take(width, f"{variable} = {{}} + {minimum}")
            self.flush()
            self.source.add(f"if {variable} > {maximum}: raise Slow")

    def _integer(self, signed: bool, flags: int, minimum: int, maximum: int, variable: str) -> None:
        negative = self.source.name("s")
        if signed:
            self.take(1, f"{negative} = {{}}")
        most = max(maximum, -minimum).bit_length()
        if flags == HAS_MINIMUM | HAS_MAXIMUM and most <= 64:
            groups = (most + 6) // 7
            self.take(8, f"{variable} = {{}}")
            self.flush(reserve=8 * (groups - 1))
            with self.source.block(f"if {variable} > 127:"):
                self.source.add("r -= 8", "g = w >> r & 255", f"{variable} += (g << 7) - 128")
                self.source.add(f"if g > 127: {variable}, r = more(w, r, {variable}, {groups - 2})")
                self._check_range(signed, flags, minimum, maximum, variable)
        else:
            self.to_position()
            self.source.add(f"{variable}, p = varint(data, p, {self.walker.tables.longest_integer // 7})")
            self._check_range(signed, flags, minimum, maximum, variable)
        if signed:
            self.source.add(f"if {negative}: {variable} = -1 - {variable}")
        elif minimum > 0:
            self.source.add(f"if {variable} < {minimum}: raise Slow")

    def _check_range(self, signed: bool, flags: int, minimum: int, maximum: int, variable: str) -> None:
        """Check a magnitude, still without its sign; types with other than symmetric bounds have no plan."""
        if signed and flags and minimum != -1 - maximum:
            raise Unplannable
        if flags & HAS_MAXIMUM:
            self.source.add(f"if {variable} > {maximum}: raise Slow")

    def _block(self, variable: str, shortest: int, longest: int, *, text: bool) -> None:
        """Read a string or a binary: its length, then its bytes as one block."""
        codes = STRING_CODES if text else 0
        short = 0 <= longest <= SHORT_BYTES
        length = self.source.name("n")
        self.take(8, f"{length} = {{}}")
        self.flush(reserve=8 * longest if short else 0)
        if not short:
            self.to_position()
            if longest < 0 or longest + codes > 127:
                self.source.add(f"if {length} > 127: {length}, p = varint(data, p - 8, 5)")
        if codes:
            self.source.add(f"{length} -= {codes}")
        bounds = [f"{length} < {shortest}"] if codes or shortest else []
        bounds += [f"{length} > {longest}"] if longest >= 0 else []
        if bounds:
            self.source.add(f"if {' or '.join(bounds)}: raise Slow")
        decode = ".decode('ascii')" if text else ""
        if short:
            self.source.add(
                f"r -= {length} << 3",
                f"{variable} = (w >> r & MASKS[{length}]).to_bytes({length}, 'big'){decode}",
            )
        else:
            # One shifted copy, as block() makes it, without the cost of a call.
            shifted = "(number(x, 'big') >> 8 - (p & 7))"
            self.source.add(
                "i = p >> 3",
                f"x = data[i:i + {length} + 1]",
                f"if len(x) <= {length}: raise Slow",
                f"{variable} = {shifted}.to_bytes({length} + 1, 'big')[1:]{decode}",
                f"p += {length} << 3",
            )
