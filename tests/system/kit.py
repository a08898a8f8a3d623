"""Real processes for tests: a market, chargers, cars and what they leave behind."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from lab import loopback
from lab.demo import command
from lab.model import Run
from lab.processes import Child, ProcessError, Processes
from lab.runs import build
from lab.trace_file import Event, merge
from pki.entropy import SystemEntropy
from pki.hierarchy import Hierarchy, init_folder


@dataclass(slots=True)
class Stage:
    """A folder with a PKI, and the processes that run in it."""

    directory: Path
    processes: Processes
    market_url: str = ""
    charger_address: str = ""
    traces: list[tuple[str, Path]] = field(default_factory=list)

    @property
    def pki(self) -> Path:
        return self.directory / "pki"

    def trace(self, name: str) -> list[str]:
        path = self.directory / f"{name}.jsonl"
        self.traces.append((name, path))
        return ["--trace", str(path)]

    async def market(self, *options: str, name: str = "market") -> Child:
        child = await self.processes.serve(
            name,
            [
                *(command("backend-stub"), "serve", "--json", "--port", "0", "--pki", str(self.pki)),
                *("--database", str(self.directory / "market.sqlite"), *self.trace(name), *options),
            ],
        )
        self.market_url = child.ready["address"]
        return child

    async def charger(self, *options: str, backend: str | None = None, name: str = "charger") -> Child:
        url = self.market_url if backend is None else backend
        child = await self.processes.serve(
            name,
            [
                *(command("secc"), "run", "--json", "--no-sdp", "--listen", f"{loopback.address()}:0"),
                *("--pki", str(self.pki), *(("--backend", url) if url else ()), *self.trace(name), *options),
            ],
        )
        self.charger_address = child.ready["address"]
        return child

    async def vehicle(self, name: str = "vehicle", *, contract: bool = True) -> Path:
        """Have the car maker build a car, and the provider make a contract for it."""
        folder = self.directory / "keys" / name
        folder.parent.mkdir(exist_ok=True)
        url = ["--json", "--url", self.market_url]
        stub = command("backend-stub")
        built = await self.processes.run(f"build-{name}", [stub, "oem", "build", *url, "--out", str(folder)])
        if contract:
            pcid = msgspec.json.decode(built)["pcid"]
            await self.processes.run(f"onboard-{name}", [stub, "msp", "onboard", *url, "--pcid", pcid])
        return folder

    def car_command(self, vehicle: Path, *options: str) -> list[str]:
        return [
            *(command("evcc"), "run", "--json", "--vehicle", str(vehicle), "--connect", self.charger_address),
            *("--rounds", "2", "--interval", "0", *options),
        ]

    async def car(
        self, vehicle: Path, *options: str, name: str = "car", watch: bool = True
    ) -> tuple[int, dict[str, Any]]:
        """Run a car to its end; return its exit code and its summary (empty when it printed none)."""
        if "--trace" not in options:
            options = (*options, *self.trace(name))
        try:
            output = await self.processes.run(
                name, self.car_command(vehicle, *options), within_s=60, watch=watch
            )
        except ProcessError as error:
            if error.exit_code is None or error.name != name:
                raise
            return error.exit_code, summary(error.output)
        return 0, summary(output)

    def told(self) -> Run:
        """What the traces tell so far."""
        return build(merge(self.traces))

    def events(self, role: str, kind: str) -> list[Event]:
        return [e for e in merge(self.traces).events if e.role == role and e.kind == kind]


def summary(output: str) -> dict[str, Any]:
    lines = output.strip().splitlines()
    data = msgspec.json.decode(lines[-1]) if lines else {}
    assert isinstance(data, dict)
    return data


@asynccontextmanager
async def stage(directory: Path, *, iso20: bool = False) -> AsyncIterator[Stage]:
    """Set a stage; with ``iso20`` everybody can speak that, too."""
    if iso20:
        init_folder(directory / "pki", now=datetime.now(UTC), entropy=SystemEntropy())
    else:
        Hierarchy.create(now=datetime.now(UTC), entropy=SystemEntropy()).save(directory / "pki")
    async with Processes(directory / "logs") as processes:
        yield Stage(directory, processes)


@asynccontextmanager
async def pipe_events(path: Path) -> AsyncIterator["PipeEvents"]:
    """Offer a named pipe that a process can write its trace to, and that a test can wait on."""
    os.mkfifo(path)
    # Opened for both ways, so that it neither blocks nor ends while nobody writes.
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        yield PipeEvents(descriptor)
    finally:
        os.close(descriptor)


class PipeEvents:
    """The events that come out of a named pipe."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""
        self.seen: list[dict[str, Any]] = []

    async def until(self, *kinds: str) -> dict[str, Any]:
        """Return the next event of one of these kinds."""
        while True:
            while b"\n" in self._rest:
                line, self._rest = self._rest.split(b"\n", 1)
                event = msgspec.json.decode(line)
                self.seen.append(event)
                if event["kind"] in kinds:
                    return dict(event)
            async with asyncio.timeout(30):
                await self._readable()
            self._rest += os.read(self._descriptor, 65536)

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()

        def wake() -> None:
            if not ready.done():
                ready.set_result(None)

        loop.add_reader(self._descriptor, wake)
        try:
            await ready
        finally:
            loop.remove_reader(self._descriptor)


def texts_of(folder: Path, *, without: Iterable[str] = ()) -> dict[Path, bytes]:
    """Return the content of every file below ``folder`` that lies in none of the folders ``without``."""
    return {
        path: path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not set(path.relative_to(folder).parts) & set(without)
    }
