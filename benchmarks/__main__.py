"""All figures: ``python -m benchmarks [--json] [NAME ...]``.

Each benchmark is a module here and runs in a process of its own, so that none measures what another left
in memory. With ``--json`` their results are put together under their names: the rows of a module's ``run()``
where it has one, else the JSON or the lines that it prints.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

BENCHMARKS = ("session", "codec")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmarks; the exit code is that of the first one that failed."""
    known = [name for name in BENCHMARKS if find_spec(f"benchmarks.{name}") is not None]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Figures of PnC Lab.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which to run: {', '.join(known)} (default: all)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(argv)
    unknown = sorted(set(options.names) - set(known))
    if unknown:
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(known)}")
    results: dict[str, Any] = {"machine": machine()}
    worst = 0
    if not options.json:
        print(results["machine"])
    for name in options.names or known:
        if options.json:
            code, results[name] = as_data(name)
        else:
            print(f"\n{name}", flush=True)
            code = subprocess.run(command(name), check=False).returncode
        worst = worst or code
    if options.json:
        print(json.dumps(results))
    return worst


def command(name: str, *options: str) -> list[str]:
    return [sys.executable, "-m", f"benchmarks.{name}", *options]


def machine() -> str:
    """Return in one line what the figures were measured on."""
    return f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores"


def as_data(name: str) -> tuple[int, Any]:
    """Run one benchmark and return its exit code and its results as plain data."""
    run = getattr(import_module(f"benchmarks.{name}"), "run", None)
    if run is not None:
        return 0, [row._asdict() for row in run()]
    done = subprocess.run(command(name, "--json"), stdout=subprocess.PIPE, text=True, check=False)
    try:
        return done.returncode, json.loads(done.stdout)
    except json.JSONDecodeError:
        return done.returncode, done.stdout.splitlines()


if __name__ == "__main__":
    sys.exit(main())
