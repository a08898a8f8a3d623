"""A run as its traces tell it.

:func:`build` turns the events of a merged trace into a :class:`lab.model.Run`. A session is told from the
car's side where the car left a trace; the charger's events of the same TCP connection are laid beside it,
so that each exchange knows how long the charger took for it and which backend calls it made. Where only a
charger's trace exists (a foreign car), the session is told from the charger's side.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

from lab.model import (
    CAR,
    CHARGER,
    FAILURE_KINDS,
    MARKET,
    Entry,
    Exchange,
    Hop,
    HopTurn,
    Message,
    Outcome,
    Process,
    Run,
    Served,
    Session,
    Turn,
)
from lab.trace_file import Event, Trace, read_trace

# What an event is called when it is the reason that a request stayed without a response.
_GAVE_UP = frozenset({"timer.expired", "tcp.closed", "error", "message.rejected", "session.ended"})


def load(directory: Path) -> Run:
    """Return the run in ``directory/trace.jsonl``; raises TraceFileError."""
    return build(read_trace(directory / "trace.jsonl"))


def build(trace: Trace) -> Run:
    """Return the run that the events of a trace describe."""
    by_process: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in trace.events:
        by_process[event.role, event.process].append(event)
    chargers = [
        connection
        for (role, _), events in by_process.items()
        if role == CHARGER
        for connection in _connections(events)
    ]
    market = [event for event in trace.events if event.role == MARKET]
    calls = [hop for connection in chargers for hop in _hops(connection, market)]
    told: list[Session] = []
    for (role, process), events in by_process.items():
        if role == CAR:
            told += [_session(CAR, process, part, chargers, market, calls) for part in _car_sessions(events)]
    told += [
        _session(CHARGER, connection[0].process, connection, [], market, calls)
        for connection in chargers
        if any(event.kind.startswith("message.") for event in connection)
    ]
    told.sort(key=lambda session: session.started_at)
    in_sessions = {id(event) for session in told for event in session.events}
    return Run(
        processes=tuple(_process(role, name, events) for (role, name), events in by_process.items()),
        sessions=tuple(replace(session, number=number) for number, session in enumerate(told, start=1)),
        notices=trace.notices,
        failures=tuple(e for e in trace.events if e.kind in FAILURE_KINDS and id(e) not in in_sessions),
    )


def _process(role: str, name: str, events: Sequence[Event]) -> Process:
    ready = next((event for event in events if event.kind == "process.ready"), None)
    ended = next((event for event in reversed(events) if event.kind == "process.ended"), None)
    process = Process(role, name)
    if ready is not None:
        process = replace(
            process,
            pid=ready.integer("pid"),
            version=ready.text("version"),
            exi_engine=ready.text("exi_engine"),
            address=ready.text("address"),
            ready_at=ready.t,
        )
    if ended is not None:
        process = replace(
            process, exit_code=ended.integer("exit_code"), peak_rss_bytes=ended.integer("peak_rss_bytes")
        )
    return process


def _car_sessions(events: Sequence[Event]) -> list[list[Event]]:
    """Return the events of one car process, one list a session.

    A session begins with the search for a charger or the connection to it, and goes on until the next one.
    """
    parts: list[list[Event]] = []
    over = True
    for event in events:
        if event.kind.startswith("process."):
            over = True
            continue
        looks = event.kind in {"sdp.sent", "tcp.connected"}
        if over or (looks and any(other.kind == "message.sent" for other in parts[-1])):
            if not looks and event.kind in _LATE:
                (parts[-1] if parts else []).append(event)
                continue
            parts.append([])
        parts[-1].append(event)
        over = event.kind == "session.ended"
    return parts


# What may still come from a session that is over.
_LATE = frozenset({"tcp.closed", "message.received", "message.rejected"})


def _connections(events: Sequence[Event]) -> list[list[Event]]:
    """Return the events of one charger process, one list a TCP connection."""
    by_number: dict[int, list[Event]] = defaultdict(list)
    for event in events:
        if event.connection is not None:
            by_number[event.connection].append(event)
    return list(by_number.values())


def _first(events: Iterable[Event], *kinds: str) -> Event | None:
    return next((event for event in events if event.kind in kinds), None)


def _take_counterpart(car: Sequence[Event], chargers: list[list[Event]]) -> list[Event]:
    """Remove and return the charger's connection that belongs to a car's session; empty if none does.

    Socket addresses decide; where they differ (a proxy between the two), the session id does.
    """
    connected = _first(car, "tcp.connected")
    local = connected.text("local") if connected is not None else None
    ids = {event.session for event in car if event.session and event.session.strip("0")}
    by_address = [index for index, events in enumerate(chargers) if local and _peer(events) == local]
    by_id = [index for index, events in enumerate(chargers) if ids & {event.session for event in events}]
    return chargers.pop((by_address or by_id)[0]) if by_address or by_id else []


def _peer(connection: Sequence[Event]) -> str | None:
    accepted = _first(connection, "tcp.accepted")
    return accepted.text("peer") if accepted is not None else None


def _message(event: Event) -> Message:
    return Message(
        name=event.text("name") or "(unknown)",
        t=event.t,
        size=event.integer("bytes") or 0,
        payload_type=event.integer("payload_type"),
        response_code=event.text("response_code"),
        codec_s=event.number("codec_s"),
        exi=event.text("exi") or "",
    )


def _limit_name(response: Event | None, failure: Event | None) -> str | None:
    if response is not None:
        return response.text("limit_name")
    return failure.text("name") if failure is not None and failure.kind == "timer.expired" else None


def _exchanges(events: Sequence[Event], role: str) -> list[Exchange]:
    """Return the message pairs that one side saw."""
    request_kind, response_kind = (
        ("message.sent", "message.received") if role == CAR else ("message.received", "message.sent")
    )
    found: list[Exchange] = []
    request: Message | None = None
    last_t: float | None = None

    def close(response: Event | None, failure: Event | None = None) -> None:
        nonlocal request, last_t
        elapsed = response.number("elapsed_s") if response is not None else None
        limit = response.number("limit_s") if response is not None else None
        end = response or failure
        if elapsed is None and request is not None and end is not None:
            elapsed = max(0.0, end.t - request.t)
        if limit is None and failure is not None:
            limit = failure.number("limit_s")
        found.append(
            Exchange(
                number=len(found) + 1,
                request=request,
                response=_message(response) if response is not None else None,
                elapsed_s=elapsed,
                limit_s=limit,
                limit_name=_limit_name(response, failure),
                before_s=request.t - last_t if request is not None and last_t is not None else None,
                failure=failure_words(failure) if failure is not None else None,
            )
        )
        request, last_t = None, end.t if end is not None else None

    for event in events:
        if event.kind == request_kind:
            if request is not None:
                close(None)
            request = _message(event)
        elif event.kind == response_kind:
            close(event)
        elif request is not None and event.kind in _GAVE_UP and role == CAR:
            close(None, event)
    if request is not None:
        close(None)
    return found


def failure_words(event: Event) -> str:
    """Return in words what an event says went wrong."""
    detail = event.text("reason") or event.text("detail")
    if event.kind == "timer.expired":
        limit = event.number("limit_s")
        name = event.text("name") or "a timer"
        return f"{name} ran out after {limit:g} s" if limit is not None else f"{name} ran out"
    if event.kind == "tcp.closed":
        who = "the other side" if event.text("by") == "peer" else "this side"
        return f"{who} closed the connection" + (f": {detail}" if detail else "")
    if event.kind == "contract.refused":
        return f"{event.text('fault') or 'refused'}: {detail or 'no detail'}"
    if event.kind == "certificate.rejected":
        subject = event.text("subject") or "certificate"
        return f"{subject}: {event.text('rule') or 'rejected'}" + (f" ({detail})" if detail else "")
    if event.kind == "error":
        return f"{event.text('type') or 'error'}: {detail or 'no detail'}"
    return detail or event.kind


def _hops(events: Sequence[Event], market: Sequence[Event]) -> list[Hop]:
    """Return the backend calls of one charger connection."""
    hops: list[Hop] = []
    for event in events:
        if event.kind == "backend.request":
            hops.append(
                Hop(
                    t=event.t,
                    method=event.text("method") or "",
                    url=event.text("url") or "",
                    budget_s=event.number("budget_s"),
                )
            )
        elif event.kind in {"backend.response", "backend.failed"} and hops:
            elapsed = event.number("elapsed_s")
            hops[-1] = replace(
                hops[-1],
                status=event.integer("status"),
                elapsed_s=elapsed,
                size=event.integer("bytes"),
                failure=failure_words(event) if event.kind == "backend.failed" else None,
                pool_s=_pool_time(hops[-1], event.t, market),
            )
    return hops


def _pool_time(hop: Hop, end: float, market: Sequence[Event]) -> float | None:
    """Return what the backend's own trace says it needed for this call; None where several could be meant."""
    found = [
        event
        for event in market
        if event.kind == "backend.handled"
        and hop.t <= event.t <= end
        and hop.url.endswith(event.text("path") or "\n")
    ]
    return found[0].number("elapsed_s") if len(found) == 1 else None


def _market_notes(hops: Sequence[Hop], everybody: Sequence[Hop], market: Sequence[Event]) -> list[Event]:
    """Return what the market did during these calls, as far as no other car's call could be meant."""
    return [
        event
        for event in market
        if event.kind in _MARKET_NOTES
        and any(_covers(hop, event.t) for hop in hops)
        and sum(_covers(hop, event.t) for hop in everybody) == 1
    ]


def _covers(hop: Hop, t: float) -> bool:
    return hop.elapsed_s is not None and hop.t <= t <= hop.t + hop.elapsed_s


_MARKET_NOTES = frozenset(
    {"signature.verified", "signature.failed", "signature.created", "certificate.rejected", "error"}
)


def _with_charger(
    exchanges: list[Exchange], connection: Sequence[Event], market: Sequence[Event]
) -> list[Exchange]:
    """Return the car's exchanges with the charger's own times and calls beside them."""
    seen = _exchanges(connection, CHARGER)
    hops = _hops(connection, market)
    joined: list[Exchange] = []
    for exchange, other in zip(exchanges, seen, strict=False):
        if exchange.request is None or other.request is None or other.name != exchange.name:
            break
        start, end = other.request.t, other.response.t if other.response else float("inf")
        served = Served(
            other.elapsed_s,
            other.limit_s,
            other.limit_name,
            tuple(hop for hop in hops if start <= hop.t <= end),
        )
        joined.append(replace(exchange, served=served))
    return joined + exchanges[len(joined) :]


def _with_after(exchanges: list[Exchange]) -> list[Exchange]:
    """Return the exchanges with the car's time after each response."""
    return [
        replace(exchange, after_s=following.before_s if following is not None else None)
        for exchange, following in zip_longest(exchanges, exchanges[1:])
    ]


def _timeline(events: Sequence[Event], exchanges: Sequence[Exchange], hops: Sequence[Hop]) -> list[Entry]:
    entries: list[Entry] = [
        event
        for event in events
        if event.kind not in {"message.sent", "message.received", "backend.request", "backend.response"}
    ]
    for exchange in exchanges:
        if exchange.request is not None:
            entries.append(Turn(exchange.request.t, exchange, outbound=True))
        if exchange.response is not None:
            entries.append(Turn(exchange.response.t, exchange, outbound=False))
    for hop in hops:
        entries.append(HopTurn(hop.t, hop, outbound=True))
        if hop.elapsed_s is not None and hop.failure is None:
            entries.append(HopTurn(hop.t + hop.elapsed_s, hop, outbound=False))
    return sorted(entries, key=lambda entry: entry.t)


def _session(
    role: str,
    process: str,
    events: list[Event],
    chargers: list[list[Event]],
    market: Sequence[Event],
    calls: Sequence[Hop],
) -> Session:
    beside = _take_counterpart(events, chargers) if role == CAR else events
    exchanges = _exchanges(events, role)
    if role == CHARGER:
        exchanges = [replace(e, served=Served(e.elapsed_s, e.limit_s, e.limit_name)) for e in exchanges]
    exchanges = _with_after(_with_charger(exchanges, beside, market))
    hops = _hops(beside, market)
    every = [*events, *(beside if role == CAR else []), *_market_notes(hops, calls, market)]
    ended = _first(reversed(events), "session.ended")
    contract = _first(reversed(events), "contract.installed", "contract.used")
    charging = _first(reversed(events), "charging")
    try:
        outcome = Outcome(ended.text("outcome") or "") if ended is not None else Outcome.UNFINISHED
    except ValueError:
        outcome = Outcome.UNFINISHED
    energy = ended.number("energy_wh") if ended is not None else None
    if energy is None and charging is not None:
        energy = charging.number("energy_wh")
    return Session(
        number=0,
        role=role,
        process=process,
        session_id=next((e.session for e in reversed(events) if e.session), None),
        timeline=tuple(_timeline(every, exchanges, hops)),
        exchanges=tuple(exchanges),
        started_at=events[0].t,
        ended_at=events[-1].t,
        outcome=outcome,
        reason=_reason(events, role, ended, outcome),
        energy_wh=energy,
        emaid=contract.text("emaid") if contract is not None else None,
        installed=any(event.kind == "contract.installed" for event in events),
        tls=_first(events, "tls.established"),
    )


def _reason(events: Sequence[Event], role: str, ended: Event | None, outcome: Outcome) -> str | None:
    """Return why a session ended; after a failure the sentence of its error rather than the stable word."""
    error = next(
        (e for e in reversed(events) if e.kind == "error" and e.role == role and e.text("detail")), None
    )
    if outcome is not Outcome.OK and error is not None:
        return error.text("detail")
    return ended.text("reason") if ended is not None else None
