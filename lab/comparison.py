"""Two installing sessions beside each other: what each edition of the standard asked of car, charger and market."""

from collections.abc import Callable, Sequence
from statistics import median

from rich import box
from rich.table import Table
from rich.text import Text

from lab import wording
from lab.model import Exchange, Session

_LOOPS = frozenset({"ChargingStatus", "CurrentDemand", "AC_ChargeLoop", "DC_ChargeLoop"})


def installing(sessions: Sequence[Session]) -> Sequence[Session]:
    """Return the sessions that brought a contract, in order."""
    return [session for session in sessions if session.installed]


def edition(session: Session) -> str:
    """Return which edition a session spoke, as people call it."""
    names = {exchange.name for exchange in session.exchanges}
    return "ISO 15118-20" if "AuthorizationSetup" in names else "ISO 15118-2"


def comparison_table(sessions: Sequence[Session], *, ascii_only: bool = False) -> Table:
    """Return a table with a column for each session and a line for each question."""
    table = Table(
        header_style="bold",
        border_style="bright_black",
        box=box.ASCII if ascii_only else box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    table.add_column("", no_wrap=True)
    for session in sessions:
        table.add_column(edition(session), justify="right", no_wrap=True)
    for name, tell in _LINES:
        table.add_row(Text(name, style="bright_black"), *(tell(session) for session in sessions))
    return table


def _tls(session: Session) -> str:
    return (session.tls.text("version") or "none") if session.tls is not None else "none"


def _installs(session: Session) -> list[Exchange]:
    return [exchange for exchange in session.exchanges if exchange.installs]


def _request(session: Session) -> str:
    sizes = [exchange.request.size for exchange in _installs(session) if exchange.request]
    return f"{wording.size(max(sizes, default=None))} bytes"


def _bundle(session: Session) -> str:
    sizes = [exchange.response.size for exchange in _installs(session) if exchange.response]
    return f"{wording.size(max(sizes, default=None))} bytes"


def _took(session: Session) -> str:
    return f"{wording.milliseconds(sum(e.elapsed_s or 0.0 for e in _installs(session)))} ms"


def _deadline(session: Session) -> str:
    limits = [exchange.limit_s for exchange in _installs(session) if exchange.limit_s]
    waiting = ", then Ongoing up to 60 s" if edition(session) == "ISO 15118-20" else ""
    return f"{max(limits, default=0):g} s{waiting}"


def _loop(session: Session) -> str:
    times = [e.elapsed_s for e in session.exchanges if e.name in _LOOPS and e.elapsed_s is not None]
    return f"{wording.milliseconds(median(times))} ms" if times else "-"


def _pairs(session: Session) -> str:
    return f"{len(session.exchanges)} in {wording.milliseconds(session.messages_s)} ms"


_LINES: tuple[tuple[str, Callable[[Session], str]], ...] = (
    ("TLS", _tls),
    ("request for a contract", _request),
    ("contract, sealed and signed", _bundle),
    ("installed in", _took),
    ("deadline", _deadline),
    ("charge loop, median", _loop),
    ("message pairs", _pairs),
)
