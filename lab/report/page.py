"""A run as the report shows it: headline, the deadline that matters most, facts, sessions, processes."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from lab import wording
from lab.model import CAR, CHARGER, MARKET, Exchange, Message, Outcome, Process, Run, Session
from lab.report import diagram, words
from lab.report.diagram import Row
from lab.report.payloads import Payloads
from lab.report.waterfall import COLOUR_OF, Tick, Waterfall, nice_step, tone
from lab.report.waterfall import build as waterfall
from lab.runs import failure_words
from lab.trace_file import Event

ACTOR = {CAR: "car", CHARGER: "charger", MARKET: "market", "demo": "lab"}
LANES = ((CAR, "Car", "EVCC"), (CHARGER, "Charger", "SECC"), (MARKET, "Market", "backend"))


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the hero's time: its share of the whole in percent."""

    title: str
    about: str
    elapsed: str
    percent: float
    colour: str


@dataclass(frozen=True, slots=True)
class Hero:
    """One exchange drawn large against its deadline; positions are percentages of the ruler."""

    title: str
    spoken: str
    used: float
    tone: str
    limit: str
    limit_at: float
    served: str
    served_at: float | None
    ticks: tuple[Tick, ...]
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that went wrong, for the box on top."""

    title: str
    who: str
    role: str
    at: str
    text: str


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session as the page shows it."""

    number: int
    title: str
    story: str
    verdict: str
    bad: bool
    emaid: str
    energy: str
    pairs: int
    messages_time: str
    nearest: str
    rows: list[Row]
    waterfall: Waterfall
    first: int | None


@dataclass(frozen=True, slots=True)
class ProcessView:
    """A line of the table of processes."""

    role: str
    name: str
    address: str
    pid: str
    version: str
    engine: str
    memory: str
    exit_code: str


@dataclass(frozen=True, slots=True)
class Page:
    """All that the template needs."""

    title: str
    run_name: str
    headline: str
    subline: str
    bad: bool
    hero: Hero | None
    troubles: tuple[Trouble, ...]
    notices: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    sessions: tuple[SessionView, ...]
    processes: tuple[ProcessView, ...]
    lab_version: str
    messages: list[dict[str, Any]]
    payloads: list[dict[str, Any]]


def build(run: Run, name: str) -> Page:
    """Return the page of a run; ``name`` is what the run is called, such as its folder."""
    payloads = Payloads()
    messages: list[dict[str, Any]] = []
    sessions = tuple(_session(session, messages, payloads) for session in run.sessions)
    headline, subline, bad = _headline(run)
    main = run.installing
    return Page(
        title=headline,
        run_name=name,
        headline=headline,
        subline=subline,
        bad=bad,
        hero=_hero(main) if main is not None else None,
        troubles=tuple(_troubles(run)),
        notices=run.notices,
        facts=tuple(_facts(run)),
        sessions=sessions,
        processes=tuple(_process(process) for process in run.processes),
        lab_version=version("pnclab"),
        messages=messages,
        payloads=[payload.as_data() for payload in payloads.items],
    )


def _headline(run: Run) -> tuple[str, str, bool]:
    """Return headline, the sentence below it, and whether it is bad news."""
    session = run.installing
    if session is None:
        return "Nothing happened yet.", "This trace holds no session.", False
    exchange = session.installation
    failed = next((other for other in run.sessions if other.outcome is not Outcome.OK), None)
    if exchange is not None and (exchange.failed or not session.installed):
        return "The contract did not arrive.", _sentence(session.reason or exchange.failure), True
    if failed is not None:
        return f"Session {failed.number} {_ended(failed)}.", _sentence(failed.reason), True
    if exchange is not None:
        left = 1 - (exchange.share or 0.0)
        energy = f" Then it charged {wording.energy(session.energy_wh)} with it." if session.energy_wh else ""
        return (
            f"The car got its contract in {wording.duration(exchange.elapsed_s)}.",
            f"It may take {wording.limit(exchange.limit_s)}; {left * 100:.1f} % of that was left.{energy}",
            False,
        )
    if session.emaid:
        return "The car charged with the contract it owns.", "It had nothing to install.", False
    return "The car charged without a contract.", "Something outside of the protocol pays.", False


def _sentence(text: str | None) -> str:
    if not text:
        return "The trace does not say why."
    return text[0].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def _ended(session: Session) -> str:
    return {Outcome.FAILED: "failed", Outcome.ABORTED: "was aborted"}.get(session.outcome, "did not finish")


def nearest(session: Session) -> Exchange | None:
    """Return the exchange that came nearest to its deadline."""
    return max(
        (exchange for exchange in session.exchanges if exchange.share is not None),
        key=lambda exchange: exchange.share or 0.0,
        default=None,
    )


def _hero(session: Session) -> Hero | None:
    exchange = session.installation or nearest(session)
    if exchange is None or exchange.limit_s is None or exchange.elapsed_s is None:
        return None
    span = max(exchange.limit_s, exchange.elapsed_s)
    served = exchange.served.limit_s if exchange.served is not None else None
    step = nice_step(span, 6)
    split = exchange.split()
    limit = wording.limit(exchange.limit_s)
    title = f"{exchange.name} and its deadline"
    if exchange.installs:
        title = f"The rule of {limit}: the car waits no longer for its contract"
    return Hero(
        title=title,
        spoken=f"{wording.duration(exchange.elapsed_s)} of {limit} used, {wording.share(exchange.share)}",
        used=round(min(1.0, exchange.elapsed_s / span) * 100, 3),
        tone=tone(exchange.share, failed=exchange.failed),
        limit=limit,
        limit_at=round(exchange.limit_s / span * 100, 3),
        served=wording.limit(served),
        served_at=round(served / span * 100, 3) if served and served <= span else None,
        ticks=tuple(
            Tick(round(number * step / span * 100, 3), wording.limit(number * step))
            for number in range(1, int(span / step + 1e-9) + 1)
            if number * step < span * 0.97
        ),
        parts=tuple(
            Part(
                *words.PLACES[place],
                wording.milliseconds(seconds),
                round(seconds / exchange.elapsed_s * 100, 3) if exchange.elapsed_s else 0.0,
                COLOUR_OF[place],
            )
            for place, seconds in split
        ),
    )


def _troubles(run: Run) -> Iterator[Trouble]:
    for event in run.failures:
        yield _trouble(event, "")
    for session in run.sessions:
        if session.outcome is Outcome.OK:
            continue
        found = [(event.t, _trouble(event, _when(event.t, session))) for event in session.failures]
        found += [
            (response.t, _refusal(response, exchange, session))
            for exchange in session.exchanges
            if (response := exchange.response) is not None and response.refused
        ]
        yield from (trouble for _, trouble in sorted(found, key=lambda pair: pair[0]))


def _when(t: float, session: Session) -> str:
    return f"session {session.number}, {wording.duration(max(0.0, t - session.started_at))} after its start"


def _trouble(event: Event, when: str) -> Trouble:
    actor = ACTOR.get(event.role, event.role)
    return Trouble(diagram.trouble_title(event), actor, event.role, when, failure_words(event))


def _refusal(response: Message, exchange: Exchange, session: Session) -> Trouble:
    text = f"The answer took {wording.duration(exchange.elapsed_s)}, the deadline is {wording.limit(exchange.limit_s)}."
    title = f"{response.name} says {response.response_code}"
    return Trouble(title, ACTOR[CHARGER], CHARGER, _when(response.t, session), text)


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    session = run.installing
    if session is not None:
        if session.emaid:
            yield "eMAID", session.emaid
        if session.energy_wh is not None:
            yield "Energy", wording.energy(session.energy_wh)
        yield "Whole session", wording.duration(session.duration_s)
        yield "In messages", f"{wording.duration(session.messages_s)}, {len(session.exchanges)} pairs"
        if session.tls is not None:
            yield "TLS", f"{session.tls.text('version') or '?'}, {session.tls.text('cipher') or '?'}"
        else:
            yield "TLS", "none"
    engines = sorted({process.exi_engine for process in run.processes if process.exi_engine})
    if engines:
        yield "EXI engine", ", ".join(engines)
    versions = sorted({process.version for process in run.processes if process.version})
    if versions:
        yield "PnC Lab", ", ".join(versions)


def _session(session: Session, messages: list[dict[str, Any]], payloads: Payloads) -> SessionView:
    number_of: dict[tuple[int, bool], int] = {}
    for exchange in session.exchanges:
        for outbound, message in ((True, exchange.request), (False, exchange.response)):
            if message is not None:
                number_of[exchange.number, outbound] = len(messages)
                messages.append(_message(message, exchange, session, payloads, outbound=outbound))
    close = nearest(session)
    failed = next((exchange for exchange in session.exchanges if exchange.failed), None)
    chosen = failed or session.installation or (session.exchanges[0] if session.exchanges else None)
    first = None
    if chosen is not None:
        first = number_of.get((chosen.number, False), number_of.get((chosen.number, True)))
    bad = session.outcome is not Outcome.OK
    story = _story(session)
    return SessionView(
        number=session.number,
        title=story,
        story=story,
        verdict=_sentence(session.reason) if bad else "Ended in order",
        bad=bad,
        emaid=session.emaid or "",
        energy=wording.energy(session.energy_wh),
        pairs=len(session.exchanges),
        messages_time=wording.duration(session.messages_s),
        nearest=f"{close.name} {wording.share(close.share)}" if close is not None else "",
        rows=diagram.rows(session, number_of),
        waterfall=waterfall(session),
        first=first,
    )


def _story(session: Session) -> str:
    who = "The car" if session.role == CAR else "A foreign car"
    if session.outcome is not Outcome.OK:
        return f"{who}'s session {_ended(session)}"
    if session.installed:
        return f"{who} installs its contract and charges"
    return (
        f"{who} charges with the contract it owns" if session.emaid else f"{who} charges without a contract"
    )


def _message(
    message: Message, exchange: Exchange, session: Session, payloads: Payloads, *, outbound: bool
) -> dict[str, Any]:
    facts = [
        ("Way", "car to charger" if outbound else "charger to car"),
        ("Time", f"{wording.duration(max(0.0, message.t - session.started_at))} after the start"),
        ("Frame", f"{message.size:,} bytes"),
        ("EXI codec here", wording.duration(message.codec_s)),
    ]
    if not outbound:
        if message.response_code is not None:
            facts.insert(0, ("Response code", message.response_code))
        facts.append(("Answered after", wording.duration(exchange.elapsed_s)))
        facts.append(("Deadline", f"{wording.limit(exchange.limit_s)}, {wording.share(exchange.share)} used"))
    elif exchange.response is None:
        facts.append(("Answer", exchange.failure or "none came"))
    return {
        "name": message.name,
        "about": words.message(message.name),
        "facts": facts,
        "payload": payloads.add(message),
    }


def _process(process: Process) -> ProcessView:
    def shown(value: object) -> str:
        return wording.NOTHING if value is None else str(value)

    return ProcessView(
        role=process.role,
        name=process.name or ACTOR.get(process.role, process.role),
        address=process.address or "",
        pid=shown(process.pid),
        version=shown(process.version),
        engine=shown(process.exi_engine),
        memory=wording.memory(process.peak_rss_bytes),
        exit_code=shown(process.exit_code),
    )
