"""The V2G transfer protocol: an eight-byte header before every message [V2G2-083…088].

::

    byte 0     protocol version, 0x01
    byte 1     its bitwise inverse, 0xFE
    byte 2-3   payload type, big-endian
    byte 4-7   payload length in bytes, big-endian, without the header

:class:`FrameDecoder` takes the bytes of a stream in any pieces and gives the same events for each way
of cutting it. The length is judged before a byte of the payload is kept.

What happens with an invalid header
-----------------------------------

The standard has a receiver ignore a message with an invalid header. A stream can only be resumed
behind a message whose end is known, so the rule is:

* one wrong field (version, inverse, payload type, or length 0) and an admissible length: the header
  still tells where the message ends. The frame is reported as :class:`RejectedFrame` with ``fatal``
  False, its payload is skipped unread, and the stream goes on;
* version *and* inverse wrong without being each other's inverse, or a length over the limit: this is no
  V2GTP, or no message that we are willing to wait for. ``fatal`` is True, and the decoder takes nothing
  more. The owner closes the connection.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from v2g.errors import FramingError

VERSION = 0x01
INVERSE = 0xFE
HEADER_LENGTH = 8
DEFAULT_LIMIT = 65_535
"""Largest payload that is taken unless told otherwise, in bytes; the largest real message has 6 KB."""

_HEADER = struct.Struct(">BBHL")


class PayloadType(IntEnum):
    """What a V2GTP frame carries."""

    EXI = 0x8001
    """SupportedAppProtocol, and every message of DIN 70121 and ISO 15118-2."""
    ISO20_MAIN = 0x8002
    ISO20_AC = 0x8003
    ISO20_DC = 0x8004
    ISO20_ACDP = 0x8005
    ISO20_WPT = 0x8006
    ISO20_SCHEDULE = 0x8101
    """Schedule renegotiation, beside the main stream; common messages, like the other three."""
    ISO20_METERING = 0x8102
    """Metering confirmation."""
    ISO20_ACDP_STATUS = 0x8103
    """System status of ACDP; its own messages."""
    ISO20_PARKING = 0x8104
    """Parking status."""
    SDP_REQUEST = 0x9000
    SDP_RESPONSE = 0x9001


_KNOWN = {int(member): member for member in PayloadType}


@dataclass(frozen=True, slots=True)
class Frame:
    """One V2GTP message."""

    payload_type: PayloadType
    payload: bytes

    @property
    def wire_length(self) -> int:
        """Bytes on the wire, header included."""
        return HEADER_LENGTH + len(self.payload)


@dataclass(frozen=True, slots=True)
class RejectedFrame:
    """A frame with an invalid header; ``fatal`` says that the stream cannot go on behind it."""

    error: FramingError
    header: bytes
    fatal: bool

    @property
    def announced_length(self) -> int:
        """The payload length that the header gives, in bytes."""
        length: int = _HEADER.unpack(self.header)[3]
        return length


def encode_frame(payload_type: PayloadType, payload: bytes) -> bytes:
    """Return header and payload as one byte string, to be written in one piece."""
    return _HEADER.pack(VERSION, INVERSE, payload_type, len(payload)) + payload


def check_header(
    header: bytes, limit: int, limits: Mapping[int, int]
) -> RejectedFrame | tuple[PayloadType, int]:
    """Judge the eight bytes of a header: payload type and length, or what is wrong with it."""
    version, inverse, number, length = _HEADER.unpack(header)
    if version != VERSION and inverse != INVERSE and version ^ inverse != 0xFF:
        return _rejected(f"0x{version:02X} 0x{inverse:02X} is no V2GTP header", "version", header, fatal=True)
    allowed = limits.get(number, limit)
    if length > allowed:
        return _rejected(
            f"{length} bytes announced, at most {allowed} are taken", "length", header, fatal=True
        )
    if version != VERSION:
        return _rejected(f"0x{version:02X} instead of 0x{VERSION:02X}", "version", header)
    if inverse != INVERSE:
        return _rejected(f"0x{inverse:02X} instead of 0x{INVERSE:02X}", "inverse", header)
    payload_type = _KNOWN.get(number)
    if payload_type is None:
        return _rejected(f"0x{number:04X} is not defined", "payload_type", header)
    if length == 0:
        return _rejected("0 bytes announced, every message has content", "length", header)
    return payload_type, length


def _rejected(reason: str, field: str, header: bytes, *, fatal: bool = False) -> RejectedFrame:
    return RejectedFrame(FramingError(reason, field), header, fatal)


def decode_frame(datagram: bytes, limit: int = DEFAULT_LIMIT) -> Frame:
    """Take a datagram that must hold exactly one frame, as in SDP; raise FramingError otherwise."""
    if len(datagram) < HEADER_LENGTH:
        raise FramingError(f"{len(datagram)} bytes are no header", "length")
    verdict = check_header(datagram[:HEADER_LENGTH], limit, {})
    if isinstance(verdict, RejectedFrame):
        raise verdict.error
    payload_type, length = verdict
    if len(datagram) != HEADER_LENGTH + length:
        raise FramingError(f"{length} bytes announced, {len(datagram) - HEADER_LENGTH} present", "length")
    return Frame(payload_type, datagram[HEADER_LENGTH:])


class FrameDecoder:
    """Cuts a byte stream into frames.

    ``limit`` is the largest payload taken, in bytes; ``limits`` overrides it for single payload types.
    At most one frame within its limit is ever held.
    """

    def __init__(self, limit: int = DEFAULT_LIMIT, limits: Mapping[int, int] | None = None) -> None:
        self._limit = limit
        self._limits = dict(limits or {})
        self._buffer = bytearray()
        self._skip = 0
        self._expected: tuple[PayloadType, int] | None = None
        self._broken = False

    @property
    def broken(self) -> bool:
        """True after a fatal :class:`RejectedFrame`: nothing more is taken."""
        return self._broken

    @property
    def missing(self) -> int:
        """Bytes that the message begun so far still lacks (0: the stream stands between two messages)."""
        if self._skip:
            return self._skip
        if self._expected is not None:
            return self._expected[1] - len(self._buffer)
        return HEADER_LENGTH - len(self._buffer) if self._buffer else 0

    def feed(self, data: bytes) -> list[Frame | RejectedFrame]:
        """Take the next bytes of the stream; return what they complete, in order."""
        events: list[Frame | RejectedFrame] = []
        view = memoryview(data)
        while view and not self._broken:
            if self._skip:
                used = min(self._skip, len(view))
                self._skip -= used
                view = view[used:]
                continue
            wanted = HEADER_LENGTH if self._expected is None else self._expected[1]
            used = min(wanted - len(self._buffer), len(view))
            self._buffer += view[:used]
            view = view[used:]
            if len(self._buffer) < wanted:
                break
            content = bytes(self._buffer)
            self._buffer.clear()
            if self._expected is not None:
                events.append(Frame(self._expected[0], content))
                self._expected = None
                continue
            verdict = check_header(content, self._limit, self._limits)
            if isinstance(verdict, RejectedFrame):
                events.append(verdict)
                self._broken = verdict.fatal
                self._skip = 0 if verdict.fatal else verdict.announced_length
            else:
                self._expected = verdict
        return events
