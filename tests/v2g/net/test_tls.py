"""TLS as ISO 15118-2 asks for it, over any stream."""

import asyncio
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from pki.entropy import SeededEntropy
from pki.hierarchy import Hierarchy
from tests.conftest import VirtualTime
from v2g.errors import ConnectionClosedError, TlsError, V2GError
from v2g.net.clock import LoopClock
from v2g.net.network import Network, TcpNetwork
from v2g.net.simulated import DELIVER, Fate, Fault, Piece, SimulatedNetwork
from v2g.net.stream import Stream
from v2g.net.tls import ClientTls, ServerTls, TlsProfile, TlsStream, client_tls, server_tls
from v2g.net.virtual import run_virtual
from v2g.trace import ListSink, Tracer


def tracer(sink: ListSink, role: str) -> Tracer:
    return Tracer(role, sink, lambda: datetime(2026, 1, 1, tzinfo=UTC))


async def echo(stream: Stream) -> None:
    while data := await stream.read():
        await stream.write(data)
    await stream.close()


async def session(
    network: Network,
    ev: ClientTls,
    charger: ServerTls,
    body: Callable[[TlsStream], object],
    sink: ListSink | None = None,
) -> list[V2GError]:
    """Run one TLS connection to an echoing charger; return what the charger's side raised."""
    sink = sink or ListSink()
    failures: list[V2GError] = []

    async def serve(stream: Stream) -> None:
        try:
            await echo(await server_tls(stream, charger, tracer=tracer(sink, "secc")))
        except V2GError as error:
            failures.append(error)

    listener = await network.listen("::1", 0, serve)
    raw = await network.connect("::1", listener.port)
    try:
        stream = await client_tls(raw, ev, tracer=tracer(sink, "evcc"))
        result = body(stream)
        if asyncio.iscoroutine(result):
            await result
        await stream.close()
    finally:
        await raw.close()
        await listener.close()
    return failures


async def hello(stream: TlsStream) -> None:
    await stream.write(b"hello")
    assert await stream.read() == b"hello"


async def test_a_handshake_over_tcp(ev_tls: ClientTls, charger_tls: ServerTls, hierarchy: Hierarchy) -> None:
    sink = ListSink()

    async def body(stream: TlsStream) -> None:
        info = stream.tls
        assert (info.version, info.cipher) == ("TLSv1.2", "ECDHE-ECDSA-AES128-SHA256")
        chain = [item.public_bytes(Encoding.DER) for item in hierarchy.chain("secc_leaf")]
        assert list(info.peer_chain) == chain
        assert stream.peer.startswith("[::1]:")
        await hello(stream)

    assert await session(TcpNetwork(), ev_tls, charger_tls, body, sink) == []
    events = {record["role"]: record for record in sink.of("tls.established")}
    assert events["evcc"]["peer_subject"] == hierarchy["secc_leaf"].subject
    assert "peer_subject" not in events["secc"]
    assert events["secc"]["cipher"] == "ECDHE-ECDSA-AES128-SHA256"


@pytest.mark.parametrize("chunk_size", [1, 7, None])
def test_any_chunking_gives_the_same_plaintext(
    chunk_size: int | None, ev_tls: ClientTls, charger_tls: ServerTls, virtual_time: VirtualTime
) -> None:
    data = bytes(range(256)) * 200

    async def body(stream: TlsStream) -> None:
        await stream.write(data)
        received = b""
        while len(received) < len(data):
            received += await stream.read()
        assert received == data

    network = SimulatedNetwork(delay_s=0.01, chunk_size=chunk_size)
    assert virtual_time(session(network, ev_tls, charger_tls, body)) == []


def test_a_handshake_takes_two_round_trips(
    ev_tls: ClientTls, charger_tls: ServerTls, virtual_time: VirtualTime
) -> None:
    async def scenario() -> float:
        network = SimulatedNetwork(delay_s=0.25)
        clock = LoopClock(datetime.now(UTC))

        async def serve(stream: Stream) -> None:
            await server_tls(stream, charger_tls)

        listener = await network.listen("", 0, serve)
        stream = await client_tls(await network.connect("::1", listener.port), ev_tls, clock=clock)
        await stream.close()
        await listener.close()
        return stream.tls.elapsed_s

    assert virtual_time(scenario()) == 1.0


def test_the_client_offers_what_the_standard_names_and_nothing_else(
    ev_tls: ClientTls, charger_tls: ServerTls, virtual_time: VirtualTime
) -> None:
    sent: list[bytes] = []

    def watch(piece: Piece) -> Fate:
        if piece.to_listener:
            sent.append(piece.data)
        return DELIVER

    virtual_time(session(SimulatedNetwork(fault=watch), ev_tls, charger_tls, hello))
    client_hello = sent[0]
    # Two suites: 0xC023 and the renegotiation signal 0x00FF. One group: 0x0017, secp256r1.
    assert bytes.fromhex("0004c02300ff0100") in client_hello
    assert bytes.fromhex("000a000400020017") in client_hello
    assert client_hello[9:11] == b"\x03\x03"


def test_a_charger_of_another_market_is_refused(
    ev_tls: ClientTls, other_hierarchy: Hierarchy, virtual_time: VirtualTime
) -> None:
    foreign = ServerTls(other_hierarchy.chain("secc_leaf"), other_hierarchy["secc_leaf"].signing_key())
    sink = ListSink()

    async def scenario() -> list[V2GError]:
        failures: list[V2GError] = []

        async def serve(stream: Stream) -> None:
            try:
                await server_tls(stream, foreign, tracer=tracer(sink, "secc"))
            except V2GError as error:
                failures.append(error)

        network = SimulatedNetwork()
        listener = await network.listen("", 0, serve)
        with pytest.raises(TlsError, match=r"certificate is not accepted: .* local issuer") as caught:
            await client_tls(await network.connect("::1", listener.port), ev_tls, tracer=tracer(sink, "evcc"))
        assert caught.value.code == "CERTIFICATE_VERIFY_FAILED"
        await asyncio.sleep(1.0)
        await listener.close()
        return failures

    (failure,) = virtual_time(scenario())
    assert str(failure) == (
        "TLS: the peer refuses: it does not trust the root of our certificate chain (TLSV1_ALERT_UNKNOWN_CA)"
    )
    assert [record["role"] for record in sink.of("tls.failed")] == ["evcc", "secc"]


def test_an_expired_charger_is_refused(virtual_time: VirtualTime) -> None:
    old = Hierarchy.create(now=datetime.now(UTC) - timedelta(days=20_000), entropy=SeededEntropy(3))
    ev = ClientTls([old["v2g_root"].certificate])
    charger = ServerTls(old.chain("secc_leaf"), old["secc_leaf"].signing_key())
    with pytest.raises(TlsError, match="not accepted: certificate has expired"):
        virtual_time(session(SimulatedNetwork(), ev, charger, hello))


@pytest.mark.parametrize(
    ("days", "problem"),
    [(-1, "is not yet valid"), (1, None), (20_000, "has expired")],
    ids=["early", "good", "late"],
)
def test_validity_may_be_judged_on_another_clock(
    days: int, problem: str | None, virtual_time: VirtualTime
) -> None:
    made = datetime(1999, 1, 1, tzinfo=UTC)
    old = Hierarchy.create(now=made, entropy=SeededEntropy(4))
    ev = ClientTls([old["v2g_root"].certificate], now=lambda: made + timedelta(days=days))
    charger = ServerTls(old.chain("secc_leaf"), old["secc_leaf"].signing_key())
    if problem is None:
        assert virtual_time(session(SimulatedNetwork(), ev, charger, hello)) == []
    else:
        with pytest.raises(TlsError, match=problem):
            virtual_time(session(SimulatedNetwork(), ev, charger, hello))


@pytest.mark.parametrize(
    ("profile", "client_says", "server_says"),
    [
        (
            TlsProfile("1.3", ssl.TLSVersion.TLSv1_3, "ECDHE-ECDSA-AES128-SHA256", "prime256v1"),
            "does not speak our TLS version",
            "does not speak the TLS version",
        ),
        (
            TlsProfile("GCM", ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES256-GCM-SHA384", "prime256v1"),
            "no common cipher suite",
            "none of the cipher suites",
        ),
        (
            TlsProfile("P-521", ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA256", "secp521r1"),
            "no common cipher suite",
            "none of the cipher suites",
        ),
    ],
    ids=lambda value: value.name if isinstance(value, TlsProfile) else "",
)
def test_a_client_that_cannot_do_what_we_ask(
    profile: TlsProfile, client_says: str, server_says: str, hierarchy: Hierarchy, charger_tls: ServerTls
) -> None:
    ev = ClientTls([hierarchy["v2g_root"].certificate], profile=profile)
    sink = ListSink()
    with pytest.raises(TlsError, match=client_says):
        run_virtual(session(SimulatedNetwork(), ev, charger_tls, hello, sink))
    (failed,) = (record for record in sink.of("tls.failed") if record["role"] == "secc")
    assert server_says in failed["reason"]


@pytest.mark.parametrize(
    ("greeting", "words"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "plain HTTP"),
        (bytes.fromhex("01fe80010000000280980000"), "not TLS"),
        (b"", "went away|closed the connection"),
        (bytes.fromhex("1603010005010000"), "closed the connection"),
    ],
    ids=["http", "v2gtp", "nothing", "half"],
)
def test_nonsense_instead_of_a_handshake(
    greeting: bytes, words: str, charger_tls: ServerTls, virtual_time: VirtualTime
) -> None:
    async def scenario() -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def serve(stream: Stream) -> None:
            with pytest.raises(TlsError, match=words):
                await server_tls(stream, charger_tls)
            done.set_result(None)

        network = SimulatedNetwork()
        listener = await network.listen("", 0, serve)
        stream = await network.connect("::1", listener.port)
        await stream.write(greeting)
        await stream.close()
        await done
        await listener.close()

    virtual_time(scenario())


def test_a_stalling_client_ends_at_the_limit_and_others_notice_nothing(
    ev_tls: ClientTls, charger_tls: ServerTls, virtual_time: VirtualTime
) -> None:
    """One car opens TCP and goes silent, one drips a byte a second, one is in order."""
    sink = ListSink()

    async def scenario() -> tuple[float, dict[str, float]]:
        loop = asyncio.get_running_loop()
        ended: dict[str, float] = {}

        async def serve(stream: Stream) -> None:
            try:
                await echo(
                    await server_tls(
                        stream, charger_tls, handshake_timeout_s=10.0, tracer=tracer(sink, "secc")
                    )
                )
            except TlsError as error:
                ended[f"{stream.peer} {error.code}"] = loop.time()

        network = SimulatedNetwork()
        listener = await network.listen("", 0, serve)
        await network.connect("::1", listener.port)
        dripping = await network.connect("::1", listener.port)

        async def drip() -> None:
            for byte in bytes.fromhex("16030100a5010000a10303") + bytes(200):
                await dripping.write(bytes([byte]))
                await asyncio.sleep(1.0)

        async with asyncio.TaskGroup() as group:
            dripper = group.create_task(drip())
            await asyncio.sleep(5.0)
            stream = await client_tls(await network.connect("::1", listener.port), ev_tls)
            await hello(stream)
            served_at = loop.time()
            await asyncio.sleep(10.0)
            await hello(stream)
            await stream.close()
            dripper.cancel()
        await listener.close()
        return served_at, ended

    served_at, ended = virtual_time(scenario())
    assert served_at == 5.0
    assert sorted(ended.values()) == [10.0, 10.0]
    assert all(name.endswith("TIMEOUT") for name in ended)
    assert {record["reason"] for record in sink.of("tls.failed")} == {
        "the handshake did not finish within 10 s"
    }


def flip_after_handshake(piece: Piece) -> Fate:
    """Change one byte of the charger's first application data."""
    if piece.to_listener or piece.data[0] != 0x17:
        return DELIVER
    return Fate(data=piece.data[:-1] + bytes([piece.data[-1] ^ 1]))


def cut_after_handshake(piece: Piece) -> Fate:
    return Fate(close=True) if piece.data[0] == 0x17 else DELIVER


@pytest.mark.parametrize(
    ("fault", "words"),
    [(flip_after_handshake, "changed on its way"), (cut_after_handshake, "reset by peer")],
)
def test_damage_on_the_way_ends_the_connection(
    fault: Fault, words: str, ev_tls: ClientTls, charger_tls: ServerTls
) -> None:
    with pytest.raises(ConnectionClosedError, match=words) as caught:
        run_virtual(session(SimulatedNetwork(fault=fault), ev_tls, charger_tls, hello))
    assert not caught.value.clean


def test_the_end_is_announced(ev_tls: ClientTls, charger_tls: ServerTls, virtual_time: VirtualTime) -> None:
    sent: list[bytes] = []

    def watch(piece: Piece) -> Fate:
        if piece.to_listener:
            sent.append(piece.data)
        return DELIVER

    async def body(stream: TlsStream) -> None:
        await stream.close()
        await stream.close()
        with pytest.raises(ConnectionClosedError):
            await stream.write(b"x")

    assert virtual_time(session(SimulatedNetwork(fault=watch), ev_tls, charger_tls, body)) == []
    assert sent[-1][0] == 0x15


async def test_an_end_without_announcement_is_an_end(ev_tls: ClientTls, charger_tls: ServerTls) -> None:
    ended: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def serve(stream: Stream) -> None:
        ended.set_result(await (await server_tls(stream, charger_tls)).read())

    listener = await TcpNetwork().listen("::1", 0, serve)
    raw = await TcpNetwork().connect("::1", listener.port)
    await client_tls(raw, ev_tls)
    await raw.close()
    assert await ended == b""
    await listener.close()


def test_a_reading_that_is_cancelled_loses_nothing(
    ev_tls: ClientTls, charger_tls: ServerTls, virtual_time: VirtualTime
) -> None:
    async def body(stream: TlsStream) -> None:
        await stream.write(b"hello")
        for _ in range(30):  # cancelled at every step of the way
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await stream.read()
        received = b""
        while len(received) < 5:
            received += await stream.read()
        assert received == b"hello"

    network = SimulatedNetwork(delay_s=0.2, chunk_size=5)
    assert virtual_time(session(network, ev_tls, charger_tls, body)) == []


def test_a_handshake_that_is_cancelled_drops_the_connection(
    ev_tls: ClientTls, virtual_time: VirtualTime
) -> None:
    async def scenario() -> None:
        ended: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        async def silent(stream: Stream) -> None:
            await stream.read()
            try:
                await stream.read()
            except ConnectionClosedError as error:
                ended.set_result(error.clean)

        network = SimulatedNetwork()
        listener = await network.listen("", 0, silent)
        raw = await network.connect("::1", listener.port)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await client_tls(raw, ev_tls)
        assert await ended is False
        await listener.close()

    virtual_time(scenario())


def test_an_abort_sends_no_farewell(
    ev_tls: ClientTls, charger_tls: ServerTls, virtual_time: VirtualTime
) -> None:
    async def body(stream: TlsStream) -> None:
        await hello(stream)
        stream.abort()
        for call in (stream.read(), stream.write(b"x")):
            with pytest.raises(ConnectionClosedError):
                await call
        assert stream.local.startswith("[fe80::e0]:")
        await asyncio.sleep(1.0)

    (failure,) = virtual_time(session(SimulatedNetwork(), ev_tls, charger_tls, body))
    assert isinstance(failure, ConnectionClosedError)


def test_a_peer_that_hangs_cannot_hold_up_the_close(
    ev_tls: ClientTls, charger_tls: ServerTls, virtual_time: VirtualTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(stream: TlsStream) -> None:
        async def stuck(data: bytes) -> None:
            await asyncio.get_running_loop().create_future()

        loop = asyncio.get_running_loop()
        monkeypatch.setattr(stream._inner, "write", stuck)
        began = loop.time()
        await stream.close()
        assert loop.time() - began == 1.0

    virtual_time(session(SimulatedNetwork(), ev_tls, charger_tls, body))
