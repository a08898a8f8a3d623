"""A small pcapng reader for tests, independent of the writer."""

import struct
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Block:
    kind: int
    body: bytes


@dataclass
class Segment:
    """A TCP or UDP packet: addresses as bytes, and what it carries."""

    source: tuple[bytes, int]
    destination: tuple[bytes, int]
    protocol: int
    flags: int
    sequence: int
    acknowledged: int
    payload: bytes
    microseconds: int
    comment: str = ""


@dataclass
class File:
    blocks: list[Block] = field(default_factory=list)

    def segments(self) -> list[Segment]:
        return [parse(block.body) for block in self.blocks if block.kind == 6]


def read(path: Path) -> File:
    """Read all complete blocks."""
    data = path.read_bytes()
    blocks = []
    place = 0
    while place + 12 <= len(data):
        kind, length = struct.unpack_from("<II", data, place)
        if place + length > len(data):
            break
        assert length % 4 == 0
        assert struct.unpack_from("<I", data, place + length - 4) == (length,)
        blocks.append(Block(kind, data[place + 8 : place + length - 4]))
        place += length
    return File(blocks)


def checksum_is_right(data: bytes) -> bool:
    """Whether the one's-complement sum of all words, checksum included, is all ones."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total == 0xFFFF


def parse(body: bytes) -> Segment:
    """Take an enhanced packet block apart, checking lengths and checksums on the way."""
    _, high, low, captured, original = struct.unpack_from("<IIIII", body)
    assert captured == original
    packet = body[20 : 20 + captured]
    options = body[20 + captured + (-captured % 4) :]
    comment = ""
    if options:
        code, length = struct.unpack_from("<HH", options)
        comment = options[4 : 4 + length].decode() if code == 1 else ""
    kind, ip = packet[12:14], packet[14:]
    if kind == b"\x86\xdd":
        size, protocol = struct.unpack_from(">HB", ip, 4)
        ends, segment = ip[8:40], ip[40:]
        assert size == len(segment)
    else:
        assert kind == b"\x08\x00"
        assert checksum_is_right(ip[:20])
        assert struct.unpack_from(">H", ip, 2) == (len(ip),)
        protocol, ends, segment = ip[9], ip[12:20], ip[20:]
    assert checksum_is_right(ends + struct.pack(">II", len(segment), protocol) + segment)
    half = len(ends) // 2
    source_port, destination_port = struct.unpack_from(">HH", segment)
    flags = sequence = acknowledged = 0
    header = 8
    if protocol == 6:
        sequence, acknowledged, header, flags = struct.unpack_from(">IIBB", segment, 4)
        header = header >> 4 << 2
    else:
        assert struct.unpack_from(">H", segment, 4) == (len(segment),)
    return Segment(
        (ends[:half], source_port),
        (ends[half:], destination_port),
        protocol,
        flags,
        sequence,
        acknowledged,
        segment[header:],
        (high << 32) | low,
        comment,
    )
