"""Both engines side by side with whatever other codecs the machine has: ``python -m benchmarks.exi_peers``.

Peers are programs that are built or installed elsewhere. ``PNCLAB_EXI_PEERS`` names them, separated by semicolons:
``libcbv2g=/path/to/program;other=/path/with arguments``. A peer reads requests from standard input, one a line,

    encode|decode NAMESPACE CALLS HEX

does that often what the first word says with the document in HEX (whose decoded form it encodes), and answers with
the nanoseconds that one call took, or with a line that is no number where it cannot do it. The first peer is what
the ratios refer to; without one they refer to the Python engine.

All take turns on one message after the other, in short bursts, so that a clock that changes its pace changes it for
all; medians are told, and ratios of medians. ``--best`` tells the fastest burst instead: the figure to go by on a machine
that has other things to do. A peer that takes milliseconds gets fewer bursts.

``benchmarks/peers/`` has such programs for codecs that are called from Python; docs/exi-native.md says how to build and
attach them.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import repeat
from pathlib import Path
from statistics import median
from time import perf_counter_ns
from typing import Any, NamedTuple, Protocol

from exi.codec import schema_of
from exi.engine import Engine
from exi.registry import message_sets
from exi.schema import MessageSet
from exi.tables import tables_of
from exi.verify import Vector, read_vectors

VARIABLE = "PNCLAB_EXI_PEERS"
VECTORS = Path(__file__).parent.parent / "tests" / "vectors"
MESSAGES = {
    "-2 SessionSetupReq": "iso2_session_setup_req",
    "-2 CurrentDemandReq": "iso2_current_demand_req",
    "-2 CertificateInstallationReq, signed": "iso2_certificate_installation_req",
    "-2 CertificateInstallationRes, signed": "iso2_certificate_installation_res",
    "-20 SessionSetupReq": "cm_session_setup_req",
    "-20 DC_ChargeLoopReq, scheduled": "dc_charge_loop_req_scheduled",
    "-20 CertificateInstallationReq": "cm_certificate_installation_req",
    "-20 CertificateInstallationRes": "cm_certificate_installation_res_1",
}
DIRECTIONS = ("encode", "decode")
ROUNDS = 60
FEWEST_ROUNDS = 5
PEER_NS = 250_000_000
"""About how long a slow contender may take for one direction of one message."""

BURST_NS = 400_000
WARM_UP = 200


class Contender(Protocol):
    """Whatever can encode and decode."""

    name: str

    def burst(self, direction: str, vector: Vector, calls: int) -> float | None:
        """Return the nanoseconds that one of ``calls`` calls took, None where it cannot be done."""


class InProcess:
    """An engine of ours, from and to Python objects."""

    def __init__(self, name: str, encode: Callable[..., bytes], decode: Callable[..., Any]) -> None:
        self.name = name
        self._actions = {"encode": encode, "decode": decode}
        self._schemas = {schema.namespace: schema for schema in message_sets().values()}
        self._arguments: dict[tuple[str, str], tuple[Any, MessageSet]] = {}

    def burst(self, direction: str, vector: Vector, calls: int) -> float | None:
        """Return the nanoseconds of one call."""
        action = self._actions[direction]
        argument, schema = self._argument(direction, vector)
        started = perf_counter_ns()
        for _ in repeat(None, calls):
            action(argument, schema)
        return (perf_counter_ns() - started) / calls

    def _argument(self, direction: str, vector: Vector) -> tuple[Any, MessageSet]:
        known = self._arguments.get((direction, vector.name))
        if known is None:
            schema = self._schemas[vector.schema]
            argument = vector.exi if direction == "decode" else self._actions["decode"](vector.exi, schema)
            known = self._arguments[direction, vector.name] = argument, schema
            for _ in repeat(None, WARM_UP):
                self._actions[direction](argument, schema)
        return known


class Peer:
    """A program that answers requests."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name = name
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def burst(self, direction: str, vector: Vector, calls: int) -> float | None:
        """Return the nanoseconds of one call, as the peer measured it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{direction} {vector.schema} {calls} {vector.exi.hex()}\n")
        self._process.stdin.flush()
        try:
            return float(self._process.stdout.readline())
        except ValueError:
            return None

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()


class Row(NamedTuple):
    """What one message costs each contender, in microseconds: encode and decode times, None where it cannot."""

    message: str
    size: int
    times: dict[str, tuple[float | None, float | None]]


def engines() -> list[InProcess]:
    """Return the native engine, where it is built, and the Python engine."""
    python = {schema: Engine(tables_of(schema)) for schema in message_sets().values()}
    found = [
        InProcess(
            "python",
            lambda message, schema: python[schema].encode_document(message),
            lambda data, schema: python[schema].decode_document(data),
        )
    ]
    try:
        from exi import _native  # noqa: PLC0415 - only where it is built
    except ImportError:
        print("the native engine is not built: the Python engine runs alone", file=sys.stderr)
    else:
        codec = _native.Codec(lambda schema: _native.Engine(tables_of(schema)), schema_of)
        found.insert(0, InProcess("native", codec.encode, codec.decode))
    return found


def peers() -> list[Peer]:
    """Start the peers that the environment names."""
    entries = [entry.partition("=") for entry in os.environ.get(VARIABLE, "").split(";") if entry.strip()]
    if not entries:
        print(f"{VARIABLE} names no other codec to measure beside", file=sys.stderr)
    return [Peer(name.strip(), shlex.split(command)) for name, _, command in entries]


def run(*, best: bool = False) -> list[Row]:
    """Measure every message with every contender; ``best``: the fastest burst instead of the median."""
    vectors = {vector.name: vector for file in VECTORS.glob("exi_*.jsonl") for vector in read_vectors(file)}
    with ExitStack() as stack:
        others = [stack.enter_context(peer) for peer in peers()]
        contenders: list[Contender] = [*engines(), *others]
        return [
            _measure(message, vectors[name], contenders, min if best else median)
            for message, name in MESSAGES.items()
            if name in vectors
        ]


def _measure(
    message: str, vector: Vector, contenders: Sequence[Contender], summary: Callable[[list[float]], float]
) -> Row:
    times: dict[str, list[float | None]] = {contender.name: [] for contender in contenders}
    for direction in DIRECTIONS:
        pace = {
            contender.name: took
            for contender in contenders
            if (took := contender.burst(direction, vector, 3)) is not None
        }
        calls = {name: max(1, int(BURST_NS / took)) for name, took in pace.items()}
        rounds = {
            name: min(ROUNDS, max(FEWEST_ROUNDS, int(PEER_NS / (took * calls[name]))))
            for name, took in pace.items()
        }
        found: dict[str, list[float]] = {name: [] for name in calls}
        for number in range(ROUNDS):
            for contender in contenders:
                if number < rounds.get(contender.name, 0):
                    took = contender.burst(direction, vector, calls[contender.name])
                    found[contender.name] += [] if took is None else [took]
        for name, measured in times.items():
            measured.append(summary(found[name]) / 1000 if found.get(name) else None)
    return Row(message, len(vector.exi), {name: (encode, decode) for name, (encode, decode) in times.items()})


def report(rows: list[Row], *, best: bool = False) -> str:
    """Return the rows as a table, with the ratios of our engines to every peer."""
    names = list(rows[0].times)
    own = [name for name in names if name in {"native", "python"}]
    others = [name for name in names if name not in own] or own[-1:]
    kind = "fastest" if best else "median"
    head = f"{kind} µs, encode / decode"
    lines = [f"{head:38}{'bytes':>6}" + "".join(f"{name:>24}" for name in names)]
    for row in rows:
        cells = "".join(f"{_pair(row.times[name]):>24}" for name in names)
        lines.append(f"{row.message:38}{row.size:6}{cells}")
    for name in own:
        against = [other for other in others if other != name]
        if against:
            title = f"{name}: how many times as fast as"
            lines += ["", f"{title:44}" + "".join(f"{other:>24}" for other in against)]
            for row in rows:
                cells = "".join(f"{_ratios(row, name, other):>24}" for other in against)
                lines.append(f"{row.message:44}{cells}")
    return "\n".join(lines)


def _pair(times: tuple[float | None, float | None]) -> str:
    return " / ".join("-" if time is None else f"{time:,.2f}" for time in times)


def _ratios(row: Row, name: str, reference: str) -> str:
    pairs = zip(row.times[name], row.times[reference], strict=True)
    return " / ".join(_ratio(theirs / ours) if ours and theirs else "-" for ours, theirs in pairs)


def _ratio(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.exi_peers",
        description="Both EXI engines beside the codecs that PNCLAB_EXI_PEERS names.",
        epilog="example: PNCLAB_EXI_PEERS='libcbv2g=/tmp/peer' python -m benchmarks.exi_peers --best",
    )
    parser.add_argument("--best", action="store_true", help="the fastest burst instead of the median")
    parser.add_argument("--json", action="store_true", help="print one JSON array instead of tables")
    options = parser.parse_args(arguments)
    rows = run(best=options.best)
    if options.json:
        print(json.dumps([row._asdict() for row in rows]))
    else:
        print(report(rows, best=options.best))


if __name__ == "__main__":
    main()
