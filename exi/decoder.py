"""Bytes to messages: walks the tables event by event.

Written to be read, and right for every input: any bytes give a value or an ExiError with the path of the
element and the bit where decoding stood. Nothing is allocated before its length has been held against the
facets and against the bits that remain.
"""

from typing import Any, Final

from exi.bits import BitReader
from exi.errors import ExiError
from exi.grammar import Mode
from exi.schema import Item, XsdType
from exi.tables import RELAXED_START, width_of
from exi.walk import (
    EV_ATTRIBUTE,
    EV_END,
    EV_START,
    EV_TEXT,
    MAX_DEPTH,
    Row,
    Walker,
    numbered,
)

HEADER: Final = 0x80
"""The EXI header: distinguishing bits, no options, final version 1 [V2G2-099]."""

LIST: Final = int(Mode.LIST)
CONTENT: Final = int(Mode.CONTENT)


class Decoder(Walker):
    """Decodes the documents and fragments of one message set."""

    def decode_document(self, data: bytes) -> XsdType | Item:
        """Return the root element's value: see :func:`exi.decode`. Raises ExiError."""
        reader = self._open(data)
        event, element, *_ = self._root_production(reader, self.tables.document_state)
        if event != EV_START:
            raise ExiError("the root element is not one of the schema", "", 8)
        value = self._step(reader, element, 0)
        self._close(reader)
        if not self.names_root(element):
            return Item(*self.name(element), value)
        message: XsdType = value
        return message

    def decode_fragment(self, data: bytes) -> Item:
        """Return a fragment's only element: its name and its value. Raises ExiError."""
        reader = self._open(data)
        state = self.tables.fragment_state
        event, subject, *_ = self._root_production(reader, state)
        if event == RELAXED_START:
            element, value = self._relaxed(reader, self.candidates(subject))
        elif event == EV_START:
            element, value = subject, self._step(reader, subject, 0)
        else:
            raise ExiError("the fragment's element is not one of the schema", "", 8)
        start = reader.position
        event, *_ = self._root_production(reader, state)
        if event != EV_END:
            raise ExiError("the fragment goes on after its element", "", start)
        self._close(reader)
        return Item(*self.name(element), value)

    def decode_type(self, reader: BitReader, kind: int, depth: int) -> XsdType:
        """Return the value of a type, read from behind its start tag. Raises ExiError."""
        state, cls, _, modes, _, _ = self.types[kind]
        values: list[Any] = [[] if mode >= LIST else None for mode in modes]
        count = 0
        while True:
            start = reader.position
            productions, width, _, _ = self.states[state]
            code = reader.bits(width)
            if code >= len(productions):
                field, datatype = self._escape(reader, state, code, modes, start)
                values[field] = self.values.empty(datatype, start)
                break
            event, subject, field, following = productions[code]
            if event == EV_START:
                if modes[field] < LIST:
                    values[field] = self._step(reader, subject, depth + 1)
                else:
                    self._item(reader, subject, values[field], modes[field], depth + 1)
            elif event == EV_END:
                break
            elif event == EV_TEXT:
                value = self.values.read(reader, subject)
                if modes[field] == CONTENT:
                    values[field].append(value)
                else:
                    values[field] = value
            elif event == EV_ATTRIBUTE:
                values[field] = self._attribute(reader, subject)
            else:
                self._any(reader, kind, subject, values[field], depth + 1)
            state, count = self.next_state(state, following, count)
        return cls(*values)

    def path_at(self, data: bytes, bit: int, *, fragment: bool) -> str:
        """Return the path of the element that holds a bit: where decoding stops if the data end there."""
        reader = BitReader(data, 8)
        reader.size = min(bit, reader.size)
        state = self.tables.fragment_state if fragment else self.tables.document_state
        try:
            event, subject, *_ = self._root_production(reader, state)
            if event == RELAXED_START:
                self._relaxed(reader, self.candidates(subject))
            elif event == EV_START:
                self._step(reader, subject, 0)
        except ExiError as error:
            return error.path
        return ""

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

    def _root_production(self, reader: BitReader, state: int) -> Row:
        start = reader.position
        productions, width, _, _ = self.states[state]
        code = reader.bits(width)
        if code >= len(productions):
            raise ExiError(f"event code {code} does not exist", "", start)
        return productions[code]

    def _step(self, reader: BitReader, element: int, depth: int) -> Any:
        try:
            return self._element(reader, element, depth)
        except ExiError as error:
            raise error.within(self.local(element)) from None

    def _element(self, reader: BitReader, element: int, depth: int) -> Any:
        _, _, kind, refusal = self.elements[element]
        if refusal:
            raise ExiError(self.tables.refusals[refusal], "", reader.position)
        if kind < 0:
            return self._simple(reader, -1 - kind)
        if depth >= MAX_DEPTH:
            raise ExiError(f"elements nest deeper than {MAX_DEPTH}", "", reader.position)
        return self.decode_type(reader, kind, depth)

    def _simple(self, reader: BitReader, datatype: int) -> Any:
        """Read the content of an element of simple type: characters, end; or the escape to an empty one."""
        start = reader.position
        if reader.bits(1):
            self._only_end(reader, 3, start)
            return self.values.empty(datatype, start)
        value = self.values.read(reader, datatype)
        start = reader.position
        if reader.bits(1):
            raise ExiError("something other than the end of the element", "", start)
        return value

    def _escape(
        self, reader: BitReader, state: int, code: int, modes: tuple[int, ...], start: int
    ) -> tuple[int, int]:
        """Read the second level. Only an empty text may be there; return its field and datatype."""
        productions, _, second_width, _ = self.states[state]
        if code > len(productions):
            raise ExiError(f"event code {code} does not exist", "", start)
        self._only_end(reader, second_width, start)
        event, datatype, field, _ = productions[-1]
        if event != EV_TEXT or modes[field] == CONTENT:
            raise ExiError(f"the element ends before {self.expected(state)}", "", start)
        return field, datatype

    def _only_end(self, reader: BitReader, width: int, start: int) -> None:
        """Read a second-level code; only the end of an element is supported there."""
        if reader.bits(width):
            raise ExiError("an event that the schema does not declare", "", start)

    def _attribute(self, reader: BitReader, attribute: int) -> Any:
        try:
            return self.values.read(reader, self.attributes[attribute][2])
        except ExiError as error:
            raise error.within(self.attribute_step(attribute)) from None

    def _item(self, reader: BitReader, element: int, target: list[Any], mode: int, depth: int) -> None:
        name = self.name(element)
        try:
            value = self._element(reader, element, depth)
        except ExiError as error:
            raise error.within(numbered(name, target, len(target), mixed=mode == CONTENT)) from None
        target.append(Item(*name, value) if mode == CONTENT else value)

    def _any(self, reader: BitReader, kind: int, wildcard: int, target: list[Any], depth: int) -> None:
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
        element = self.globals.get(name)
        if element is None:
            raise ExiError(f"there is no global element {name[0]} in {name[1]}", "", start)
        if not self.wildcard_admits(kind, wildcard, name[1]):
            raise ExiError(f"the wildcard admits no element of {name[1]}", "", start)
        self._item(reader, element, target, CONTENT, depth)

    # Elements declared with several types: the element fragment grammar [EXI 8.5.3], for attributes and text.

    def _relaxed(self, reader: BitReader, candidates: tuple[int, ...]) -> tuple[int, Any]:
        try:
            return self._relaxed_content(reader, candidates)
        except ExiError as error:
            raise error.within(self.local(candidates[0])) from None

    def _relaxed_content(self, reader: BitReader, candidates: tuple[int, ...]) -> tuple[int, Any]:
        state = self.tables.relaxed_start_state
        attributes: dict[int, Any] = {}
        text: str | None = None
        origin = reader.position
        while True:
            start = reader.position
            productions, width, _, _ = self.states[state]
            code = reader.bits(width)
            if code >= len(productions):
                raise ExiError("an event that the schema does not declare", "", start)
            event, subject, _, state = productions[code]
            if event == EV_END:
                return self._relaxed_value(candidates, attributes, text or "", origin)
            if event == EV_ATTRIBUTE and subject >= 0 and subject not in attributes:
                attributes[subject] = self._attribute(reader, subject)
            elif event == EV_TEXT and text is None:
                text = self.values.read(reader, subject)
            else:
                raise ExiError("an event that none of the element's types declares", "", start)

    def _relaxed_value(
        self, candidates: tuple[int, ...], attributes: dict[int, Any], text: str, start: int
    ) -> tuple[int, Any]:
        """Choose the declared type that has just these attributes, and make its value."""
        for element in candidates:
            kind = self.elements[element][2]
            if kind < 0:
                if not attributes:
                    return element, self.values.parse(text, -1 - kind, start)
                continue
            datatype, uses = self.text_content(kind)
            required = {attribute for attribute, _, optional in uses if not optional}
            if datatype < 0 or not required <= attributes.keys() <= {use[0] for use in uses}:
                continue
            _, cls, names, _, _, _ = self.types[kind]
            values = {names[field]: attributes.get(attribute) for attribute, field, _ in uses}
            values[names[self.text_field(kind)]] = self.values.parse(text, datatype, start)
            return element, cls(**values)
        raise ExiError("attributes and text fit none of the element's types", "", start)
