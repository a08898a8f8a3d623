"""Message ↔ XML text, by the tables that the codec uses; the same types, facets and order are checked."""

from functools import cache
from typing import Any

from exi.decoder import CONTENT, LIST
from exi.encoder import Encoder
from exi.errors import ExiError
from exi.schema import Item, MessageSet, XsdType
from exi.tables import tables_of
from exi.walk import EV_ATTRIBUTE, EV_END, EV_START, EV_START_ANY, EV_TEXT, MAX_DEPTH, numbered
from exi.xmltree import Node, QName, is_ignorable, parse, serialize

_WHITE = " \t\r\n"


def to_xml(message: XsdType | Item, schema: MessageSet, *, indent: int | None = None) -> str:
    """Return a message or a single element as XML text.

    An :class:`~exi.schema.Item` brings its element's name; for a bare value the name is found by its
    class, the root elements of documents first. Raises ExiError where the message does not fit.
    """
    translator = translator_of(schema)
    if isinstance(message, Item):
        node = translator.write(message.value, message.name, message.ns)
    else:
        node = translator.write(message)
    prefixes = {
        str(module.NAMESPACE): module.PREFIX for module in schema.modules if hasattr(module, "PREFIX")
    }
    return serialize(node, prefixes, indent=indent)


def from_xml(text: str, schema: MessageSet) -> Any:
    """Return the message of an XML text: the root's value, or an Item where the root's type is simple.

    White space between elements is ignored. Raises ExiError with the path of what does not fit.
    """
    item = item_from_xml(text, schema)
    return item.value if isinstance(item.value, XsdType) else item


def item_from_xml(text: str, schema: MessageSet) -> Item:
    """Return the root element of an XML text with its name. Raises ExiError."""
    return translator_of(schema).read(parse(text))


@cache
def translator_of(schema: MessageSet) -> "Translator":
    """Return the translator of a message set, made at the first call."""
    return Translator(tables_of(schema))


class Translator(Encoder):
    """Turns values into nodes and nodes into values."""

    # Values to nodes

    def write(self, value: Any, name: str | None = None, uri: str | None = None) -> Node:
        """Return the node of an element. Raises ExiError."""
        if name is None:
            for element in self.globals.values():
                if self.fits(element, value):
                    return self._write_step(element, value)
        return self._write_step(self.fragment_element(value, name, uri)[1], value)

    def _write_step(self, element: int, value: Any) -> Node:
        try:
            return self._write_element(element, value)
        except ExiError as error:
            raise error.within(self.local(element)) from None

    def _write_element(self, element: int, value: Any, depth: int = 0) -> Node:
        kind = self.elements[element][2]
        if depth > MAX_DEPTH:
            raise ExiError(f"elements nest deeper than {MAX_DEPTH}")
        node = Node(self.name(element))
        if kind < 0:
            node.content += filter(None, [self.values.format(value, -1 - kind)])
        else:
            if type(value) is not self.types[kind][1]:
                raise ExiError(f"{type(value).__name__} where {self.types[kind][1].__name__} belongs")
            self._write_type(node, kind, value, depth)
        return node

    def _write_type(self, node: Node, kind: int, value: XsdType, depth: int) -> None:
        state, _, names, modes, order, _ = self.types[kind]
        count = 0
        for field in order:
            held = getattr(value, names[field])
            mode = modes[field]
            many = mode >= LIST
            if held is None and not many:
                continue
            if many and not isinstance(held, list | tuple):
                raise ExiError(f"{names[field]} is {type(held).__name__} where a list belongs")
            items = held if many else [held]
            for number, item in enumerate(items):
                _, (event, subject, _, following) = self.choose(state, field, mode, item)
                if event == EV_ATTRIBUTE:
                    text = self.values.format(item, self.attributes[subject][2])
                    node.attributes[self.attribute_name(subject)] = text
                elif event == EV_TEXT:
                    node.content += filter(None, [self.values.format(item, subject)])
                else:
                    element = subject if event == EV_START else self.wildcard_element(kind, subject, item)
                    content = item.value if isinstance(item, Item) else item
                    try:
                        node.content.append(self._write_element(element, content, depth + 1))
                    except ExiError as error:
                        mixed = mode == CONTENT
                        name = self.name(element)
                        step = numbered(name, items, number, mixed=mixed) if many else self.local(element)
                        raise error.within(step) from None
                state, count = self.next_state(state, following, count)
        if not any(row[0] == EV_END for row in self.states[state][0]):
            raise ExiError(f"{self.expected(state)} is missing")

    # Nodes to values

    def read(self, node: Node) -> Item:
        """Return an element of the set, of whatever name. Raises ExiError."""
        candidates = self.named_elements.get(node.name)
        if candidates is None:
            raise ExiError(
                f"{self.tables.name} has no element {node.name[0]} in {node.name[1] or 'no namespace'}"
            )
        failure: ExiError | None = None
        for element in candidates:
            try:
                return Item(*node.name, self._read_element(element, node))
            except ExiError as error:
                failure = failure or error.within(node.name[0])
        assert failure is not None
        raise failure

    def _read_element(self, element: int, node: Node) -> Any:
        _, _, kind, refusal = self.elements[element]
        if refusal:
            raise ExiError(self.tables.refusals[refusal])
        if kind >= 0:
            return self._read_type(kind, node)
        for name in node.attributes:
            if not is_ignorable(name):
                raise ExiError(f"an element of simple type has no attribute {name[0]}")
        text = node.text()
        if text is None:
            raise ExiError("an element of simple type has no children")
        return self.values.parse(text, -1 - kind, None)

    def _read_type(self, kind: int, node: Node) -> XsdType:
        state, cls, _, modes, _, _ = self.types[kind]
        values: list[Any] = [[] if mode >= LIST else None for mode in modes]
        count = 0
        for name, text in sorted(node.attributes.items()):
            if is_ignorable(name):
                continue
            production = self._find(state, EV_ATTRIBUTE, name)
            if production is None:
                raise ExiError(f"@{name[0]} where {self.expected(state)} belongs")
            _, subject, field, following = production
            try:
                values[field] = self.values.parse(text, self.attributes[subject][2], None)
            except ExiError as error:
                raise error.within(f"@{name[0]}") from None
            state, count = self.next_state(state, following, count)
        for part in self._parts(node, state, modes):
            state, count = self._read_part(kind, part, state, count, values)
        if not any(row[0] == EV_END for row in self.states[state][0]):
            raise ExiError(f"{self.expected(state)} is missing")
        return cls(*values)

    def _parts(self, node: Node, state: int, modes: tuple[int, ...]) -> list[Node | str]:
        """Return children and texts without the white space that only lays the text out."""
        event, _, field, _ = self.states[state][0][-1]
        if event == EV_TEXT and modes[field] != CONTENT:
            text = node.text()
            return [text] if text is not None else node.content
        return [part for part in node.content if isinstance(part, Node) or part.strip(_WHITE)]

    def _read_part(
        self, kind: int, part: Node | str, state: int, count: int, values: list[Any]
    ) -> tuple[int, int]:
        modes = self.types[kind][3]
        if isinstance(part, str):
            production = self._find(state, EV_TEXT, None)
        else:
            production = self._find(state, EV_START, part.name) or self._find(state, EV_START_ANY, None)
        if production is None:
            what = "text" if isinstance(part, str) else part.name[0]
            raise ExiError(f"{what} where {self.expected(state)} belongs")
        event, subject, field, following = production
        if isinstance(part, str):
            value: Any = self.values.parse(part, subject, None)
        else:
            element = subject
            if event == EV_START_ANY:
                element = self.wildcard_element(kind, subject, Item(*part.name, None))
            try:
                value = self._read_element(element, part)
            except ExiError as error:
                mode, held = modes[field], values[field]
                mixed = mode == CONTENT
                step = numbered(part.name, held, len(held), mixed=mixed) if mode >= LIST else part.name[0]
                raise error.within(step) from None
            if modes[field] == CONTENT:
                value = Item(*part.name, value)
        if modes[field] >= LIST:
            values[field].append(value)
        else:
            values[field] = value
        return self.next_state(state, following, count)

    def _find(self, state: int, event: int, name: QName | None) -> tuple[int, ...] | None:
        for row in self.states[state][0]:
            if row[0] != event:
                continue
            if name is None or name == (
                self.name(row[1]) if event == EV_START else self.attribute_name(row[1])
            ):
                return row
        return None
