"""A capture file that Wireshark and tshark open: pcapng, with the TLS keys inside.

The program has byte streams, not packets, so :class:`Capture` makes up the packets around them: Ethernet,
IPv6 or IPv4, and TCP with handshake, segments, acknowledgements and checksums that add up, or UDP. Times are
those at which the bytes passed, in microseconds. No rights are needed, unlike for a real capture.

Each block is written with one call, so the file is readable whenever the process dies. When the disk is
full, the capture ends with one warning and the session goes on.
"""

import logging
import os
import struct
import zlib
from collections.abc import Callable
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Final

from v2g.endpoint import Endpoint

_log = logging.getLogger(__name__)

_SECTION_HEADER: Final = 0x0A0D0D0A
_INTERFACE: Final = 1
_ENHANCED_PACKET: Final = 6
_DECRYPTION_SECRETS: Final = 10
_TLS_KEY_LOG: Final = 0x544C534B
_BYTE_ORDER_MAGIC: Final = 0x1A2B3C4D
_ETHERNET: Final = 1
_OPT_COMMENT, _SHB_USERAPPL, _IF_NAME, _IF_TSRESOL, _EPB_FLAGS = 1, 4, 2, 9, 2

_FIN, _SYN, _RST, _PSH, _ACK = 0x01, 0x02, 0x04, 0x08, 0x10
_TCP, _UDP = 6, 17
_WINDOW = 0xFFFF
_HELD_LIMIT = 256 * 1024

Address = IPv4Address | IPv6Address


class Capture:
    """One pcapng file, which any number of connections of a process write to.

    OSError is raised on opening only. ``interface`` is the name that Wireshark shows.
    """

    def __init__(self, path: Path | str, *, interface: str = "pnclab", application: str = "PnC Lab") -> None:
        self.path = Path(path)
        self._fd: int | None = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        header = struct.pack("<IHHq", _BYTE_ORDER_MAGIC, 1, 0, -1)
        self._write(_block(_SECTION_HEADER, header + _options((_SHB_USERAPPL, application.encode()))))
        description = struct.pack("<HHI", _ETHERNET, 0, 0)
        options = _options((_IF_NAME, interface.encode()), (_IF_TSRESOL, b"\x06"))
        self._write(_block(_INTERFACE, description + options))

    def add_secrets(self, key_log_lines: bytes) -> None:
        """Write a decryption secrets block; ``key_log_lines`` is in the NSS key log format."""
        body = struct.pack("<II", _TLS_KEY_LOG, len(key_log_lines)) + _padded(key_log_lines)
        self._write(_block(_DECRYPTION_SECRETS, body))

    def open_tcp(
        self, local: str, peer: str, at: datetime, *, outgoing: bool, comment: str | None = None
    ) -> "TcpRecord":
        """Record a TCP connection that stands since ``at``; ``outgoing`` says that we opened it.

        ``local`` and ``peer`` are ``[address]:port``. ``comment`` is shown with the first packet.
        """
        return TcpRecord(
            self, Endpoint.parse(local), Endpoint.parse(peer), at, outgoing=outgoing, comment=comment
        )

    def add_udp(
        self, source: str, destination: str, payload: bytes, at: datetime, comment: str | None = None
    ) -> None:
        """Record a UDP datagram between two ``[address]:port``."""
        source_end, destination_end = Endpoint.parse(source), Endpoint.parse(destination)
        length = 8 + len(payload)
        header = struct.pack(">HHHH", source_end.port, destination_end.port, length, 0)
        pseudo = (source_end.ip, destination_end.ip, _UDP)
        checksum = _transport_checksum(*pseudo, header + payload) or 0xFFFF
        segment = header[:6] + struct.pack(">H", checksum) + payload
        self.add_packet(_ethernet(*pseudo, segment), at, comment)

    def add_packet(self, packet: bytes, at: datetime, comment: str | None = None) -> None:
        """Record a whole Ethernet frame."""
        microseconds = round(at.timestamp() * 1_000_000)
        head = struct.pack(
            "<IIIII", 0, microseconds >> 32, microseconds & 0xFFFFFFFF, len(packet), len(packet)
        )
        options = _options((_OPT_COMMENT, comment.encode())) if comment else b""
        self._write(_block(_ENHANCED_PACKET, head + _padded(packet) + options))

    def close(self) -> None:
        """Close the file; what is recorded later is dropped."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _write(self, block: bytes) -> None:
        if self._fd is None:
            return
        try:
            written = os.write(self._fd, block)
        except OSError as error:
            self._give_up(str(error))
            return
        if written < len(block):
            self._give_up(f"only {written} of {len(block)} bytes were taken")

    def _give_up(self, reason: str) -> None:
        # After half a block nothing that follows could be read.
        _log.warning("capture %s ends here: %s", self.path, reason)
        self.close()


class TcpRecord:
    """One TCP connection in a capture, told by what its owner sent and received."""

    def __init__(
        self,
        capture: Capture,
        local: Endpoint,
        peer: Endpoint,
        at: datetime,
        *,
        outgoing: bool,
        comment: str | None = None,
    ) -> None:
        self._capture = capture
        self._held: list[Callable[[], None]] | None = None
        self._held_size = 0
        # Initial sequence numbers that differ, and that are the same in every run.
        self._us = _Side(local, zlib.crc32(b"local" + str(local).encode()))
        self._them = _Side(peer, zlib.crc32(b"peer" + str(peer).encode()))
        first, second = (self._us, self._them) if outgoing else (self._them, self._us)
        self._packet(first, second, _SYN, at, comment=comment)
        self._packet(second, first, _SYN | _ACK, at)
        self._packet(first, second, _ACK, at)

    def sent(self, data: bytes, at: datetime) -> None:
        """Record bytes that we sent."""
        self._data(self._us, self._them, data, at)

    def received(self, data: bytes, at: datetime) -> None:
        """Record bytes that the peer sent."""
        self._data(self._them, self._us, data, at)

    def closed(self, at: datetime) -> None:
        """Record our FIN."""
        self._finish(self._us, self._them, at)

    def peer_closed(self, at: datetime) -> None:
        """Record the peer's FIN."""
        self._finish(self._them, self._us, at)

    def reset(self, at: datetime) -> None:
        """Record that we reset the connection."""
        if not self._us.finished:
            self._packet(self._us, self._them, _RST | _ACK, at)
            self._us.finished = self._them.finished = True

    def hold(self) -> None:
        """Keep packets back until :meth:`release`, or until 256 KiB are held."""
        if self._held is None:
            self._held, self._held_size = [], 0

    def release(self) -> None:
        """Write what was kept back."""
        held, self._held = self._held, None
        for write in held or ():
            write()

    def _data(self, source: "_Side", destination: "_Side", data: bytes, at: datetime) -> None:
        size = source.segment_size
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            flags = _ACK | (_PSH if start + size >= len(data) else 0)
            self._packet(source, destination, flags, at, piece)

    def _finish(self, source: "_Side", destination: "_Side", at: datetime) -> None:
        if source.finished:
            return
        source.finished = True
        self._packet(source, destination, _FIN | _ACK, at)
        if destination.finished:
            self._packet(destination, source, _ACK, at)

    def _packet(
        self,
        source: "_Side",
        destination: "_Side",
        flags: int,
        at: datetime,
        data: bytes = b"",
        comment: str | None = None,
    ) -> None:
        acknowledged = destination.sequence if flags & _ACK else 0
        options = struct.pack(">BBH", 2, 4, source.segment_size) if flags & _SYN else b""
        header = struct.pack(
            ">HHIIBBHHH",
            source.endpoint.port,
            destination.endpoint.port,
            source.sequence,
            acknowledged,
            (20 + len(options)) << 2,
            flags,
            _WINDOW,
            0,
            0,
        )
        segment = header + options + data
        ends = (source.endpoint.ip, destination.endpoint.ip, _TCP)
        checksum = _transport_checksum(*ends, segment)
        segment = segment[:16] + struct.pack(">H", checksum) + segment[18:]
        source.sequence = (source.sequence + len(data) + bool(flags & (_SYN | _FIN))) & 0xFFFFFFFF
        packet = _ethernet(*ends, segment)
        if self._held is None:
            self._capture.add_packet(packet, at, comment)
            return
        self._held.append(lambda: self._capture.add_packet(packet, at, comment))
        self._held_size += len(packet)
        if self._held_size > _HELD_LIMIT:
            self.release()


class _Side:
    """One end of a recorded connection: its address, and the sequence number of its next byte."""

    def __init__(self, endpoint: Endpoint, sequence: int) -> None:
        self.endpoint = endpoint
        self.sequence = sequence
        self.segment_size = 1440 if endpoint.ip.version == 6 else 1460
        self.finished = False


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + length + body + length


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _options(*options: tuple[int, bytes]) -> bytes:
    encoded = b"".join(struct.pack("<HH", code, len(value)) + _padded(value) for code, value in options)
    return encoded + bytes(4)


def _ethernet(source: Address, destination: Address, protocol: int, segment: bytes) -> bytes:
    """Put a transport segment into IP and Ethernet."""
    macs = _mac(destination) + _mac(source)
    if isinstance(source, IPv6Address):
        header = (
            struct.pack(">IHBB", 6 << 28, len(segment), protocol, 64) + source.packed + destination.packed
        )
        return macs + b"\x86\xdd" + header + segment
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(segment), 0, 0x4000, 64, protocol, 0)
    header += source.packed + destination.packed
    header = header[:10] + struct.pack(">H", _checksum(header)) + header[12:]
    return macs + b"\x08\x00" + header + segment


def _mac(address: Address) -> bytes:
    """Make a hardware address: the group's for multicast, a locally administered one otherwise."""
    packed = address.packed
    if address.is_multicast and len(packed) == 16:
        return b"\x33\x33" + packed[-4:]
    return b"\x02\x00" + packed[-4:]


def _transport_checksum(source: Address, destination: Address, protocol: int, segment: bytes) -> int:
    ends = source.packed + destination.packed
    if isinstance(source, IPv6Address):
        return _checksum(ends + struct.pack(">II", len(segment), protocol) + segment)
    return _checksum(ends + struct.pack(">HH", protocol, len(segment)) + segment)


def _checksum(data: bytes) -> int:
    """Return the Internet checksum: the inverted one's-complement sum of 16-bit words [RFC 1071]."""
    # 2^16 leaves 1 modulo 65535, so the sum of all words is the whole number's remainder.
    remainder = int.from_bytes(data + bytes(len(data) % 2)) % 0xFFFF
    return ~(remainder or (0xFFFF if any(data) else 0)) & 0xFFFF
