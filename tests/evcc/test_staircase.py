from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from evcc.staircase import Staircase

STEPS = [(10.0, "a"), (20.0, "b"), (5.0, "c")]


def test_values_over_time() -> None:
    stairs = Staircase.of(100, STEPS)
    assert stairs.end == 135
    assert [stairs.at(t) for t in (0, 100, 109.9, 110, 129.9, 130, 135, 9e9)] == list("aaabbccc")


def test_pieces() -> None:
    stairs = Staircase.of(100, STEPS)
    assert list(stairs.cut()) == [(100, 110), (110, 130), (130, 135)]
    assert list(stairs.cut(50, 105, 110, 134, 200)) == [
        (100, 105),
        (105, 110),
        (110, 130),
        (130, 134),
        (134, 135),
    ]


@given(
    start=st.integers(0, 2**64),
    durations=st.lists(st.integers(0, 2**32), min_size=1, max_size=20),
    edges=st.lists(st.integers(0, 2**66), max_size=5),
)
def test_pieces_cover_the_whole_without_gaps(start: int, durations: list[int], edges: list[int]) -> None:
    stairs = Staircase.of(start, [(duration, None) for duration in durations])
    pieces = list(stairs.cut(*edges))
    assert pieces[0][0] == start
    assert pieces[-1][1] == stairs.end
    assert all(left[1] == right[0] for left, right in pairwise(pieces))
