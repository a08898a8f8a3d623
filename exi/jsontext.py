"""Message ↔ JSON text, by the tables that the codec uses; the same types, facets and structure are checked.

============================  ====================================================================
in the schema                 in JSON
============================  ====================================================================
the root                      an object with one key, the element's name
an element                    a key with the name that the XSD gives it
an attribute                  a key with ``@`` in front
an element that may repeat    an array, even where it occurs once
the text of a type that also  the key ``#text``
has attributes
wildcards, mixed content,     the key ``#content``: an array, in order, of strings and of objects
repeated groups               with one key, the element's name
an integer                    a number, however large
a boolean, an enumeration     ``true`` or ``false``; the enumeration value's text
hexBinary, base64Binary       upper-case hexadecimal digits; base64
what is absent                left out
============================  ====================================================================

A name that a message set declares in two namespaces is written ``{namespace}name`` where nothing around it
tells which is meant: at the root, and in ``#content``.
"""

import json
import re
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache, cached_property
from typing import Any, Final, NamedTuple

from exi.decoder import CONTENT, LIST
from exi.encoder import Encoder
from exi.errors import ExiError
from exi.schema import Item, MessageSet, XsdType
from exi.tables import DATATYPE, Representation, tables_of
from exi.values import ValueCodec
from exi.walk import EV_ATTRIBUTE, EV_END, EV_START, EV_START_ANY, EV_TEXT, MAX_DEPTH, Row, numbered

TEXT: Final = "#text"
CONTENT_KEY: Final = "#content"

QName = tuple[str, str]
"""Local name and URI."""

INVISIBLE: Final = re.compile("[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
"""Characters that JSON need not escape, but that steer a terminal or hide on a screen."""


def to_json(message: XsdType | Item, schema: MessageSet, *, indent: int | None = None) -> str:
    """Return a message or a single element as JSON text.

    An :class:`~exi.schema.Item` brings its element's name; for a bare value the name is found by its
    class, the root elements of documents first. Raises ExiError where the message does not fit.
    """
    translator = json_translator_of(schema)
    if isinstance(message, Item):
        tree = translator.write(message.value, message.name, message.ns)
    else:
        tree = translator.write(message)
    return dump(tree, indent=indent)


def from_json(text: str, schema: MessageSet) -> Any:
    """Return the message of a JSON text: the root's value, or an Item where the root's type is simple.

    Raises ExiError with the path of what does not fit.
    """
    item = item_from_json(text, schema)
    return item.value if isinstance(item.value, XsdType) else item


def item_from_json(text: str, schema: MessageSet) -> Item:
    """Return the root element of a JSON text with its name. Raises ExiError."""
    return json_translator_of(schema).read(parse(text))


def dump(tree: Any, *, indent: int | None = None) -> str:
    """Return plain data as JSON text that is safe to print: nothing in it steers a terminal."""
    text = json.dumps(tree, ensure_ascii=False, indent=indent)
    # Such characters occur inside strings only, where an escape means the same.
    return INVISIBLE.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def parse(text: str) -> Any:
    """Return the plain data of a JSON text. Raises ExiError, also where a key occurs twice."""
    try:
        return json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        reason = f"not JSON: {error.msg}: line {error.lineno} column {error.colno}"
        raise ExiError(reason) from None
    except ValueError:
        raise ExiError("not JSON that can be read: a number has too many digits") from None
    except RecursionError:
        raise ExiError("not JSON that can be read: it nests too deep") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ExiError(f"the key {twice!r:.80} occurs twice in one object")
    return found


def json_value(codec: ValueCodec, value: Any, datatype: int) -> Any:
    """Return a simple value as JSON has it. Raises ExiError where it does not fit its datatype."""
    text = codec.format(value, datatype)
    if isinstance(value, bool):
        return value
    return int(value) if isinstance(value, int) else text


@cache
def json_translator_of(schema: MessageSet) -> "JsonTranslator":
    """Return the JSON translator of a message set, made at the first call."""
    return JsonTranslator(schema)


class Member(NamedTuple):
    """What a key of an object stands for: a production's event and subject, and the class's field."""

    event: int
    subject: int
    field: int


class JsonTranslator(Encoder):
    """Turns values into plain data (dicts, lists, strings, numbers) and back."""

    def __init__(self, schema: MessageSet) -> None:
        super().__init__(tables_of(schema))
        rows = self.tables.datatypes
        self._representations = [rows[at] for at in range(0, len(rows), DATATYPE)]
        self._members: dict[int, dict[str, Member]] = {}

    # Names

    @cached_property
    def plain_names(self) -> dict[str, QName]:
        """The names that need no namespace: the only one of its kind, or the only one of a root."""
        found: dict[str, list[QName]] = {}
        for name in self.named_elements:
            found.setdefault(name[0], []).append(name)
        plain: dict[str, QName] = {}
        for local, names in found.items():
            roots = [name for name in names if name in self.globals]
            if len(names) == 1 or len(roots) == 1:
                plain[local] = (roots or names)[0]
        return plain

    def key_of(self, name: QName) -> str:
        """Return the key of an element at the root or in ``#content``."""
        return name[0] if self.plain_names.get(name[0]) == name else f"{{{name[1]}}}{name[0]}"

    def knows(self, key: str) -> bool:
        """Tell whether a key names an element of the set, if perhaps without saying of which namespace."""
        return any(key in {name[0], f"{{{name[1]}}}{name[0]}"} for name in self.named_elements)

    def name_of(self, key: str) -> QName:
        """Return the name of such a key. Raises ExiError."""
        if key.startswith("{"):
            uri, _, local = key[1:].rpartition("}")
            if (local, uri) in self.named_elements:
                return local, uri
        elif key in self.plain_names:
            return self.plain_names[key]
        uris = [uri for local, uri in self.named_elements if local == key]
        if uris:
            places = " and ".join(uris)
            raise ExiError(f"{key} is declared in {places}: write {{namespace}}{key}")
        raise ExiError(f"{self.tables.name} has no element {key:.80}")

    def members(self, kind: int) -> dict[str, Member]:
        """Return what the keys of a type's object stand for."""
        known = self._members.get(kind)
        if known is None:
            known = self._members[kind] = dict(self._find_members(kind))
        return known

    def _find_members(self, kind: int) -> Iterator[tuple[str, Member]]:
        start, _, _, modes, _, _ = self.types[kind]
        states = [start]
        for state in states:  # grows while it runs
            for event, subject, field, following in self.states[state][0]:
                if event != EV_END:
                    member = Member(event, subject, field)
                    yield self._member_key(member, modes), member
                after = self.counters[-2 - following][2:] if following <= -2 else (following,)
                states += (state for state in after if state >= 0 and state not in states)

    def _member_key(self, row: Row, modes: tuple[int, ...]) -> str:
        event, subject, field, *_ = row
        if modes[field] == CONTENT:
            return CONTENT_KEY
        if event == EV_ATTRIBUTE:
            return self.attribute_step(subject)
        return TEXT if event == EV_TEXT else self.local(subject)

    # Values to plain data

    def write(self, value: Any, name: str | None = None, uri: str | None = None) -> dict[str, Any]:
        """Return the object of one key that a root element is. Raises ExiError."""
        element = next((element for element in self.globals.values() if self.fits(element, value)), None)
        if name is not None or element is None:
            element = self.fragment_element(value, name, uri)[1]
        try:
            return {self.key_of(self.name(element)): self._write_element(element, value, 0)}
        except ExiError as error:
            raise error.within(self.local(element)) from None

    def _write_element(self, element: int, value: Any, depth: int) -> Any:
        kind = self.elements[element][2]
        if depth > MAX_DEPTH:
            raise ExiError(f"elements nest deeper than {MAX_DEPTH}")
        if kind < 0:
            return json_value(self.values, value, -1 - kind)
        if type(value) is not self.types[kind][1]:
            raise ExiError(f"{type(value).__name__} where {self.types[kind][1].__name__} belongs")
        return self._write_type(kind, value, depth)

    def _write_type(self, kind: int, value: XsdType, depth: int) -> dict[str, Any]:
        state, _, names, modes, order, _ = self.types[kind]
        found: dict[str, Any] = {}
        count = 0
        for field in order:
            held = getattr(value, names[field])
            mode = modes[field]
            if mode < LIST:
                if held is None:
                    continue
                _, row = self.choose(state, field, mode, held)
                key = self._member_key(row, modes)
                found[key] = self._write_single(row, key, held, depth)
                state, count = self.next_state(state, row[3], count)
                continue
            if not isinstance(held, list | tuple):
                raise ExiError(f"{names[field]} is {type(held).__name__} where a list belongs")
            for number, item in enumerate(held):
                _, row = self.choose(state, field, mode, item)
                key = self._member_key(row, modes)
                entries = found.setdefault(key, [])
                if entries is not found[next(reversed(found))]:
                    raise ExiError(f"JSON cannot hold {key} after an element of another name in one list")
                entries.append(self._write_item(kind, row, held, number, depth))
                state, count = self.next_state(state, row[3], count)
        if not any(row[0] == EV_END for row in self.states[state][0]):
            raise ExiError(f"{self.expected(state)} is missing")
        return found

    def _write_single(self, row: Row, key: str, value: Any, depth: int) -> Any:
        event, subject, _, _ = row
        if event == EV_TEXT:
            return json_value(self.values, value, subject)
        try:
            if event == EV_ATTRIBUTE:
                return json_value(self.values, value, self.attributes[subject][2])
            return self._write_element(subject, value, depth + 1)
        except ExiError as error:
            raise error.within(key) from None

    def _write_item(self, kind: int, row: Row, held: Any, number: int, depth: int) -> Any:
        event, subject, _, _ = row
        item = held[number]
        if event == EV_TEXT:
            return json_value(self.values, item, subject)
        element = subject if event == EV_START else self.wildcard_element(kind, subject, item)
        try:
            if isinstance(item, Item):
                tree = self._write_element(element, item.value, depth + 1)
                return {self.key_of(self.name(element)): tree}
            return self._write_element(element, item, depth + 1)
        except ExiError as error:
            step = numbered(self.name(element), held, number, mixed=isinstance(item, Item))
            raise error.within(step) from None

    # Plain data to values

    def read(self, tree: Any) -> Item:
        """Return the root element of plain data. Raises ExiError."""
        key, content = only_entry(tree)
        name = self.name_of(key)
        failure: ExiError | None = None
        shape = isinstance(content, dict)
        fitting = sorted(
            self.named_elements[name], key=lambda element: (self.elements[element][2] < 0) is shape
        )
        for element in fitting:
            try:
                return Item(*name, self._read_element(element, content, 0))
            except ExiError as error:
                failure = failure or error.within(name[0])
        assert failure is not None
        raise failure

    def _read_element(self, element: int, tree: Any, depth: int) -> Any:
        _, _, kind, refusal = self.elements[element]
        if refusal:
            raise ExiError(self.tables.refusals[refusal])
        if kind < 0:
            return self._read_simple(tree, -1 - kind)
        if depth >= MAX_DEPTH:
            raise ExiError(f"elements nest deeper than {MAX_DEPTH}")
        return self._read_type(kind, tree, depth)

    def _read_simple(self, tree: Any, datatype: int) -> Any:
        representation = self._representations[datatype]
        match representation:
            case Representation.BOOLEAN:
                fits, wanted = isinstance(tree, bool), "true or false belongs"
            case Representation.OFFSET | Representation.UNSIGNED | Representation.SIGNED:
                fits, wanted = isinstance(tree, int) and not isinstance(tree, bool), "an integer belongs"
            case _:
                fits, wanted = isinstance(tree, str), "a string belongs"
        if not fits:
            raise ExiError(f"{_described(tree)} where {wanted}")
        if representation in {Representation.ENUMERATION, Representation.BINARY}:
            return self.values.parse(tree, datatype, None)
        self.values.check(tree, datatype)
        return tree

    def _read_type(self, kind: int, tree: Any, depth: int) -> XsdType:
        if not isinstance(tree, dict):
            raise ExiError(f"{_described(tree)} where an object belongs")
        state, cls, _, modes, order, _ = self.types[kind]
        keys = self._keys_by_field(kind, tree)
        values: list[Any] = [[] if mode >= LIST else None for mode in modes]
        count = 0
        for field in order:
            for key in keys.get(field, ()):
                if modes[field] == CONTENT:
                    state, count = self._read_content(kind, tree[key], state, count, values[field], depth)
                elif modes[field] == LIST:
                    state, count = self._read_list(kind, key, tree[key], state, count, values[field], depth)
                else:
                    row = self._row(state, key, self.members(kind)[key])
                    values[field] = self._read_member(row, key, tree[key], depth)
                    state, count = self.next_state(state, row[3], count)
        if not any(row[0] == EV_END for row in self.states[state][0]):
            raise ExiError(f"{self.expected(state)} is missing")
        return cls(*values)

    def _keys_by_field(self, kind: int, tree: dict[str, Any]) -> dict[int, list[str]]:
        members = self.members(kind)
        found: dict[int, list[str]] = {}
        for key in tree:
            member = members.get(key)
            if member is None:
                raise ExiError(f"{key:.80} does not belong here; {_suggestion(key, list(members))}")
            same = found.setdefault(member.field, [])
            same.append(key)
            if len(same) > 1 and self.types[kind][3][member.field] < LIST:
                raise ExiError(f"{key} and {same[0]} exclude each other")
        return found

    def _row(self, state: int, key: str, member: Member) -> Row:
        for row in self.states[state][0]:
            if row[:3] == member:
                return row
        raise ExiError(f"{key} where {self.expected(state)} belongs")

    def _read_member(self, row: Row, key: str, tree: Any, depth: int) -> Any:
        event, subject, _, _ = row
        try:
            if event == EV_START:
                return self._read_element(subject, tree, depth + 1)
            return self._read_simple(tree, subject if event == EV_TEXT else self.attributes[subject][2])
        except ExiError as error:
            raise error.within(key) from None

    def _read_list(
        self, kind: int, key: str, tree: Any, state: int, count: int, items: list[Any], depth: int
    ) -> tuple[int, int]:
        if not isinstance(tree, list):
            raise ExiError(f"{_described(tree)} where an array belongs").within(key)
        member = self.members(kind)[key]
        for number, entry in enumerate(tree, 1):
            row = self._row(state, f"{key}[{number}]", member)
            try:
                items.append(self._read_element(row[1], entry, depth + 1))
            except ExiError as error:
                raise error.within(f"{key}[{number}]") from None
            state, count = self.next_state(state, row[3], count)
        return state, count

    def _read_content(
        self, kind: int, tree: Any, state: int, count: int, items: list[Any], depth: int
    ) -> tuple[int, int]:
        if not isinstance(tree, list):
            raise ExiError(f"{_described(tree)} where an array belongs").within(CONTENT_KEY)
        for number, entry in enumerate(tree, 1):
            try:
                row, item = self._read_entry(kind, entry, state, depth)
            except ExiError as error:
                raise error.within(f"{CONTENT_KEY}[{number}]") from None
            items.append(item)
            state, count = self.next_state(state, row[3], count)
        return state, count

    def _read_entry(self, kind: int, entry: Any, state: int, depth: int) -> tuple[Row, Any]:
        rows = self.states[state][0]
        if isinstance(entry, str):
            row = next((row for row in rows if row[0] == EV_TEXT), None)
            if row is None:
                raise ExiError(f"text where {self.expected(state)} belongs")
            return row, self._read_simple(entry, row[1])
        key, content = only_entry(entry)
        name = self.name_of(key)
        row = next((row for row in rows if row[0] == EV_START and self.name(row[1]) == name), None)
        row = row or next((row for row in rows if row[0] == EV_START_ANY), None)
        if row is None:
            raise ExiError(f"{key} where {self.expected(state)} belongs")
        element = row[1] if row[0] == EV_START else self.wildcard_element(kind, row[1], Item(*name, None))
        try:
            return row, Item(*name, self._read_element(element, content, depth + 1))
        except ExiError as error:
            raise error.within(name[0]) from None


def only_entry(tree: Any) -> tuple[str, Any]:
    """Return key and content of an object that stands for one element. Raises ExiError."""
    if not isinstance(tree, dict):
        raise ExiError(f"{_described(tree)} where an object with an element's name belongs")
    if len(tree) != 1:
        raise ExiError(f"{len(tree)} keys where the name of one element belongs")
    ((key, content),) = tree.items()
    return key, content


def _suggestion(key: str, known: list[str]) -> str:
    """Say which key could have been meant, or which there are."""
    close = get_close_matches(key[:80].lower(), [name.lower() for name in known], n=1, cutoff=0.7)
    if close:
        return f"perhaps {next(name for name in known if name.lower() == close[0])} is meant"
    return f"{', '.join(known[:4]) or 'nothing'}{' and others' * (len(known) > 4)} can be here"


def _described(tree: Any) -> str:
    match tree:
        case None:
            return "null (leave out what is absent)"
        case bool():
            return "true" if tree else "false"
        case int() | float():
            return f"the number {tree!r:.40}"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"
