"""The process that fuzzes one target: ``python -m tests.fuzz.worker TARGET FOLDER SECONDS ENGINE SEED``.

It imports nothing of ours before atheris is there to instrument it. What it finds it writes into the folder:
new inputs to ``corpus``, findings to ``findings.jsonl``; inputs to start from are in ``seeds``.
"""

import json
import sys
import traceback
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zlib import crc32

if TYPE_CHECKING:
    from tests.fuzz.target import Features, Target

SLOTS: Final = 1 << 14
"""Counters that stand for features in words, beside those of the code."""

MOST_FINDINGS: Final = 20

SHRINKING: Final = 5000
"""Most executions that are spent on making a finding smaller."""


class Recorder:
    """Runs a target, and writes down each kind of finding once instead of stopping at it."""

    def __init__(self, target: "Target", file: Path) -> None:
        self._target = target
        self._file = file
        self._known: set[str] = set()

    def run(self, data: bytes) -> "Features":
        """Return what the target shows; a finding shows nothing."""
        try:
            return self._target.run(data)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a panic of the native engine is none of Exception's
            self._record(data, error)
            return set()

    def _record(self, data: bytes, error: BaseException) -> None:
        key = signature(error)
        if key in self._known or len(self._known) >= MOST_FINDINGS:
            return
        self._known.add(key)
        smaller, error = shrunk(self._target, data, error)
        text = f"{key}: {str(error)[:2000]}"
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"data": smaller.hex(), "error": text}) + "\n")


def signature(error: BaseException) -> str:
    """Return what tells one kind of finding from another: the error's class, its claim, and where it arose."""
    from tests.fuzz.target import FindingError, kind_of

    frames = traceback.extract_tb(error.__traceback__)[1:][-3:]  # the first is whoever runs the target
    places = " > ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
    claim = kind_of(str(error).split(": ", maxsplit=1)[0]) if isinstance(error, FindingError) else ""
    return f"{type(error).__name__} {claim} at {places}"


def shrunk(target: "Target", data: bytes, error: BaseException) -> tuple[bytes, BaseException]:
    """Return the smallest input found that breaks a target in the same way, and its error."""
    wanted = signature(error)
    size = max(1, len(data) // 2)
    left = SHRINKING
    while size and left:
        start = 0
        while start < len(data) and left:
            left -= 1
            smaller = data[:start] + data[start + size :]
            try:
                target.run(smaller)
            except KeyboardInterrupt:
                raise
            except BaseException as other:  # noqa: BLE001 - as above
                if signature(other) == wanted:
                    data, error = smaller, other
                    continue
            start += size
        size //= 2
    return data, error


def with_atheris(name: str, folder: Path, seconds: int, seed: int) -> None:
    """Fuzz by coverage; does not return, libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["exi", "pki", "v2g"]):
        from tests.fuzz.registry import TARGETS
    target = TARGETS[name]
    recorder = Recorder(target, folder / "findings.jsonl")
    counters = [atheris._reserve_counter() for _ in range(SLOTS)]

    def one_input(data: bytes) -> None:
        for feature in recorder.run(data):
            atheris._trace_branch(counters[crc32(feature.encode("utf-8", "replace")) % SLOTS])

    options = [
        f"-max_total_time={seconds}",
        f"-max_len={target.longest}",
        f"-seed={seed}",
        f"-artifact_prefix={folder / 'artifacts'}/",
        "-timeout=30",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
        "-reload=0",
    ]
    atheris.Setup([sys.argv[0], *options, str(folder / "corpus"), str(folder / "seeds")], one_input)
    atheris.Fuzz()


def with_mutation(name: str, folder: Path, seconds: int, seed: int) -> None:
    """Fuzz without code coverage."""
    from tests.fuzz.mutation import fuzz
    from tests.fuzz.registry import TARGETS

    target = TARGETS[name]
    recorder = Recorder(target, folder / "findings.jsonl")
    inputs = [path.read_bytes() for part in ("seeds", "corpus") for path in sorted((folder / part).iterdir())]
    progress = fuzz(target, inputs, seconds, recorder.run, seed)
    for data in progress.kept:
        save(folder / "corpus", data)
    print(f"#{progress.executions} cov: 0 ft: {progress.features}", file=sys.stderr)


def save(folder: Path, data: bytes) -> None:
    """Write an input under the name that libFuzzer would give it, more or less."""
    (folder / sha256(data).hexdigest()[:40]).write_bytes(data)


def main(arguments: list[str]) -> None:
    """Run the worker."""
    name, folder, seconds, engine, seed = arguments
    run = with_atheris if engine == "atheris" else with_mutation
    run(name, Path(folder), int(seconds), int(seed))


if __name__ == "__main__":
    main(sys.argv[1:])
