"""From a captured packet down to its TCP segment or UDP datagram.

Ethernet (with any VLAN tags), Linux cooked v1 and v2, raw IP, BSD loopback. What is none of it gives None; checksums are
not judged, because network cards fill them in behind the place of capture. IP fragments are not put together.
"""

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from v2g.endpoint import Endpoint

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10

_NULL, _ETHERNET, _RAW_BSD, _RAW_OPENBSD, _RAW, _LOOP, _SLL = 0, 1, 12, 14, 101, 108, 113
_IPV4_ONLY, _IPV6_ONLY, _SLL2 = 228, 229, 276
LINK_TYPES = frozenset(
    {_NULL, _ETHERNET, _RAW_BSD, _RAW_OPENBSD, _RAW, _LOOP, _SLL, _IPV4_ONLY, _IPV6_ONLY, _SLL2}
)
"""The link types that are understood, by their registered numbers."""

_VLAN_TAGS = frozenset({0x8100, 0x88A8, 0x9100})
_IPV4, _IPV6 = 0x0800, 0x86DD
_TCP, _UDP, _AUTHENTICATION, _FRAGMENT = 6, 17, 51, 44
_IPV6_EXTENSIONS = frozenset({0, 43, 60, 135, _AUTHENTICATION, _FRAGMENT})


class FragmentedError(Exception):
    """An IP packet that came in pieces, which are not put together."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A TCP segment; ``payload`` is what was captured of it."""

    source: Endpoint
    destination: Endpoint
    sequence: int
    acknowledged: int
    flags: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Datagram:
    """A UDP datagram."""

    source: Endpoint
    destination: Endpoint
    payload: bytes


def dissect(link_type: int, data: bytes) -> Segment | Datagram | None:
    """Return what a packet carries, None if that is neither TCP nor UDP, or too short for its headers.

    Raises :class:`FragmentedError`.
    """
    try:
        network = _network(link_type, data)
        if network.startswith(b"\x60") or (network and network[0] >> 4 == 6):
            return _ipv6(network)
        return _ipv4(network)
    except (struct.error, IndexError):
        return None


def _network(link_type: int, data: bytes) -> bytes:
    """Return the IP packet, nothing if there is none."""
    if link_type == _ETHERNET:
        place = 12
        while (kind := struct.unpack_from(">H", data, place)[0]) in _VLAN_TAGS:
            place += 4
        return data[place + 2 :] if kind in {_IPV4, _IPV6} else b""
    if link_type == _SLL:
        return data[16:] if struct.unpack_from(">H", data, 14)[0] in {_IPV4, _IPV6} else b""
    if link_type == _SLL2:
        return data[20:] if struct.unpack_from(">H", data)[0] in {_IPV4, _IPV6} else b""
    if link_type in {_NULL, _LOOP}:
        return data[4:]
    return data if link_type in LINK_TYPES else b""


def _ipv4(packet: bytes) -> Segment | Datagram | None:
    if packet[0] >> 4 != 4:
        return None
    header, whole = (packet[0] & 0x0F) * 4, struct.unpack_from(">H", packet, 2)[0]
    if header < 20 or len(packet) < header:
        return None
    if struct.unpack_from(">H", packet, 6)[0] & 0x3FFF:
        raise FragmentedError
    # A length of 0 is what segmentation in the network card leaves.
    content = packet[header:whole] if whole else packet[header:]
    source, destination = str(IPv4Address(packet[12:16])), str(IPv4Address(packet[16:20]))
    return _transport(packet[9], source, destination, content)


def _ipv6(packet: bytes) -> Segment | Datagram | None:
    if len(packet) < 40:
        return None
    length, protocol = struct.unpack_from(">HB", packet, 4)
    content = packet[40 : 40 + length] if length else packet[40:]
    source, destination = str(IPv6Address(packet[8:24])), str(IPv6Address(packet[24:40]))
    while protocol in _IPV6_EXTENSIONS:
        size = 8 * (content[1] + 1)
        if protocol == _AUTHENTICATION:
            size = 4 * (content[1] + 2)
        elif protocol == _FRAGMENT:
            size = 8
            if struct.unpack_from(">H", content, 2)[0] & 0xFFF9:
                raise FragmentedError
        protocol, content = content[0], content[size:]
    return _transport(protocol, source, destination, content)


def _transport(protocol: int, source: str, destination: str, content: bytes) -> Segment | Datagram | None:
    if protocol == _UDP:
        source_port, destination_port, length = struct.unpack_from(">HHH", content)
        payload = content[8:length] if length else content[8:]
        return Datagram(Endpoint(source, source_port), Endpoint(destination, destination_port), payload)
    if protocol != _TCP:
        return None
    source_port, destination_port, sequence, acknowledged, offset, flags = struct.unpack_from(
        ">HHIIBB", content
    )
    header = (offset >> 4) * 4
    if header < 20 or len(content) < header:
        return None
    return Segment(
        Endpoint(source, source_port),
        Endpoint(destination, destination_port),
        sequence,
        acknowledged,
        flags,
        content[header:],
    )
