"""The story that the demo tells."""

import io

from rich.console import Console

from lab.model import CAR, CHARGER, MARKET
from lab.narration import Narrator, session_story
from lab.runs import build
from lab.trace_file import Event, Trace
from tests.lab import synthetic


def story(events: list[Event], number: int = 0) -> list[tuple[str, str]]:
    return [(line.actor, line.text) for line in session_story(build(Trace(tuple(events))).sessions[number])]


def test_the_installing_session() -> None:
    assert story(synthetic.demo_run()) == [
        (CAR, "TLSv1.2 is up."),
        (CAR, "Asks for its contract: 1,020 bytes, signed."),
        (CHARGER, "Checks the signature and asks the market."),
        (MARKET, "Sends the bundle, 20.0 ms after it was asked."),
        (CAR, f"Has its contract {synthetic.EMAID} after 31.0 ms."),
        (CHARGER, "Lets the car charge."),
        (CAR, "Charges 110 Wh and says goodbye."),
    ]


def test_the_story_keeps_the_order_of_time() -> None:
    for session in build(Trace(tuple(synthetic.demo_run()))).sessions:
        times = [line.at for line in session_story(session)]
        assert times == sorted(times)


def test_the_second_session() -> None:
    assert (CAR, f"Still has contract {synthetic.EMAID}.") in story(synthetic.demo_run(), 1)


def test_a_failed_session() -> None:
    told = story(synthetic.failing_run())
    assert told[-1] == (CAR, "Gives up: CertificateInstallationRes: FAILED")
    assert not any("Has its contract" in text for _, text in told)


def test_lines_keep_to_the_width() -> None:
    console = Console(file=io.StringIO(), width=60, color_system=None)
    narrator = Narrator(console)
    narrator.tell(CAR, "Short.", "And why.")
    narrator.tell(
        CAR, "A long thing that happens now, and takes its time. " * 3, "For a reason that is long, too. " * 3
    )
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert all(len(line) <= 60 for line in lines)
    assert lines[0].endswith("car       Short.  And why.")
    assert len(lines) > 5


def test_a_quiet_narrator_says_nothing() -> None:
    console = Console(file=io.StringIO())
    narrator = Narrator(console, quiet=True)
    narrator.tell(CAR, "Something.")
    narrator.blank()
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == ""
