"""Inputs worth keeping, as JSON lines of target and base64; few and small, so that every test run can take all."""

import base64
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from tests.fuzz.target import Features, Target

HERE: Final = Path(__file__).parent
CORPUS: Final = HERE / "corpus.jsonl"
CRASHES: Final = HERE / "crashes.jsonl"

BUDGET: Final = 13_000
"""Most bytes of a target's lines in the corpus: 21 targets stay below 300 kB."""

LONGEST: Final = 1500
"""Most bytes of an input in the corpus; longer ones are in the vectors."""


def read(path: Path) -> dict[str, list[bytes]]:
    """Return the inputs of a file by target; none where there is no file."""
    found: dict[str, list[bytes]] = {}
    if path.exists():
        for line in path.read_text(encoding="ascii").splitlines():
            record = json.loads(line)
            found.setdefault(record["target"], []).append(base64.b64decode(record["data"]))
    return found


def write(path: Path, inputs: Mapping[str, Iterable[bytes]]) -> None:
    """Write a file of inputs, sorted, so that a change shows as few lines."""
    lines = [
        line(name, data)
        for name in sorted(inputs)
        for data in sorted(set(inputs[name]), key=lambda data: (len(data), data))
    ]
    path.write_text("".join(lines), encoding="ascii")


def line(name: str, data: bytes) -> str:
    """Return the line of one input."""
    return json.dumps({"target": name, "data": base64.b64encode(data).decode("ascii")}) + "\n"


def minimised(target: Target, inputs: Iterable[bytes]) -> list[bytes]:
    """Return the inputs that show something, in words, that neither a seed nor a smaller input shows.

    Inputs that break the target are left out: they belong to the crashes.
    """
    seen: Features = set()
    for seed in target.seeds():
        seen |= target.run(seed)
    kept: list[bytes] = []
    room = BUDGET
    for data in sorted(set(inputs), key=lambda data: (len(data), data)):
        size = len(line(target.name, data))
        if len(data) > LONGEST or size > room:
            continue
        try:
            shown = target.run(data)
        except Exception:  # noqa: BLE001 - a finding: counted and kept elsewhere
            continue
        if not shown <= seen:
            seen |= shown
            kept.append(data)
            room -= size
    return kept
