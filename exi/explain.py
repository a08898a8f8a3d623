"""A byte string told bit by bit: which bits say what, where in the message, by which datatype.

The reference decoder does the reading; a recorder listens to it. So the account is that of the decoder, and
where the decoder refuses the data, the account ends at that bit, with the decoder's own error.
"""

from collections import Counter
from contextlib import suppress
from typing import Any, Final

import msgspec

from exi.bits import BitReader
from exi.codec import tables_for
from exi.decoder import CONTENT, Decoder
from exi.errors import ExiError
from exi.jsontext import QName, json_value
from exi.schema import MessageSet, XsdType
from exi.tables import (
    HAS_MAXIMUM,
    HAS_MINIMUM,
    RELAXED_START,
    Representation,
    Tables,
    width_of,
)
from exi.values import STRING_CODES, ValueCodec
from exi.walk import EV_END, EV_START, Row

HEADER: Final = "header"
START: Final = "SE"
START_ANY: Final = "SE(*)"
ATTRIBUTE: Final = "AT"
TEXT: Final = "CH"
END: Final = "EE"
END_FRAGMENT: Final = "ED"
ESCAPE: Final = "escape"
NAMESPACE: Final = "uri"
NAME: Final = "name"
LENGTH: Final = "length"
VALUE: Final = "value"
PADDING: Final = "padding"
UNFINISHED: Final = "unfinished"
REST: Final = "rest"
"""What a piece is: an event's code, a part of a value, or what stands around the events."""

_EVENTS: Final = frozenset({START, START_ANY, ATTRIBUTE, TEXT, END, END_FRAGMENT, ESCAPE})

_HEADER: Final = ((2, "distinguishing bits"), (1, "no options"), (5, "final version 1"))


class Piece(msgspec.Struct, frozen=True):
    """Some bits with one meaning.

    ``offset`` and ``width`` count bits; offsets start at the header. ``event`` is one of the words above.
    ``path`` names the element or attribute as :class:`~exi.errors.ExiError` does. An event has a ``code``, and
    ``codes`` says how many there are in its place (the escape to the second level counts; None: of the second
    level). A value has ``value``, as JSON has it, and ``datatype``, in words.
    """

    offset: int
    width: int
    bits: str
    event: str
    path: str
    code: int | None = None
    codes: int | None = None
    value: Any = None
    datatype: str = ""


class Explanation(msgspec.Struct, frozen=True):
    """The account of a byte string.

    ``pieces`` cover every bit, in order. ``message`` is the value that the data stand for: the root's value,
    an Item for a fragment. Where the decoder refused the data it is None and ``fault`` is the error; the
    last piece is then what remains from that bit on.
    """

    data: bytes
    schema: MessageSet
    fragment: bool
    pieces: tuple[Piece, ...]
    message: Any
    fault: ExiError | None


def explain(
    data: bytes, schema: MessageSet, *, fragment: bool = False, profile: str | None = None
) -> Explanation:
    """Tell a document, or a fragment, bit by bit. Never raises for what the bytes are.

    ``profile`` is that of :func:`exi.decode`; ValueError where there is none of this name.
    """
    recorder = _Recorder(tables_for(schema, profile), data)
    message: Any = None
    fault: ExiError | None = None
    try:
        message = recorder.decode_fragment(data) if fragment else recorder.decode_document(data)
    except ExiError as error:
        fault = error
        recorder.stop(error)
    return Explanation(data, schema, fragment, tuple(recorder.pieces), message, fault)


class _Recorder(Decoder):
    """Decodes, and writes down the meaning of all bits it passes.

    Every step of the decoder that has a meaning of its own is overridden here; the bits read since the last
    piece are then the event code that led to it.
    """

    def __init__(self, tables: Tables, data: bytes) -> None:
        super().__init__(tables)
        self.values = self._codec = _Values(tables, self)
        self.pieces: list[Piece] = []
        self._data = data
        self._bits = "".join(f"{byte:08b}" for byte in data)
        self._steps: list[str] = []
        self._codes: list[int] = []
        self._numbers: list[Counter[QName]] = []
        self._any_name = False
        self._codes_after_text: int | None = None

    @property
    def _end(self) -> int:
        return self.pieces[-1].offset + self.pieces[-1].width if self.pieces else 0

    def add(
        self,
        end: int,
        event: str,
        *,
        codes: int | None = None,
        path: str | None = None,
        value: Any = None,
        datatype: str = "",
    ) -> None:
        """Add the piece from the end of the last one up to a bit; nothing where there is none."""
        start = self._end
        if end <= start:
            return
        bits = self._bits[start:end]
        code = int(bits, 2) if event in _EVENTS else None
        where = "".join(f"/{step}" for step in self._steps) if path is None else path
        self.pieces.append(Piece(start, end - start, bits, event, where, code, codes, value, datatype))

    def event(self, reader: BitReader, event: str, datatype: str = "") -> None:
        """Add the event code that was read last, if it has not been added yet."""
        self.add(reader.position, event, codes=self._codes[-1] if self._codes else None, datatype=datatype)

    def stop(self, fault: ExiError) -> None:
        """End the account at the bit where the decoder refused the data, and add what remains."""
        at = self._end if fault.bit_offset is None else fault.bit_offset
        while self.pieces and self.pieces[-1].offset >= at:
            self.pieces.pop()
        self.add(at, UNFINISHED, path=fault.path)
        self.add(len(self._bits), REST, path="")

    # Around the root

    def _open(self, data: bytes) -> BitReader:
        reader = super()._open(data)
        for width, meaning in _HEADER:
            self.add(self._end + width, HEADER, value=meaning)
        return reader

    def _root_production(self, reader: BitReader, state: int) -> Row:
        row = super()._root_production(reader, state)
        event, subject, *_ = row
        codes = len(self.states[state][0])
        if event == EV_END:
            self.add(reader.position, END_FRAGMENT, codes=codes)
        elif event in {EV_START, RELAXED_START}:
            element = subject if event == EV_START else self.candidates(subject)[0]
            kind = self._kind_of(element) if event == EV_START else ""
            self.add(reader.position, START, codes=codes, path=f"/{self.local(element)}", datatype=kind)
        else:
            self.add(reader.position, START_ANY, codes=codes)
        return row

    def _close(self, reader: BitReader) -> None:
        super()._close(reader)
        self.add(reader.size, PADDING)

    # Elements

    def _step(self, reader: BitReader, element: int, depth: int) -> Any:
        self._steps.append(self.local(element))
        self.event(reader, START, self._kind_of(element))
        value = super()._step(reader, element, depth)
        self._steps.pop()
        return value

    def _item(self, reader: BitReader, element: int, target: list[Any], mode: int, depth: int) -> None:
        name = self.name(element)
        if mode == CONTENT:
            self._numbers[-1][name] += 1
            self._steps.append(f"{name[0]}[{self._numbers[-1][name]}]")
        else:
            self._steps.append(f"{name[0]}[{len(target) + 1}]")
        if self._any_name:
            self._any_name = False
            self._add_name(reader, name)
        self.event(reader, START, self._kind_of(element))
        super()._item(reader, element, target, mode, depth)
        self._steps.pop()

    def _any(self, reader: BitReader, kind: int, wildcard: int, target: list[Any], depth: int) -> None:
        self._steps.append("*")
        self.event(reader, START_ANY)
        self._steps.pop()
        self._any_name = True
        super()._any(reader, kind, wildcard, target, depth)

    def _add_name(self, reader: BitReader, name: tuple[str, str]) -> None:
        """Add the name that a wildcard's element has by the string tables."""
        namespace = self._end + width_of(len(self.tables.uris) + 1)
        self.add(namespace, NAMESPACE, value=name[1], datatype="index of the URI table + 1")
        hit = BitReader(self._data, namespace)
        hit.unsigned()
        self.add(hit.position, NAME, value=0, datatype="0: a name of the string table")
        self.add(reader.position, NAME, value=name[0], datatype="index of the name table")

    def decode_type(self, reader: BitReader, kind: int, depth: int) -> XsdType:
        """Record the events of a type."""
        self._codes.append(self._codes_in(self.types[kind][0]))
        self._numbers.append(Counter())
        value = super().decode_type(reader, kind, depth)
        self.event(reader, END)
        self._numbers.pop()
        self._codes.pop()
        return value

    def next_state(self, state: int, following: int, count: int) -> tuple[int, int]:
        """Keep up with the state, which tells how many event codes there are."""
        result = super().next_state(state, following, count)
        self._codes[-1] = self._codes_in(result[0])
        return result

    def _codes_in(self, state: int) -> int:
        return len(self.states[state][0]) + 1

    def _simple(self, reader: BitReader, datatype: int) -> Any:
        self._codes.append(2)
        value = super()._simple(reader, datatype)
        self.event(reader, END)
        self._codes.pop()
        return value

    def _only_end(self, reader: BitReader, width: int, start: int) -> None:
        self.event(reader, ESCAPE)
        super()._only_end(reader, width, start)
        self.add(reader.position, END, value="", datatype="empty value")

    def _attribute(self, reader: BitReader, attribute: int) -> Any:
        self._steps.append(self.attribute_step(attribute))
        self.event(reader, ATTRIBUTE)
        value = super()._attribute(reader, attribute)
        self._steps.pop()
        return value

    # The element fragment grammar

    def _relaxed(self, reader: BitReader, candidates: tuple[int, ...]) -> tuple[int, Any]:
        self._steps.append(self.local(candidates[0]))
        self._codes.append(self._codes_in(self.tables.relaxed_start_state))
        self._codes_after_text = self._codes_in(self.tables.relaxed_content_state)
        found = super()._relaxed(reader, candidates)
        self._codes.pop()
        self._steps.pop()
        return found

    def _relaxed_content(self, reader: BitReader, candidates: tuple[int, ...]) -> tuple[int, Any]:
        found = super()._relaxed_content(reader, candidates)
        self.event(reader, END)
        return found

    # Values

    def begin_value(self, reader: BitReader) -> None:
        """Add the event code of text; that of an attribute has been added before."""
        if reader.position > self._end:
            self.event(reader, TEXT)
            self._codes[-1] = self._codes_after_text or self._codes[-1]

    def _kind_of(self, element: int) -> str:
        _, _, kind, _ = self.elements[element]
        return self._codec.described(-1 - kind) if kind < 0 else self.types[kind][1].__name__


class _Values(ValueCodec):
    """Reads values and tells the recorder where their parts are."""

    __slots__ = ("_recorder",)

    def __init__(self, tables: Tables, recorder: _Recorder) -> None:
        super().__init__(tables)
        self._recorder = recorder

    def read(self, reader: BitReader, datatype: int) -> Any:
        """Read a value and record its parts."""
        self._recorder.begin_value(reader)
        start = reader.position
        try:
            value = super().read(reader, datatype)
        except ExiError as error:
            if error.bit_offset is not None and error.bit_offset > start:
                self._add_length(reader.data, start, error.bit_offset, datatype)
            raise
        self._add_length(reader.data, start, reader.position, datatype)
        self._recorder.add(
            reader.position,
            VALUE,
            value=json_value(self, value, datatype),
            datatype=self.described(datatype),
        )
        return value

    def _add_length(self, data: bytes, start: int, end: int, datatype: int) -> None:
        """Add the length of a string or binary, if all of it is there."""
        representation = self._rows[datatype][0]
        if representation not in {Representation.STRING, Representation.BINARY}:
            return
        reader = BitReader(data, start)
        with suppress(ExiError):
            length = reader.unsigned()
            if reader.position <= end:
                more = STRING_CODES if representation == Representation.STRING else 0
                note = "unsigned integer, length + 2" if more else "unsigned integer"
                self._recorder.add(reader.position, LENGTH, value=length - more, datatype=note)

    def described(self, datatype: int) -> str:
        """Return a datatype in words."""
        representation, radix, flags, minimum, maximum, shortest, longest, enumeration = self._rows[datatype]
        match representation:
            case Representation.BOOLEAN:
                return "boolean"
            case Representation.ENUMERATION:
                members = self._enumerations[enumeration]
                return f"{type(members[0]).__name__}, {len(members)} values"
            case Representation.STRING:
                return "string" + _length_in_words(shortest, longest)
            case Representation.BINARY:
                return ("hexBinary" if radix == 16 else "base64Binary") + _length_in_words(shortest, longest)
        name = "unsigned integer" if representation == Representation.UNSIGNED else "integer"
        if flags == HAS_MINIMUM | HAS_MAXIMUM:
            return f"{name}, {minimum} to {maximum}"
        if flags & HAS_MINIMUM:
            return f"{name}, at least {minimum}"
        return f"{name}, at most {maximum}" if flags else name


def _length_in_words(shortest: int, longest: int) -> str:
    if shortest == longest:
        return f", length {shortest}"
    if longest < 0:
        return f", length at least {shortest}" if shortest else ""
    return f", length {shortest} to {longest}" if shortest else f", length at most {longest}"
