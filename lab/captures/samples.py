"""Makes the sample captures in docs/captures: ``python -m lab.captures.samples [DIR]``.

They are those of the demo: market, charger and car as processes, whose first session installs a contract by
ISO 15118-2 and whose second by ISO 15118-20. Keys, session ids and times are new in every run, because processes, TLS and
certificates take theirs from the system; the course of the sessions is the same.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from lab.captures.checks import Anchors
from lab.captures.files import open_items
from lab.captures.keylog import KeyRing
from lab.captures.sessions import Decoder
from lab.demo import Settings
from lab.demo import run as run_demo
from lab.explain.source import read_trust

SAMPLES = (("iso2", "capture.pcapng", "."), ("iso20", "capture-2.pcapng", "iso20"))
"""Name of a sample, its capture in the folder of a run, and where its certificates lie in that of the PKI."""
_ANCHORS = ("v2g/root.pem", "mo/root.pem", "oem/root.pem", "oem/sub_ca1.pem", "oem/sub_ca2.pem")


class SampleError(Exception):
    """A sample could not be made; the message says why."""


def make(target: Path) -> None:
    """Run the demo and write its captures, with the roots to check them by; raises :class:`SampleError`."""
    with tempfile.TemporaryDirectory() as folder, Path(folder, "log").open("w", encoding="utf-8") as log:
        settings = Settings(Path(folder) / "runs", False, "auto")
        if asyncio.run(run_demo(settings, Console(file=log))):
            raise SampleError("the demo failed")
        run = (settings.out / "latest").resolve()
        for name, capture, pki in SAMPLES:
            shutil.copyfile(run / capture, target / f"{name}-installation.pcapng")
            for anchor in _ANCHORS:
                copy = target / f"{name}-roots" / anchor.replace("/", "_")
                copy.parent.mkdir(exist_ok=True)
                shutil.copyfile(run / "pki" / pki / anchor, copy)
    for name, *_ in SAMPLES:
        check(target, name)


def check(target: Path, name: str) -> None:
    """Read a sample again; raises :class:`SampleError` unless all of it can be read and an installation is in it."""
    decoder = Decoder(KeyRing(), Anchors(*read_trust([str(target / f"{name}-roots")])))
    path = target / f"{name}-installation.pcapng"
    events = list(decoder.run(open_items(path)))
    if not decoder.summary.complete or not any(event.kind == "contract.installed" for event in events):
        raise SampleError(f"{path}: not every message can be read, or no contract is installed")


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the samples and return the exit code: 0 done, 1 failed."""
    parser = argparse.ArgumentParser(
        prog="python -m lab.captures.samples",
        description="Make the sample captures of Plug & Charge installations.",
        epilog="example: python -m lab.captures.samples docs/captures",
    )
    parser.add_argument("directory", type=Path, nargs="?", default=Path("docs/captures"), metavar="DIR")
    directory: Path = parser.parse_args(arguments).directory
    directory.mkdir(parents=True, exist_ok=True)
    try:
        make(directory)
    except SampleError as error:
        print(f"samples: {error}", file=sys.stderr)
        return 1
    print(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
