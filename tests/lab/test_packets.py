"""scapy builds and dissects what our own code reads and writes, and also what it must refuse."""

import asyncio
from datetime import UTC, datetime
from ipaddress import IPv6Address

import pytest
from scapy.layers.inet import TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Raw

from lab.packets import EXI, V2GTP, SDPRequest, SDPResponse, frames
from tests.lab.captures.conftest import *  # noqa: F403 - the fixtures
from tests.lab.captures.conftest import Scene
from v2g import sdp
from v2g.connection import message_name
from v2g.endpoint import Endpoint
from v2g.errors import FramingError
from v2g.net.clock import LoopClock
from v2g.net.sdp import SdpServer
from v2g.net.simulated import SimulatedNetwork
from v2g.net.virtual import run_virtual
from v2g.sdp import Security
from v2g.trace import ListSink, Tracer
from v2g.v2gtp import Frame, FrameDecoder, PayloadType, RejectedFrame, encode_frame


@pytest.mark.parametrize("security", list(Security))
def test_sdp_both_ways(security: Security) -> None:
    assert bytes(V2GTP() / SDPRequest(security=int(security))) == sdp.SdpRequest(security).encode()
    response = sdp.SdpResponse(IPv6Address("fe80::1"), 61_341, security)
    assert bytes(V2GTP() / SDPResponse(security=int(security))) == response.encode()
    packet = IPv6(bytes(IPv6() / UDP(sport=15_118, dport=50_000) / response.encode()))
    assert packet[SDPResponse].port == 61_341
    assert packet[SDPResponse].address == "fe80::1"


def test_messages_are_dissected_on_any_port(scene20: Scene) -> None:
    name, payload = scene20.messages[0]
    frame = encode_frame(PayloadType.EXI, bytes.fromhex(payload))
    packet = IPv6(bytes(IPv6() / TCP(sport=50_000, dport=61_341) / frame))
    message = packet[EXI].message
    assert message is not None
    assert message_name(message) == name
    assert name in packet[EXI].mysummary()


def test_other_tcp_stays_raw() -> None:
    packet = IPv6(bytes(IPv6() / TCP(sport=50_000, dport=61_341) / b"GET / HTTP/1.1"))
    assert V2GTP not in packet
    assert packet[Raw].load == b"GET / HTTP/1.1"


def test_a_stream_of_frames(scene2: Scene) -> None:
    stream = b"".join(encode_frame(PayloadType.EXI, bytes.fromhex(exi)) for _, exi in scene2.messages)
    cut = frames(stream)
    assert b"".join(map(bytes, cut)) == stream
    decoded = FrameDecoder().feed(stream)
    assert [bytes(packet[EXI].load) for packet in cut] == [
        frame.payload for frame in decoded if isinstance(frame, Frame)
    ]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"version": 2}, "version"),
        ({"inverse": 0xFF}, "inverse"),
        ({"type": 0x9002}, "payload_type"),
        ({"length": 0}, "length"),
        ({"length": 3}, "length"),
        ({"length": 0xFFFFFFFF}, "length"),
        ({"version": 7, "inverse": 7}, "version"),
    ],
)
def test_malformed_sdp_is_refused_with_its_field(changed: dict[str, int], field: str) -> None:
    packet = V2GTP(**{"type": 0x9000} | changed) / SDPRequest()
    with pytest.raises(FramingError) as refused:
        sdp.SdpRequest.decode(bytes(packet))
    assert refused.value.field == field


def test_the_decoder_goes_on_behind_a_malformed_frame() -> None:
    wrong, right = V2GTP(inverse=0xFF) / EXI(b"\x80"), V2GTP() / EXI(b"\x80\x00")
    rejected, frame = FrameDecoder().feed(bytes(wrong) + bytes(right))
    assert isinstance(rejected, RejectedFrame)
    assert not rejected.fatal
    assert frame == Frame(PayloadType.EXI, b"\x80\x00")


MALFORMED = [
    V2GTP(type=0x9000, version=2) / SDPRequest(),
    V2GTP(type=0x9000, inverse=0xFF) / SDPRequest(),
    V2GTP(type=0x9000, length=0) / SDPRequest(),
    V2GTP(type=0x9000, length=0xFFFFFFFF) / SDPRequest(),
    V2GTP(type=0x9000) / Raw(b"\x10"),
    V2GTP(type=0x9000) / SDPRequest(security=0x20),
    V2GTP(type=0x9000) / SDPRequest(transport=0x10),
    V2GTP(type=0x9001) / SDPResponse(),
    V2GTP(type=0x8001) / EXI(b"\x80\x00"),
]


def test_the_sdp_server_answers_right_requests_only() -> None:
    async def scenario() -> list[bytes]:
        network, clock, trace = SimulatedNetwork(), LoopClock(datetime(2026, 1, 1, tzinfo=UTC)), ListSink()

        def answer(request: sdp.SdpRequest, _peer: str) -> sdp.SdpResponse:
            return sdp.SdpResponse(IPv6Address("fe80::1"), 61_341, request.security)

        server = SdpServer(network, "sim0", answer, tracer=Tracer("secc", trace, clock.now), clock=clock)
        await server.open()
        car = await network.datagrams("sim0")
        answers = []
        try:
            for packet in [*MALFORMED, V2GTP() / SDPRequest(security=0x10)]:
                car.send(bytes(packet), str(Endpoint(sdp.GROUP, sdp.PORT)))
            async with asyncio.timeout(5):
                answers.append((await car.receive())[0])
            await asyncio.sleep(1)  # virtual: time for answers that must not come
            assert len(trace.of("message.rejected")) == len(MALFORMED)
            assert len(trace.of("sdp.sent")) == 1
        finally:
            await car.close()
            await server.close()
        return answers

    (response,) = run_virtual(scenario())
    assert V2GTP(response)[SDPResponse].security == 0x10
