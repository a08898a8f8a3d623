"""scapy layers for V2GTP and SDP, with EXI payloads decoded: ``from lab.packets import V2GTP, SDPRequest``.

Needs scapy (``pip install pnclab[packets]``). :func:`register` binds the layers, which importing this module does:
UDP port 15118 is SDP, and on TCP every payload that looks like V2GTP is dissected, whatever its port.

Packets are built with the right version, inverse, type and length unless told otherwise, so malformed ones are a
matter of one argument::

    IPv6(dst="ff02::1") / UDP(sport=50000, dport=15118) / V2GTP(inverse=0xFF) / SDPRequest(security=0x10)
    V2GTP(length=0xFFFFFFFF) / EXI(bytes.fromhex("8000"))

An :class:`EXI` payload does not know what its session agreed on: :attr:`EXI.message` tries the message sets of its
payload type, and gives None for what is none of them.
"""

import struct
from typing import Any

from scapy.fields import ByteEnumField, IntField, IP6Field, ShortEnumField, ShortField, XByteField
from scapy.layers.inet import TCP, UDP
from scapy.packet import Packet, Raw, bind_bottom_up, bind_layers

from exi.detect import identify
from exi.schema import MessageSet, XsdType
from v2g.connection import message_name
from v2g.messages import appprotocol, din, iso2, iso20
from v2g.sdp import PORT, Security
from v2g.v2gtp import HEADER_LENGTH, INVERSE, VERSION, PayloadType

_TYPES = {int(member): member.name for member in PayloadType}
_SECURITY = {int(member): member.name for member in Security}
_EXI_TYPES = [number for number in _TYPES if number < PayloadType.SDP_REQUEST]
_SETS: tuple[MessageSet, ...] = (
    appprotocol.SCHEMA,
    iso2.SCHEMA,
    din.SCHEMA,
    iso20.COMMON_MESSAGES,
    iso20.AC,
    iso20.DC,
    iso20.WPT,
    iso20.ACDP,
)


class V2GTP(Packet):  # type: ignore[misc]  # scapy has no types
    """The eight-byte header; ``length`` is that of the payload, unless given."""

    name = "V2GTP"
    fields_desc = (
        XByteField("version", VERSION),
        XByteField("inverse", INVERSE),
        ShortEnumField("type", int(PayloadType.EXI), _TYPES),
        IntField("length", None),
    )

    @classmethod
    def dispatch_hook(cls, data: bytes | None = None, *_: Any, **__: Any) -> type[Packet]:
        """Take what looks like V2GTP, and leave everything else raw."""
        if data and (len(data) < 2 or data[0] ^ data[1] != 0xFF):
            return Raw  # type: ignore[no-any-return]  # as above
        return cls

    def post_build(self, header: bytes, payload: bytes) -> bytes:
        """Fill in the length."""
        if self.length is None:
            header = header[:4] + struct.pack(">I", len(payload))
        return header + payload

    def extract_padding(self, rest: bytes) -> tuple[bytes, bytes | None]:
        """Give what stands behind this frame to the next one."""
        length = len(rest) if self.length is None else self.length
        return rest[:length], rest[length:] or None

    def answers(self, other: Packet) -> bool:
        """Say whether this is an SDP response to an SDP request."""
        return (
            isinstance(other, V2GTP)
            and self.type == PayloadType.SDP_RESPONSE
            and other.type == PayloadType.SDP_REQUEST
        )


class SDPRequest(Packet):  # type: ignore[misc]  # as above
    """What a car multicasts to find a charger."""

    name = "SDPRequest"
    fields_desc = (ByteEnumField("security", int(Security.TLS), _SECURITY), XByteField("transport", 0))


class SDPResponse(Packet):  # type: ignore[misc]  # as above
    """Where the charger listens."""

    name = "SDPResponse"
    fields_desc = (
        IP6Field("address", "fe80::1"),
        ShortField("port", 61_341),
        ByteEnumField("security", int(Security.TLS), _SECURITY),
        XByteField("transport", 0),
    )


class EXI(Raw):  # type: ignore[misc]  # as above
    """An EXI message."""

    name = "EXI"

    @property
    def message(self) -> XsdType | None:
        """The message, by the first set of its payload type that fits best."""
        kind = self.underlayer.type if isinstance(self.underlayer, V2GTP) else None
        schemas = [schema for schema in _SETS if kind is None or kind in schema.payload_types] or list(_SETS)
        found = identify(bytes(self.load), schemas, payload_type=kind, fragment=False)
        value = found.candidates[0].item.value if found.candidates else None
        return value if isinstance(value, XsdType) else None

    def mysummary(self) -> str:
        """Name the message."""
        message = self.message
        return f"EXI {message_name(message) if message is not None else f'{len(self.load)} bytes'}"


def frames(stream: bytes) -> list[Packet]:
    """Cut a whole byte stream into V2GTP packets, the last one perhaps incomplete."""
    found: list[Packet] = []
    while len(stream) >= HEADER_LENGTH:
        packet = V2GTP(stream)
        size = HEADER_LENGTH + packet.length
        found.append(V2GTP(stream[:size]))
        stream = stream[size:]
    return found


def register() -> None:
    """Bind the layers to UDP, TCP and each other; importing this module has done so."""
    bind_layers(UDP, V2GTP, dport=PORT)
    bind_bottom_up(UDP, V2GTP, sport=PORT)
    bind_layers(TCP, V2GTP)
    bind_layers(V2GTP, SDPRequest, type=int(PayloadType.SDP_REQUEST))
    bind_layers(V2GTP, SDPResponse, type=int(PayloadType.SDP_RESPONSE))
    for number in _EXI_TYPES:
        bind_bottom_up(V2GTP, EXI, type=number)
    bind_layers(V2GTP, EXI, type=int(PayloadType.EXI))


register()
