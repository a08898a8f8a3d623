"""A session's exchanges as bars against their deadlines.

Each bar is placed three times, as shares of the drawing's width: on a logarithmic scale from 0.1 ms, on a
linear one from 0, and on the session's own clock. The page switches between them without computing.
Exchanges that follow each other under one name share a line; an installation is told in its parts below it.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

from lab import wording
from lab.model import Exchange, Place, Session
from lab.report import words

_SMALLEST_S = 1e-4


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar; positions and lengths are percentages of the drawing's width."""

    log: float
    linear: float
    clock_start: float
    clock: float
    colour: str
    bad: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the waterfall."""

    name: str
    bars: tuple[Bar, ...]
    elapsed: str
    limit: str = ""
    share: str = ""
    tone: str = "good"
    deadline_log: float | None = None
    deadline_linear: float | None = None
    served_log: float | None = None
    served_linear: float | None = None
    served: str = ""
    count: int = 1
    part: bool = False
    outside: bool = False
    about: str = ""
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled line of an axis at ``at`` percent."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The lines of a session and the ticks of the three axes."""

    lines: tuple[Line, ...]
    log_ticks: tuple[Tick, ...]
    linear_ticks: tuple[Tick, ...]
    clock_ticks: tuple[Tick, ...]


@dataclass(slots=True)
class _Scales:
    """The three scales of one session."""

    longest_s: float
    start: float
    span_s: float
    decades: float = field(init=False)

    def __post_init__(self) -> None:
        self.decades = math.log10(self.longest_s / _SMALLEST_S)

    def log(self, seconds: float) -> float:
        if seconds <= _SMALLEST_S:
            return 0.4  # a hair, so that nothing looks like no time at all
        return _percent(math.log10(seconds / _SMALLEST_S) / self.decades)

    def linear(self, seconds: float) -> float:
        return _percent(seconds / self.longest_s)

    def clock(self, t: float) -> float:
        return _percent((t - self.start) / self.span_s)


def _percent(share: float) -> float:
    return round(min(1.0, max(0.0, share)) * 100, 3)


def build(session: Session) -> Waterfall:
    """Return the waterfall of a session's exchanges."""
    limits = [exchange.limit_s for exchange in session.exchanges if exchange.limit_s]
    times = [exchange.elapsed_s for exchange in session.exchanges if exchange.elapsed_s]
    longest = max([*limits, *times, 0.01]) * 1.04
    ends = [session.ended_at, *(e.request.t + (e.elapsed_s or 0) for e in session.exchanges if e.request)]
    scales = _Scales(longest, session.started_at, max(0.001, max(ends) - session.started_at))
    lines: list[Line] = []
    for _, group in groupby(session.exchanges, key=lambda exchange: exchange.name):
        exchanges = list(group)
        lines.append(_line(exchanges, scales))
        for exchange in exchanges:
            if exchange.installs:
                lines += _parts(exchange, scales)
    return Waterfall(
        tuple(lines), tuple(_log_ticks(scales)), tuple(_linear_ticks(scales)), tuple(_clock_ticks(scales))
    )


def tone(share: float | None, *, failed: bool = False) -> str:
    """Return good, look or bad for a used share of a deadline."""
    if failed or (share is not None and share >= wording.ALMOST_LATE):
        return "bad"
    return "look" if share is not None and share >= wording.LOOK_AT else "good"


def _bar(exchange: Exchange, scales: _Scales) -> Bar:
    seconds = exchange.elapsed_s or 0.0
    start = (
        exchange.request.t if exchange.request else exchange.response.t if exchange.response else scales.start
    )
    colour = "bad" if exchange.failed else tone(exchange.share)
    return Bar(
        scales.log(seconds),
        scales.linear(seconds),
        scales.clock(start),
        _percent(seconds / scales.span_s),
        colour,
        exchange.failed,
    )


def _line(exchanges: list[Exchange], scales: _Scales) -> Line:
    worst = max(exchanges, key=lambda e: (e.failed, e.share or 0.0, e.elapsed_s or 0.0))
    served_limit = worst.served.limit_s if worst.served else None
    trouble = worst.failure or ""
    if worst.response is None:
        trouble = trouble or "no response"
    elif worst.response.refused:
        trouble = worst.response.response_code or ""
    return Line(
        name=worst.name,
        bars=tuple(_bar(exchange, scales) for exchange in exchanges),
        elapsed=wording.milliseconds(worst.elapsed_s),
        limit=wording.limit(worst.limit_s),
        share=wording.share(worst.share),
        tone=tone(worst.share, failed=worst.failed),
        deadline_log=scales.log(worst.limit_s) if worst.limit_s else None,
        deadline_linear=scales.linear(worst.limit_s) if worst.limit_s else None,
        served_log=scales.log(served_limit) if served_limit else None,
        served_linear=scales.linear(served_limit) if served_limit else None,
        served=wording.limit(served_limit) if served_limit else "",
        count=len(exchanges),
        trouble=trouble,
    )


def _parts(exchange: Exchange, scales: _Scales) -> Iterator[Line]:
    """Yield where the time of an installation went; the car's own time counts against no deadline."""
    if not exchange.split() or exchange.request is None:
        return
    start = exchange.request.t
    if exchange.before_s:
        yield _part(
            "Car, before",
            "sign and encode",
            exchange.before_s,
            start - exchange.before_s,
            "car",
            scales,
            outside=True,
        )
    # Each place lies around the next one, so its time is drawn half before and half after it.
    begin, end = start, start + (exchange.elapsed_s or 0.0)
    for place, seconds in exchange.split():
        title, about = words.PLACES[place]
        innermost = place is exchange.split()[-1][0]
        yield _part(
            title,
            about,
            seconds,
            begin,
            COLOUR_OF[place],
            scales,
            again=None if innermost else end - seconds / 2,
        )
        begin, end = begin + seconds / 2, end - seconds / 2
    if exchange.after_s:
        yield _part(
            "Car, after",
            "verify, decrypt, store",
            exchange.after_s,
            start + (exchange.elapsed_s or 0.0),
            "car",
            scales,
            outside=True,
        )


COLOUR_OF = {Place.LINK: "link", Place.CHARGER: "charger", Place.HTTP: "http", Place.POOL: "market"}


def _part(
    name: str,
    about: str,
    seconds: float,
    start: float,
    colour: str,
    scales: _Scales,
    *,
    again: float | None = None,
    outside: bool = False,
) -> Line:
    """Return the line of one part; on the session's clock half of it lies at ``start``, half at ``again``."""
    length = seconds if again is None else seconds / 2
    width = _percent(length / scales.span_s)
    bars = [Bar(scales.log(seconds), scales.linear(seconds), scales.clock(start), width, colour)]
    if again is not None:
        bars.append(Bar(0, 0, scales.clock(again), width, colour))
    return Line(name, tuple(bars), wording.milliseconds(seconds), part=True, outside=outside, about=about)


def _log_ticks(scales: _Scales) -> Iterator[Tick]:
    seconds = _SMALLEST_S
    while seconds <= scales.longest_s:
        yield Tick(_percent(math.log10(seconds / _SMALLEST_S) / scales.decades), wording.limit(seconds))
        seconds = round(seconds * 10, 6)


def _linear_ticks(scales: _Scales) -> Iterator[Tick]:
    step = nice_step(scales.longest_s)
    for number in range(int(scales.longest_s / step) + 1):
        yield Tick(scales.linear(number * step), wording.limit(number * step) if number else "0")


def _clock_ticks(scales: _Scales) -> Iterator[Tick]:
    step = nice_step(scales.span_s)
    for number in range(int(scales.span_s / step) + 1):
        yield Tick(_percent(number * step / scales.span_s), wording.limit(number * step) if number else "0")


def nice_step(span: float, most: int = 10) -> float:
    """Return a step of 1, 2 or 5 times a power of ten that divides ``span`` into at most ``most`` parts."""
    power = 10.0 ** math.floor(math.log10(span))
    for factor in (0.1, 0.2, 0.5, 1.0, 2.0):
        if span / (power * factor) <= most:
            return power * factor
    return power * 5
