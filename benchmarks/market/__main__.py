"""Run as ``python -m benchmarks.market``; 1 when a figure misses its target."""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import exi
from benchmarks.market.federated import federated
from benchmarks.market.figures import answers, many
from benchmarks.market.ground import certificates, prepare
from benchmarks.market.report import Figure, as_json

PARTS = ("sqlite", "postgresql", "federated", "many")
VARIABLE = "PNCLAB_POSTGRES_URL"
CACHE = Path("runs") / "bench-market"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.market",
        description="Figures of a market with many cars. Seeded at the first run, which takes minutes.",
        epilog=f"PostgreSQL is measured where {VARIABLE} names a server.",
    )
    parser.add_argument("--vehicles", type=int, default=100_000, help="cars (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=50.0, help="requests a second (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long (default: %(default)s)")
    parser.add_argument(
        "--cache", type=Path, default=CACHE, help="folder of the market (default: %(default)s)"
    )
    parser.add_argument("--only", action="append", choices=PARTS, help="measure this only; repeatable")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    if options.vehicles < 1000:
        parser.error("--vehicles: at least 1000, so that no car asks twice")
    if not options.json:
        print(
            f"{options.vehicles} cars, EXI engine {exi.engine_name()}, load {os.getloadavg()[0]:.1f}",
            flush=True,
        )
    figures = []
    for figure in _figures(options):
        figures.append(figure)
        if not options.json:
            print(figure.line(), flush=True)
    if options.json:
        print(as_json(figures))
    return int(any(figure.reached is False for figure in figures))


def _figures(options: argparse.Namespace) -> Iterator[Figure]:
    parts = options.only or PARTS
    if "sqlite" in parts:
        yield from answers(
            prepare(options.cache, options.vehicles, None), "SQLite", options.rate, options.seconds
        )
    server = os.environ.get(VARIABLE)
    if "postgresql" in parts and server:
        there = prepare(options.cache, options.vehicles, server)
        yield from answers(there, "PostgreSQL", options.rate, options.seconds)
    if "federated" in parts:
        yield from federated()
    if "many" in parts:
        yield from many(certificates(options.cache))


if __name__ == "__main__":
    sys.exit(main())
