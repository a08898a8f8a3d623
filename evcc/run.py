"""``evcc run``: from the command line to the exit code."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import exi
from evcc import config, vehicle
from evcc.console import ConsoleSink
from evcc.contracts import ContractStore
from evcc.drive import Visit, drive_up
from evcc.errors import ConfigError
from evcc.exit_codes import ExitCode
from evcc.protocols import Protocol, offered, tls_of
from evcc.report import Outcome, Report
from v2g.capture import Capture
from v2g.errors import TlsError
from v2g.messages import appprotocol, xmldsig
from v2g.net.clock import SystemClock
from v2g.net.keylog import KeyLog
from v2g.net.network import TcpNetwork
from v2g.net.process import peak_rss_bytes
from v2g.trace import FanOut, JsonlSink, NullSink, Sink, Tracer

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says; ``overrides`` go on top of the configuration file."""

    vehicle: Path
    config: Path | None
    overrides: Mapping[str, Any]
    trace: Path | None
    capture: Path | None
    sessions: int
    as_json: bool


def run(options: Options) -> int:
    """Run the sessions and return the exit code.

    Raises :class:`ConfigError` and :class:`evcc.errors.ContractStoreError` before anything is sent.
    """
    car = vehicle.load(options.vehicle)
    settings = config.load(options.config, options.overrides)
    protocols = offered(settings, car)
    stores = {name: ContractStore.open(folder) for name, folder in car.contract_folders.items()}
    clock = SystemClock()
    with ExitStack() as stack:
        sinks: list[Sink] = [] if options.as_json else [ConsoleSink(_print)]
        if options.trace is not None:
            sinks.append(_opened(options.trace, "--trace", JsonlSink))
        sink = FanOut(*sinks) if sinks else NullSink()
        stack.callback(sink.close)
        capture = keylog = None
        if options.capture is not None:
            capture = _opened(options.capture, "--capture", Capture)
            stack.callback(capture.close)
            keylog = stack.enter_context(KeyLog(reader=capture.add_secrets))
        tracer = Tracer("evcc", sink, clock.now)
        tracer.event(
            "process.ready", pid=os.getpid(), version=version("pnclab"), exi_engine=exi.engine_name()
        )
        if not options.as_json:
            count = sum(len(store.contracts) for store in stores.values())
            _print(f"car {car.pcid}, {count} contracts stored, EXI engine {exi.engine_name()}")
        code = int(ExitCode.UNEXPECTED)
        try:
            try:
                tls = tls_of(car, protocols, keylog=keylog)
            except TlsError as error:
                raise ConfigError(options.vehicle, "", error.reason) from error
            warm_up(protocols)
            visit = Visit(
                network=TcpNetwork(),
                clock=clock,
                tracer=tracer,
                vehicle=car,
                stores=stores,
                protocols=protocols,
                config=settings,
                tls=tls,
                stopping=asyncio.Event(),
                capture=capture,
            )
            sessions = _Sessions(visit, options)
            code = asyncio.run(sessions.run())
        finally:
            tracer.event("process.ended", exit_code=code, peak_rss_bytes=peak_rss_bytes())
    return code


def warm_up(protocols: Sequence[Protocol]) -> None:
    """Have the codec make its grammars now, and not between two messages."""
    schemas = [schema for protocol in protocols for schema in protocol.edition.schemas.values()]
    for schema in (appprotocol.SCHEMA, *schemas, xmldsig.SCHEMA):
        with contextlib.suppress(exi.ExiError):
            exi.decode(b"", schema)  # refused, but with the grammar in place


@dataclass(frozen=True, slots=True)
class _Sessions:
    """The sessions of one process, one after the other, until one fails."""

    visit: Visit
    options: Options

    async def run(self) -> int:
        for number in range(1, self.options.sessions + 1):
            code = await self._one(number)
            if code != ExitCode.OK:
                break
        return code

    async def _one(self, number: int) -> int:
        """Run one session, print its summary, and return its exit code."""
        soc_percent = self.visit.vehicle.battery.soc_percent
        report = Report(exi_engine=exi.engine_name(), soc_percent=soc_percent)
        stopping = asyncio.Event()
        visit = replace(self.visit, tracer=self.visit.tracer.bind(connection=number), stopping=stopping)
        with _leaving_on_signals(report, stopping) as signals:
            try:
                await drive_up(visit, report)
            except asyncio.CancelledError:
                if not signals:
                    raise
                report.exit_code = 128 + signals[-1]
        _print(report.as_json().decode() if self.options.as_json else sentence(report))
        return report.exit_code


@contextlib.contextmanager
def _leaving_on_signals(report: Report, stopping: asyncio.Event) -> Iterator[list[int]]:
    """Let SIGINT and SIGTERM end the session: in order while power flows, at once otherwise.

    Yields the list of signals that came.
    """
    came: list[int] = []
    task = asyncio.current_task()
    assert task is not None
    if sys.platform == "win32":
        yield came
        return

    def leave(number: int) -> None:
        came.append(number)
        if report.charging and not stopping.is_set():
            stopping.set()
        else:
            task.cancel()

    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, leave, number)
    try:
        yield came
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def sentence(report: Report) -> str:
    """Return the summary for a person."""
    if report.outcome is not Outcome.OK:
        return f"{report.outcome}: {report.detail} [{report.reason}, exit code {report.exit_code}]"
    contract = ""
    if report.emaid:
        verb = "installed and used" if report.contract_installed else "used"
        contract = f" with contract {report.emaid} ({verb})"
    if len(report.contracts_installed) > 1:
        contract += f", {len(report.contracts_installed)} contracts installed"
    stopped = f", stopped by {report.stopped_by}" if report.stopped_by else ""
    given = f", gave {report.discharged_wh:.1f} Wh back" if report.discharged_wh else ""
    service = f" by {report.service}, {report.control} control" if report.service else ""
    return (
        f"charged {report.energy_wh:.1f} Wh to {report.soc_percent:.1f} %{given}{service}{contract}:"
        f" {report.messages} messages"
        f" in {report.durations.session_s or 0:.3f} s{stopped}"
    )


def _print(line: str) -> None:
    print(line, flush=True)


def _opened(path: Path, flag: str, kind: Callable[[Path], _T]) -> _T:
    """Open an output file; raises :class:`ConfigError` naming the flag and the file."""
    try:
        return kind(path)
    except OSError as error:
        raise ConfigError(config.COMMAND_LINE, flag, f"{path}: {error.strerror or error}") from error
