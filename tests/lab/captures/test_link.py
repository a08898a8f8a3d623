"""The same segment in every kind of frame."""

import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop
from scapy.layers.l2 import CookedLinux, CookedLinuxV2, Dot1AD, Dot1Q, Ether, Loopback
from scapy.packet import Packet

from lab.captures.link import LINK_TYPES, Datagram, FragmentedError, Segment, dissect
from v2g.endpoint import Endpoint

TCP6 = IPv6(src="fe80::1", dst="fe80::2") / TCP(sport=1, dport=2, seq=3, ack=4, flags="PA") / b"payload"
TCP4 = IP(src="192.0.2.1", dst="192.0.2.2") / TCP(sport=1, dport=2, seq=3, ack=4, flags="PA") / b"payload"


@pytest.mark.parametrize(
    ("link_type", "packet"),
    [
        (1, Ether() / TCP6),
        (1, Ether() / TCP4),
        (1, Ether() / Dot1Q(vlan=7) / TCP6),
        (1, Ether() / Dot1AD(vlan=7) / Dot1Q(vlan=8) / TCP4),
        (113, CookedLinux(proto=0x86DD) / TCP6),
        (276, CookedLinuxV2(proto=0x86DD) / TCP6),
        (276, CookedLinuxV2(proto=0x0800) / TCP4),
        (0, Loopback(type=2) / TCP4),
        (108, Loopback(type=30) / TCP6),
        (101, TCP6),
        (101, TCP4),
        (228, TCP4),
        (229, TCP6),
        (101, IPv6(src="fe80::1", dst="fe80::2") / IPv6ExtHdrHopByHop() / TCP6.payload),
    ],
)
def test_every_link_type_leads_to_the_segment(link_type: int, packet: Packet) -> None:
    found = dissect(link_type, bytes(packet))
    assert isinstance(found, Segment)
    assert (found.sequence, found.acknowledged, found.flags, found.payload) == (3, 4, 0x18, b"payload")
    assert (found.source.port, found.destination.port) == (1, 2)


def test_padding_of_short_ethernet_frames_is_no_payload() -> None:
    frame = bytes(Ether() / IP() / TCP(flags="A")) + bytes(6)
    found = dissect(1, frame)
    assert isinstance(found, Segment)
    assert found.payload == b""


def test_a_datagram() -> None:
    packet = IPv6(src="fe80::2", dst="ff02::1") / UDP(sport=50_000, dport=15_118) / b"SDP"
    expected = Datagram(Endpoint("fe80::2", 50_000), Endpoint("ff02::1", 15_118), b"SDP")
    assert dissect(101, bytes(packet)) == expected


@pytest.mark.parametrize(
    "packet",
    [IP(flags="MF") / b"part", IP(frag=8) / b"part", IPv6() / IPv6ExtHdrFragment(nh=6, m=1) / b"part"],
)
def test_fragments_are_told_apart(packet: Packet) -> None:
    with pytest.raises(FragmentedError):
        dissect(101, bytes(packet))


@example(101, b"\x60" + bytes(7))
@given(st.sampled_from(sorted(LINK_TYPES)), st.binary(max_size=120))
def test_any_bytes_give_a_segment_a_datagram_or_nothing(link_type: int, data: bytes) -> None:
    try:
        found = dissect(link_type, data)
    except FragmentedError:
        return
    assert found is None or isinstance(found, Segment | Datagram)


@given(st.integers(0, 3), st.binary(max_size=80))
def test_any_extension_headers_end(kind: int, rest: bytes) -> None:
    header = struct.pack(">IHBB", 6 << 28, len(rest), (0, 43, 44, 51)[kind], 64) + bytes(32)
    try:
        dissect(101, header + rest)
    except FragmentedError:
        return
