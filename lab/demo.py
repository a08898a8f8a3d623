"""``pnclab demo``: a market, a charger and a car as real processes; the car installs its contract and charges.

It does so twice, in ISO 15118-2 and in ISO 15118-20, at the same charger.

Everything a run leaves lies in one folder. Private keys are in its ``pki/`` and nowhere else::

    trace.jsonl            what every process saw, in the order of time
    capture.pcapng         the car's packets of the installing session, TLS keys inside
    capture-2.pcapng       the same for the session of ISO 15118-20
    report.html            both sessions as sequence diagram and waterfall
    logs/                  what each process wrote to its log
    pki/                   certificate hierarchy, market database, and the car's folder with its contracts
"""

import contextlib
import os
import shutil
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

from lab import loopback, wording
from lab.comparison import comparison_table, installing
from lab.model import CAR, CHARGER, MARKET, Run
from lab.narration import LAB, MAKER, PROVIDER, Line, Narrator, session_story
from lab.processes import ProcessError, Processes
from lab.report import write_report
from lab.runs import build
from lab.table import ACTORS, COLOURS, as_json, installation_line, is_ascii, session_table
from lab.trace_file import merge, write_trace
from pki.entropy import SystemEntropy
from pki.hierarchy import init_folder

EXIT_PROCESS_FAILED = 3
# The car charges in a few short rounds, so that the demo is quick.
ROUNDS = 5
INTERVAL_S = 0.2

SESSIONS = (
    ("iso2", "capture.pcapng", "Plugs in and speaks ISO 15118-2. It owns no contract."),
    (
        "iso20-ac",
        "capture-2.pcapng",
        "Plugs in again and speaks ISO 15118-20, which has contracts of its own.",
    ),
)
"""What the car speaks, where its packets go, and how it is announced."""


class DemoError(Exception):
    """The demo cannot go on for a reason of its own."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The command line of the demo. ``discovery`` is auto (SDP over loopback where it works) or off."""

    out: Path = Path("runs")
    json: bool = False
    discovery: str = "auto"


@dataclass(slots=True)
class Demo:
    """One run of the demo."""

    directory: Path
    narrator: Narrator
    discovery: bool
    traces: list[tuple[str, Path]] = field(default_factory=list)

    @property
    def pki(self) -> Path:
        """Where all keys lie."""
        return self.directory / "pki"

    @property
    def vehicle(self) -> Path:
        """The car's folder."""
        return self.pki / "vehicle"

    def trace(self, process: str) -> list[str]:
        """Return the flag that makes a process write its trace, and remember to merge it."""
        path = self.directory / "logs" / f"{process}.jsonl"
        self.traces.append((process, path))
        return ["--trace", str(path)]


def new_run_directory(out: Path, now: datetime) -> Path:
    """Make and return ``out/<UTC time>``, with a number behind it where that exists; raises OSError."""
    out.mkdir(parents=True, exist_ok=True)
    name = now.astimezone(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    for number in range(1, 1000):
        directory = out / (name if number == 1 else f"{name}-{number}")
        with contextlib.suppress(FileExistsError):
            directory.mkdir()
            return directory
    raise FileExistsError(f"{out / name}: too many runs in one second")


def command(name: str) -> str:
    """Return the path of one of our own commands, from the environment that this Python runs in."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        raise DemoError(f"the command {name} is not installed beside {sys.executable}; run `make demo`")
    return found


async def run(settings: Settings, console: Console) -> int:
    """Run the demo and return its exit code: 0, or EXIT_PROCESS_FAILED after saying what failed.

    Raises OSError or PkiError where the run's folder cannot be written, DemoError where the commands are not
    installed or say nonsense, TraceFileError where a process wrote a garbled trace.
    """
    directory = new_run_directory(settings.out, datetime.now(UTC))
    narrator = Narrator(console, quiet=settings.json)
    demo = Demo(directory, narrator, settings.discovery == "auto" and loopback.discovery_works())
    failure: ProcessError | None = None
    try:
        async with Processes(directory / "logs") as processes:
            await _perform(demo, processes)
    except ProcessError as error:
        failure = error
    told = _leave(demo)
    _point_latest(settings.out, directory)
    if settings.json:
        print(msgspec.json.encode(_as_json(demo, told, failure)).decode())
    elif failure is not None:
        _show_failure(failure, demo, console)
    elif told is not None:
        _show(demo, told, console)
    return 0 if failure is None and told is not None else EXIT_PROCESS_FAILED


async def _perform(demo: Demo, processes: Processes) -> None:
    """Set the stage, start the market and the charger, and send the car once in each edition."""
    tell = demo.narrator.tell
    tell(LAB, f"A new run in {shown(demo.directory)}.")
    init_folder(demo.pki, now=datetime.now(UTC), entropy=SystemEntropy())
    tell(
        LAB,
        "Certificates for everyone.",
        "Roots for V2G, car makers and mobility providers; chains below them.",
    )

    market = await processes.serve(
        "market",
        [
            *(command("backend-stub"), "serve", "--json", "--port", "0"),
            *("--pki", str(demo.pki), "--database", str(demo.pki / "market.sqlite")),
            *demo.trace("market"),
        ],
    )
    url = str(market.ready["address"])
    tell(
        MARKET,
        f"Open at {url}.",
        "Car maker, mobility provider, provisioning service and pools in one process.",
    )

    charger = await processes.serve("charger", _charger_command(demo, url))
    address = str(charger.ready["address"])
    how = (
        "It answers discovery on the loopback interface."
        if demo.discovery
        else "Cars connect to it directly."
    )
    tell(CHARGER, f"Ready at {address}.", how)

    pcid = await _build_car(demo, processes, url)
    await _onboard(demo, processes, url, pcid)

    for number, (protocol, capture, opening) in enumerate(SESSIONS, start=1):
        demo.narrator.blank()
        tell(CAR, opening, _how_found(demo, address))
        await processes.run(f"car-{number}", _car_command(demo, address, number, protocol, capture))
        for line in _last_session(demo):
            tell(line.actor, line.text, line.why, at=line.at)


def _charger_command(demo: Demo, url: str) -> list[str]:
    base = [
        command("secc"),
        "run",
        "--json",
        "--pki",
        str(demo.pki),
        "--backend",
        url,
        *demo.trace("charger"),
    ]
    if demo.discovery:
        return [*base, "--interface", loopback.name()]
    return [*base, "--no-sdp", "--listen", f"{loopback.address()}:0"]


def _car_command(demo: Demo, address: str, number: int, protocol: str, capture: str) -> list[str]:
    where = ["--interface", loopback.name()] if demo.discovery else ["--connect", address]
    return [
        *(command("evcc"), "run", "--json", "--vehicle", str(demo.vehicle)),
        *("--protocols", protocol, "--rounds", str(ROUNDS), "--interval", str(INTERVAL_S)),
        *("--capture", str(demo.directory / capture)),
        *where,
        *demo.trace(f"car-{number}"),
    ]


def _how_found(demo: Demo, address: str) -> str:
    if demo.discovery:
        return "It looks for a charger by SDP multicast on the loopback interface."
    return f"It connects to {address}; discovery is off here."


async def _build_car(demo: Demo, processes: Processes, url: str) -> str:
    built = _answer(
        await processes.run(
            "car-maker",
            [command("backend-stub"), "oem", "build", "--json", "--url", url, "--out", str(demo.vehicle)],
        )
    )
    pcid = str(built.get("pcid", ""))
    demo.narrator.tell(
        MAKER,
        f"Built car {pcid}.",
        "Its provisioning certificates went to the pool, its keys into the car.",
    )
    return pcid


async def _onboard(demo: Demo, processes: Processes, url: str, pcid: str) -> None:
    onboarded = _answer(
        await processes.run(
            "provider", [command("backend-stub"), "msp", "onboard", "--json", "--url", url, "--pcid", pcid]
        )
    )
    demo.narrator.tell(
        PROVIDER,
        f"Made contract {onboarded.get('emaid', '')} for it.",
        "Keys sealed for this car, own copies deleted; a signed bundle for each edition waits in the pool.",
    )


def _answer(output: str) -> dict[str, Any]:
    """Return what a command printed with ``--json``; raises DemoError."""
    try:
        answer = msgspec.json.decode(output)
    except msgspec.DecodeError as error:
        raise DemoError(f"a command printed something that is not JSON: {error}") from error
    if not isinstance(answer, dict):
        raise DemoError("a command printed JSON that is not an object")
    return answer


def _last_session(demo: Demo) -> list[Line]:
    """Return the story of the session that just ended, as the traces tell it so far."""
    told = build(merge(demo.traces))
    return list(session_story(told.sessions[-1])) if told.sessions else []


def _leave(demo: Demo) -> Run | None:
    """Merge the traces, write the report, and return what they tell; None when there is no trace at all."""
    trace = merge(demo.traces)
    if not trace.events:
        return None
    write_trace(demo.directory / "trace.jsonl", trace.events)
    for _, path in demo.traces:
        path.unlink(missing_ok=True)
    write_report(demo.directory)
    return build(trace)


def _point_latest(out: Path, directory: Path) -> None:
    """Let ``out/latest`` lead to this run; a convenience, so a file system without links is no failure."""
    link = out / "latest"
    with contextlib.suppress(OSError):
        if link.is_symlink() or not link.exists():
            draft = out / f".latest.{os.getpid()}"
            draft.symlink_to(directory.name)
            draft.replace(link)


def shown(path: Path) -> str:
    """Return a path as short as it can be said from here."""
    resolved = path.resolve()
    try:
        return str(resolved.relative_to(Path.cwd()))
    except ValueError:
        return str(resolved)


ARTEFACTS = (
    ("report.html", "both sessions drawn; open it in a browser"),
    ("capture.pcapng", "the car's packets, TLS keys inside; open it in Wireshark"),
    ("trace.jsonl", "every event of every process, one JSON object a line"),
    ("pki", "the certificates, and the car with its contracts"),
)


def _show(demo: Demo, told: Run, console: Console) -> None:
    """Print the table of the installing session, what ran, what is left, and what to try next."""
    session = told.installing
    if session is None:
        console.print("The trace holds no session.", style="red")
        return
    console.print()
    console.print(session_table(session, width=console.width, ascii_only=is_ascii(console)))
    line = installation_line(session)
    if line is not None:
        console.print(line)
    console.print()
    if len(both := installing(told.sessions)) > 1:
        console.print(comparison_table(both, ascii_only=is_ascii(console)))
        console.print()
    console.print(machinery(told))
    console.print()
    left = [(demo.directory / name, what) for name, what in ARTEFACTS if (demo.directory / name).exists()]
    width = max((len(shown(path)) for path, _ in left), default=0)
    for path, what in left:
        name = Text(shown(path).ljust(width), style=f"bold link {path.resolve().as_uri()}")
        console.print(Text.assemble(name, (f"  {what}", "bright_black")), soft_wrap=True)
    console.print()
    pnclab = shown(Path(sys.executable).parent / "pnclab")
    console.print(
        Text.assemble(("next  ", "bright_black"), f"{pnclab} pki show {shown(demo.pki)}"), soft_wrap=True
    )


def machinery(told: Run) -> Text:
    """Return one line about the EXI engine and each process's peak memory."""
    engines = sorted({process.exi_engine for process in told.processes if process.exi_engine})
    text = Text.assemble(("EXI engine ", "bright_black"), ", ".join(engines) or "unknown")
    peaks: dict[str, int] = {}
    for process in told.processes:
        peaks[process.role] = max(peaks.get(process.role, 0), process.peak_rss_bytes or 0)
    if any(peaks.values()):
        text.append("   peak memory", style="bright_black")
    for role in (CAR, CHARGER, MARKET):
        if peaks.get(role):
            text.append(f"  {ACTORS[role]} ", style=COLOURS[role])
            text.append(wording.memory(peaks[role]))
    return text


def _show_failure(failure: ProcessError, demo: Demo, console: Console) -> None:
    console.print()
    console.print(Text(f"{failure.name} failed: {failure.reason}", style="bold red"))
    for line in failure.lines:
        console.print(Text(f"  {line}"), soft_wrap=True)
    console.print(Text(f"logs in {shown(demo.directory / 'logs')}", style="bright_black"), soft_wrap=True)
    report = demo.directory / "report.html"
    if report.exists():
        console.print(
            Text(f"what happened until then: {shown(report)}", style="bright_black"), soft_wrap=True
        )


def _as_json(demo: Demo, told: Run | None, failure: ProcessError | None) -> dict[str, Any]:
    files = ("trace.jsonl", "capture.pcapng", "capture-2.pcapng", "report.html")
    result: dict[str, Any] = {
        "ok": failure is None and told is not None,
        "directory": str(demo.directory.resolve()),
        "discovery": demo.discovery,
        "artefacts": {
            name: str((demo.directory / name).resolve()) for name in files if (demo.directory / name).exists()
        },
    }
    if failure is not None:
        result["failure"] = {"process": failure.name, "reason": failure.reason, "lines": list(failure.lines)}
    return result | (as_json(told) if told is not None else {})
