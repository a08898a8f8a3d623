"""The SECC discovery protocol: how an EV finds a charger's address on the link [V2G2-125…161].

The EV multicasts an :class:`SdpRequest`, the charger answers with an :class:`SdpResponse`; both travel in
one UDP datagram with a V2GTP header. A request says whether the EV wants TLS; the response says what it
gets.
"""

import struct
from collections.abc import Collection
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv6Address

from v2g.errors import FramingError
from v2g.v2gtp import Frame, PayloadType, decode_frame, encode_frame

PORT = 15_118
GROUP = "ff02::1"
_REQUEST = struct.Struct(">BB")
_RESPONSE = struct.Struct(">16sHBB")


class Security(IntEnum):
    """Whether the connection is secured."""

    TLS = 0x00
    NONE = 0x10


class Transport(IntEnum):
    """The transport protocol; UDP is reserved and never used."""

    TCP = 0x00


@dataclass(frozen=True, slots=True)
class SdpRequest:
    """An EV looks for a charger."""

    security: Security
    transport: Transport = Transport.TCP

    def encode(self) -> bytes:
        """Return the datagram."""
        return encode_frame(PayloadType.SDP_REQUEST, _REQUEST.pack(self.security, self.transport))

    @classmethod
    def decode(cls, datagram: bytes) -> "SdpRequest":
        """Read a datagram; FramingError names the field that is wrong."""
        payload = _payload(datagram, PayloadType.SDP_REQUEST, _REQUEST.size)
        security, transport = _REQUEST.unpack(payload)
        return cls(_security(security), _transport(transport))


@dataclass(frozen=True, slots=True)
class SdpResponse:
    """A charger tells where it listens."""

    address: IPv6Address
    port: int
    security: Security
    transport: Transport = Transport.TCP

    def encode(self) -> bytes:
        """Return the datagram."""
        payload = _RESPONSE.pack(self.address.packed, self.port, self.security, self.transport)
        return encode_frame(PayloadType.SDP_RESPONSE, payload)

    @classmethod
    def decode(cls, datagram: bytes) -> "SdpResponse":
        """Read a datagram; FramingError names the field that is wrong."""
        payload = _payload(datagram, PayloadType.SDP_RESPONSE, _RESPONSE.size)
        address, port, security, transport = _RESPONSE.unpack(payload)
        if port == 0:
            raise FramingError("0 is no port", "port")
        parsed = IPv6Address(address)
        if parsed.is_multicast or parsed.is_unspecified:
            raise FramingError(f"{parsed} is not the address of a charger", "address")
        return cls(parsed, port, _security(security), _transport(transport))

    def host(self, interface: str) -> str:
        """Return the address to connect to; a link-local one gets the interface it was heard on."""
        return f"{self.address}%{interface}" if self.address.is_link_local else str(self.address)


def negotiate(requested: Security, offered: Collection[Security]) -> Security:
    """Return the security a charger answers with: what the EV asks for where offered, else what there is.

    ``offered`` must not be empty. An EV that gets less than it asked for decides itself whether to go on.
    """
    return requested if requested in offered else min(offered)


def _payload(datagram: bytes, expected: PayloadType, size: int) -> bytes:
    frame: Frame = decode_frame(datagram)
    if frame.payload_type != expected:
        raise FramingError(f"0x{frame.payload_type:04X} instead of 0x{expected:04X}", "payload_type")
    if len(frame.payload) != size:
        raise FramingError(f"{len(frame.payload)} bytes instead of {size}", "length")
    return frame.payload


def _security(number: int) -> Security:
    try:
        return Security(number)
    except ValueError:
        raise FramingError(f"0x{number:02X} is neither TLS (0x00) nor none (0x10)", "security") from None


def _transport(number: int) -> Transport:
    try:
        return Transport(number)
    except ValueError:
        raise FramingError(f"0x{number:02X} is not TCP (0x00)", "transport") from None
