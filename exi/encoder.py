"""Messages to bytes: walks the tables in the order of each type's fields.

What a message holds is checked on the way: types, facets, occurrence and order. Whatever does not fit is an
ExiError with the path of the element.
"""

from typing import Any

from exi.bits import BitWriter
from exi.decoder import CONTENT, HEADER, LIST
from exi.errors import ExiError, shown
from exi.schema import Item, XsdType
from exi.tables import ABSTRACT, RELAXED_START, width_of
from exi.walk import EV_ATTRIBUTE, EV_END, EV_START, EV_START_ANY, EV_TEXT, MAX_DEPTH, Row, Walker, numbered


class Encoder(Walker):
    """Encodes the documents and fragments of one message set."""

    def encode_document(self, message: XsdType | Item) -> bytes:
        """Return the document whose root element has the value's class, or an Item's name. Raises ExiError."""
        if isinstance(message, Item):
            code, element = self._root_of(message)
            value = message.value
        else:
            code, element = self._root_of_class(type(message))
            value = message
        writer = self._begin(self.tables.document_state, code)
        self._step(writer, element, value, 0)
        return writer.finish()

    def _root_of_class(self, cls: type) -> tuple[int, int]:
        """Return event code and element of the document of a class; what a profile refuses comes last."""
        found = self.documents.get(cls)
        if found is not None:
            return found
        for code, (event, element, *_) in enumerate(self.states[self.tables.document_state][0]):
            if event == EV_START:
                _, _, kind, refusal = self.elements[element]
                if refusal > ABSTRACT and kind >= 0 and self.types[kind][1] is cls:
                    return code, element
        raise ExiError(f"{cls.__name__} is not the type of a global element of {self.tables.name}")

    def _root_of(self, item: Item) -> tuple[int, int]:
        """Return event code and element of the document that an Item names."""
        for code, (event, element, *_) in enumerate(self.states[self.tables.document_state][0]):
            if event == EV_START and self.name(element) == (item.name, item.ns):
                if self.elements[element][3] == ABSTRACT:
                    break
                return code, element
        raise ExiError(f"{self.tables.name} has no document {shown(item.name)} of {shown(item.ns)}")

    def encode_fragment(self, value: Any, name: str | None = None, uri: str | None = None) -> bytes:
        """Return the fragment of one element. Raises ExiError.

        ``name`` is the element's local name, ``uri`` its namespace; what is not given is found by the
        value's class.
        """
        code, element = self.fragment_element(value, name, uri)
        state = self.tables.fragment_state
        productions, width, _, _ = self.states[state]
        writer = self._begin(state, code)
        if productions[code][0] == RELAXED_START:
            self._relaxed(writer, element, value)
        else:
            self._step(writer, element, value, 0)
        writer.bits(len(productions) - 1, width)
        return writer.finish()

    def fragment_element(self, value: Any, name: str | None, uri: str | None) -> tuple[int, int]:
        """Return event code and element of the first fragment that a value may be. Raises ExiError."""
        named = False
        refused: tuple[int, int] | None = None
        for code, (event, subject, *_) in enumerate(self.states[self.tables.fragment_state][0]):
            if event not in {EV_START, RELAXED_START}:
                continue
            candidates = (subject,) if event == EV_START else self.candidates(subject)
            local, namespace = self.name(candidates[0])
            if (name is not None and name != local) or (uri is not None and uri != namespace):
                continue
            named = True
            for element in candidates:
                if self.fits(element, value, simple=name is not None):
                    if not self.elements[element][3]:
                        return code, element
                    refused = refused or (code, element)
        if refused is not None:
            return refused
        if name is not None and not named:
            raise ExiError(f"{self.tables.name} has no element {shown(name)}")
        element_text = "element" if name is None else f"element {shown(name)}"
        raise ExiError(f"{self.tables.name} has no {element_text} of the type {type(value).__name__}")

    def fits(self, element: int, value: Any, *, simple: bool = False) -> bool:
        """Tell whether a value has an element's class; with ``simple``, whether it could be simple, too."""
        _, _, kind, refusal = self.elements[element]
        if refusal == ABSTRACT:
            return False
        if kind < 0:
            return simple and not isinstance(value, XsdType)
        return type(value) is self.types[kind][1]

    def _begin(self, state: int, code: int) -> BitWriter:
        writer = BitWriter()
        writer.bits(HEADER, 8)
        writer.bits(code, self.states[state][1])
        return writer

    def _step(self, writer: BitWriter, element: int, value: Any, depth: int) -> None:
        try:
            self._element(writer, element, value, depth)
        except ExiError as error:
            raise error.within(self.local(element)) from None

    def _element(self, writer: BitWriter, element: int, value: Any, depth: int) -> None:
        _, _, kind, refusal = self.elements[element]
        if refusal:
            raise ExiError(self.tables.refusals[refusal])
        if kind < 0:
            self._simple(writer, -1 - kind, value)
            return
        cls = self.types[kind][1]
        if type(value) is not cls:
            raise ExiError(f"{type(value).__name__} where {cls.__name__} belongs")
        if depth >= MAX_DEPTH:
            raise ExiError(f"elements nest deeper than {MAX_DEPTH}")
        self.encode_type(writer, kind, value, depth)

    def _simple(self, writer: BitWriter, datatype: int, value: Any) -> None:
        if self.values.is_empty(value):
            self.values.check(value, datatype)
            writer.bits(0b1000, 4)  # the escape, then the end of the element
            return
        writer.bits(0, 1)
        self.values.write(writer, datatype, value)
        writer.bits(0, 1)

    def encode_type(self, writer: BitWriter, kind: int, value: XsdType, depth: int) -> None:
        """Write the content of a value from behind its start tag on. Raises ExiError."""
        state, _, names, modes, order, _ = self.types[kind]
        count = 0
        for field in order:
            held = getattr(value, names[field])
            mode = modes[field]
            if mode < LIST:
                if held is None:
                    continue
                code, production = self.choose(state, field, mode, held)
                productions, width, second_width, _ = self.states[state]
                event, subject, _, following = production
                if event == EV_TEXT and self.values.is_empty(held):
                    self.values.check(held, subject)
                    writer.bits(len(productions), width)
                    writer.bits(0, second_width)
                    return
                writer.bits(code, width)
                if event == EV_START:
                    self._step(writer, subject, held, depth + 1)
                elif event == EV_TEXT:
                    self.values.write(writer, subject, held)
                else:
                    self._attribute(writer, subject, held)
                state, count = self.next_state(state, following, count)
                continue
            if not isinstance(held, list | tuple):
                raise ExiError(f"{names[field]} is {type(held).__name__} where a list belongs")
            for number, item in enumerate(held):
                code, production = self.choose(state, field, mode, item)
                writer.bits(code, self.states[state][1])
                self._item(writer, kind, production, held, number, depth + 1)
                state, count = self.next_state(state, production[3], count)
        productions, width, _, _ = self.states[state]
        for code, production in enumerate(productions):
            if production[0] == EV_END:
                writer.bits(code, width)
                return
        raise ExiError(f"{self.expected(state)} is missing")

    def choose(self, state: int, field: int, mode: int, item: Any) -> tuple[int, Row]:
        """Return code and row of the production that takes an item, or say what should stand there."""
        wildcard: tuple[int, Row] | None = None
        for code, row in enumerate(self.states[state][0]):
            event, subject, owner, _ = row
            if owner != field:
                continue
            if mode == CONTENT:
                if event == EV_TEXT and isinstance(item, str):
                    return code, row
                if isinstance(item, Item):
                    if event == EV_START and self.name(subject) == (item.name, item.ns):
                        return code, row
                    if event == EV_START_ANY:
                        wildcard = code, row
            elif event != EV_START or self.elements[subject][2] < 0 or self.fits(subject, item):
                return code, row
        if wildcard is not None:
            return wildcard
        if isinstance(item, Item):
            what = shown(item.name)
        else:
            what = "text" if isinstance(item, str) and mode == CONTENT else type(item).__name__
        raise ExiError(f"{what} where {self.expected(state)} belongs")

    def _attribute(self, writer: BitWriter, attribute: int, value: Any) -> None:
        try:
            self.values.write(writer, self.attributes[attribute][2], value)
        except ExiError as error:
            raise error.within(self.attribute_step(attribute)) from None

    def _item(
        self, writer: BitWriter, kind: int, production: Row, held: Any, number: int, depth: int
    ) -> None:
        event, subject, field, _ = production
        item = held[number]
        if event == EV_TEXT:
            self.values.write(writer, subject, item)
            return
        element = self._any(writer, kind, subject, item) if event == EV_START_ANY else subject
        try:
            self._element(writer, element, item.value if isinstance(item, Item) else item, depth)
        except ExiError as error:
            mixed = self.types[kind][3][field] == CONTENT
            raise error.within(numbered(self.name(element), held, number, mixed=mixed)) from None

    def _any(self, writer: BitWriter, kind: int, wildcard: int, item: Item) -> int:
        """Write the name of an element that a wildcard admits and return the element."""
        element = self.wildcard_element(kind, wildcard, item)
        uri = self.tables.uris.index(item.ns)
        names = self.tables.local_names[uri]
        writer.bits(uri + 1, width_of(len(self.tables.uris) + 1))
        writer.unsigned(0)
        writer.bits(names.index(item.name), width_of(len(names)))
        return element

    def wildcard_element(self, kind: int, wildcard: int, item: Item) -> int:
        """Return the global element that an item stands for below a wildcard of type ``kind``.

        Raises ExiError where the schema declares none, or the wildcard does not admit its namespace.
        """
        named = all(isinstance(part, str) for part in (item.name, item.ns))
        element = self.globals.get((item.name, item.ns)) if named else None
        if element is None or self.elements[element][3]:
            raise ExiError(
                f"there is no global element {shown(item.name)} in {shown(item.ns)} that a wildcard could admit"
            )
        if not self.wildcard_admits(kind, wildcard, item.ns):
            raise ExiError(f"the wildcard admits no element of {item.ns}")
        return element

    # Elements declared with several types: the element fragment grammar [EXI 8.5.3], for attributes and text.

    def _relaxed(self, writer: BitWriter, element: int, value: Any) -> None:
        try:
            self._relaxed_content(writer, element, value)
        except ExiError as error:
            raise error.within(self.local(element)) from None

    def _relaxed_content(self, writer: BitWriter, element: int, value: Any) -> None:
        kind = self.elements[element][2]
        state = self.tables.relaxed_start_state
        if kind < 0:
            text = self.values.format(value, -1 - kind)
        else:
            datatype, uses = self.text_content(kind)
            if datatype < 0:
                raise ExiError("the element fragment grammar is supported for attributes and text only")
            names = self.types[kind][2]
            for attribute, field, optional in uses:
                held = getattr(value, names[field])
                if held is not None or not optional:
                    self._relaxed_event(writer, state, EV_ATTRIBUTE, attribute)
                    self._attribute(writer, attribute, held)
            text = self.values.format(getattr(value, names[self.text_field(kind)]), datatype)
        if text:
            untyped = self._relaxed_event(writer, state, EV_TEXT, None)
            self.values.write(writer, untyped, text)
            state = self.tables.relaxed_content_state
        self._relaxed_event(writer, state, EV_END, None)

    def _relaxed_event(self, writer: BitWriter, state: int, event: int, subject: int | None) -> int:
        productions, width, _, _ = self.states[state]
        for code, row in enumerate(productions):
            if row[0] == event and subject in {None, row[1]}:
                writer.bits(code, width)
                return row[1]
        raise ExiError("the element fragment grammar has no such attribute")
