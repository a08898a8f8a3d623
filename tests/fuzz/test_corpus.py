"""Every input that fuzzing found worth keeping, and every one that once broke something, through its target."""

import pytest

from tests.fuzz import corpus
from tests.fuzz.registry import TARGETS

INPUTS = corpus.read(corpus.CORPUS)
CRASHES = corpus.read(corpus.CRASHES)


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_corpus(name: str) -> None:
    target = TARGETS[name]
    for data in (*target.seeds(), *INPUTS.get(name, [])):
        target.run(data)


@pytest.mark.parametrize("name", TARGETS)
def test_inputs_of_other_targets(name: str) -> None:
    """No target breaks at what was made for another."""
    target = TARGETS[name]
    for other, inputs in INPUTS.items():
        if other != name:
            for data in inputs[::10]:
                target.run(data[: target.longest])


@pytest.mark.parametrize("name", TARGETS)
def test_what_broke_once(name: str) -> None:
    for data in CRASHES.get(name, []):
        TARGETS[name].run(data)


def test_the_corpus_is_small_and_in_use() -> None:
    assert corpus.CORPUS.stat().st_size < 300_000
    assert len(TARGETS) * corpus.BUDGET < 300_000
    assert INPUTS.keys() | CRASHES.keys() <= TARGETS.keys()
