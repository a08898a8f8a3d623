"""A miss in one pool of three, against what the slowest peer needs for its own answer.

Three providers as three processes. They are measured as they are on one machine, where an answer takes two milliseconds and
every step counts, and at the distance of data centres, with a delay on the way to each peer.
"""

import asyncio
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from backend_stub.description_init import Outline, make_market
from benchmarks.market.ground import COMMAND, serving
from benchmarks.market.load import Job, ask
from benchmarks.market.report import Figure
from pki.entropy import SystemEntropy

CARS = 150
DISTANCE_S = 0.020
"""One way."""

_LIMIT = 1.3
_EMPTY_SEED = 2


def federated() -> Iterator[Figure]:
    """Measure both distances."""
    for distance_s, where in ((0.0, "on one machine"), (DISTANCE_S, f"peers {DISTANCE_S * 1000:g} ms away")):
        with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
            yield from _figures(Path(place) / "lab", distance_s, where, stack)


def _figures(place: Path, distance_s: float, where: str, stack: ExitStack) -> Iterator[Figure]:
    ports = _free_ports(3)
    file = make_market(
        place,
        Outline(ports=ports),
        now=datetime.now(UTC) - timedelta(hours=1),
        entropy=SystemEntropy(),
    )
    urls = {name: f"http://127.0.0.1:{port}" for name, port in zip("abc", ports, strict=True)}
    if distance_s:
        text = file.read_text()
        for name in "bc":
            near = urls[name]
            urls[name] = stack.enter_context(far_away(near, distance_s))
            listen = f'listen = "{near.removeprefix("http://")}"\n'
            text = text.replace(listen, f'{listen}url = "{urls[name]}"\n')
        file.write_text(text)
    for seed, contracts in ((1, 1), (_EMPTY_SEED, 0)):
        options = ["--market", str(file), "--provider", "b", "--vehicles", str(CARS), "--seed", str(seed)]
        options += ["--contracts-per-vehicle", str(contracts), "--json"]
        subprocess.run([*COMMAND, "market", "seed", *options], check=True, stdout=subprocess.DEVNULL)
    for name in "abc":
        stack.enter_context(serving("--market", str(file), "--provider", name))
    found = Job(
        url=urls["b"],
        database=str(place / "b" / "market.db"),
        maker_pki=str(place / "b" / "pki"),
        wmi="WBB",
        country="DE",
        provider_id="PNB",
        seed=1,
        numbers=list(range(CARS)),
        rate=0,
        broadcast=True,
    )
    own = _median(found)
    through = _median(replace(found, url=urls["a"], broadcast=False))
    yield _ratio(f"federated, found at a peer, {where}", through, [own])
    missed = replace(found, seed=_EMPTY_SEED, expected=404)
    slowest = [_median(replace(missed, url=urls[name])) for name in "bc"]
    through = _median(replace(missed, url=urls["a"], broadcast=False))
    yield _ratio(f"federated, found nowhere, {where}", through, slowest)


def _median(job: Job) -> float:
    return ask(job).quantile(0.5)


def _ratio(name: str, through: float, own: Sequence[float]) -> Figure:
    facts = {"through": f"{through:.1f} ms", "slowest peer": f"{max(own):.1f} ms"}
    return Figure(name, through / max(own), "times", _LIMIT, facts=facts)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def far_away(url: str, distance_s: float) -> Iterator[str]:
    """Return an address from which ``url`` is reached after a delay, there and back."""
    ready: list[tuple[asyncio.AbstractEventLoop, asyncio.Event, int]] = []
    up = threading.Event()

    async def run() -> None:
        host, port = url.removeprefix("http://").split(":")

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                there_reader, there_writer = await asyncio.open_connection(host, int(port))
            except OSError:  # not there yet, or not any more
                writer.close()
                return
            async with asyncio.TaskGroup() as group:
                group.create_task(_delayed(reader, there_writer, distance_s))
                group.create_task(_delayed(there_reader, writer, distance_s))

        end = asyncio.Event()
        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        ready.append((asyncio.get_running_loop(), end, server.sockets[0].getsockname()[1]))
        up.set()
        await end.wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    up.wait()
    loop, end, port = ready[0]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()


async def _delayed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, distance_s: float) -> None:
    """Pass bytes on in their order, each part after the same time."""
    loop = asyncio.get_running_loop()
    while data := await reader.read(65536):
        loop.call_later(distance_s, writer.write, data)
    loop.call_later(distance_s, writer.close)
