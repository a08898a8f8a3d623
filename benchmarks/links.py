"""Real against virtual time: one exchange over each link preset, through the proxy and simulated.

Each seed is run both ways; printed are the quantiles of both and what the proxy added, seed by seed. Names
cost nothing here. Slow presets take as long as they take: all seeds of one run at the same time.

Run as ``python -m benchmarks.links [--json] [--seeds N] [PRESET ...]``.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

import msgspec

from lab.links.comparison import Pair, compare
from lab.links.presets import PresetError, preset, presets

SEEDS = 40


@dataclass(frozen=True, slots=True)
class Row:
    """Figures of one preset, in seconds; ``added`` is real minus virtual of the same seed."""

    preset: str
    seeds: int
    real_p50_s: float
    virtual_p50_s: float
    real_p90_s: float
    virtual_p90_s: float
    real_max_s: float
    virtual_max_s: float
    added_p50_s: float
    added_p90_s: float
    added_min_s: float
    added_max_s: float


def row_of(name: str, pairs: Sequence[Pair]) -> Row:
    """Sum up the pairs of one preset."""
    real, virtual = sorted(p.real_s for p in pairs), sorted(p.virtual_s for p in pairs)
    added = sorted(p.real_s - p.virtual_s for p in pairs)

    def p90(values: list[float]) -> float:
        return quantiles(values, n=10, method="inclusive")[-1]

    return Row(
        preset=name,
        seeds=len(pairs),
        real_p50_s=median(real),
        virtual_p50_s=median(virtual),
        real_p90_s=p90(real),
        virtual_p90_s=p90(virtual),
        real_max_s=real[-1],
        virtual_max_s=virtual[-1],
        added_p50_s=median(added),
        added_p90_s=p90(added),
        added_min_s=added[0],
        added_max_s=added[-1],
    )


def run(names: Sequence[str] = (), seeds: int = SEEDS) -> list[dict[str, Any]]:
    """Measure presets, all of them by default, and return their rows as plain data."""
    rows = [row_of(name, compare(preset(name), range(seeds))) for name in names or presets()]
    return [dict(msgspec.to_builtins(row)) for row in rows]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.links", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("presets", nargs="*", metavar="PRESET", help="which links (default: all)")
    parser.add_argument(
        "--seeds", type=int, default=SEEDS, metavar="N", help="how many runs (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(argv)
    if options.seeds < 2:
        parser.error("--seeds must be at least 2")
    try:
        rows = run(options.presets, options.seeds)
    except PresetError as error:
        parser.error(str(error))
    if options.json:
        print(msgspec.json.encode({"rows": rows}).decode())
        return 0
    heads = ("preset", "real p50", "virtual", "real p90", "virtual", "added p50", "p90", "max")
    print(f"{heads[0]:<14}" + "".join(f"{head:>11}" for head in heads[1:]) + "   (milliseconds)")
    fields = (
        "real_p50_s",
        "virtual_p50_s",
        "real_p90_s",
        "virtual_p90_s",
        "added_p50_s",
        "added_p90_s",
        "added_max_s",
    )
    for row in rows:
        print(f"{row['preset']:<14}" + "".join(f"{row[name] * 1000:>11.1f}" for name in fields))
    return 0


if __name__ == "__main__":
    sys.exit(main())
