"""Makes the encoding function of a type.

A plan has the signature ``(value) -> bits``: the content of an element, from behind its start tag to its end, as one
integer with a 1 in front, so that its length tells how many bits there are. Fields of fixed width that follow each
other, with the event codes between them, are merged into one shift: the *run*. In the source, ``a`` is the integer
so far, ``m`` a width that depends on the value, ``s`` the state where several are possible.

A plan raises (Slow, or what Python raises for a value of the wrong type) for whatever it does not cover, and leaves it
to the encoder to find out what it is.
"""

from typing import Final

from exi.grammar import Mode
from exi.plan_layout import Layout, Layouts, Member, Place, Unplannable
from exi.plan_source import Slow, Source
from exi.tables import DATATYPE, HAS_MAXIMUM, HAS_MINIMUM, Representation
from exi.values import STRING_CODES
from exi.walk import EV_ATTRIBUTE, EV_START, EV_TEXT

_MOST_LINES: Final = 400
"""Beyond so many lines no further type is written into the plan."""

_LONG: Final = 256
"""Behind a value that may have so many bytes, what was written so far is put aside."""


def groups(value: int) -> tuple[int, int]:
    """Return an Unsigned Integer as bits and their number."""
    bits = width = 0
    while value >= 0x80:
        bits = bits << 8 | value & 0x7F | 0x80
        width += 8
        value >>= 7
    return bits << 8 | value, width + 8


def slow() -> int:
    """Give up inside an expression."""
    raise Slow


RUNTIME: Final = {"Slow": Slow, "slow": slow, "groups": groups, "number": int.from_bytes}


def encode_source(layouts: Layouts, kind: int) -> Source:
    """Return the body of a type's plan. Raises Unplannable."""
    maker = _Maker(layouts)
    maker.type(layouts[kind], "value")
    maker.flush()
    for part in reversed(maker.parts):
        maker.source.add(f"a = ({part} - 1 << a.bit_length() - 1) + a")
    maker.source.add("return a")
    return maker.source


class _Maker:
    def __init__(self, layouts: Layouts) -> None:
        self.layouts = layouts
        self.walker = layouts.walker
        self.source = Source()
        self.run: list[tuple[int, str]] = []
        """Widths and expressions of what is to be appended to ``a``; an empty expression is zero."""
        self.started = False
        self.parts: list[str] = []
        """Variables with what precedes ``a``: behind a large part it starts anew, lest each step copy all of it."""
        rows = self.walker.tables.datatypes
        self.datatypes = [rows[start : start + DATATYPE] for start in range(0, len(rows), DATATYPE)]

    # Runs

    def put(self, width: int, expression: str = "") -> None:
        """Append a field of fixed width."""
        self.run.append((width, expression))

    def flush(self) -> None:
        """Append the run to ``a``."""
        width, expression = self._merged()
        if width or not self.started:
            before = f"a << {width}" if self.started else str(1 << width)
            self.source.add(f"a = {before} | {expression}" if expression else f"a = {before}")
            self.started = True

    def append(self, expression: str) -> None:
        """Append the run and behind it a field whose width is in ``m``."""
        width, head = self._merged()
        before = (
            f"{'a' if self.started else 1} << m + {width}" if width else f"{'a' if self.started else 1} << m"
        )
        middle = f" | ({head}) << m" if head else ""
        self.source.add(f"a = {before}{middle} | {expression}")
        self.started = True

    def _merged(self) -> tuple[int, str]:
        """Return the width of the run and one expression for it."""
        run, self.run = self.run, []
        total = width = sum(bits for bits, _ in run)
        parts = []
        constant = 0
        for bits, expression in run:
            width -= bits
            if expression.isdigit():
                constant |= int(expression) << width
            elif expression:
                parts.append(f"{expression} << {width}" if width else expression)
        if constant:
            parts.append(str(constant))
        return total, " | ".join(parts)

    # Types

    def type(self, layout: Layout, value: str) -> None:
        """Write the content of a value of a class."""
        states = {layout.start}
        for place in layout.places:
            held = f"{value}.{place.name}"
            if place.mode == Mode.CONTENT:
                self.source.add(f"if {held} != []: raise Slow")
            elif place.mode == Mode.LIST:
                states = self._list(layout, place, held, states)
            elif place.mode == Mode.OPTIONAL:
                states = self._optional(layout, place, held, states)
            else:
                states = {self._required(layout, place, held, states)}
        self._code(layout, states, layout.end)

    def _code(self, layout: Layout, states: set[int], number: int) -> None:
        """Write the event code of a member in the present state, which is in ``s`` where several are possible."""
        codes = {state: (layout.code(state, number), layout.width(state)) for state in states}
        code, width = next(iter(codes.values()))
        if code is not None and len(set(codes.values())) == 1:
            self.put(width, str(code) if code else "")
        else:
            self.source.add(f"c, m = {self._table(codes)}[s]")
            self.append("c")

    def _table(self, codes: dict[int, tuple[int | None, int]]) -> str:
        """Name a table of event codes by state. A state without a code raises KeyError when it is met."""
        known = {state: pair for state, pair in codes.items() if pair[0] is not None}
        if not known or len(codes) == 1:
            raise Unplannable
        return self.source.constant("K", known)

    def _required(self, layout: Layout, place: Place, held: str, states: set[int]) -> int:
        if len(place.members) > 1:
            return self._group(layout, place, held, states)
        member = place.members[0]
        self._code(layout, states, place.base)
        self._member(member, held)
        return layout.after(member)

    def _optional(self, layout: Layout, place: Place, held: str, states: set[int]) -> set[int]:
        if not place.members:
            raise Unplannable
        self.flush()
        if len(states) == 1:
            self.source.add(f"s = {next(iter(states))}")
        item = self.source.name("v")
        self.source.add(f"{item} = {held}")
        with self.source.block(f"if {item} is not None:"):
            state = self._required(layout, place, item, states)
            self.flush()
            self.source.add(f"s = {state}")
        return states | {state}

    def _group(self, layout: Layout, place: Place, held: str, states: set[int]) -> int:
        """Write the one element of a substitution group that has the value's class."""
        first = place.members[0]
        by_class: dict[type, tuple[int, int]] = {}
        for offset, member in enumerate(place.members):
            _, _, kind, refusal = self.walker.elements[member.subject]
            if kind < 0 or member.next != first.next:
                raise Unplannable
            if not refusal:
                by_class.setdefault(self.walker.types[kind][1], (offset, kind))
        codes = {state: (layout.code(state, place.base), layout.width(state)) for state in states}
        table = self.source.constant("G", by_class)
        item = self._variable(held)
        self.source.add(f"o, k = {table}[{item}.__class__]")
        code, width = next(iter(codes.values()))
        if code is not None and len(codes) == 1:
            self.put(width, f"({code} + o)" if code else "o")
        else:
            self.source.add(f"c, m = {self._table(codes)}[s]")
            self.append("c + o")
        self._call("encode[k]", item)
        return layout.after(first)

    def _list(self, layout: Layout, place: Place, held: str, states: set[int]) -> set[int]:
        if len(place.members) != 1:
            raise Unplannable
        member = place.members[0]
        minimum, maximum, below, within, full = layout.counter(member)
        required = all(layout.numbers(state) == (place.base,) for state in states)
        items, item, count = self.source.name("v"), self.source.name("v"), self.source.name("n")
        self.flush()
        self.source.add(f"{items} = {held}", f"if {items}.__class__ is not list: raise Slow")
        self.source.add(f"{count} = len({items})")
        bounds = [f"{count} > {maximum}"] if maximum >= 0 else []
        bounds += [f"not {count}"] if required else []
        bounds += [f"0 < {count} < {minimum}"] if minimum > 1 else []
        if bounds:
            self.source.add(f"if {' or '.join(bounds)}: raise Slow")
        if len(states) == 1:
            self.source.add(f"s = {next(iter(states))}")
        head, inner = f"for {item} in {items}:", states | {within}
        if minimum > 1:
            head, inner = f"for i, {item} in enumerate({items}, 1):", inner | {below}
        with self.source.block(head):
            self._code(layout, inner, place.base)
            self._member(member, item)
            self.flush()
            self.source.add(f"s = {below} if i < {minimum} else {within}" if minimum > 1 else f"s = {within}")
        following = {within} if required else states | {within}
        if maximum >= 0:
            self.source.add(f"if {count} == {maximum}: s = {full}")
            following |= {full}
        return following

    # Members

    def _member(self, member: Member, held: str) -> None:
        if member.event == EV_ATTRIBUTE:
            self.value(self.walker.attributes[member.subject][2], held, empty=True)
        elif member.event == EV_TEXT:
            self.value(member.subject, held, empty=False)
        elif member.event == EV_START:
            self._element(member.subject, held)
        else:
            raise Unplannable

    def _element(self, element: int, held: str) -> None:
        _, _, kind, refusal = self.walker.elements[element]
        if refusal:
            raise Unplannable
        if kind < 0:
            self.put(1)
            self.value(-1 - kind, held, empty=False)
            self.put(1)
            return
        layout = self.layouts[kind]
        item = self._variable(held)
        cls = self.source.constant("C", layout.cls)
        self.source.add(f"if {item}.__class__ is not {cls}: raise Slow")
        if layout.inlinable() and len(self.source.lines) < _MOST_LINES:
            before = (len(self.source.lines), list(self.run), self.started, list(self.parts))
            try:
                self.type(layout, item)
            except Unplannable:
                lines, self.run, self.started, self.parts = before
                del self.source.lines[lines:]
            else:
                return
        self._call(f"encode[{kind}]", item)

    def _variable(self, held: str) -> str:
        """Return a variable that holds what ``held`` gives."""
        if held.isidentifier():
            return held
        item = self.source.name("v")
        self.source.add(f"{item} = {held}")
        return item

    def _call(self, plan: str, item: str) -> None:
        self.flush()
        self.source.add(f"b = {plan}({item})", "a = (a - 1 << b.bit_length() - 1) + b")
        self._part()

    def _part(self) -> None:
        """Put aside what may be long by now."""
        if not self.source.nested:
            part = self.source.name("t")
            self.source.add(f"{part} = a")
            self.parts.append(part)
            self.started = False

    # Values

    def value(self, datatype: int, held: str, *, empty: bool) -> None:
        """Write a simple value and check its facets; ``empty``: an empty one is written like any other."""
        representation, width, flags, minimum, maximum, shortest, longest, enumeration = self.datatypes[
            datatype
        ]
        match representation:
            case Representation.BOOLEAN:
                item = self._variable(held)
                self.put(1, f"(1 if {item} is True else 0 if {item} is False else slow())")
            case Representation.ENUMERATION:
                codes = self.source.constant("E", self.walker.values.codes[enumeration])
                self.put(width, f"{codes}[{held}]")
            case Representation.OFFSET:
                item = self._variable(held)
                self._check_integer(item, HAS_MINIMUM | HAS_MAXIMUM, minimum, maximum)
                self.put(width, f"({item} {-minimum:+})" if minimum else item)
            case Representation.UNSIGNED | Representation.SIGNED:
                self._integer(representation == Representation.SIGNED, flags, minimum, maximum, held)
            case _:
                text = representation == Representation.STRING
                self._block(held, shortest, longest, text=text, empty=empty)

    def _check_integer(self, item: str, flags: int, minimum: int, maximum: int) -> None:
        lower = f"{minimum} <= " if flags & HAS_MINIMUM else ""
        upper = f" <= {maximum}" if flags & HAS_MAXIMUM else ""
        bounds = (
            f"not {lower}{item}{upper}"
            if flags
            else f"{item}.bit_length() > {self.walker.tables.longest_integer}"
        )
        self.source.add(f"if {item}.__class__ is not int or {bounds}: raise Slow")

    def _integer(self, signed: bool, flags: int, minimum: int, maximum: int, held: str) -> None:
        if flags not in {0, HAS_MINIMUM | HAS_MAXIMUM}:
            raise Unplannable
        item = self.source.name("v")
        self.source.add(f"{item} = {held}")
        self._check_integer(item, flags, minimum, maximum)
        if signed:
            sign = self.source.name("s")
            with self.source.block(f"if {item} < 0:"):
                self.source.add(f"{sign} = 1", f"{item} = -1 - {item}")
            self.source.add(f"else: {sign} = 0")
            self.put(1, sign)
        self._varint(item)

    def _varint(self, item: str) -> None:
        """Append an Unsigned Integer that is in a variable."""
        self.source.add(f"if {item} < 128: m = 8")
        with self.source.block(f"elif {item} < 16384:"):
            self.source.add(f"{item} = ({item} & 127 | 128) << 8 | {item} >> 7", "m = 16")
        self.source.add(f"else: {item}, m = groups({item})")
        self.append(item)

    def _block(self, held: str, shortest: int, longest: int, *, text: bool, empty: bool) -> None:
        """Write a string or a binary: its length, then its bytes as one block."""
        codes = STRING_CODES if text else 0
        item, length = self.source.name("v"), self.source.name("n")
        if text:
            self.source.add(f"{item} = {held}.encode('ascii')")
        else:
            self.source.add(f"{item} = {held}", f"if {item}.__class__ is not bytes: raise Slow")
        self.source.add(f"{length} = len({item})")
        least = shortest if empty else max(shortest, 1)
        bounds = [f"{length} < {least}"] if least else []
        bounds += [f"{length} > {longest}"] if longest >= 0 else []
        if bounds:
            self.source.add(f"if {' or '.join(bounds)}: raise Slow")
        if 0 <= longest <= 127 - codes:
            self.put(8, f"({length} + {codes})" if codes else length)
        else:
            head = self.source.name("h")
            self.source.add(f"{head} = {length} + {codes}" if codes else f"{head} = {length}")
            self._varint(head)
        self.source.add(f"m = {length} << 3")
        self.append(f"number({item}, 'big')")
        if longest >= _LONG:
            self._part()
