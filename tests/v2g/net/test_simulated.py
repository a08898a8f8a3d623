"""The simulated network: delays kept exactly, order kept always, faults on demand."""

import asyncio

import pytest

from tests.conftest import VirtualTime
from v2g.errors import ConnectError, ConnectionClosedError, InterfaceError
from v2g.net.simulated import DELIVER, Fate, Piece, SimulatedNetwork
from v2g.net.stream import Stream

DATA = bytes(range(256)) * 4


async def echo(stream: Stream) -> None:
    while data := await stream.read():
        await stream.write(data)


async def read_exactly(stream: Stream, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += await stream.read()
    return data


def test_a_round_trip_takes_twice_the_delay(virtual_time: VirtualTime) -> None:
    async def scenario() -> tuple[float, float, bytes]:
        loop = asyncio.get_running_loop()
        network = SimulatedNetwork(delay_s=0.25)
        listener = await network.listen("fe80::5ecc", 0, echo)
        stream = await network.connect("fe80::5ecc%sim0", listener.port)
        connected = loop.time()
        await stream.write(b"hello")
        data = await stream.read()
        answered = loop.time()
        await stream.close()
        await listener.close()
        return connected, answered, data

    assert virtual_time(scenario()) == (0.5, 1.0, b"hello")


def test_chunks_arrive_in_pieces_and_in_order(virtual_time: VirtualTime) -> None:
    async def scenario() -> list[bytes]:
        network = SimulatedNetwork(chunk_size=3)
        listener = await network.listen("", 0, echo)
        stream = await network.connect("::1", listener.port)
        await stream.write(DATA)
        pieces: list[bytes] = []
        while sum(map(len, pieces)) < len(DATA):
            pieces.append(await stream.read())
        await stream.close()
        await listener.close()
        return pieces

    pieces = virtual_time(scenario())
    assert b"".join(pieces) == DATA
    assert max(map(len, pieces)) <= 3


def test_a_delayed_piece_holds_back_those_behind_it(virtual_time: VirtualTime) -> None:
    def slow_first(piece: Piece) -> Fate:
        return Fate(delay_s=9.0) if piece.to_listener and piece.number == 0 else DELIVER

    async def scenario() -> tuple[bytes, float]:
        network = SimulatedNetwork(fault=slow_first)
        listener = await network.listen("", 0, echo)
        stream = await network.connect("::1", listener.port)
        await stream.write(b"first ")
        await stream.write(b"second")
        data = await read_exactly(stream, 12)
        await stream.close()
        await listener.close()
        return data, asyncio.get_running_loop().time()

    assert virtual_time(scenario()) == (b"first second", 9.0)


def test_what_is_dropped_keeps_back_the_rest(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        network = SimulatedNetwork(fault=lambda piece: Fate(drop=piece.number == 1))
        listener = await network.listen("", 0, echo)
        stream = await network.connect("::1", listener.port)
        for data in (b"a", b"b", b"c"):
            await stream.write(data)
        assert await stream.read() == b"a"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600.0):
                await stream.read()
        await stream.close()
        await listener.close()

    virtual_time(scenario())


def test_a_fault_may_change_bytes_or_reset(virtual_time: VirtualTime) -> None:
    def fault(piece: Piece) -> Fate:
        return Fate(close=True) if piece.data == b"die" else Fate(data=piece.data.upper())

    async def scenario() -> None:
        network = SimulatedNetwork(fault=fault)
        listener = await network.listen("", 0, echo)
        stream = await network.connect("::1", listener.port)
        await stream.write(b"hello")
        assert await stream.read() == b"HELLO"
        await stream.write(b"die")
        with pytest.raises(ConnectionClosedError, match="reset") as caught:
            await stream.read()
        assert not caught.value.clean
        await listener.close()

    virtual_time(scenario())


def test_ends_are_seen_on_both_sides(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        seen: list[bytes] = []

        async def last_words(stream: Stream) -> None:
            await stream.write(b"bye")
            seen.append(await stream.read())

        network = SimulatedNetwork(delay_s=0.1)
        listener = await network.listen("", 0, last_words)
        stream = await network.connect("::1", listener.port)
        assert await stream.read() == b"bye"
        await stream.close()
        await asyncio.sleep(1.0)
        assert seen == [b""]
        with pytest.raises(ConnectionClosedError):
            await stream.write(b"x")
        with pytest.raises(ConnectionClosedError):
            await stream.read()
        await listener.close()

    virtual_time(scenario())


def test_an_abort_is_a_reset(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        ended: asyncio.Future[ConnectionClosedError] = asyncio.get_running_loop().create_future()

        async def wait(stream: Stream) -> None:
            try:
                await stream.read()
            except ConnectionClosedError as error:
                ended.set_result(error)

        network = SimulatedNetwork()
        listener = await network.listen("", 0, wait)
        stream = await network.connect("::1", listener.port)
        stream.abort()
        assert not (await ended).clean
        await listener.close()

    virtual_time(scenario())


def test_nobody_listens(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        network = SimulatedNetwork()
        with pytest.raises(ConnectError, match=r"cannot connect to \[fe80::1\]:50000: connection refused"):
            await network.connect("fe80::1", 50_000)
        listener = await network.listen("fe80::5ecc", 50_000, echo)
        with pytest.raises(ConnectError, match="refused"):
            await network.connect("fe80::1", 50_000)
        with pytest.raises(ConnectError, match="in use"):
            await network.listen("fe80::2", 50_000, echo)
        await listener.close()
        with pytest.raises(ConnectError, match="refused"):
            await network.connect("fe80::5ecc", 50_000)

    virtual_time(scenario())


def test_a_failing_handler_harms_nobody_else(
    virtual_time: VirtualTime, caplog: pytest.LogCaptureFixture
) -> None:
    async def fragile(stream: Stream) -> None:
        if await stream.read() == b"bad":
            raise LookupError("a defect")
        await stream.write(b"fine")

    async def scenario() -> None:
        network = SimulatedNetwork()
        listener = await network.listen("", 0, fragile)
        bad = await network.connect("::1", listener.port)
        await bad.write(b"bad")
        assert await bad.read() == b""
        good = await network.connect("::1", listener.port)
        await good.write(b"good")
        assert await good.read() == b"fine"
        await listener.close()

    virtual_time(scenario())
    assert "a defect" in caplog.text


def test_no_more_connections_than_the_limit(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        network = SimulatedNetwork()
        listener = await network.listen("", 0, echo, connection_limit=1)
        first = await network.connect("::1", listener.port)
        second = await network.connect("::1", listener.port)
        with pytest.raises(ConnectionClosedError):
            await second.read()
        await first.write(b"still here")
        assert await first.read() == b"still here"
        await listener.close()

    virtual_time(scenario())


def test_there_is_one_interface() -> None:
    network = SimulatedNetwork()
    assert network.interface().name == "sim0"
    assert network.interface("sim0").link_local is not None
    with pytest.raises(InterfaceError, match=r"no interface eth9 \(interfaces found: sim0"):
        network.interface("eth9")


def test_datagrams_reach_their_group_whoever_has_left(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        network = SimulatedNetwork()
        leaver, stayer = [await network.datagrams("sim0", 15_118, "ff02::1") for _ in range(2)]
        await leaver.close()
        newcomer = await network.datagrams("sim0", 15_118, "ff02::1")
        sender = await network.datagrams("sim0")
        sender.send(b"all", "[ff02::1]:15118")
        for member in (stayer, newcomer):
            assert await member.receive() == (b"all", sender.local)
        stayer.send(b"one", sender.local)
        assert await sender.receive() == (b"one", stayer.local)

    virtual_time(scenario())
