"""A session's timeline as the rows of a sequence diagram.

Three lanes: car, charger, market. A row is an arrow between two lanes (a message, a backend call, SDP), a
note on one lane (a signature verified, a contract installed, a timer that ran out), a heading where a new
phase begins, or a fold that holds further rounds of a loop.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lab import wording
from lab.model import CAR, CHARGER, FAILURE_KINDS, MARKET, Exchange, HopTurn, Outcome, Session, Turn
from lab.report import words
from lab.report.words import Phase
from lab.runs import failure_words
from lab.trace_file import Event

# Rounds of one loop beyond this many are folded, the first one stays in sight.
_UNFOLDED = 2


@dataclass(slots=True)
class Heading:
    """A phase begins."""

    phase: Phase
    number: int
    row: str = "heading"


@dataclass(slots=True)
class Arrow:
    """Something crosses from one lane to another.

    ``message`` is its number in the report's message list; ``busy`` says which lanes are at work in this
    row and whether the work opens or closes here.
    """

    start: str
    end: str
    name: str
    at: float
    figures: list[str] = field(default_factory=list)
    code: str | None = None
    bad: bool = False
    message: int | None = None
    busy: dict[str, str] = field(default_factory=dict)
    about: str = ""
    row: str = "arrow"


@dataclass(slots=True)
class Note:
    """Something happens on one lane; ``icon`` names a symbol of the page."""

    lane: str
    title: str
    at: float
    text: str = ""
    icon: str = "dot"
    tone: str = "plain"
    busy: dict[str, str] = field(default_factory=dict)
    row: str = "note"


@dataclass(slots=True)
class Fold:
    """Further rounds of a loop, out of sight until asked for."""

    title: str
    text: str
    rows: list["Arrow | Note"]
    row: str = "fold"


Row = Heading | Arrow | Note | Fold


def rows(session: Session, number_of: dict[tuple[int, bool], int]) -> list[Row]:
    """Return the rows of a session's diagram.

    ``number_of`` gives a message's number in the report by its exchange's number and direction (True: request).
    """
    plain = list(_plain_rows(session, number_of))
    return list(_folded(list(_with_headings(plain)), session))


@dataclass(slots=True)
class _Placed:
    """A row and the exchange and phase it belongs to."""

    row: Arrow | Note
    exchange: Exchange | None = None
    phase: Phase | None = None


def _plain_rows(session: Session, number_of: dict[tuple[int, bool], int]) -> Iterator[_Placed]:
    """Yield arrows and notes in the order of time, each with the phase it opens or stays in."""
    busy: set[str] = set()
    charged = False
    waiting: list[_Placed] = []
    for entry in session.timeline:
        if isinstance(entry, Turn):
            exchange = entry.exchange
            phase = words.phase(exchange.name)
            charged = charged or phase is words.CHARGE
            if phase is words.PREPARE and charged:
                phase = words.PART
            arrow = _message(entry, number_of, session)
            yield from (_Placed(item.row, None, phase) for item in waiting)
            waiting = []
            arrow.busy = _busy(busy, CHARGER, opens=entry.outbound)
            busy = {CHARGER} if entry.outbound else set()
            yield _Placed(arrow, exchange, phase)
        elif isinstance(entry, HopTurn):
            arrow = _hop(entry, session)
            arrow.busy = _busy(busy, MARKET, opens=entry.outbound)
            busy = busy | {MARKET} if entry.outbound else busy - {MARKET}
            yield _Placed(arrow)
        else:
            row = _event(entry, session)
            if row is None:
                continue
            row.busy = dict.fromkeys(busy, "")
            if entry.kind == "backend.failed":
                busy.discard(MARKET)
            # What the car prepares belongs to the message it prepares.
            if entry.kind in {"signature.created", "contract.used"} and entry.role == CAR:
                waiting.append(_Placed(row))
            else:
                yield _Placed(
                    row,
                    None,
                    words.MEET if entry.kind.startswith(("sdp.", "tcp.connected", "tls.")) else None,
                )
    yield from waiting


def _busy(busy: set[str], lane: str, *, opens: bool) -> dict[str, str]:
    """Return the lanes at work in the row of an arrow that starts or ends the work of ``lane``."""
    if not opens and lane not in busy:
        return dict.fromkeys(busy, "")
    return dict.fromkeys(busy, "") | {lane: "opens" if opens else "closes"}


def _message(turn: Turn, number_of: dict[tuple[int, bool], int], session: Session) -> Arrow:
    message, exchange = turn.message, turn.exchange
    figures = [f"{message.size:,} B"]
    if not turn.outbound and exchange.elapsed_s is not None:
        figures.append(f"{wording.milliseconds(exchange.elapsed_s)} ms")
    return Arrow(
        start=CAR if turn.outbound else CHARGER,
        end=CHARGER if turn.outbound else CAR,
        name=message.name,
        at=turn.t - session.started_at,
        figures=figures,
        code=message.response_code,
        bad=message.refused,
        message=number_of.get((exchange.number, turn.outbound)),
    )


def _hop(turn: HopTurn, session: Session) -> Arrow:
    hop = turn.hop
    at = turn.t - session.started_at
    if turn.outbound:
        figures = [f"{wording.duration(hop.budget_s)} left"] if hop.budget_s is not None else []
        name = f"{hop.method} {hop.url.rstrip('/').rpartition('/')[2]}"
        return Arrow(CHARGER, MARKET, name, at, figures, about=hop.url)
    figures = [f"{wording.milliseconds(hop.elapsed_s)} ms"]
    if hop.size is not None:
        figures.insert(0, f"{hop.size:,} B")
    bad = hop.status is not None and hop.status >= 400
    return Arrow(MARKET, CHARGER, f"HTTP {hop.status}", at, figures, bad=bad)


def _event(event: Event, session: Session) -> Arrow | Note | None:
    """Return the row for an event, None for one that says nothing the diagram does not show already."""
    at = event.t - session.started_at
    if event.kind in {"sdp.sent", "sdp.received"}:
        out = event.text("message") == "SDPRequest"
        if event.role != session.role:
            return None
        where = f"{event.text('address')} port {event.text('port')}" if event.text("address") else None
        arrow = Arrow(*((CAR, CHARGER) if out else (CHARGER, CAR)), event.text("message") or "SDP", at)
        arrow.figures = [text for text in (where, _count(event)) if text]
        return arrow
    if event.kind in FAILURE_KINDS:
        return _trouble(event, at)
    if event.kind == "contract.used" and event.role == CAR and session.installed:
        return None  # it was installed a moment ago; the note about that is enough
    note = _NOTES.get(event.kind)
    if note is None:
        # A kind this page does not know is shown as it is rather than hidden.
        known = event.kind in _UNSHOWN or event.kind.startswith("process.")
        return None if known else Note(event.role, event.kind, at, failure_words(event))
    if event.kind in _ONE_SIDE and event.role != session.role:
        return None
    title, text, icon, tone = note(event)
    return Note(event.role, title, at, text, icon, tone)


def _count(event: Event) -> str | None:
    count = event.integer("bytes")
    return f"{count} B" if count is not None else None


_TROUBLE = {
    "tls.failed": "TLS failed",
    "message.rejected": "Message rejected",
    "timer.expired": "Timer ran out",
    "signature.failed": "Signature is wrong",
    "certificate.rejected": "Certificate rejected",
    "contract.refused": "Contract refused",
    "backend.failed": "The backend is of no help",
    "error": "Error",
}


def _trouble(event: Event, at: float) -> Note:
    return Note(event.role, _TROUBLE[event.kind], at, failure_words(event), "alert", "bad")


def trouble_title(event: Event) -> str:
    """Return what kind of trouble an event reports."""
    return _TROUBLE.get(event.kind, event.kind)


Words = tuple[str, str, str, str]


def _references(event: Event) -> str:
    value = event.fields.get("references")
    names = [name.lstrip("#") for name in value if isinstance(name, str)] if isinstance(value, list) else []
    return f"over {', '.join(names)}" if names else ""


def _signature_created(event: Event) -> Words:
    return f"Signs {event.text('what') or 'the message'}", _references(event), "seal", "plain"


def _signature_verified(event: Event) -> Words:
    return f"Signature verified: {event.text('what') or 'message'}", _references(event), "seal", "good"


def _installed(event: Event) -> Words:
    until = (event.text("valid_until") or "")[:10]
    text = f"{event.text('emaid') or ''}{f', valid until {until}' if until else ''}"
    return "Contract installed", text, "key", "good"


def _used(event: Event) -> Words:
    if event.role != CAR:
        return "Contract accepted", event.text("emaid") or "", "key", "good"
    return "Uses the contract it owns", event.text("emaid") or "", "key", "good"


def _connected(event: Event) -> Words:
    return "TCP connection", f"to {event.text('peer') or 'the charger'}", "plug", "plain"


def _tls(event: Event) -> Words:
    facts = [event.text("cipher"), event.text("peer_subject"), wording.duration(event.number("elapsed_s"))]
    return event.text("version") or "TLS", ", ".join(fact for fact in facts if fact), "lock", "good"


def _closed(event: Event) -> Words:
    who = "The other side closed the connection" if event.text("by") == "peer" else "Closes the connection"
    return who, event.text("reason") or "", "dot", "plain"


def _ended(event: Event) -> Words:
    outcome = event.text("outcome") or ""
    titles: dict[str, str] = {"ok": "Session over", "failed": "Session failed", "aborted": "Session aborted"}
    tone, icon = ("good", "check") if outcome == Outcome.OK else ("bad", "alert")
    return titles.get(outcome, "Session ended"), event.text("reason") or "", icon, tone


_NOTES = {
    "tcp.connected": _connected,
    "tcp.closed": _closed,
    "tls.established": _tls,
    "signature.created": _signature_created,
    "signature.verified": _signature_verified,
    "contract.installed": _installed,
    "contract.used": _used,
    "session.ended": _ended,
}
# Shown once, from the side that tells the session.
_ONE_SIDE = frozenset({"tcp.connected", "tcp.closed", "tls.established", "session.ended"})
_UNSHOWN = frozenset({"session.started", "tcp.accepted", "state.changed", "charging"})


def _with_headings(placed: Iterable[_Placed]) -> Iterator[_Placed | Heading]:
    """Yield the rows with a heading wherever the phase changes; phases never go back."""
    current: Phase | None = None
    seen: list[Phase] = []
    for item in placed:
        phase = item.phase
        if phase is not None and phase is not current and phase not in seen:
            current = phase
            seen.append(phase)
            yield Heading(phase, len(seen))
        yield item


def _folded(items: list[_Placed | Heading], session: Session) -> Iterator[Row]:
    """Yield the rows with long loops folded after their first round."""
    loops = _loops(session)
    index = 0
    while index < len(items):
        item = items[index]
        if isinstance(item, Heading):
            yield item
            index += 1
            continue
        loop = loops.get(item.exchange.number) if item.exchange is not None else None
        if loop is None:
            yield item.row
            index += 1
            continue
        numbers = {exchange.number for exchange in loop}
        last = max(
            position
            for position, other in enumerate(items)
            if isinstance(other, _Placed) and other.exchange is not None and other.exchange.number in numbers
        )
        inside = [other.row for other in items[index : last + 1] if isinstance(other, _Placed)]
        yield Fold(f"{len(loop):,} more rounds of {loop[0].name}", _loop_figures(loop, session), inside)
        index = last + 1


def _loops(session: Session) -> dict[int, list[Exchange]]:
    """Return the exchanges to fold, by the number of the first one of each loop."""
    runs: list[list[Exchange]] = []
    for exchange in session.exchanges:
        if runs and exchange.name == runs[-1][0].name and not exchange.failed:
            runs[-1].append(exchange)
        else:
            runs.append([exchange])
    return {run[1].number: run[1:] for run in runs if len(run) > _UNFOLDED}


def _loop_figures(loop: list[Exchange], session: Session) -> str:
    times = [exchange.elapsed_s for exchange in loop if exchange.elapsed_s is not None]
    shares = [exchange.share for exchange in loop if exchange.share is not None]
    facts = []
    if times:
        fast, slow = wording.milliseconds(min(times)), wording.milliseconds(max(times))
        facts.append(f"{fast} to {slow} ms" if fast != slow else f"{slow} ms each")
    if shares:
        facts.append(f"at most {wording.share(max(shares))} of the deadline")
    charging = [event for event in session.events if event.kind == "charging" and event.role == session.role]
    if charging:
        soc = charging[-1].number("soc_percent")
        facts.append(
            wording.energy(charging[-1].number("energy_wh"))
            + (f", battery {soc:.0f} %" if soc is not None else "")
        )
    return ", ".join(facts)
