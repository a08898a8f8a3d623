"""A mutation fuzzer without code coverage, for platforms that atheris has no wheel for.

What an input shows in words (:data:`tests.fuzz.target.Features`) takes the place of coverage.
"""

import random
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tests.fuzz.target import Features, Target

_TELLING = (
    b"\0",
    b"\xff",
    b"\x80",
    b"\x7f",
    b"\x01\xfe",
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"<",
    b"&",
    b'"',
    b"{",
    b"-",
)


class Progress(NamedTuple):
    """What a run did: executions, features seen, and the inputs that showed new ones."""

    executions: int
    features: int
    kept: list[bytes]


def mutated(data: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """Return data with a few changes: bits, bytes, pieces doubled, moved, dropped, or taken from another input."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 5))):
        at = chance.randrange(len(changed) + 1)
        end = min(len(changed), at + chance.choice((1, 1, 2, 4, 8, 30)))
        match chance.randrange(8):
            case 0 | 1 if at < len(changed):
                changed[at] ^= 1 << chance.randrange(8)
            case 2 if at < len(changed):
                changed[at] = chance.randrange(256)
            case 3:
                changed[at:at] = chance.choice(_TELLING)
            case 4:
                del changed[at:end]
            case 5:
                changed[at:at] = changed[at:end] * chance.choice((1, 2, 9))
            case 6:
                other = chance.choice(others)
                start = chance.randrange(len(other) + 1)
                changed[at:end] = other[start : start + chance.choice((1, 4, 16, 64, 5000))]
            case _:
                del changed[at:]
                changed += bytes(chance.choices(range(256), k=chance.randrange(6)))
    return bytes(changed)


def attempts(target: Target, inputs: list[bytes], chance: random.Random) -> Iterator[bytes]:
    """Yield the inputs, then mutations of them and of what was appended to the list meanwhile, without end."""
    yield from list(inputs)
    while True:
        yield mutated(chance.choice(inputs), inputs, chance)[: target.longest]


def fuzz(
    target: Target,
    inputs: list[bytes],
    seconds: float,
    run: Callable[[bytes], Features],
    seed: int,
    clock: Callable[[], float] = time.monotonic,
) -> Progress:
    """Run a target for some seconds; ``run`` is the target's, with whatever is to happen on a finding."""
    chance = random.Random(seed)
    pool = inputs or [b""]
    known = len(pool)
    seen: Features = set()
    executions = 0
    until = clock() + seconds
    for data in attempts(target, pool, chance):
        shown = run(data)
        executions += 1
        if not shown <= seen:
            seen |= shown
            if executions > known:
                pool.append(data)
        if clock() >= until:
            break
    return Progress(executions, len(seen), pool[known:])
