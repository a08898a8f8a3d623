"""Reassembly: any order, doubles and overlaps give the same stream; what is missing is told."""

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.captures import tcp
from lab.captures.link import ACK, FIN, RST, SYN, Segment
from lab.captures.tcp import Closed, Data, Missing, Opened, Reassembler, TcpEvent
from v2g.endpoint import Endpoint

CAR, CHARGER = Endpoint("fe80::c", 50_000), Endpoint("fe80::1", 61_341)
TEXT = bytes(range(256)) * 2


def segment(
    flags: int, sequence: int, payload: bytes = b"", *, acknowledged: int = 0, answer: bool = False
) -> Segment:
    ends = (CHARGER, CAR) if answer else (CAR, CHARGER)
    return Segment(*ends, sequence % 2**32, acknowledged % 2**32, flags, payload)


def hello(start: int) -> list[Segment]:
    return [segment(SYN, start - 1), segment(SYN | ACK, 999, answer=True), segment(ACK, start)]


def feed(segments: Iterable[Segment], *, end: bool = True) -> list[TcpEvent]:
    reassembler, events = Reassembler(), []
    for number, item in enumerate(segments):
        events += list(reassembler.feed(item, float(number)))
    return events + (list(reassembler.end()) if end else [])


def stream(events: Sequence[TcpEvent], side: int = 0) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Data) and event.side == side)


@given(
    st.data(),
    st.lists(st.tuples(st.integers(0, 500), st.integers(1, 60)), max_size=40),
    st.sampled_from([1, 2**32 - 100, 2**31 - 5]),
)
def test_any_order_with_doubles_and_overlaps_gives_the_same_stream(
    data: st.DataObject, extra: list[tuple[int, int]], start: int
) -> None:
    cuts = [(place, 40) for place in range(0, len(TEXT), 40)] + extra
    order = data.draw(st.permutations(cuts))
    pieces = [segment(ACK, start + place, TEXT[place : place + length]) for place, length in order]
    events = feed([*hello(start), *pieces])
    assert stream(events) == TEXT
    assert not [event for event in events if isinstance(event, Missing)]


def test_what_the_peer_has_answered_but_the_capture_lacks_is_missing() -> None:
    lost = [
        segment(ACK, 1, b"ab"),
        segment(ACK, 7, b"gh"),
        segment(ACK, 1000, b"re", acknowledged=9, answer=True),
    ]
    events = feed([*hello(1), *lost], end=False)
    assert [event for event in events if not isinstance(event, Opened)] == [
        Data(1, 0, b"ab", 3.0),
        Missing(1, 0, 4, 5.0),
        Data(1, 0, b"gh", 4.0),
        Data(1, 1, b"re", 5.0),
    ]


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "HELD_SEGMENTS", 4)
    events = feed([*hello(1), *(segment(ACK, 100 * number, b"x" * 100) for number in range(1, 9))], end=False)
    assert Missing(1, 0, 99, 7.0) in events
    assert stream(events) == b"x" * 800


def test_what_is_missing_at_the_end_is_told() -> None:
    assert Missing(1, 0, 4, 3.0) in feed([*hello(1), segment(ACK, 5, b"late")])


def test_the_opener_is_side_0_even_when_its_syn_is_not_captured() -> None:
    answer, last = hello(1)[1:]
    opened = feed([answer, last, segment(ACK, 1, b"x")], end=False)[0]
    assert opened == Opened(1, (CAR, CHARGER), 0.0, True)


def test_a_capture_that_begins_in_the_middle() -> None:
    events = feed(
        [segment(ACK, 4711, b"mid", answer=True), segment(ACK, 4714, b"dle", answer=True)], end=False
    )
    assert events[0] == Opened(1, (CHARGER, CAR), 0.0, False)
    assert stream(events) == b"middle"


@pytest.mark.parametrize("reset", [False, True])
def test_ends(reset: bool) -> None:
    if reset:
        ending = [segment(RST, 3, answer=False)]
    else:
        ending = [segment(FIN | ACK, 3), segment(FIN | ACK, 1000, acknowledged=4, answer=True)]
    events = feed([*hello(1), segment(ACK, 1, b"hi"), *ending], end=False)
    assert isinstance(events[-1], Closed)
    assert (events[-1].side, events[-1].reset) == (0, reset)


def test_ports_used_again_are_another_connection() -> None:
    fins = [segment(FIN | ACK, 1), segment(FIN | ACK, 1000, answer=True)]
    events = feed([*hello(1), *fins, segment(ACK, 1), *hello(77), segment(ACK, 77, b"again")])
    assert [event.connection for event in events if isinstance(event, Opened)] == [1, 2]
    assert stream([event for event in events if getattr(event, "connection", 0) == 2]) == b"again"


def test_the_connection_silent_longest_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "CONNECTION_LIMIT", 2)
    opened = [Segment(Endpoint("::1", port), CHARGER, 0, 0, SYN, b"") for port in (1, 2, 3)]
    assert Closed(1, None, False, 0.0) in feed(opened, end=False)


def test_a_connection_whose_last_fin_is_not_captured_ends_when_it_stays_silent() -> None:
    reassembler = Reassembler()
    for item in [*hello(1), segment(FIN | ACK, 1)]:
        list(reassembler.feed(item, 10.0))
    other = Segment(Endpoint("::1", 1), CHARGER, 0, 0, SYN, b"")
    assert not [event for event in reassembler.feed(other, 40.0) if isinstance(event, Closed)]
    assert Closed(1, 0, False, 10.0) in list(reassembler.feed(other, 41.0))
    assert Closed(2, None, False, 41.0) in list(reassembler.feed(segment(ACK, 1, b"x"), 642.0))
