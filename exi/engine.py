"""The Python engine of one message set: plans for what is usual, the decoder and encoder for everything else."""

from functools import cached_property
from typing import Any, Final

from exi.decoder import HEADER, Decoder
from exi.encoder import Encoder
from exi.errors import ExiError
from exi.plan_source import PADDING, Slow
from exi.plans import WARM_UP, DecodePlans, EncodePlans
from exi.schema import Item, XsdType
from exi.tables import RELAXED_START, Tables
from exi.walk import EV_START

_UNDECODED: Final = (Slow, ExiError, ValueError, IndexError)
"""What a decoding plan raises for what it does not cover; the decoder then finds out what it is."""

_UNENCODED: Final = (Slow, ExiError, AttributeError, TypeError, ValueError, KeyError)
"""What an encoding plan raises for what it does not cover, such as a value of the wrong type."""

_Head = tuple[int, int]
"""Header and event code of the root as one number, and the root's type."""


class Engine:
    """Encodes and decodes the documents and fragments of one message set.

    ``warm_up`` is how often a type is walked before it gets a plan; with 0 plans are made at once.
    """

    def __init__(self, tables: Tables, warm_up: int = WARM_UP) -> None:
        self.tables = tables
        self.decoder = Decoder(tables)
        self.encoder = Encoder(tables)
        self._decode = DecodePlans(self.decoder, warm_up)
        self._encode = EncodePlans(self.encoder, warm_up)

    def decode_document(self, data: bytes) -> XsdType | Item:
        """Return the root element's value: see :func:`exi.decode`. Raises ExiError."""
        try:
            element, position, padded = self._root(data, *self._document_root)
            value: XsdType
            value, position = self._decode[self.decoder.elements[element][2]](padded, position)
            _check_end(data, position)
        except _UNDECODED:
            return self.decoder.decode_document(data)
        return value

    def decode_fragment(self, data: bytes) -> Item:
        """Return a fragment's only element: its name and its value. Raises ExiError."""
        try:
            root, width = self._fragment_root
            element, position, padded = self._root(data, root, width)
            value, position = self._decode[self.decoder.elements[element][2]](padded, position)
            if _bits(padded, position, width) != len(root) - 1:
                raise Slow
            _check_end(data, position + width)
        except _UNDECODED:
            return self.decoder.decode_fragment(data)
        return Item(*self.decoder.name(element), value)

    def encode_document(self, message: XsdType | Item) -> bytes:
        """Return the document whose root element has the value's class, or an Item's name. Raises ExiError."""
        try:
            head, kind = self._document_heads[message.__class__]
            bits = self._encode[kind](message)
        except _UNENCODED:
            return self.encoder.encode_document(message)
        return _packed((head - 1 << bits.bit_length() - 1) + bits)

    def encode_fragment(self, value: Any, name: str | None = None, uri: str | None = None) -> bytes:
        """Return the fragment of one element; name and namespace may be left to the class. Raises ExiError."""
        try:
            head, kind = self._fragment_heads[name, uri, value.__class__]
            bits = self._encode[kind](value)
        except _UNENCODED:
            return self.encoder.encode_fragment(value, name, uri)
        root, width = self._fragment_root
        return _packed((head - 1 << bits.bit_length() - 1) + bits << width | len(root) - 1)

    def _root(self, data: bytes, elements: tuple[int, ...], width: int) -> tuple[int, int, bytes]:
        """Return the root element, the position behind its event code, and the data with their padding."""
        padded = data + PADDING
        element = elements[_bits(padded, 8, width)]
        if padded[0] != HEADER or element < 0:
            raise Slow
        return element, 8 + width, padded

    @cached_property
    def _document_root(self) -> tuple[tuple[int, ...], int]:
        """The elements that a document may start with, by event code, and the width of that code."""
        elements, width = self._root_elements(self.tables.document_state)
        return tuple(
            element if element >= 0 and self.decoder.names_root(element) else -1 for element in elements
        ), width

    @cached_property
    def _fragment_root(self) -> tuple[tuple[int, ...], int]:
        """The elements that a fragment may start with, by event code, and the width of that code."""
        return self._root_elements(self.tables.fragment_state)

    def _root_elements(self, state: int) -> tuple[tuple[int, ...], int]:
        productions, width, _, _ = self.decoder.states[state]
        return tuple(
            row[1] if row[0] == EV_START and self._planned(row[1]) else -1 for row in productions
        ), width

    def _planned(self, element: int) -> bool:
        _, _, kind, refusal = self.decoder.elements[element]
        return kind >= 0 and not refusal

    @cached_property
    def _document_heads(self) -> dict[type, _Head]:
        """How the document of each class starts."""
        _, width = self._document_root
        return {
            cls: (HEADER << width | code, self.decoder.elements[element][2])
            for cls, (code, element) in self.decoder.documents.items()
        }

    @cached_property
    def _fragment_heads(self) -> dict[tuple[str | None, str | None, type], _Head]:
        """How the fragment of each class starts, by all that may be said of its element's name."""
        found: dict[tuple[str | None, str | None, type], _Head | None] = {}
        productions, width, _, _ = self.encoder.states[self.tables.fragment_state]
        for code, (event, subject, _, _) in enumerate(productions):
            if event not in {EV_START, RELAXED_START}:
                continue
            candidates = (subject,) if event == EV_START else self.encoder.candidates(subject)
            for element in filter(self._planned, candidates):
                kind = self.encoder.elements[element][2]
                cls = self.encoder.types[kind][1]
                local, uri = self.encoder.name(element)
                head = (HEADER << width | code, kind) if event == EV_START else None
                for key in ((None, None, cls), (local, None, cls), (None, uri, cls), (local, uri, cls)):
                    found.setdefault(key, head)
        return {key: head for key, head in found.items() if head is not None}


def _bits(padded: bytes, position: int, width: int) -> int:
    """Return a top-level event code of at most 25 bits."""
    start = position >> 3
    window = int.from_bytes(padded[start : start + 4], "big")
    return window >> (32 - width - (position & 7)) & ((1 << width) - 1)


def _check_end(data: bytes, position: int) -> None:
    """Leave what does not end with zero bits in the last byte to the decoder."""
    if (position + 7) >> 3 != len(data) or data[-1] & ((1 << (-position & 7)) - 1):
        raise Slow


def _packed(bits: int) -> bytes:
    """Return bits, of which the header's first is set, as bytes, the last one padded with zeros."""
    width = bits.bit_length()
    return (bits << (-width & 7)).to_bytes((width + 7) >> 3, "big")
