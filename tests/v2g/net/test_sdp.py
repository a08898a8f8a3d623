"""SECC discovery between an EV and a charger, on simulated and on real links."""

import asyncio
import socket
from contextlib import suppress
from datetime import UTC, datetime
from ipaddress import IPv6Address
from pathlib import Path

import pytest

from tests.conftest import VirtualTime
from tests.v2g import pcapng
from v2g.capture import Capture
from v2g.errors import DiscoveryError, InterfaceError
from v2g.net.clock import LoopClock, SystemClock
from v2g.net.interfaces import list_interfaces
from v2g.net.network import Network, TcpNetwork
from v2g.net.sdp import SdpServer, discover
from v2g.net.simulated import SimulatedNetwork
from v2g.sdp import GROUP, PORT, SdpRequest, SdpResponse, Security, negotiate
from v2g.trace import ListSink, Tracer

START = datetime(2026, 5, 1, tzinfo=UTC)
ADDRESS = IPv6Address("fe80::5ecc")
LINK_LOCAL = [item for item in list_interfaces() if item.link_local is not None and not item.loopback]


def charger(request: SdpRequest, peer: str) -> SdpResponse:
    """Answers with TLS on one port, without on another."""
    security = negotiate(request.security, set(Security))
    return SdpResponse(ADDRESS, 50_000 if security is Security.TLS else 50_001, security)


def tracer(role: str, sink: ListSink) -> Tracer:
    return Tracer(role, sink, lambda: START)


async def search(
    network: Network, security: Security = Security.TLS, sink: ListSink | None = None, **options: float
) -> SdpResponse:
    clock = LoopClock(START)
    tries = int(options.get("tries", 50))
    return await discover(
        network, "sim0", security, tracer=tracer("evcc", sink or ListSink()), clock=clock, tries=tries
    )


def server(network: Network, answer: object = charger, sink: ListSink | None = None) -> SdpServer:
    assert callable(answer)
    return SdpServer(
        network, "sim0", answer, tracer=tracer("secc", sink or ListSink()), clock=LoopClock(START)
    )


@pytest.mark.parametrize(("security", "port"), [(Security.TLS, 50_000), (Security.NONE, 50_001)])
def test_an_ev_finds_a_charger(security: Security, port: int, virtual_time: VirtualTime) -> None:
    sink = ListSink()

    async def scenario() -> SdpResponse:
        network = SimulatedNetwork(delay_s=0.01)
        async with server(network, sink=sink):
            return await search(network, security, sink)

    response = virtual_time(scenario())
    assert response == SdpResponse(ADDRESS, port, security)
    events = [(item["role"], item["kind"], item["message"], item["bytes"]) for item in sink.records]
    assert events == [
        ("evcc", "sdp.sent", "SDPRequest", 10),
        ("secc", "sdp.received", "SDPRequest", 10),
        ("secc", "sdp.sent", "SDPResponse", 28),
        ("evcc", "sdp.received", "SDPResponse", 28),
    ]
    assert sink.records[-1]["port"] == port
    assert sink.records[-1]["security"] == security.name


def test_fifty_tries_a_quarter_second_apart(virtual_time: VirtualTime) -> None:
    async def scenario() -> tuple[float, int]:
        sink = ListSink()
        with pytest.raises(
            DiscoveryError, match=r"no charger answered 50 requests on sim0 within 12.5 s"
        ) as caught:
            await search(SimulatedNetwork(), sink=sink)
        assert caught.value.tries == 50
        return asyncio.get_running_loop().time(), len(sink.of("sdp.sent"))

    assert virtual_time(scenario()) == (12.5, 50)


def test_a_charger_that_comes_late_is_found(virtual_time: VirtualTime) -> None:
    async def scenario() -> float:
        network = SimulatedNetwork()

        async def late() -> None:
            await asyncio.sleep(3.1)
            async with server(network):
                await asyncio.sleep(1.0)

        async with asyncio.TaskGroup() as group:
            group.create_task(late())
            await search(network)
            return asyncio.get_running_loop().time()

    assert virtual_time(scenario()) == 3.25


def test_an_answer_to_an_earlier_try_counts(virtual_time: VirtualTime) -> None:
    async def scenario() -> float:
        network = SimulatedNetwork(delay_s=0.2)
        async with server(network):
            await search(network)
            return asyncio.get_running_loop().time()

    assert virtual_time(scenario()) == pytest.approx(0.4)


def test_a_silent_charger(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        network = SimulatedNetwork()
        async with server(network, lambda request, peer: None):
            with pytest.raises(DiscoveryError):
                await search(network, tries=3)

    virtual_time(scenario())


def test_nonsense_is_traced_and_not_answered(virtual_time: VirtualTime) -> None:
    sink = ListSink()
    datagrams = [
        "",
        "00",
        "01fe90000000000200",
        "01fe9000000000020500",
        "01fe9001000000020000",
        "02fe9000000000020000",
    ]

    async def scenario() -> None:
        network = SimulatedNetwork()
        async with server(network, sink=sink):
            ev = await network.datagrams("sim0")
            for datagram in datagrams:
                ev.send(bytes.fromhex(datagram), f"[{GROUP}]:{PORT}")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(10.0):
                    await ev.receive()
            ev.send(SdpRequest(Security.TLS).encode(), f"[{GROUP}]:{PORT}")
            data, _ = await ev.receive()
            assert SdpResponse.decode(data).port == 50_000
            await ev.close()

    virtual_time(scenario())
    fields = [record["field"] for record in sink.of("message.rejected")]
    assert fields == ["length", "length", "length", "security", "payload_type", "version"]


def test_the_ev_passes_over_invalid_answers(virtual_time: VirtualTime) -> None:
    async def scenario() -> SdpResponse:
        network = SimulatedNetwork()
        rogue = await network.datagrams("sim0", PORT, GROUP)

        async def lie() -> None:
            _, peer = await rogue.receive()
            rogue.send(b"nonsense", peer)
            rogue.send(SdpResponse(IPv6Address("ff02::1"), 1, Security.TLS).encode(), peer)

        async with asyncio.TaskGroup() as group:
            group.create_task(lie())
            async with server(network):
                return await search(network)

    assert virtual_time(scenario()).port == 50_000


def test_several_chargers_on_one_link(virtual_time: VirtualTime) -> None:
    async def scenario() -> int:
        network = SimulatedNetwork()
        asked = []

        def note(request: SdpRequest, peer: str) -> SdpResponse:
            asked.append(peer)
            return charger(request, peer)

        async with server(network, note), server(network, note):
            await search(network)
        return len(asked)

    assert virtual_time(scenario()) == 2


def test_a_failing_answer_comes_out_at_the_close(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        network = SimulatedNetwork()

        def broken(request: SdpRequest, peer: str) -> None:
            raise LookupError("a defect")

        charging = server(network, broken)
        await charging.open()
        with suppress(DiscoveryError):
            await search(network, tries=1)
        with pytest.raises(LookupError, match="a defect"):
            await charging.close()

    virtual_time(scenario())


def test_both_sides_record_the_discovery(tmp_path: Path, virtual_time: VirtualTime) -> None:
    captures = Capture(tmp_path / "ev.pcapng"), Capture(tmp_path / "charger.pcapng")

    async def scenario() -> None:
        network, clock = SimulatedNetwork(delay_s=0.01), LoopClock(START)
        charging = SdpServer(
            network, "sim0", charger, tracer=tracer("secc", ListSink()), clock=clock, capture=captures[1]
        )
        async with charging:
            await discover(
                network,
                "sim0",
                Security.TLS,
                tracer=tracer("evcc", ListSink()),
                clock=clock,
                capture=captures[0],
            )

    virtual_time(scenario())
    files = []
    for capture in captures:
        capture.close()
        files.append(pcapng.read(capture.path).segments())
    for request, response in files:
        assert (request.payload, request.destination[1]) == (SdpRequest(Security.TLS).encode(), PORT)
        assert (response.payload[:4].hex(), response.source[1]) == ("01fe9001", PORT)
        assert response.destination == request.source
    ev, secc = files
    assert [round(item.microseconds - ev[0].microseconds, -3) for item in ev + secc] == [
        0,
        20_000,
        10_000,
        10_000,
    ]


async def test_a_port_that_somebody_holds_alone() -> None:
    interface = next((item for item in list_interfaces() if item.addresses), None)
    if interface is None:
        pytest.skip("no interface with an IPv6 address")
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as holder:
        holder.bind(("::", 0))
        port = holder.getsockname()[1]
        server = SdpServer(
            TcpNetwork(),
            interface.name,
            charger,
            tracer=tracer("secc", ListSink()),
            clock=SystemClock(),
            port=port,
        )
        with pytest.raises(InterfaceError, match=rf"no UDP socket for port {port} on {interface.name}: "):
            await server.open()
        await server.close()


@pytest.mark.skipif("lo" not in {item.name for item in list_interfaces()}, reason="no loopback called lo")
async def test_a_search_that_nobody_answers_on_real_sockets(unused_udp_port: int) -> None:
    """On many machines multicast cannot leave by lo; then the system's reason is part of the message."""
    with pytest.raises(DiscoveryError, match=r"no charger answered 2 requests on lo within 0.02 s") as caught:
        await discover(
            TcpNetwork(),
            "lo",
            Security.TLS,
            tracer=tracer("evcc", ListSink()),
            clock=SystemClock(),
            port=unused_udp_port,
            interval_s=0.01,
            tries=2,
        )
    assert caught.value.tries == 2


async def test_an_interface_that_is_not_there() -> None:
    with pytest.raises(InterfaceError, match="there is no interface nope9"):
        await discover(
            TcpNetwork(), "nope9", Security.TLS, tracer=tracer("evcc", ListSink()), clock=SystemClock()
        )


@pytest.mark.skipif(not LINK_LOCAL, reason="no interface with an IPv6 link-local address")
async def test_real_multicast_between_two_chargers_and_an_ev(unused_udp_port: int) -> None:
    interface = LINK_LOCAL[0]
    network, clock, sink = TcpNetwork(), SystemClock(), ListSink()
    heard: list[str] = []
    both = asyncio.Event()

    def answering(port: int) -> SdpServer:
        def answer(request: SdpRequest, peer: str) -> SdpResponse:
            heard.append(peer)
            if len(heard) == 2:
                both.set()
            assert interface.link_local is not None
            return SdpResponse(interface.link_local, port, request.security)

        return SdpServer(
            network, interface.name, answer, tracer=tracer("secc", sink), clock=clock, port=unused_udp_port
        )

    async with answering(50_000), answering(50_001):
        response = await discover(
            network,
            interface.name,
            Security.TLS,
            tracer=tracer("evcc", sink),
            clock=clock,
            port=unused_udp_port,
        )
        await both.wait()
    assert response.port in {50_000, 50_001}
    assert response.host(interface.name) == f"{interface.link_local}%{interface.name}"
    assert all(peer.startswith(f"[{interface.link_local}%{interface.name}]:") for peer in heard)
