"""The Python engine: walks the tables event by event, in both directions.

It is written to be read: :mod:`exi.plans` makes the fast path from the same tables and leaves to this
engine everything unusual, above all every error.
"""

from collections.abc import Iterable
from typing import Any, Final

from exi.bits import BitReader, BitWriter
from exi.errors import ExiError
from exi.grammar import Event, Mode
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
    width_of,
)
from exi.values import ValueCodec

HEADER: Final = 0x80
"""The EXI header: distinguishing bits, no options, final version 1 [V2G2-099]."""

MAX_DEPTH: Final = 64
"""Deepest nesting of elements; only wildcards could nest without end."""


class Engine:
    """Encodes and decodes the documents and fragments of one message set."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.values = ValueCodec(tables)
        rows = tables.states
        self._states = [tuple(rows[start : start + STATE]) for start in range(0, len(rows), STATE)]
        self._productions = _rows(tables.productions, PRODUCTION)
        self._counters = _rows(tables.counters, COUNTER)
        self._elements = _rows(tables.elements, ELEMENT)
        self._attributes = _rows(tables.attributes, ATTRIBUTE)
        self._types = _rows(tables.types, TYPE)
        self._fields = _rows(tables.fields, FIELD)
        self._relaxed = _rows(tables.relaxed, RELAXED)
        self._type_of = {cls: index for index, cls in enumerate(tables.classes)}
        self._globals = {
            self._element_name(row[1]): row[1]
            for row in self._state_productions(tables.document_state)
            if row[0] == Event.START
        }

    # Names and rows

    def _state_productions(self, state: int) -> list[tuple[int, ...]]:
        first, count, *_ = self._states[state]
        return self._productions[first : first + count]

    def _local(self, element: int) -> str:
        return self.tables.strings[self._elements[element][0]]

    def _element_name(self, element: int) -> tuple[str, str]:
        local, uri, *_ = self._elements[element]
        return (self.tables.strings[local], self.tables.uris[uri])

    def _attribute_local(self, attribute: int) -> str:
        return self.tables.strings[self._attributes[attribute][0]]

    def _next(self, state: int, following: int, count: int) -> tuple[int, int]:
        """Return the state after an item, and how many items of a counted particle there are now."""
        if following >= NO_STATE:
            return following, 0
        counter = -2 - following
        count = count + 1 if self._states[state][4] == counter else 1
        minimum, maximum, below, within, full = self._counters[counter]
        if count < minimum:
            return below, count
        return (full if count == maximum else within), count

    # Decoding

    def decode_document(self, data: bytes) -> XsdType:
        """Return the root element's value. Raises ExiError."""
        reader = self._open(data)
        event, element, *_ = self._root_production(reader, self.tables.document_state)
        if event != Event.START:
            raise ExiError("the root element is not one of the schema", "", 8)
        value: XsdType = self._decode_step(reader, element, 0)
        self._close(reader)
        return value

    def decode_fragment(self, data: bytes) -> Any:
        """Return the value of a fragment's only element. Raises ExiError."""
        return self.decode_named_fragment(data)[1]

    def decode_named_fragment(self, data: bytes) -> tuple[tuple[str, str], Any]:
        """Return local name and URI of a fragment's only element, and its value. Raises ExiError."""
        reader = self._open(data)
        state = self.tables.fragment_state
        event, subject, *_ = self._root_production(reader, state)
        if event == RELAXED_START:
            element, value = self._decode_relaxed(reader, subject)
        elif event == Event.START:
            element, value = subject, self._decode_step(reader, subject, 0)
        else:
            raise ExiError("the fragment's element is not one of the schema", "", 8)
        start = reader.position
        event, *_ = self._root_production(reader, state)
        if event != Event.END:
            raise ExiError("the fragment goes on after its element", "", start)
        self._close(reader)
        return self._element_name(element), value

    def _open(self, data: bytes) -> BitReader:
        if not data:
            raise ExiError("no data", "", 0)
        if data[0] != HEADER:
            raise ExiError(f"the header is {data[0]:#04x} instead of {HEADER:#04x}", "", 0)
        return BitReader(data, 8)

    def _close(self, reader: BitReader) -> None:
        """Refuse set padding bits and bytes behind the end: both mean that something was misread."""
        end = reader.position
        if reader.bits(-end & 7):
            raise ExiError("the padding is not zero", "", end)
        if reader.position != reader.size:
            raise ExiError(f"{(reader.size - reader.position) // 8} bytes too many", "", reader.position)

    def _root_production(self, reader: BitReader, state: int) -> tuple[int, ...]:
        start = reader.position
        first, count, width, *_ = self._states[state]
        code = reader.bits(width)
        if code >= count:
            raise ExiError(f"event code {code} does not exist", "", start)
        return self._productions[first + code]

    def _decode_step(self, reader: BitReader, element: int, depth: int) -> Any:
        try:
            return self._decode_element(reader, element, depth)
        except ExiError as error:
            raise error.within(self._local(element)) from None

    def _decode_element(self, reader: BitReader, element: int, depth: int) -> Any:
        _, _, kind, abstract = self._elements[element]
        if abstract:
            raise ExiError("the element is abstract", "", reader.position)
        if kind < 0:
            return self._decode_simple(reader, -1 - kind)
        if depth >= MAX_DEPTH:
            raise ExiError(f"elements nest deeper than {MAX_DEPTH}", "", reader.position)
        return self._decode_type(reader, kind, depth)

    def _decode_simple(self, reader: BitReader, datatype: int) -> Any:
        """Read the content of an element of simple type: characters, end; or the escape to an empty one."""
        start = reader.position
        if reader.bits(1):
            self._read_escape(reader, 3, start)
            return self.values.empty(datatype, start)
        value = self.values.read(reader, datatype)
        start = reader.position
        if reader.bits(1):
            raise ExiError("something other than the end of the element", "", start)
        return value

    def _read_escape(self, reader: BitReader, width: int, start: int) -> None:
        """Read a second-level code; only the end of an element is supported there."""
        if reader.bits(width):
            raise ExiError("an event that the schema does not declare", "", start)

    def _decode_type(self, reader: BitReader, kind: int, depth: int) -> XsdType:
        state, first_field, field_count, *_ = self._types[kind]
        modes = [self._fields[first_field + index][0] for index in range(field_count)]
        values: list[Any] = [[] if mode >= Mode.LIST else None for mode in modes]
        count = 0
        while True:
            start = reader.position
            first, alternatives, width, second_width, _ = self._states[state]
            code = reader.bits(width)
            if code >= alternatives:
                if code > alternatives:
                    raise ExiError(f"event code {code} does not exist", "", start)
                self._read_escape(reader, second_width, start)
                values[self._empty_text(state, start)] = self.values.empty(self._productions[first][1], start)
                break
            event, subject, field, following = self._productions[first + code]
            if event == Event.END:
                break
            match event:
                case Event.ATTRIBUTE:
                    values[field] = self._decode_attribute(reader, subject)
                case Event.START:
                    self._decode_child(reader, subject, values, field, modes[field], depth)
                case Event.START_ANY:
                    self._decode_any(reader, kind, subject, values[field], depth)
                case _:
                    value = self._decode_text(reader, subject)
                    if modes[field] == Mode.CONTENT:
                        values[field].append(value)
                    else:
                        values[field] = value
            state, count = self._next(state, following, count)
        return self._build(kind, values)

    def _empty_text(self, state: int, start: int) -> int:
        """Return the field of a state that admits nothing but text; elsewhere an early end is an error."""
        productions = self._state_productions(state)
        for event, _, field, _ in productions:
            if event == Event.TEXT and all(row[0] in {Event.TEXT, Event.ATTRIBUTE} for row in productions):
                return field
        raise ExiError(f"the element ends before {self._expected(state)}", "", start)

    def _decode_attribute(self, reader: BitReader, attribute: int) -> Any:
        try:
            return self.values.read(reader, self._attributes[attribute][2])
        except ExiError as error:
            raise error.within(f"@{self._attribute_local(attribute)}") from None

    def _decode_text(self, reader: BitReader, datatype: int) -> Any:
        return self.values.read(reader, datatype)

    def _decode_child(
        self, reader: BitReader, element: int, values: list[Any], field: int, mode: int, depth: int
    ) -> None:
        if mode < Mode.LIST:
            values[field] = self._decode_step(reader, element, depth + 1)
            return
        target = values[field]
        try:
            value = self._decode_element(reader, element, depth + 1)
        except ExiError as error:
            raise error.within(self._numbered(element, target)) from None
        if mode == Mode.CONTENT:
            value = Item(*self._element_name(element), value)
        target.append(value)

    def _numbered(self, element: int, before: list[Any]) -> str:
        """Return an item's path step: its name and its number among the items of that name."""
        name = self._element_name(element)
        same = sum((entry.name, entry.ns) == name if isinstance(entry, Item) else 1 for entry in before)
        return f"{name[0]}[{same + 1}]"

    def _decode_any(self, reader: BitReader, kind: int, wildcard: int, target: list[Any], depth: int) -> None:
        """Read an element that a wildcard admits: its name by the string tables, then its own grammar."""
        start = reader.position
        uris, partitions = self.tables.uris, self.tables.local_names
        uri = reader.bits(width_of(len(uris) + 1))
        if not 0 < uri <= len(uris):
            raise ExiError("an element of a namespace outside the schema", "", start)
        names = partitions[uri - 1]
        if reader.unsigned(5) or not names:
            raise ExiError("an element that the schema does not declare", "", start)
        local = reader.bits(width_of(len(names)))
        if local >= len(names):
            raise ExiError(f"there is no name {local} in {uris[uri - 1]}", "", start)
        name = (names[local], uris[uri - 1])
        element = self._globals.get(name)
        if element is None:
            raise ExiError(f"no global element {name[0]} in {name[1]}", "", start)
        self._check_wildcard(kind, wildcard, name[1], start)
        try:
            value = self._decode_element(reader, element, depth + 1)
        except ExiError as error:
            raise error.within(self._numbered(element, target)) from None
        target.append(Item(*name, value))

    def _check_wildcard(self, kind: int, wildcard: int, uri: str, start: int | None) -> None:
        own = self.tables.uris[self._types[kind][5]]
        if wildcard == WildcardKind.OTHER and uri in {own, ""}:
            raise ExiError(f"the wildcard admits no element of {uri or 'no namespace'}", "", start)

    def _build(self, kind: int, values: list[Any]) -> XsdType:
        names = self.tables.field_names[kind]
        return self.tables.classes[kind](**dict(zip(names, values, strict=True)))

    def _expected(self, state: int) -> str:
        names = [self._production_name(row) for row in self._state_productions(state)]
        return " or ".join(names[:4]) + (" or others" if len(names) > 4 else "")

    def _production_name(self, production: tuple[int, ...]) -> str:
        event, subject, *_ = production
        match event:
            case Event.ATTRIBUTE:
                return f"@{self._attribute_local(subject)}" if subject >= 0 else "any attribute"
            case Event.START:
                return self._local(subject)
            case Event.START_ANY:
                return "any element"
            case Event.END:
                return "its end"
            case _:
                return "its text"

    def _decode_relaxed(self, reader: BitReader, relaxed: int) -> tuple[int, Any]:
        """Read a fragment whose element has several types, by the element fragment grammar."""
        first, count = self._relaxed[relaxed]
        candidates = self.tables.candidates[first : first + count]
        try:
            return self._decode_relaxed_content(reader, list(candidates))
        except ExiError as error:
            raise error.within(self._local(candidates[0])) from None

    def _decode_relaxed_content(self, reader: BitReader, candidates: list[int]) -> tuple[int, Any]:
        state = self.tables.relaxed_start_state
        attributes: dict[int, Any] = {}
        text: str | None = None
        origin = reader.position
        while True:
            start = reader.position
            first, alternatives, width, *_ = self._states[state]
            code = reader.bits(width)
            if code >= alternatives:
                raise ExiError("an event that the schema does not declare", "", start)
            event, subject, _, following = self._productions[first + code]
            if event == Event.END:
                return self._relaxed_value(candidates, attributes, text or "", origin)
            if event == Event.ATTRIBUTE and subject >= 0 and subject not in attributes:
                attributes[subject] = self._decode_attribute(reader, subject)
            elif event == Event.TEXT and text is None:
                text = self.values.read(reader, subject)
            else:
                raise ExiError(f"{self._production_name((event, subject))} does not fit here", "", start)
            state = following

    def _relaxed_value(
        self, candidates: list[int], attributes: dict[int, Any], text: str, start: int
    ) -> tuple[int, Any]:
        """Choose the declared type that has just these attributes, and make its value."""
        for element in candidates:
            kind = self._elements[element][2]
            if kind < 0 and not attributes:
                return element, self.values.parse(text, -1 - kind, start)
            if kind < 0:
                continue
            order = self._field_subjects(kind)
            names = {subject for event, subject, _, _ in order if event == Event.ATTRIBUTE}
            required = {
                subject for event, subject, _, optional in order if event == Event.ATTRIBUTE and not optional
            }
            if required <= attributes.keys() <= names:
                values: list[Any] = [None] * len(order)
                for event, subject, field, _ in order:
                    if event == Event.ATTRIBUTE:
                        values[field] = attributes.get(subject)
                    else:
                        values[field] = self.values.parse(text, subject, start)
                return element, self._build(kind, values)
        raise ExiError("attributes and text fit none of the element's types", "", start)

    def _field_subjects(self, kind: int) -> list[tuple[int, int, int, bool]]:
        """Return (event, subject, field, optional) along a type with attributes and text only."""
        found: list[tuple[int, int, int, bool]] = []
        state = self._types[kind][0]
        while True:
            productions = self._state_productions(state)
            event, subject, field, following = productions[0]
            if event == Event.END:
                return found
            if event not in {Event.ATTRIBUTE, Event.TEXT}:
                raise ExiError("the element fragment grammar is supported for attributes and text only")
            found.append((event, subject, field, len(productions) > 1))
            state = following

    # Encoding

    def encode_document(self, message: XsdType) -> bytes:
        """Return the document whose root element has the value's class. Raises ExiError."""
        state = self.tables.document_state
        for code, (event, element, *_) in enumerate(self._state_productions(state)):
            if event == Event.START and self._fits(element, message):
                writer = self._begin(state, code)
                self._encode_step(writer, element, message, 0)
                return writer.finish()
        raise ExiError(f"{type(message).__name__} is not the type of a global element of {self.tables.name}")

    def encode_fragment(self, value: Any, name: str | None = None, uri: str | None = None) -> bytes:
        """Return the fragment of one element. Raises ExiError.

        ``name`` is the element's local name, ``uri`` its namespace; what is not given is found by the
        value's class.
        """
        state = self.tables.fragment_state
        for code, (event, subject, *_) in enumerate(self._state_productions(state)):
            if event not in {Event.START, RELAXED_START}:
                continue
            candidates = [subject]
            if event == RELAXED_START:
                first, count = self._relaxed[subject]
                candidates = list(self.tables.candidates[first : first + count])
            local, namespace = self._element_name(candidates[0])
            if name not in {None, local} or uri not in {None, namespace}:
                continue
            element = next((e for e in candidates if self._fits(e, value, simple=name is not None)), None)
            if element is None:
                continue
            writer = self._begin(state, code)
            if event == RELAXED_START:
                self._encode_relaxed(writer, element, value)
            else:
                self._encode_step(writer, element, value, 0)
            end = len(self._state_productions(state)) - 1
            writer.bits(end, self._states[state][2])
            return writer.finish()
        wanted = f"element {name} with the type" if name else "element with the type"
        raise ExiError(f"{self.tables.name} has no {wanted} {type(value).__name__}")

    def _fits(self, element: int, value: Any, *, simple: bool = False) -> bool:
        _, _, kind, abstract = self._elements[element]
        if abstract:
            return False
        if kind < 0:
            return simple and not isinstance(value, XsdType)
        return type(value) is self.tables.classes[kind]

    def _begin(self, state: int, code: int) -> BitWriter:
        writer = BitWriter()
        writer.bits(HEADER, 8)
        writer.bits(code, self._states[state][2])
        return writer

    def _encode_step(self, writer: BitWriter, element: int, value: Any, depth: int) -> None:
        try:
            self._encode_element(writer, element, value, depth)
        except ExiError as error:
            raise error.within(self._local(element)) from None

    def _encode_element(self, writer: BitWriter, element: int, value: Any, depth: int) -> None:
        kind = self._elements[element][2]
        if kind < 0:
            self._encode_simple(writer, -1 - kind, value)
            return
        if depth >= MAX_DEPTH:
            raise ExiError(f"elements nest deeper than {MAX_DEPTH}")
        if type(value) is not self.tables.classes[kind]:
            raise ExiError(f"{type(value).__name__} where {self.tables.classes[kind].__name__} belongs")
        self._encode_type(writer, kind, value, depth)

    def _encode_simple(self, writer: BitWriter, datatype: int, value: Any) -> None:
        if self.values.is_empty(value):
            self.values.write(BitWriter(), datatype, value)
            writer.bits(0b1000, 4)
        else:
            writer.bits(0, 1)
            self.values.write(writer, datatype, value)
            writer.bits(0, 1)

    def _encode_type(self, writer: BitWriter, kind: int, value: XsdType, depth: int) -> None:
        state, first_field, _, first_order, order_count, _ = self._types[kind]
        names = self.tables.field_names[kind]
        count = 0
        for field in self.tables.order[first_order : first_order + order_count]:
            mode = self._fields[first_field + field][0]
            held = getattr(value, names[field])
            for number, item in enumerate(_occurrences(held, mode, names[field])):
                code = self._choose(state, field, mode, item)
                first, alternatives, width, second_width, _ = self._states[state]
                event, subject, _, following = self._productions[first + code]
                if event == Event.TEXT and mode != Mode.CONTENT and self.values.is_empty(item):
                    self.values.write(BitWriter(), subject, item)
                    writer.bits(alternatives, width)
                    writer.bits(0, second_width)
                    return
                writer.bits(code, width)
                if event == Event.START and mode < Mode.LIST:
                    self._encode_step(writer, subject, item, depth + 1)
                else:
                    self._encode_event(writer, kind, event, subject, item, depth, held, number)
                state, count = self._next(state, following, count)
        first, alternatives, width, *_ = self._states[state]
        for code in range(alternatives):
            if self._productions[first + code][0] == Event.END:
                writer.bits(code, width)
                return
        raise ExiError(f"{self._expected(state)} is missing")

    def _encode_event(
        self,
        writer: BitWriter,
        kind: int,
        event: int,
        subject: int,
        item: Any,
        depth: int,
        held: Any,
        number: int,
    ) -> None:
        match event:
            case Event.ATTRIBUTE:
                try:
                    self.values.write(writer, self._attributes[subject][2], item)
                except ExiError as error:
                    raise error.within(f"@{self._attribute_local(subject)}") from None
            case Event.TEXT:
                self.values.write(writer, subject, item)
            case _:
                content = item.value if isinstance(item, Item) else item
                if event == Event.START_ANY:
                    element = self._encode_any(writer, kind, subject, item)
                else:
                    element = subject
                try:
                    self._encode_element(writer, element, content, depth + 1)
                except ExiError as error:
                    raise error.within(self._numbered(element, held[:number])) from None

    def _encode_any(self, writer: BitWriter, kind: int, wildcard: int, item: Item) -> int:
        element = self._globals.get((item.name, item.ns))
        if element is None or self._elements[element][3]:
            raise ExiError(f"no global element {item.name} in {item.ns!r} that a wildcard could admit")
        self._check_wildcard(kind, wildcard, item.ns, None)
        uri = self.tables.uris.index(item.ns)
        names = self.tables.local_names[uri]
        writer.bits(uri + 1, width_of(len(self.tables.uris) + 1))
        writer.unsigned(0)
        writer.bits(names.index(item.name), width_of(len(names)))
        return element

    def _choose(self, state: int, field: int, mode: int, item: Any) -> int:
        """Return the code of the production that takes an item, or say what should stand there."""
        wildcard = -1
        for code, (event, subject, owner, _) in enumerate(self._state_productions(state)):
            if owner != field:
                continue
            if mode == Mode.CONTENT:
                if event == Event.TEXT and isinstance(item, str):
                    return code
                if isinstance(item, Item):
                    if event == Event.START and self._element_name(subject) == (item.name, item.ns):
                        return code
                    if event == Event.START_ANY:
                        wildcard = code
            elif event != Event.START or self._elements[subject][2] < 0 or self._fits(subject, item):
                return code
        if wildcard >= 0:
            return wildcard
        if isinstance(item, Item):
            what = item.name
        else:
            what = "text" if isinstance(item, str) and mode == Mode.CONTENT else type(item).__name__
        raise ExiError(f"{what} where {self._expected(state)} belongs")

    def _encode_relaxed(self, writer: BitWriter, element: int, value: Any) -> None:
        try:
            self._encode_relaxed_content(writer, element, value)
        except ExiError as error:
            raise error.within(self._local(element)) from None

    def _encode_relaxed_content(self, writer: BitWriter, element: int, value: Any) -> None:
        kind = self._elements[element][2]
        state = self.tables.relaxed_start_state
        if kind < 0:
            text = self.values.format(value, -1 - kind)
        else:
            text = ""
            names = self.tables.field_names[kind]
            for event, subject, field, optional in self._field_subjects(kind):
                held = getattr(value, names[field])
                if event == Event.TEXT:
                    text = self.values.format(held, subject)
                elif held is not None or not optional:
                    self._write_code(writer, state, Event.ATTRIBUTE, subject)
                    self._encode_event(writer, kind, event, subject, held, 0, held, 0)
        if text:
            datatype = self._write_code(writer, state, Event.TEXT, None)
            self.values.write(writer, datatype, text)
            state = self.tables.relaxed_content_state
        self._write_code(writer, state, Event.END, None)

    def _write_code(self, writer: BitWriter, state: int, event: int, subject: int | None) -> int:
        for code, row in enumerate(self._state_productions(state)):
            if row[0] == event and subject in {None, row[1]}:
                writer.bits(code, self._states[state][2])
                return row[1]
        raise ExiError("the element fragment grammar has no such attribute")


def _rows(table: Iterable[int], length: int) -> list[tuple[int, ...]]:
    values = tuple(table)
    return [values[start : start + length] for start in range(0, len(values), length)]


def _occurrences(held: Any, mode: int, name: str) -> list[Any]:
    """Return the items of a field in the order of writing."""
    if mode < Mode.LIST:
        return [] if held is None else [held]
    if not isinstance(held, list | tuple):
        raise ExiError(f"{name} is {type(held).__name__} where a list belongs")
    return list(held)
