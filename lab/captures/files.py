"""pcap and pcapng files as a stream of packets, secrets and remarks.

Both byte orders, microseconds and nanoseconds, several interfaces and sections. One block is held at a time, and its
length is judged before a byte of it is read. A file that ends or breaks in the middle gives everything before that
place and a :class:`Remark`; only a file that is no capture from its first bytes on raises :class:`CaptureFileError`.

Times are float seconds since 1970, which hold microseconds; nanoseconds are rounded to them.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

PACKET_LIMIT: Final = 1 << 20
"""Largest block with a packet, in bytes: four times what any capturing program takes."""
SECRETS_LIMIT: Final = 16 << 20
"""Largest block of secrets, in bytes."""
INTERFACE_LIMIT: Final = 1024
"""Largest number of interfaces of one section."""

_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET, _SECRETS = 0x0A0D0D0A, 1, 2, 3, 6, 10
_TLS_KEY_LOG = 0x544C534B
_TSRESOL, _TSOFFSET = 9, 14
_PCAP_MAGICS: Final = {
    b"\xa1\xb2\xc3\xd4": (">", 1e-6),
    b"\xd4\xc3\xb2\xa1": ("<", 1e-6),
    b"\xa1\xb2\x3c\x4d": (">", 1e-9),
    b"\x4d\x3c\xb2\xa1": ("<", 1e-9),
}
_STRANGERS: Final = {
    b"\x1f\x8b": "it is compressed with gzip: unpack it first",
    b"PK": "it is a zip archive: unpack it first",
    b"\xfd7zXZ": "it is compressed with xz: unpack it first",
    b"\x28\xb5\x2f\xfd": "it is compressed with zstd: unpack it first",
}


class CaptureFileError(Exception):
    """A file that cannot be read as a capture; ``reason`` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Packet:
    """One captured packet: ``t`` in seconds since 1970, the link type's number, and the bytes as captured."""

    t: float
    link_type: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Secrets:
    """TLS keys in the file, as NSS key log lines."""

    lines: bytes


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about the file that whoever reads the result should know."""

    text: str


Item = Packet | Secrets | Remark


def open_items(path: Path) -> Iterator[Item]:
    """Read a file from its beginning; raises OSError and :class:`CaptureFileError`."""
    with path.open("rb") as stream:
        yield from read_items(stream)


def open_secrets(path: Path) -> Iterator[Secrets]:
    """Read only the keys in a file. They may stand behind the packets that they open."""
    with path.open("rb") as stream:
        for item in read_items(stream, packets=False):
            if isinstance(item, Secrets):
                yield item


def read_items(stream: BinaryIO, *, packets: bool = True) -> Iterator[Item]:
    """Read a capture of either format; ``packets`` False skips them unread. Raises :class:`CaptureFileError`."""
    magic = stream.read(4)
    if magic == b"\x0a\x0d\x0d\x0a":
        yield from _Pcapng(stream, packets=packets).items()
    elif magic in _PCAP_MAGICS:
        if packets:
            yield from _pcap(stream, *_PCAP_MAGICS[magic])
    elif not magic:
        raise CaptureFileError("the file is empty")
    else:
        reason = next((why for start, why in _STRANGERS.items() if magic.startswith(start[:4])), None)
        raise CaptureFileError(reason or f"it begins with {magic.hex(' ')}, which is neither pcap nor pcapng")


def _pcap(stream: BinaryIO, order: str, unit: float) -> Iterator[Item]:
    header = stream.read(20)
    if len(header) < 20:
        raise CaptureFileError("the file ends inside its header")
    link_type = struct.unpack(f"{order}HHiIII", header)[5] & 0xFFFF
    record = struct.Struct(f"{order}IIII")
    for number in _count():
        head = stream.read(16)
        if not head:
            return
        if len(head) < 16:
            yield Remark(f"the file ends inside packet {number}: what stands before it was read")
            return
        seconds, fraction, length, _ = record.unpack(head)
        if length > PACKET_LIMIT:
            yield Remark(
                f"packet {number} claims {length} bytes: the file is damaged, what follows is not read"
            )
            return
        data = stream.read(length)
        yield Packet(seconds + fraction * unit, link_type, data)
        if len(data) < length:
            yield Remark(f"the file ends inside packet {number}: what stands before it was read")
            return


def _count() -> Iterator[int]:
    number = 0
    while True:
        number += 1
        yield number


@dataclass(slots=True)
class _Interface:
    link_type: int
    unit: float = 1e-6
    offset: int = 0


class _DamageError(Exception):
    """The file cannot be read any further; the message says why."""


@dataclass(slots=True)
class _Pcapng:
    """Reads the blocks of a pcapng file; the first four bytes have been read."""

    stream: BinaryIO
    packets: bool
    order: str = "<"
    interfaces: list[_Interface] = field(default_factory=list)
    last_t: float = 0.0

    def items(self) -> Iterator[Item]:
        self._section(first=True)
        while kind_bytes := self.stream.read(4):
            try:
                item = self._block(kind_bytes)
            except _DamageError as damage:
                yield Remark(f"{damage}: what stands before that was read")
                return
            if item is not None:
                yield item

    def _block(self, kind_bytes: bytes) -> Item | None:
        if kind_bytes == b"\x0a\x0d\x0d\x0a":
            self._section(first=False)
            return None
        kind, length = struct.unpack(f"{self.order}II", self._exactly(kind_bytes, 8))
        if length < 12 or length % 4:
            raise _DamageError(f"a block claims {length} bytes, which cannot be")
        wanted = kind in {_INTERFACE, _SECRETS} or (
            self.packets and kind in {_PACKET, _SIMPLE_PACKET, _OLD_PACKET}
        )
        if not wanted:
            self._skip(length - 8)
            return None
        limit = SECRETS_LIMIT if kind == _SECRETS else PACKET_LIMIT
        if length > limit:
            raise _DamageError(f"a block claims {length} bytes, where at most {limit} can be")
        body = self._exactly(b"", length - 8)[:-4]
        try:
            return self._content(kind, body)
        except (struct.error, IndexError) as error:
            raise _DamageError(f"block of type {kind} is too short ({len(body)} bytes)") from error

    def _section(self, *, first: bool) -> None:
        """Take a section header, which decides the byte order; interfaces count from 0 again."""
        head = self.stream.read(8)
        order = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}.get(head[4:])
        length = struct.unpack(f"{order}I", head[:4])[0] if order else 0
        if order is None or length < 28 or length % 4:
            reason = "the file's section header cannot be read"
            raise CaptureFileError(reason) if first else _DamageError(reason)
        self.order, self.interfaces = order, []
        try:
            self._skip(length - 12)
        except _DamageError as damage:
            if first:
                raise CaptureFileError("the file ends inside its header") from damage
            raise

    def _content(self, kind: int, body: bytes) -> Item | None:
        order = self.order
        if kind == _INTERFACE:
            if len(self.interfaces) >= INTERFACE_LIMIT:
                raise _DamageError(f"more than {INTERFACE_LIMIT} interfaces")
            self.interfaces.append(self._interface(body))
            return None
        if kind == _SECRETS:
            secrets_type, length = struct.unpack_from(f"{order}II", body)
            return Secrets(body[8 : 8 + length]) if secrets_type == _TLS_KEY_LOG else None
        if kind == _SIMPLE_PACKET:
            (whole,) = struct.unpack_from(f"{order}I", body)
            return Packet(self.last_t, self._at(0).link_type, body[4 : 4 + whole])
        if kind == _PACKET:
            number, high, low, length, _ = struct.unpack_from(f"{order}IIIII", body)
        else:
            number, _, high, low, length, _ = struct.unpack_from(f"{order}HHIIII", body)
        if length > len(body) - 20:
            raise _DamageError(f"a packet claims {length} bytes in a block of {len(body)}")
        interface = self._at(number)
        self.last_t = (high << 32 | low) * interface.unit + interface.offset
        return Packet(self.last_t, interface.link_type, body[20 : 20 + length])

    def _at(self, number: int) -> _Interface:
        if number >= len(self.interfaces):
            raise _DamageError(f"a packet of interface {number}, which the file does not describe")
        return self.interfaces[number]

    def _interface(self, body: bytes) -> _Interface:
        (link_type,) = struct.unpack_from(f"{self.order}H", body)
        interface, place = _Interface(link_type), 8
        while place + 4 <= len(body):
            code, length = struct.unpack_from(f"{self.order}HH", body, place)
            value = body[place + 4 : place + 4 + length]
            place += 4 + length + -length % 4
            if code == 0:
                break
            if code == _TSRESOL and value:
                exponent = value[0] & 0x7F
                interface.unit = 2.0**-exponent if value[0] & 0x80 else 10.0**-exponent
            elif code == _TSOFFSET and len(value) == 8:
                (interface.offset,) = struct.unpack(f"{self.order}q", value)
        return interface

    def _exactly(self, begun: bytes, length: int) -> bytes:
        data = begun + self.stream.read(length - len(begun))
        if len(data) < length:
            raise _DamageError("the file ends inside a block")
        return data

    def _skip(self, length: int) -> None:
        while length:
            piece = self.stream.read(min(length, 65_536))
            if not piece:
                raise _DamageError("the file ends inside a block")
            length -= len(piece)
