"""Each fault of a stream does what its name says, and nothing else."""

import asyncio
from collections.abc import Sequence
from random import Random

import msgspec
import pytest

from v2g.net.toxics import TOXICS, AnyToxic, Gate, Item, Signal, Toxic, effects_of
from v2g.net.virtual import run_virtual

END, RESET = Signal.END, Signal.RESET
Seen = list[tuple[float, Item]]


def toxic(kind: str, **values: object) -> AnyToxic:
    made: AnyToxic = msgspec.convert({"kind": kind} | values, AnyToxic)
    return made


def through(toxics: Sequence[AnyToxic], *items: tuple[float, Item]) -> Seen:
    """Feed items at their times; return what passes, and when."""

    async def scenario() -> Seen:
        loop = asyncio.get_running_loop()
        seen: Seen = []
        gate = Gate(
            effects_of(toxics, 1, Random(1), loop.time(), up=True),
            loop,
            lambda item: seen.append((round(loop.time(), 6), item)),
        )
        for at, item in items:
            await asyncio.sleep(at - loop.time())
            gate.feed(item)
        await asyncio.sleep(1000.0)
        assert gate.held == 0
        return seen

    return run_virtual(scenario())


CASES: list[tuple[str, dict[str, object], list[tuple[float, Item]], Seen]] = [
    ("late", {"delay_s": 2.0}, [(0, b"a"), (1, END)], [(2.0, b"a"), (3.0, END)]),
    ("bandwidth", {"rate_bit_s": 8000.0}, [(0, bytes(2048)), (0, END)], [(1.024, bytes(1024)), (2.048, bytes(1024)), (2.048, END)]),
    ("drip", {"size": 2, "every_s": 1.0}, [(0, b"abcde"), (0, END)], [(0.0, b"ab"), (1.0, b"cd"), (2.0, b"e"), (3.0, END)]),
    ("outage", {"start_s": 1.0, "length_s": 2.0}, [(0, b"a"), (2, b"b"), (5, b"c")], [(0.0, b"a"), (3.0, b"b"), (5.0, b"c")]),
    ("outage", {"length_s": 2.0, "every_s": 10.0}, [(11, b"a"), (13, b"b")], [(12.0, b"a"), (13.0, b"b")]),
    ("reset", {"after_bytes": 3}, [(0, b"abc"), (1, b"d"), (2, b"e")], [(0.0, b"abc"), (1.0, RESET)]),
    ("reset", {}, [(0, b"abc")], [(0.0, RESET)]),
    ("truncate", {"after_bytes": 2}, [(0, b"abc"), (1, b"d"), (2, END)], [(0.0, b"ab"), (0.0, END)]),
    ("silence", {"after_bytes": 2}, [(0, b"abc"), (1, b"d"), (2, END)], [(0.0, b"ab")]),
    ("silence", {"after_bytes": 2}, [(0, b"ab"), (2, END)], [(0.0, b"ab")]),
    ("silence", {}, [(0, END)], []),
    ("silence", {"after_bytes": 9}, [(0, b"ab"), (2, END)], [(0.0, b"ab"), (2.0, END)]),
    ("silence", {}, [(0, b"ab"), (1, RESET)], []),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "values", "fed", "passed"), CASES)
def test_what_passes(
    kind: str, values: dict[str, object], fed: list[tuple[float, Item]], passed: Seen
) -> None:
    assert through([toxic(kind, **values)], *fed) == passed


def test_every_registered_toxic_has_a_case() -> None:
    assert {kind for kind, *_ in CASES} == set(TOXICS)


def test_spread_keeps_the_order_and_its_bounds() -> None:
    fed = [(number / 100, bytes([number])) for number in range(100)]
    seen = through([toxic("late", delay_s=1.0, spread_s=0.5)], *fed)
    assert [item for _, item in seen] == [item for _, item in fed]
    delays = [at - sent for (at, _), (sent, _) in zip(seen, fed, strict=True)]
    assert min(delays) >= 1.0
    assert max(delays) <= 1.5 + 1e-6


def test_toxics_add_up_in_their_order() -> None:
    both = [toxic("late", delay_s=1.0), toxic("truncate", after_bytes=1)]
    assert through(both, (0, b"ab")) == [(1.0, b"a"), (1.0, END)]


def test_a_toxic_concerns_its_direction_and_connection() -> None:
    down = toxic("reset", direction="down")
    assert not down.concerns(1, up=True)
    assert down.concerns(1, up=False)
    third = toxic("reset", connection=3)
    assert third.concerns(3, up=True)
    assert not third.concerns(1, up=True)


def test_changing_effects_lets_nothing_overtake() -> None:
    async def scenario() -> Seen:
        loop = asyncio.get_running_loop()
        seen: Seen = []
        gate = Gate(
            effects_of([toxic("late", delay_s=5.0)], 1, Random(1), 0.0, up=True),
            loop,
            lambda item: seen.append((loop.time(), item)),
        )
        gate.feed(b"first")
        assert gate.held == 5
        gate.replace(())
        gate.feed(b"second")
        await asyncio.sleep(10.0)
        gate.feed(b"third")
        gate.replace(effects_of([toxic("late", delay_s=5.0)], 1, Random(1), 0.0, up=True))
        gate.feed(b"never")
        gate.close()
        await asyncio.sleep(10.0)
        return seen

    assert run_virtual(scenario()) == [(5.0, b"first"), (5.0, b"second"), (10.0, b"third")]


@pytest.mark.parametrize("kind", TOXICS)
def test_a_toxic_is_plain_data(kind: str) -> None:
    needed = {"late": {"delay_s": 1.0}, "bandwidth": {"rate_bit_s": 1.0}, "outage": {"length_s": 1.0}}
    made = toxic(kind, **needed.get(kind, {}))
    assert isinstance(made, Toxic)
    assert msgspec.convert(msgspec.to_builtins(made), AnyToxic) == made


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("late", {"delay_s": -1.0}),
        ("bandwidth", {"rate_bit_s": 0.0}),
        ("drip", {"size": 0}),
        ("drip", {"every_s": 0.0}),
        ("outage", {"length_s": 0.0}),
        ("reset", {"after_bytes": -1}),
        ("reset", {"after": 1}),
        ("duplicate", {}),
    ],
)
def test_what_is_no_toxic_is_refused(kind: str, values: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        toxic(kind, **values)
