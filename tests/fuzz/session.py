"""Fuzzes targets one after another, each in a process of its own, and keeps what is worth it."""

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final, NamedTuple

from tests.fuzz import corpus
from tests.fuzz.target import Target
from tests.fuzz.worker import save

ROOT: Final = Path(__file__).parents[2]
WORK: Final = ROOT / "build" / "fuzz"
"""Where inputs that are not worth a place in the repository wait for the next run."""

GRACE: Final = 180
"""Seconds that a worker may take beyond its time: start, and a last slow input."""

_STATUS: Final = re.compile(r"#(\d+).*?cov: \d+ ft: (\d+)")
_UNITS: Final = re.compile(r"number_of_executed_units: (\d+)")


class Crash(NamedTuple):
    """An input that breaks a target, and how."""

    data: bytes
    error: str


class Result(NamedTuple):
    """What a run of one target did."""

    executions: int
    seconds: float
    features: int
    added: int
    crashes: list[Crash]


def fuzz(target: Target, seconds: int, engine: str, seed: int) -> Result:
    """Fuzz a target, keep new inputs in the corpus and crashes in their file."""
    folder = WORK / target.name
    prepare(target, folder)
    began = time.monotonic()
    code, log = _work(target, folder, seconds, engine, seed)
    took = time.monotonic() - began
    crashes = _crashes(folder)
    if code != 0 and not crashes:
        crashes = [Crash(b"", f"the worker ended with {code}: {log[-1500:]}")]
    known = corpus.read(corpus.CORPUS)
    before = set(known.get(target.name, []))
    found = [path.read_bytes() for path in (folder / "corpus").iterdir()]
    known[target.name] = corpus.minimised(target, [*before, *found])
    corpus.write(corpus.CORPUS, known)
    broken = corpus.read(corpus.CRASHES)
    broken.setdefault(target.name, []).extend(crash.data for crash in crashes)
    corpus.write(corpus.CRASHES, broken)
    executions, features = _figures(log)
    return Result(executions, took, features, len({*known[target.name]} - before), crashes)


def prepare(target: Target, folder: Path) -> None:
    """Lay out seeds; what earlier runs found in ``corpus`` stays."""
    for part in ("seeds", "artifacts"):
        shutil.rmtree(folder / part, ignore_errors=True)
    for part in ("seeds", "artifacts", "corpus"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "findings.jsonl").unlink(missing_ok=True)
    for data in (*target.seeds(), *corpus.read(corpus.CORPUS).get(target.name, [])):
        save(folder / "seeds", data)


def _work(target: Target, folder: Path, seconds: int, engine: str, seed: int) -> tuple[int, str]:
    command = [
        sys.executable,
        "-m",
        "tests.fuzz.worker",
        target.name,
        str(folder),
        str(seconds),
        engine,
        str(seed),
    ]
    log = folder / "log"
    with log.open("wb") as output:
        try:
            done = subprocess.run(
                command, cwd=ROOT, stdout=output, stderr=output, timeout=seconds + GRACE, check=False
            )
            code = done.returncode
        except subprocess.TimeoutExpired:
            code = -1
    return code, log.read_text(encoding="utf-8", errors="replace")


def _crashes(folder: Path) -> list[Crash]:
    """Return what the worker wrote down, and what libFuzzer did when the worker died or hung."""
    found: list[Crash] = []
    findings = folder / "findings.jsonl"
    if findings.exists():
        for line in findings.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            found.append(Crash(bytes.fromhex(record["data"]), record["error"]))
    found += (
        Crash(path.read_bytes(), f"the process died: {path.name.split('-', maxsplit=1)[0]}")
        for path in sorted((folder / "artifacts").iterdir())
        if not path.name.startswith("slow-unit")
    )
    return found


def _figures(log: str) -> tuple[int, int]:
    """Return executions and features from libFuzzer's log, or the mutation fuzzer's."""
    status = _STATUS.findall(log)
    executions, features = (int(number) for number in status[-1]) if status else (0, 0)
    units = _UNITS.search(log)
    return (int(units[1]) if units else executions), features
