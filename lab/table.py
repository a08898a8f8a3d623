"""The table of a session: each message pair with its bytes, its time and its share of the deadline.

Pairs that follow each other under one name (the charge loop, authorization that waits) share a line that
shows their slowest. The same rows come as plain data for ``--json``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from statistics import median
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from lab import wording
from lab.model import CAR, CHARGER, MARKET, Exchange, Outcome, Place, Run, Session

# Who is who on the screen; the colours are those of the report.
ACTORS = {CAR: "car", CHARGER: "charger", MARKET: "market", "demo": "lab"}
COLOURS = {CAR: "bright_blue", CHARGER: "dark_orange", MARKET: "medium_purple1", "demo": "bright_black"}

PLACES = {
    Place.LINK: "link",
    Place.CHARGER: "charger",
    Place.HTTP: "HTTP",
    Place.POOL: "backend",
}

_NARROW = 92  # columns below which the bar gets shorter
_EIGHTHS = " ▏▎▍▌▋▊▉█"


@dataclass(frozen=True, slots=True)
class Row:
    """One line: a message pair, or ``count`` equal ones in a row of which the slowest is shown.

    Sizes are V2GTP frames in bytes (of the largest in the row), times in seconds.
    """

    name: str
    count: int
    bytes_out: int | None
    bytes_in: int | None
    elapsed_s: float | None
    median_s: float | None
    total_s: float
    limit_s: float | None
    limit_name: str | None
    share: float | None
    response_code: str | None
    failure: str | None

    @property
    def bad(self) -> bool:
        """Whether a pair in here stayed without a response or was refused."""
        return self.trouble is not None

    @property
    def trouble(self) -> str | None:
        """What went wrong, in words."""
        if self.failure is not None:
            return self.failure
        if self.response_code is None or self.response_code.upper().startswith("OK"):
            return None
        return f"the response says {self.response_code}"


def rows(exchanges: Sequence[Exchange]) -> list[Row]:
    """Return the lines for a session's exchanges, in order."""
    return [_row(name, list(group)) for name, group in groupby(exchanges, key=lambda exchange: exchange.name)]


def _row(name: str, group: list[Exchange]) -> Row:
    times = [exchange.elapsed_s for exchange in group if exchange.elapsed_s is not None]
    # A failed one is what the reader looks for; else the one that came nearest to its deadline.
    worst = max(group, key=lambda exchange: (exchange.failed, exchange.share or 0, exchange.elapsed_s or 0))
    return Row(
        name=name,
        count=len(group),
        bytes_out=max((e.request.size for e in group if e.request), default=None),
        bytes_in=max((e.response.size for e in group if e.response), default=None),
        elapsed_s=worst.elapsed_s,
        median_s=median(times) if times else None,
        total_s=sum(times),
        limit_s=worst.limit_s,
        limit_name=worst.limit_name,
        share=worst.share,
        response_code=worst.response.response_code if worst.response else None,
        failure=(worst.failure or "no response") if worst.response is None else None,
    )


def as_json(run: Run) -> dict[str, Any]:
    """Return the run's sessions and processes as plain data."""
    return {
        "sessions": [
            {
                "number": session.number,
                "session_id": session.session_id,
                "outcome": str(session.outcome),
                "reason": session.reason,
                "emaid": session.emaid,
                "contract_installed": session.installed,
                "energy_wh": session.energy_wh,
                "duration_s": round(session.duration_s, 6),
                "messages_s": round(session.messages_s, 6),
                "messages": [asdict(row) for row in rows(session.exchanges)],
                "installation_s": {
                    place.value: round(seconds, 6) for place, seconds in session.installation.split()
                }
                if session.installation
                else None,
            }
            for session in run.sessions
        ],
        "processes": [asdict(process) for process in run.processes],
        "notices": list(run.notices),
    }


def bar(share: float | None, cells: int = 16, *, ascii_only: bool = False) -> Text:
    """Return a little bar for a used share, on a logarithmic scale from 0.01 % to 100 %."""
    if share is None:
        return Text(" " * cells)
    style = "red" if share >= wording.ALMOST_LATE else "yellow" if share >= wording.LOOK_AT else "green"
    eighths = max(1, round(wording.log_position(share) * cells * 8))
    if ascii_only:
        return Text(("#" * max(1, eighths // 8)).ljust(cells, "."), style=style)
    full, rest = divmod(eighths, 8)
    drawn = "█" * full + (_EIGHTHS[rest] if rest else "")
    return Text.assemble((drawn, style), ("·" * (cells - len(drawn)), "bright_black"))


def _cells(row: Row, bar_cells: int, *, ascii_only: bool) -> Iterator[RenderableType]:
    name = Text(row.name, style="bold" if row.name.startswith("Certificate") else "")
    if row.count > 1:
        name.append(f" {'x' if ascii_only else wording.TIMES} {row.count}", style="bright_black")
    if row.bad:
        name.stylize("bold red")
    yield name
    yield wording.size(row.bytes_out)
    yield wording.size(row.bytes_in)
    yield wording.milliseconds(row.elapsed_s)
    yield wording.limit(row.limit_s)
    yield bar(row.share, bar_cells, ascii_only=ascii_only)
    yield wording.share(row.share)


def session_table(session: Session, *, width: int = 100, ascii_only: bool = False) -> Table:
    """Return the table of one session for a terminal of so many columns."""
    bar_cells = 16 if width >= _NARROW else 10
    arrow_out, arrow_in = ("->", "<-") if ascii_only else ("→", "←")
    table = Table(
        header_style="bright_black",
        border_style="bright_black",
        box=box.ASCII if ascii_only else box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column("message", no_wrap=True)
    table.add_column(f"bytes {arrow_out}", justify="right", no_wrap=True)
    table.add_column(f"bytes {arrow_in}", justify="right", no_wrap=True)
    table.add_column("ms", justify="right", no_wrap=True)
    table.add_column("deadline", justify="right", no_wrap=True)
    table.add_column("used (log)", no_wrap=True)
    table.add_column("", justify="right", no_wrap=True)
    for row in rows(session.exchanges):
        table.add_row(*_cells(row, bar_cells, ascii_only=ascii_only))
    table.add_section()
    table.add_row(
        "total",
        wording.size(sum(e.request.size for e in session.exchanges if e.request)),
        wording.size(sum(e.response.size for e in session.exchanges if e.response)),
        wording.milliseconds(session.messages_s),
        "",
        Text(f"{len(session.exchanges)} pairs", style="bright_black"),
        style="bold",
    )
    return table


def headline(session: Session) -> Text:
    """Return one sentence that says how the session went."""
    if session.outcome is not Outcome.OK:
        words = {Outcome.FAILED: "failed", Outcome.ABORTED: "was aborted"}.get(
            session.outcome, "did not finish"
        )
        return Text(
            f"Session {session.number} {words}: {session.reason or 'no reason given'}", style="bold red"
        )
    how = "installed its contract live" if session.installed else "used the contract it owns"
    if session.emaid is None:
        how = "charged without a contract"
    text = Text.assemble((f"Session {session.number}: the car {how}", "bold"))
    if session.emaid:
        text.append(f"  {session.emaid}", style="bold " + COLOURS[CAR])
    return text


def installation_line(session: Session) -> Text | None:
    """Return where the time of the installation went, None where the traces do not say."""
    exchange = session.installation
    if exchange is None or not exchange.split():
        return None
    text = Text(f"installation {wording.milliseconds(exchange.elapsed_s)} ms", style="bold")
    for index, (place, seconds) in enumerate(exchange.split()):
        text.append(f" {'+' if index else '='} {PLACES[place]} ", style="not bold")
        text.append(wording.milliseconds(seconds), style="not bold bright_white")
    return text


def run_table(run: Run, *, width: int = 100, ascii_only: bool = False) -> Group:
    """Return all sessions of a run as tables, with their outcomes."""
    parts: list[RenderableType] = []
    for session in run.sessions:
        if parts:
            parts.append("")
        parts += [headline(session), "", session_table(session, width=width, ascii_only=ascii_only)]
        parts += [
            Text(f"{row.name}: {row.trouble}", style="red") for row in rows(session.exchanges) if row.bad
        ]
        line = installation_line(session)
        if line is not None:
            parts.append(line)
    if not run.sessions:
        parts.append(Text("The trace holds no session.", style="yellow"))
    return Group(*parts)


def is_ascii(console: Console) -> bool:
    """Return whether the console can show no more than ASCII."""
    return not console.encoding.lower().startswith("utf")
