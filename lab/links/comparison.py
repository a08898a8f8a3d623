"""The same exchange over the same link twice: through the proxy in real time, and simulated in virtual time.

Both draw the same numbers from the same seed, so they can be compared one by one: what the proxy adds is this
machine's timers and sockets.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from lab.links.proxy import Proxy
from v2g.endpoint import Endpoint
from v2g.errors import ConnectionClosedError
from v2g.net.link import Link
from v2g.net.network import TcpNetwork
from v2g.net.simulated import SimulatedNetwork
from v2g.net.stream import Stream
from v2g.net.virtual import run_virtual

REQUEST_BYTES, ANSWER_BYTES = 1_500, 5_500
"""About what a CertificateInstallation of ISO 15118-2 is by HTTP: its request, and the bundle in base64."""
_APART_S = 0.025
"""Between the beginnings of two seeds in real time, so that none waits for the work of the others."""
_HOST, _PORT = "127.0.0.1", 50_000


@dataclass(frozen=True, slots=True)
class Pair:
    """Seconds from the connect to the last byte of the answer, for one seed."""

    seed: int
    real_s: float
    virtual_s: float


def compare(link: Link, seeds: Sequence[int]) -> list[Pair]:
    """Measure an exchange for each seed both ways; in real time seeds overlap, each on its own link."""
    real = asyncio.run(_all_real(link, seeds))
    return [
        Pair(seed, took, run_virtual(_virtual(link, seed))) for seed, took in zip(seeds, real, strict=True)
    ]


async def _all_real(link: Link, seeds: Sequence[int]) -> list[float]:
    network = TcpNetwork()
    server = await network.listen(_HOST, 0, _answer, connection_limit=len(seeds))
    try:
        async with asyncio.TaskGroup() as tasks:
            running = []
            for seed in seeds:
                running.append(tasks.create_task(_real(link, seed, Endpoint(_HOST, server.port))))
                await asyncio.sleep(_APART_S)
    finally:
        await server.close()
    return [task.result() for task in running]


async def _real(link: Link, seed: int, server: Endpoint) -> float:
    async with Proxy(server, link, seed=f"{seed}/link") as proxy:
        await proxy.listen(Endpoint(_HOST, 0))
        at = Endpoint.parse(proxy.address)
        return await _exchange(TcpNetwork(), at.host, at.port)


async def _virtual(link: Link, seed: int) -> float:
    network = SimulatedNetwork(link=link, seed=seed)
    listener = await network.listen(_HOST, _PORT, _answer)
    try:
        return await _exchange(network, _HOST, _PORT)
    finally:
        await listener.close()


async def _exchange(network: TcpNetwork | SimulatedNetwork, host: str, port: int) -> float:
    loop = asyncio.get_running_loop()
    started = loop.time()
    stream = await network.connect(host, port)
    try:
        await stream.write(bytes(REQUEST_BYTES))
        await _take(stream, ANSWER_BYTES)
        return loop.time() - started
    finally:
        await stream.close()


async def _answer(stream: Stream) -> None:
    with contextlib.suppress(EOFError, ConnectionClosedError):
        await _take(stream, REQUEST_BYTES)
        await stream.write(bytes(ANSWER_BYTES))
        await stream.read()


async def _take(stream: Stream, size: int) -> None:
    taken = 0
    while taken < size:
        data = await stream.read()
        if not data:
            raise EOFError(f"the stream ended after {taken} of {size} bytes")
        taken += len(data)
