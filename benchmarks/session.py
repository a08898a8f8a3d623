"""Figures of a whole session: market, charger and car as processes over loopback.

Each round builds a new car with a contract that waits for it, and lets it install and charge: in ISO 15118-2, and then
in ISO 15118-20 (AC), whose contract is another one. Measured from the car's trace and the processes' own memory
figures; medians over the rounds. What the car waits between two rounds of charging is not counted. The charger has served one
car before, as a charger in the field has; what the very first car sees is printed beside it.

Run as ``python -m benchmarks.session [--json] [--rounds N]``.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import msgspec

from lab import loopback
from lab.demo import command
from lab.model import Outcome, Session
from lab.processes import Processes
from lab.runs import build
from lab.trace_file import merge
from pki.entropy import SystemEntropy
from pki.hierarchy import init_folder

ROUNDS = 9
CHARGE_ROUNDS = 10  # as many as the peer's published session has

SESSION_TARGETS_S = {"iso2": 0.035, "iso20-ac": 0.060}
LOOP_TARGET_S = 0.001
_NAMES = {"iso2": "-2", "iso20-ac": "-20"}
_LOOPS = frozenset({"ChargingStatus", "AC_ChargeLoop"})
FIRST_MESSAGE_TARGET_S = 0.7
MEMORY_TARGET_MB = 120.0

# What was measured of the open Python peer (iso15118 0.31.2 with its Java codec): AC, Plug & Charge,
# installation, 10 charge rounds, over a veth pair on two shared cores. Quoted, not measured here.
PEER = "iso15118 0.31.2 with its Java codec"
PEER_SESSION_S = 6.0
PEER_ROUND_TRIP_S = 0.110
PEER_MEMORY_MB = {"car": 423.0, "charger": 430.0}


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure. ``ratio`` is measured / target: up to 1 is good. ``peer`` is a quoted figure."""

    name: str
    measured: float
    unit: str
    target: float | None = None
    peer: float | None = None

    @property
    def ratio(self) -> float | None:
        """The share of the target that is used."""
        return None if self.target is None else self.measured / self.target

    @property
    def better_than_peer(self) -> float | None:
        """How many times less than the peer's figure this is."""
        return None if self.peer is None or not self.measured else self.peer / self.measured


@dataclass(frozen=True, slots=True)
class _Round:
    """What one car's session came to; seconds."""

    session_s: float
    first_message_s: float
    handshake_s: float
    installation_s: float
    round_trip_s: float
    loop_s: float
    pairs: int


async def measure(rounds: int = ROUNDS) -> list[Figure]:
    """Run the sessions and return the figures; raises ProcessError when a process fails."""
    with tempfile.TemporaryDirectory(prefix="pnclab-bench-") as place:
        directory = Path(place)
        init_folder(directory / "pki", now=datetime.now(UTC), entropy=SystemEntropy())
        traces = [(name, directory / f"{name}.jsonl") for name in ("market", "charger")]
        async with Processes(directory / "logs") as processes:
            market = await processes.serve(
                "market",
                [
                    *(command("backend-stub"), "serve", "--json", "--port", "0"),
                    *("--pki", str(directory / "pki"), "--database", str(directory / "market.sqlite")),
                    *("--trace", str(traces[0][1])),
                ],
            )
            url = str(market.ready["address"])
            charger = await processes.serve(
                "charger",
                [
                    *(command("secc"), "run", "--json", "--no-sdp", "--listen", f"{loopback.address()}:0"),
                    *("--pki", str(directory / "pki"), "--backend", url, "--trace", str(traces[1][1])),
                ],
            )
            address = str(charger.ready["address"])
            results = [
                await _one_car(processes, directory, url, address, number) for number in range(rounds + 1)
            ]
        traces += [
            (f"car-{number}-{protocol}", directory / f"car-{number}-{protocol}.jsonl")
            for number in range(rounds + 1)
            for protocol in SESSION_TARGETS_S
        ]
        peaks = _peaks_mb(traces)
    return [
        *(figure for protocol in SESSION_TARGETS_S for figure in _figures(protocol, results)),
        Figure(
            "first message after the car's start",
            median(each.first_message_s for each in (result["iso2"] for result in results[1:])),
            "s",
            FIRST_MESSAGE_TARGET_S,
        ),
        *(
            Figure(f"peak memory, {role}", peak, "MB", MEMORY_TARGET_MB, PEER_MEMORY_MB.get(role))
            for role, peak in peaks.items()
        ),
    ]


def _figures(protocol: str, results: Sequence[Mapping[str, _Round]]) -> list[Figure]:
    """Return the figures of the sessions in one protocol; the first of all is told apart."""
    first, *later = (result[protocol] for result in results)
    name = _NAMES[protocol]
    # The peer was measured in -2 only.
    peer = protocol == "iso2"
    return [
        Figure(
            f"{name} session with installation, {later[0].pairs} message pairs",
            median(r.session_s for r in later) * 1000,
            "ms",
            SESSION_TARGETS_S[protocol] * 1000,
            PEER_SESSION_S * 1000 if peer else None,
        ),
        Figure(f"  the fastest of {len(later)}", min(r.session_s for r in later) * 1000, "ms"),
        Figure("  the charger's first car of all", first.session_s * 1000, "ms"),
        Figure("  of it TLS", median(r.handshake_s for r in later) * 1000, "ms"),
        Figure("  of it CertificateInstallation", median(r.installation_s for r in later) * 1000, "ms"),
        Figure(
            f"{name} message pair, median",
            median(r.round_trip_s for r in later) * 1000,
            "ms",
            None,
            PEER_ROUND_TRIP_S * 1000 if peer else None,
        ),
        Figure(
            f"{name} message pair in the charge loop, median",
            median(r.loop_s for r in later) * 1000,
            "ms",
            LOOP_TARGET_S * 1000,
        ),
    ]


async def _one_car(
    processes: Processes, directory: Path, url: str, address: str, number: int
) -> Mapping[str, _Round]:
    """Build a car, onboard its driver, let it charge in each protocol, and read from its traces how long that took."""
    vehicle = directory / f"vehicle-{number}"
    stub = [command("backend-stub")]
    built = await processes.run(
        f"build-{number}", [*stub, "oem", "build", "--json", "--url", url, "--out", str(vehicle)]
    )
    pcid = msgspec.json.decode(built)["pcid"]
    await processes.run(
        f"onboard-{number}", [*stub, "msp", "onboard", "--json", "--url", url, "--pcid", pcid]
    )
    config = directory / "car.toml"
    config.write_text("[charging]\nloop_interval_s = 0.0\n")
    rounds = {}
    for protocol in SESSION_TARGETS_S:
        trace = directory / f"car-{number}-{protocol}.jsonl"
        started = time.time()
        await processes.run(
            f"car-{number}-{protocol}",
            [
                *(command("evcc"), "run", "--json", "--vehicle", str(vehicle), "--connect", address),
                *("--protocols", protocol, "--rounds", str(CHARGE_ROUNDS), "--interval", "0"),
                *("--config", str(config), "--trace", str(trace)),
            ],
        )
        session = build(merge([("car", trace)])).sessions[0]
        assert session.outcome is Outcome.OK
        assert session.installed
        rounds[protocol] = _read(session, started)
    return rounds


def _read(session: Session, started: float) -> _Round:
    connected = next(event for event in session.events if event.kind == "tcp.connected")
    last = session.exchanges[-1].response
    first = session.exchanges[0].request
    installation = session.installation
    assert last is not None
    assert first is not None
    assert installation is not None
    assert session.tls is not None
    return _Round(
        session_s=last.t - (connected.t - (connected.number("elapsed_s") or 0.0)) - _waited_s(session),
        first_message_s=first.t - started,
        handshake_s=session.tls.number("elapsed_s") or 0.0,
        installation_s=installation.elapsed_s or 0.0,
        round_trip_s=median(exchange.elapsed_s or 0.0 for exchange in session.exchanges),
        loop_s=median(each.elapsed_s or 0.0 for each in session.exchanges if each.name in _LOOPS),
        pairs=len(session.exchanges),
    )


def _waited_s(session: Session) -> float:
    """Return how long the car waited between the rounds of the charge loop, which is its own choice."""
    loop = [each for each in session.exchanges if each.name in _LOOPS]
    return sum(each.before_s or 0.0 for each in loop[1:])


def _peaks_mb(traces: Sequence[tuple[str, Path]]) -> dict[str, float]:
    """Return the peak memory of each role in MB (10^6 bytes); of all cars the largest."""
    names = {"evcc": "car", "secc": "charger", "backend": "market"}
    peaks: dict[str, float] = {}
    for process in build(merge(traces)).processes:
        if process.peak_rss_bytes is not None and process.role in names:
            role = names[process.role]
            peaks[role] = max(peaks.get(role, 0.0), process.peak_rss_bytes / 1e6)
    return dict(sorted(peaks.items()))


def as_lines(figures: Sequence[Figure]) -> list[str]:
    """Return the figures as a table: measured, target, measured / target, and the quoted peer."""
    lines = [f"{'':<50}{'measured':>12}  {'target':>10}  {'measured/target':>15}  {'peer (quoted)':>15}"]
    for figure in figures:
        target = f"{figure.target:g} {figure.unit}" if figure.target is not None else ""
        ratio = f"{figure.ratio:.2f}" if figure.ratio is not None else ""
        peer = ""
        if figure.peer is not None and figure.better_than_peer is not None:
            peer = f"{figure.peer:g} {figure.unit}, {figure.better_than_peer:.0f}x"
        measured = f"{figure.measured:.2f}" if figure.measured < 10 else f"{figure.measured:.1f}"
        lines.append(
            f"{figure.name:<50}{measured:>9} {figure.unit:<2}  {target:>10}  {ratio:>15}  {peer:>15}"
        )
    return lines


def peer_note() -> str:
    """Return what is said about the peer's figures."""
    installed = find_spec("iso15118") is not None
    note = f"peer: {PEER}, quoted from measurements on two shared cores (session, round trip, peak memory)"
    return note + (
        "; it is installed here, but runs of its own are not part of this benchmark" if installed else ""
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.session", description="Figures of a whole session."
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="sessions to take the median of")
    options = parser.parse_args(argv)
    figures = asyncio.run(measure(options.rounds))
    if options.json:
        data = [
            asdict(figure)
            | {"name": figure.name.strip(), "measured": round(figure.measured, 3), "ratio": figure.ratio}
            for figure in figures
        ]
        print(msgspec.json.encode({"session": data, "peer": PEER}).decode())
    else:
        print("\n".join([*as_lines(figures), peer_note()]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
