"""Reading and writing at any bit offset; values of the built-in datatype representations [EXI 7.1]."""

from typing import Final

from exi.errors import ExiError

MAX_INTEGER_GROUPS: Final = 586
"""Most 7-bit groups of one unbounded integer: 4096 bits, far above any certificate's serial number."""

MAX_INTEGER_BITS: Final = MAX_INTEGER_GROUPS * 7


class BitReader:
    """Reads a byte string from a bit position on. Raises ExiError where the data end early."""

    __slots__ = ("data", "position", "size")

    def __init__(self, data: bytes, position: int = 0) -> None:
        self.data = data
        self.position = position
        self.size = len(data) * 8

    def bits(self, width: int) -> int:
        """Read an unsigned integer of ``width`` bits."""
        start = self.position
        end = start + width
        if end > self.size:
            raise ExiError(f"the data end inside a value of {width} bits", "", start)
        self.position = end
        window = int.from_bytes(self.data[start >> 3 : (end + 7) >> 3], "big")
        return (window >> (-end & 7)) & ((1 << width) - 1)

    def unsigned(self, max_groups: int = MAX_INTEGER_GROUPS) -> int:
        """Read an Unsigned Integer: groups of seven bits, the lowest first."""
        start = self.position
        value = shift = 0
        for _ in range(max_groups):
            group = self.bits(8)
            value |= (group & 0x7F) << shift
            if group < 0x80:
                return value
            shift += 7
        raise ExiError(f"an integer longer than {max_groups * 7} bits", "", start)

    def characters(self, count: int) -> str:
        """Read ``count`` code points."""
        start = self.position
        if count * 8 > self.size - start:
            raise ExiError(f"a string of {count} characters is longer than the data", "", start)
        octets = self.octets(count)
        if octets.isascii():
            return octets.decode("ascii")
        self.position = start
        characters: list[str] = []
        for _ in range(count):
            at = self.position
            code = self.unsigned(3)
            if code > 0x10FFFF or 0xD800 <= code < 0xE000:
                raise ExiError(f"{code:#x} is not a character", "", at)
            characters.append(chr(code))
        return "".join(characters)

    def octets(self, count: int) -> bytes:
        """Read ``count`` bytes."""
        start = self.position
        if count * 8 > self.size - start:
            raise ExiError(f"a value of {count} bytes is longer than the data", "", start)
        return self.bits(count * 8).to_bytes(count, "big")


class BitWriter:
    """Collects bits. Whole bytes leave the accumulator early, so that cost stays linear."""

    __slots__ = ("_accumulator", "_done", "_width")

    def __init__(self) -> None:
        self._accumulator = 0
        self._width = 0
        self._done = bytearray()

    def bits(self, value: int, width: int) -> None:
        """Write an unsigned integer of ``width`` bits."""
        self._accumulator = self._accumulator << width | value
        self._width += width
        if self._width >= 512:
            rest = self._width & 7
            self._done += (self._accumulator >> rest).to_bytes(self._width >> 3, "big")
            self._accumulator &= (1 << rest) - 1
            self._width = rest

    def unsigned(self, value: int) -> None:
        """Write an Unsigned Integer."""
        while value >= 0x80:
            self.bits(value & 0x7F | 0x80, 8)
            value >>= 7
        self.bits(value, 8)

    def characters(self, text: str) -> None:
        """Write the code points of a string, without its length."""
        if text.isascii():
            self.octets(text.encode("ascii"))
        else:
            for character in text:
                self.unsigned(ord(character))

    def octets(self, data: bytes) -> None:
        """Write bytes, without their number."""
        self.bits(int.from_bytes(data, "big"), len(data) * 8)

    def taken(self) -> int:
        """Return what was written as one integer with a 1 in front."""
        done = int.from_bytes(b"\1" + self._done, "big")
        return done << self._width | self._accumulator

    def finish(self) -> bytes:
        """Return what was written, the last byte padded with zeros."""
        padding = -self._width & 7
        last = (self._accumulator << padding).to_bytes((self._width + padding) >> 3, "big")
        return bytes(self._done) + last
