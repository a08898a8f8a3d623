"""The simulated network over links: the model's times, names, refusals, toxics, datagrams."""

import asyncio
import contextlib

import pytest

from tests.conftest import VirtualTime
from v2g.errors import ConnectError, ConnectionClosedError
from v2g.net.distributions import Constant
from v2g.net.link import Link, Loss, Outage, Tcp, Way
from v2g.net.simulated import Fate, SimulatedNetwork
from v2g.net.stream import Stream
from v2g.net.toxics import Reset, Silence, Truncate

SLOW = Link(rtt=Constant(0.5), dns=Constant(0.25))


async def echo(stream: Stream) -> None:
    while data := await stream.read():
        await stream.write(data)


async def read_exactly(stream: Stream, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += await stream.read()
    return data


def test_a_round_trip_and_a_name_cost_what_the_link_says(virtual_time: VirtualTime) -> None:
    async def scenario() -> list[float]:
        loop = asyncio.get_running_loop()
        network = SimulatedNetwork(link=SLOW)
        listener = await network.listen("", 80, echo)
        times = []
        for host in ("::1", "market.test"):
            started = loop.time()
            stream = await network.connect(host, 80)
            times.append(loop.time() - started)
            started = loop.time()
            await stream.write(b"hello")
            assert await stream.read() == b"hello"
            times.append(loop.time() - started)
            await stream.close()
        await listener.close()
        return times

    assert virtual_time(scenario()) == [0.5, 0.5, 0.75, 0.5]


def test_hosts_have_links_of_their_own(virtual_time: VirtualTime) -> None:
    async def scenario() -> list[float]:
        loop = asyncio.get_running_loop()
        network = SimulatedNetwork(link=SLOW, links={"fe80::2": Link(rtt=Constant(0.1))})
        listener = await network.listen("", 80, echo)
        times = []
        for host in ("fe80::1", "fe80::2"):
            started = loop.time()
            stream = await network.connect(host, 80)
            times.append(round(loop.time() - started, 6))
            await stream.close()
        await listener.close()
        medium = network.medium("fe80::2")
        assert medium is not None
        assert medium.counts(up=True).packets > 0
        return times

    assert virtual_time(scenario()) == [0.5, 0.1]


def test_large_data_arrive_whole_over_a_bad_link(virtual_time: VirtualTime) -> None:
    data = bytes(range(256)) * 400

    async def scenario() -> bytes:
        way = Way(rate_bit_s=1e6, queue_bytes=20_000, loss=Loss.bursts(0.05, 3))
        network = SimulatedNetwork(link=Link(rtt=Constant(0.1), up=way, down=way), chunk_size=1000, seed=3)
        listener = await network.listen("", 80, echo)
        stream = await network.connect("::1", 80)
        await stream.write(data)
        received = await read_exactly(stream, len(data))
        await stream.close()
        await listener.close()
        return received

    assert virtual_time(scenario()) == data


def test_connections_share_the_queue_of_their_link(virtual_time: VirtualTime) -> None:
    async def scenario(connections: int) -> float:
        network = SimulatedNetwork(link=Link(rtt=Constant(0.1), up=Way(rate_bit_s=1e5)))
        listener = await network.listen("", 80, echo)

        async def one() -> None:
            stream = await network.connect("::1", 80)
            await stream.write(bytes(10_000))
            await read_exactly(stream, 10_000)
            await stream.close()

        async with asyncio.TaskGroup() as tasks:
            for _ in range(connections):
                tasks.create_task(one())
        await listener.close()
        return asyncio.get_running_loop().time()

    assert virtual_time(scenario(3)) > 2.5 * virtual_time(scenario(1))


def test_nobody_listens_and_nobody_answers(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        network = SimulatedNetwork(link=SLOW)
        with pytest.raises(ConnectError, match="connection refused"):
            await network.connect("::1", 80)
        assert asyncio.get_running_loop().time() == 0.5
        dead = Link(outages=(Outage(length_s=1e6),), tcp=Tcp(syn_retries=2))
        with pytest.raises(ConnectError, match="connection timed out"):
            await SimulatedNetwork(link=dead).connect("::1", 80)
        assert asyncio.get_running_loop().time() == 7.5

    virtual_time(scenario())


def test_whoever_stops_waiting_leaves_no_connection(virtual_time: VirtualTime) -> None:
    served = []

    async def serve(stream: Stream) -> None:
        served.append(stream)
        await stream.read()

    async def scenario() -> None:
        network = SimulatedNetwork(link=SLOW)
        listener = await network.listen("", 80, serve)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.4):
                await network.connect("::1", 80)
        await asyncio.sleep(60.0)
        assert not served
        await listener.close()

    virtual_time(scenario())


def test_a_fault_and_toxics_work_over_a_link(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        network = SimulatedNetwork(link=SLOW, fault=lambda piece: Fate(delay_s=float(piece.to_listener)))
        network.toxics = (Truncate(after_bytes=3, connection=2), Reset(after_bytes=3, connection=3))
        listener = await network.listen("", 80, echo)
        first, second, third = [await network.connect("::1", 80) for _ in range(3)]
        started = loop.time()
        for stream in (first, second, third):
            await stream.write(b"hello")
        assert await first.read() == b"hello"
        assert loop.time() - started == pytest.approx(1.5)
        assert await second.read() == b"hel"
        assert await second.read() == b""
        with pytest.raises(ConnectionClosedError, match="reset"):
            await third.read()
        for stream in (first, second, third):
            await stream.close()
        await listener.close()

    virtual_time(scenario())


def test_toxics_work_without_a_link(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        network = SimulatedNetwork(toxics=(Silence(after_bytes=2),))
        listener = await network.listen("", 80, echo)
        stream = await network.connect("::1", 80)
        await stream.write(b"hello")
        assert await stream.read() == b"he"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600.0):
                await stream.read()
        await stream.close()
        await listener.close()

    virtual_time(scenario())


def test_a_dying_link_ends_a_connection(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        link = Link(rtt=Constant(0.1), outages=(Outage(start_s=1.0, length_s=1e6),), tcp=Tcp(retries=3))
        network = SimulatedNetwork(link=link)
        listener = await network.listen("", 80, echo)
        stream = await network.connect("::1", 80)
        await asyncio.sleep(2.0)
        await stream.write(b"hello?")
        with pytest.raises(ConnectionClosedError, match="timed out"):
            await stream.read()
        await listener.close()

    virtual_time(scenario())


def test_datagrams_are_late_or_lost(virtual_time: VirtualTime) -> None:
    async def scenario() -> tuple[float, int]:
        link = Link(rtt=Constant(0.5), up=Way(loss=Loss.independent(0.5)))
        network = SimulatedNetwork(link=link, seed=1)
        member = await network.datagrams("sim0", 15_118, "ff02::1")
        sender = await network.datagrams("sim0")
        for number in range(100):
            sender.send(bytes([number]), member.group)
        received = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(10.0):
                while True:
                    await member.receive()
                    received += 1
        member.send(b"answer", sender.local)
        started = asyncio.get_running_loop().time()
        assert await sender.receive() == (b"answer", member.local)
        return asyncio.get_running_loop().time() - started, received

    took, received = virtual_time(scenario())
    assert took == pytest.approx(0.25)
    assert 35 <= received <= 65


def test_bytes_that_weigh_more_take_longer_and_stay_the_same(virtual_time: VirtualTime) -> None:
    async def scenario(weight: int) -> tuple[float, bytes]:
        link = Link(up=Way(rate_bit_s=8000.0))
        network = SimulatedNetwork(link=link, weigh=lambda data: max(weight, len(data)))
        listener = await network.listen("", 80, echo)
        stream = await network.connect("::1", 80)
        started = asyncio.get_running_loop().time()
        await stream.write(b"hello")
        data = await read_exactly(stream, 5)
        await stream.close()
        await listener.close()
        return asyncio.get_running_loop().time() - started, data

    light, heavy = virtual_time(scenario(5)), virtual_time(scenario(505))
    assert light[1] == heavy[1] == b"hello"
    assert heavy[0] - light[0] == pytest.approx(0.5)
