"""What the demo says while it runs: one line for each thing that happens, with its actor and why it matters."""

import time
from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from lab import wording
from lab.model import CAR, CHARGER, MARKET, Outcome, Session
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
        self._started = time.monotonic()

    def tell(self, actor: str, text: str, why: str = "") -> None:
        """Print one line: who, what, and in a softer voice why."""
        if self._quiet:
            return
        lead = Text.assemble(
            (f"{time.monotonic() - self._started:5.1f} s  ", "bright_black"),
            (f"{_NAMES[actor]:<10}", f"bold {_STYLES[actor]}"),
        )
        indent, room = " " * lead.cell_len, max(30, self.console.width - lead.cell_len)
        said, reason = Text(text), Text(why, style="bright_black")
        if said.cell_len + reason.cell_len + 2 <= room:
            self.console.print(Text.assemble(lead, said, "  ", reason))
            return
        lines = [*said.wrap(self.console, room), *(reason.wrap(self.console, room) if why else [])]
        for index, line in enumerate(lines):
            self.console.print(Text.assemble(lead if index == 0 else indent, line))

    def blank(self) -> None:
        """Print an empty line."""
        if not self._quiet:
            self.console.print()


def session_story(session: Session) -> Iterator[tuple[str, str, str]]:
    """Yield actor, text and reason for what happened in a session, as far as a newcomer cares."""
    if session.tls is not None:
        version = session.tls.text("version") or "TLS"
        yield CAR, f"{version} is up.", "The charger's certificate leads to a V2G root that the car trusts."
    exchange = session.installation
    if exchange is not None and exchange.request is not None:
        yield (
            CAR,
            f"Asks for its contract: {wording.size(exchange.request.size)} bytes, signed.",
            "The key for that signature came with the car.",
        )
        for hop in exchange.served.hops if exchange.served else ():
            budget = f"{hop.budget_s:.2f} s are left for that." if hop.budget_s is not None else ""
            yield CHARGER, "Checks the signature and asks the market.", budget
            if hop.status == 200 and hop.failure is None:
                took = wording.duration(hop.elapsed_s)
                yield (
                    MARKET,
                    f"Sends the bundle, {took} after it was asked.",
                    "The key inside is sealed for this car.",
                )
        if session.installed:
            yield (
                CAR,
                f"Has its contract {session.emaid} after {wording.duration(exchange.elapsed_s)}.",
                "Four signatures fit, the key opens, and it belongs to the certificate.",
            )
    elif session.emaid is not None:
        yield CAR, f"Still has contract {session.emaid}.", "Nothing to install this time."
    if session.outcome is Outcome.OK:
        if session.emaid is not None:
            yield (
                CHARGER,
                "Lets the car charge.",
                "Its contract is valid, and the challenge came back signed.",
            )
        yield CAR, f"Charges {wording.energy(session.energy_wh)} and says goodbye.", ""
    else:
        yield CAR, f"Gives up: {session.reason or 'no reason given'}", ""
