"""What the demo says while it runs: one line for each thing that happens, with its actor and why it matters."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from lab import wording
from lab.model import CAR, CHARGER, MARKET, Exchange, Outcome, Session
from lab.table import COLOURS

LAB, MAKER, PROVIDER = "demo", "maker", "provider"
_NAMES = {
    LAB: "lab",
    MARKET: "market",
    MAKER: "car maker",
    PROVIDER: "provider",
    CHARGER: "charger",
    CAR: "car",
}
_STYLES = {**COLOURS, MAKER: COLOURS[MARKET], PROVIDER: COLOURS[MARKET]}


class Narrator:
    """Prints lines with the seconds since its start, unless ``quiet``."""

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self.console = console
        self._quiet = quiet
        self._started = time.time()

    def tell(self, actor: str, text: str, why: str = "", *, at: float | None = None) -> None:
        """Print one line: who, what, and in a softer voice why.

        ``at`` is when it happened, in seconds since the epoch, for what is told afterwards.
        """
        if self._quiet:
            return
        passed = max(0.0, (time.time() if at is None else at) - self._started)
        lead = Text.assemble(
            (f"{passed:5.1f} s  ", "bright_black"),
            (f"{_NAMES[actor]:<10}", f"bold {_STYLES[actor]}"),
        )
        indent, room = " " * lead.cell_len, max(30, self.console.width - lead.cell_len)
        said, reason = Text(text), Text(why, style="bright_black")
        if said.cell_len + reason.cell_len + 2 <= room:
            self.console.print(Text.assemble(lead, said, "  " if why else "", reason))
            return
        lines = [*said.wrap(self.console, room), *(reason.wrap(self.console, room) if why else [])]
        for index, line in enumerate(lines):
            self.console.print(Text.assemble(lead if index == 0 else indent, line))

    def blank(self) -> None:
        """Print an empty line."""
        if not self._quiet:
            self.console.print()


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened in a session: when (seconds since the epoch), who, what, and why it matters."""

    at: float
    actor: str
    text: str
    why: str = ""


def session_story(session: Session) -> Iterator[Line]:
    """Yield what happened in a session, as far as a newcomer cares."""
    if session.tls is not None:
        version = session.tls.text("version") or "TLS"
        yield Line(
            session.tls.t,
            CAR,
            f"{version} is up.",
            "The charger's certificate leads to a V2G root that the car trusts.",
        )
    exchange = session.installation
    if exchange is not None:
        yield from _installation_story(session, exchange)
    shown = next((e for e in session.exchanges if e.name == "PaymentDetails" and e.request is not None), None)
    if shown is not None and shown.request is not None and not session.installed:
        yield Line(
            shown.request.t, CAR, f"Still has contract {session.emaid}.", "Nothing to install this time."
        )
    if session.outcome is not Outcome.OK:
        yield Line(session.ended_at, CAR, f"Gives up: {session.reason or 'no reason given'}")
        return
    allowed = next((e.response for e in reversed(session.exchanges) if e.name == "Authorization"), None)
    if allowed is not None and session.emaid is not None:
        why = "Its contract is valid, and the challenge came back signed."
        yield Line(allowed.t, CHARGER, "Lets the car charge.", why)
    yield Line(session.ended_at, CAR, f"Charges {wording.energy(session.energy_wh)} and says goodbye.")


def _installation_story(session: Session, exchange: Exchange) -> Iterator[Line]:
    if exchange.request is not None:
        yield Line(
            exchange.request.t,
            CAR,
            f"Asks for its contract: {wording.size(exchange.request.size)} bytes, signed.",
            "The key for that signature came with the car.",
        )
    for hop in exchange.served.hops if exchange.served else ():
        budget = f"{hop.budget_s:.2f} s are left for that." if hop.budget_s is not None else ""
        yield Line(hop.t, CHARGER, "Checks the signature and asks the market.", budget)
        if hop.status == 200 and hop.failure is None:
            took = wording.duration(hop.elapsed_s)
            yield Line(
                hop.t + (hop.elapsed_s or 0.0),
                MARKET,
                f"Sends the bundle, {took} after it was asked.",
                "The key inside is sealed for this car.",
            )
    if session.installed and exchange.response is not None:
        yield Line(
            exchange.response.t,
            CAR,
            f"Has its contract {session.emaid} after {wording.duration(exchange.elapsed_s)}.",
            "The signature fits, the key opens, and it belongs to the certificate.",
        )
