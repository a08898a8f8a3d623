"""Figures read the same everywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab import wording


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, wording.NOTHING), (0.00042, "0.42"), (0.001, "1.0"), (0.031, "31.0"), (4.42, "4,420")],
)
def test_milliseconds(seconds: float | None, text: str) -> None:
    assert wording.milliseconds(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, wording.NOTHING),
        (0.0003, "300 µs"),
        (0.031, "31.0 ms"),
        (4.42, "4.42 s"),
        (60, "60 s"),
        (600, "10.0 min"),
    ],
)
def test_duration(seconds: float | None, text: str) -> None:
    assert wording.duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, wording.NOTHING),
        (0.00001, "<0.01 %"),
        (0.0062, "0.62 %"),
        (0.012, "1.2 %"),
        (0.884, "88 %"),
        (1, "100 %"),
    ],
)
def test_share(value: float | None, text: str) -> None:
    assert wording.share(value) == text


def test_limit_size_memory_energy() -> None:
    assert [wording.limit(value) for value in (None, 5, 1.5, 0.25)] == [
        wording.NOTHING,
        "5 s",
        "1.5 s",
        "250 ms",
    ]
    assert [wording.size(value) for value in (None, 4364)] == [wording.NOTHING, "4,364"]
    assert [wording.memory(value) for value in (None, 58_400_000)] == [wording.NOTHING, "58 MB"]
    assert [wording.energy(value) for value in (None, 2.96, 109.8, 12_340)] == [
        wording.NOTHING,
        "3.0 Wh",
        "110 Wh",
        "12.34 kWh",
    ]


@given(st.floats(0, 1e9))
def test_a_bar_stays_in_its_place(value: float) -> None:
    assert 0.0 <= wording.log_position(value) <= 1.0


def test_the_scale_is_logarithmic() -> None:
    assert [round(wording.log_position(value), 6) for value in (0, 1e-4, 1e-3, 1e-2, 1e-1, 1)] == [
        0,
        0,
        0.25,
        0.5,
        0.75,
        1,
    ]
