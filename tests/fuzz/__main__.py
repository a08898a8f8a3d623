"""``python -m tests.fuzz``: what ``make fuzz`` runs. Exit code 1 where an input breaks a target."""

import argparse
import random
import sys
from importlib.util import find_spec

from tests.fuzz.exi_targets import native_engine
from tests.fuzz.registry import TARGETS
from tests.fuzz.session import Crash, fuzz


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--time", type=int, default=60, help="seconds a target (60)")
    parser.add_argument("--target", action="append", choices=TARGETS, help="only this one; may be repeated")
    parser.add_argument("--engine", choices=("auto", "atheris", "mutation"), default="auto")
    parser.add_argument("--seed", type=int, help="start of the random numbers, to repeat a run more or less")
    parser.add_argument(
        "--replay", nargs=2, metavar=("TARGET", "HEX"), help="run one input and show what it does"
    )
    options = parser.parse_args(arguments)
    if options.replay:
        name, data = options.replay
        for feature in sorted(TARGETS[name].run(bytes.fromhex(data))):
            print(feature)
        return 0
    engine = options.engine
    if engine == "auto":
        engine = "atheris" if find_spec("atheris") else "mutation"
    seed = random.SystemRandom().randrange(1, 2**31) if options.seed is None else options.seed
    return run(options.target or list(TARGETS), options.time, engine, seed)


def run(names: list[str], seconds: int, engine: str, seed: int) -> int:
    """Fuzz targets in turn, print a line for each, and the crashes at the end."""
    if engine == "mutation":
        print(
            "without atheris (no wheel for this platform, or not installed): mutations without code coverage"
        )
    native = "beside the native engine" if native_engine() else "the native engine is not built"
    print(f"{len(names)} targets, {seconds} s each, seed {seed}, {native}")
    print(
        f"{'target':<16}{'executions':>12}{'a second':>10}{'features':>10}{'new entries':>13}{'crashes':>9}"
    )
    crashes: list[tuple[str, Crash]] = []
    for name in names:
        result = fuzz(TARGETS[name], seconds, engine, seed)
        rate = result.executions / max(result.seconds, 0.001)
        print(
            f"{name:<16}{result.executions:>12,}{rate:>10,.0f}{result.features:>10,}"
            f"{result.added:>13}{len(result.crashes):>9}",
            flush=True,
        )
        crashes += ((name, crash) for crash in result.crashes)
    for name, crash in crashes:
        print(f"\n{name}: {crash.error}\n  {crash.data.hex()}", file=sys.stderr)
        print(f"  {sys.executable} -m tests.fuzz --replay {name} {crash.data.hex()}", file=sys.stderr)
    return 1 if crashes else 0


if __name__ == "__main__":
    sys.exit(main())
