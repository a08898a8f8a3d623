import pytest

from secc.waiting import Progress, Waits, overdue
from tests.secc.kit import HandClock
from v2g.timing import Limit
from v2g.trace import ListSink, Tracer

LIMIT = Limit("V2G_SECC_Ongoing_Performance_Time", 55.0, "")


def test_what_takes_no_time_is_done_at_once() -> None:
    assert Waits().progress("a", 100.0, limit=LIMIT) is Progress.DONE


def test_rounds_and_delay_both_have_to_pass() -> None:
    waits = Waits()
    seen = [waits.progress("a", at, limit=LIMIT, rounds=2, delay_s=10.0) for at in (0.0, 1.0, 2.0, 9.9, 10.0)]
    assert seen == [*[Progress.ONGOING] * 4, Progress.DONE]


def test_patience_ends_with_the_limit() -> None:
    waits = Waits()
    assert waits.progress("a", 5.0, limit=LIMIT, delay_s=1000.0) is Progress.ONGOING
    assert waits.progress("a", 59.9, limit=LIMIT, delay_s=1000.0) is Progress.ONGOING
    assert waits.progress("a", 60.0, limit=LIMIT, delay_s=1000.0) is Progress.OVERDUE


def test_what_is_done_or_forgotten_begins_anew() -> None:
    waits = Waits()
    for begin in (0.0, 500.0):
        assert waits.progress("a", begin, limit=LIMIT, rounds=1) is Progress.ONGOING
        assert waits.progress("a", begin + 1, limit=LIMIT, rounds=1) is Progress.DONE
    assert waits.progress("a", 900.0, limit=LIMIT, rounds=1) is Progress.ONGOING
    waits.forget("a")
    assert waits.since("a", 950.0) == pytest.approx(950.0)


def test_one_thing_does_not_wait_for_another() -> None:
    waits = Waits()
    assert waits.progress("a", 0.0, limit=LIMIT, delay_s=10.0) is Progress.ONGOING
    assert waits.progress("b", 60.0, limit=LIMIT) is Progress.DONE


def test_an_overdue_wait_is_in_the_trace() -> None:
    sink = ListSink()
    assert overdue("schedule", LIMIT, Tracer("secc", sink, HandClock().now)) == "no schedule within 55 s"
    assert sink.of("timer.expired")[0]["name"] == LIMIT.name
