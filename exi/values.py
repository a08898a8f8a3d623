"""Simple values by their datatype row: read, written, and held against their facets in both directions."""

import re
from binascii import a2b_base64, b2a_base64
from typing import Any, Final

from exi.bits import BitReader, BitWriter
from exi.errors import ExiError
from exi.tables import DATATYPE, HAS_MAXIMUM, HAS_MINIMUM, Representation, Tables

STRING_CODES: Final = 2
"""A string's length is written plus two: 0 and 1 stand for hits in a value table, which is always empty."""

_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}
_INTEGER_TEXT: Final = re.compile(r"[+-]?[0-9]{1,1300}")


class ValueCodec:
    """Reads and writes the simple values of one message set.

    ``codes`` has for each enumeration the codes of its members.
    """

    __slots__ = ("_enumerations", "_groups", "_rows", "_tables", "codes")

    def __init__(self, tables: Tables) -> None:
        rows = tables.datatypes
        self._rows = [rows[start : start + DATATYPE] for start in range(0, len(rows), DATATYPE)]
        self._tables = tables
        self._groups = [_groups(row[2], row[3], row[4], tables.longest_integer) for row in self._rows]
        self._enumerations = tables.enumerations
        self.codes = [{member: code for code, member in enumerate(e)} for e in tables.enumerations]

    def read(self, reader: BitReader, datatype: int) -> Any:
        """Read one value and check its facets. Raises ExiError."""
        representation, width, _, minimum, maximum, _, _, enumeration = self._rows[datatype]
        start = reader.position
        value: Any
        match representation:
            case Representation.BOOLEAN:
                return reader.bits(1) == 1
            case Representation.ENUMERATION:
                code = reader.bits(width)
                if code > maximum:
                    raise ExiError(
                        f"{code} is not the code of an enumeration value (at most {maximum})", "", start
                    )
                return self._enumerations[enumeration][code]
            case Representation.OFFSET:
                value = reader.bits(width) + minimum
            case Representation.UNSIGNED:
                value = reader.unsigned(self._groups[datatype])
            case Representation.SIGNED:
                negative = reader.bits(1)
                value = reader.unsigned(self._groups[datatype])
                value = -value - 1 if negative else value
            case Representation.STRING:
                return self._read_string(reader, datatype)
            case _:
                count = reader.unsigned(5)
                self.check_length(count, datatype, start)
                return reader.octets(count)
        self.check_range(value, datatype, start)
        return value

    def _read_string(self, reader: BitReader, datatype: int) -> str:
        start = reader.position
        code = reader.unsigned(5)
        if code < STRING_CODES:
            raise ExiError("a hit in a string value table, but value tables are off", "", start)
        self.check_length(code - STRING_CODES, datatype, start)
        origin = reader.position
        text = reader.characters(code - STRING_CODES)
        if self._tables.ascii_only and reader.position - origin > 8 * len(text):
            raise ExiError(f"{self._tables.profile} knows ASCII characters only", "", origin)
        return text

    def empty(self, datatype: int, start: int | None) -> Any:
        """Return the value of an element without content. Raises ExiError where there is none."""
        if self._tables.empty_as_text:
            raise ExiError(f"{self._tables.profile} knows no escape to an empty value", "", start)
        representation = self._rows[datatype][0]
        if representation not in {Representation.STRING, Representation.BINARY}:
            raise ExiError("the element is empty, but its type has no empty value", "", start)
        self.check_length(0, datatype, start)
        return "" if representation == Representation.STRING else b""

    def is_empty(self, value: Any) -> bool:
        """Tell whether a value is written as an element without content."""
        return isinstance(value, str | bytes | bytearray) and not value and not self._tables.empty_as_text

    def check(self, value: Any, datatype: int) -> None:
        """Raise ExiError for a value of the wrong type or outside its facets."""
        self.write(BitWriter(), datatype, value)

    def write(self, writer: BitWriter, datatype: int, value: Any) -> None:
        """Check a value's type and facets and write it. Raises ExiError."""
        representation, width, _, minimum, _, _, _, enumeration = self._rows[datatype]
        match representation:
            case Representation.BOOLEAN:
                writer.bits(self._boolean(value), 1)
            case Representation.ENUMERATION:
                writer.bits(self._enumeration_code(value, enumeration), width)
            case Representation.OFFSET:
                writer.bits(self._integer(value, datatype) - minimum, width)
            case Representation.UNSIGNED:
                writer.unsigned(self._integer(value, datatype))
            case Representation.SIGNED:
                number = self._integer(value, datatype)
                writer.bits(int(number < 0), 1)
                writer.unsigned(-number - 1 if number < 0 else number)
            case Representation.STRING:
                self.check_string(value, datatype)
                writer.unsigned(len(value) + STRING_CODES)
                writer.characters(value)
            case _:
                if not isinstance(value, bytes | bytearray):
                    raise ExiError(f"{type(value).__name__} where bytes belong")
                self.check_length(len(value), datatype, None)
                writer.unsigned(len(value))
                writer.octets(bytes(value))

    def parse(self, text: str, datatype: int, start: int | None) -> Any:
        """Return the value of a datatype whose text is given. Raises ExiError."""
        representation, radix, *_, enumeration = self._rows[datatype]
        if representation == Representation.STRING:
            self.check_length(len(text), datatype, start)
            return text
        word = text.strip(" \t\r\n")
        match representation:
            case Representation.BOOLEAN:
                if word in _BOOLEANS:
                    return _BOOLEANS[word]
            case Representation.ENUMERATION:
                for member in self._enumerations[enumeration]:
                    if member.value == text:
                        return member
            case Representation.BINARY:
                return self._parse_binary(word, radix, datatype, start)
            case _:
                if _INTEGER_TEXT.fullmatch(word):
                    value = int(word)
                    self.check_range(value, datatype, start)
                    return value
        raise ExiError(f"{text!r:.80} is no {Representation(representation).name.lower()}", "", start)

    def _parse_binary(self, text: str, radix: int, datatype: int, start: int | None) -> bytes:
        try:
            value = (
                bytes.fromhex(text) if radix == 16 else a2b_base64("".join(text.split()), strict_mode=True)
            )
        except ValueError:
            raise ExiError(f"{text!r:.80} is no base{radix} text", "", start) from None
        self.check_length(len(value), datatype, start)
        return value

    def format(self, value: Any, datatype: int) -> str:
        """Check a value as :meth:`write` does and return its text. Raises ExiError."""
        self.check(value, datatype)
        representation, radix, *_, enumeration = self._rows[datatype]
        match representation:
            case Representation.BOOLEAN:
                return "true" if value else "false"
            case Representation.ENUMERATION:
                return str(self._enumerations[enumeration][self.codes[enumeration][value]].value)
            case Representation.STRING:
                return str(value)
            case Representation.BINARY:
                return (
                    bytes(value).hex().upper()
                    if radix == 16
                    else b2a_base64(value, newline=False).decode("ascii")
                )
            case _:
                return str(int(value))

    def _boolean(self, value: Any) -> bool:
        if value is True or value is False:
            return value
        raise ExiError(f"{type(value).__name__} where a boolean belongs")

    def _enumeration_code(self, value: Any, enumeration: int) -> int:
        try:
            return self.codes[enumeration][value]
        except (KeyError, TypeError):
            name = type(self._enumerations[enumeration][0]).__name__
            raise ExiError(f"{value!r:.80} is not a value of {name}") from None

    def _integer(self, value: Any, datatype: int) -> int:
        if not isinstance(value, int):
            raise ExiError(f"{type(value).__name__} where an integer belongs")
        self.check_range(value, datatype, None)
        return value

    def check_range(self, value: int, datatype: int, start: int | None) -> None:
        """Raise ExiError for an integer outside its facets."""
        if value.bit_length() > self._tables.longest_integer:
            raise ExiError(f"an integer longer than {self._tables.longest_integer} bits", "", start)
        _, _, flags, minimum, maximum, *_ = self._rows[datatype]
        if flags & HAS_MINIMUM and value < minimum:
            raise ExiError(f"{value:d} is below the minimum {minimum}", "", start)
        if flags & HAS_MAXIMUM and value > maximum:
            raise ExiError(f"{value:d} is above the maximum {maximum}", "", start)

    def check_length(self, length: int, datatype: int, start: int | None) -> None:
        """Raise ExiError for a string or binary that is too short or too long."""
        *_, shortest, longest, _ = self._rows[datatype]
        if length < shortest:
            raise ExiError(f"length {length} is below the minimum {shortest}", "", start)
        if 0 <= longest < length:
            raise ExiError(f"length {length} is above the maximum {longest}", "", start)

    def check_string(self, value: Any, datatype: int) -> None:
        """Raise ExiError for what is not a string, holds a surrogate, or has the wrong length."""
        if not isinstance(value, str):
            raise ExiError(f"{type(value).__name__} where a string belongs")
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise ExiError("a lone surrogate is not a character")
        if self._tables.ascii_only and not value.isascii():
            raise ExiError(f"{self._tables.profile} knows ASCII characters only")
        self.check_length(len(value), datatype, None)


def _groups(flags: int, minimum: int, maximum: int, longest: int) -> int:
    """Return how many 7-bit groups an integer may have: those of 64 bits, more where its bounds are wider."""
    if flags == HAS_MINIMUM | HAS_MAXIMUM:
        return max(10, (max(maximum.bit_length(), minimum.bit_length()) + 6) // 7)
    return longest // 7
