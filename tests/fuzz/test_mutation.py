import itertools
import random
from collections.abc import Callable

import pytest

from tests.fuzz.mutation import fuzz, mutated
from tests.fuzz.target import Features, Target


def ticks(count: int) -> Callable[[], float]:
    """Return a clock on which a second passes in so many looks."""
    passed = itertools.count()
    return lambda: next(passed) / count


def leading(data: bytes) -> Features:
    return {f"{place} {byte & 0xF0}" for place, byte in enumerate(data[:2])}


TARGET = Target("leading", "the first two bytes, roughly", leading, list, 5)


def test_what_shows_something_new_is_kept() -> None:
    progress = fuzz(TARGET, [b"\x01\x02\x03"], 1, leading, 7, ticks(2000))
    assert progress.executions == 2000
    assert progress.features > 20
    assert len(set(progress.kept)) == len(progress.kept) > 10
    seen = leading(b"\x01\x02\x03")
    for data in progress.kept:
        assert len(data) <= TARGET.longest
        assert not leading(data) <= seen
        seen |= leading(data)


def test_the_same_seed_repeats_the_run() -> None:
    first, second, other = (fuzz(TARGET, [b"abc"], 1, leading, seed, ticks(300)) for seed in (1, 1, 2))
    assert first == second != other


def test_without_inputs_there_is_the_empty_one() -> None:
    assert fuzz(TARGET, [], 1, leading, 1, ticks(500)).kept


@pytest.mark.parametrize("data", [b"", b"\x80", bytes(range(40))])
def test_anything_can_be_mutated(data: bytes) -> None:
    chance = random.Random(3)
    assert len({mutated(data, [data, b"other"], chance) for _ in range(300)}) > 50
