"""Capture files made by hand."""

import struct
from collections.abc import Sequence

ETHERNET = 1


def pcap(
    packets: Sequence[tuple[float, bytes]], order: str = "<", *, nano: bool = False, link: int = 1
) -> bytes:
    unit = 1_000_000_000 if nano else 1_000_000
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    data = struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 262_144, link)
    for t, packet in packets:
        whole, fraction = divmod(round(t * unit), unit)
        data += struct.pack(f"{order}IIII", whole, fraction, len(packet), len(packet)) + packet
    return data


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    length = struct.pack(f"{order}I", 12 + len(body))
    return struct.pack(f"{order}I", kind) + length + body + length


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def option(code: int, value: bytes, order: str = "<") -> bytes:
    return struct.pack(f"{order}HH", code, len(value)) + value + bytes(-len(value) % 4)


def interface(order: str = "<", *, link: int = 1, resolution: int = 6, offset: int = 0) -> bytes:
    options = option(9, bytes([resolution]), order) + option(14, struct.pack(f"{order}q", offset), order)
    return block(1, struct.pack(f"{order}HHI", link, 0, 0) + options + bytes(4), order)


def enhanced(ticks: int, packet: bytes, order: str = "<", *, number: int = 0) -> bytes:
    head = struct.pack(f"{order}IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(packet), len(packet))
    return block(6, head + packet, order)


def secrets(lines: bytes, order: str = "<") -> bytes:
    return block(10, struct.pack(f"{order}II", 0x544C534B, len(lines)) + lines, order)
