"""The steps of ``pnclab explain`` for people: one line a step, what it is based on below it."""

import argparse
from datetime import datetime
from itertools import groupby

from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lab.explain.installation import Installation
from lab.explain.steps import Fact, Step, Story, Verdict

_MARKS = {
    Verdict.OK: ("✔", "ok", "green"),
    Verdict.FAILED: ("✘", "FAILED", "bold red"),
    Verdict.SKIPPED: ("○", "skipped", "yellow"),
    Verdict.NOTE: ("·", "note", "dim"),
}
_SHORT = 24
"""Bytes of a value that are shown at its beginning."""


def show(
    installation: Installation, story: Story, options: argparse.Namespace, origin: str, at: datetime
) -> None:
    """Print the steps and a last line that says how it ended."""
    console = Console(highlight=False)
    unicode = (console.encoding or "").lower().replace("-", "").startswith("utf")
    console.print(
        Text(f"{installation.response.name}, {_edition(installation)}, from {origin}", style="bold")
    )
    console.print(Text(f"read as {options.dialect}, judged at {at.isoformat()}", style="dim"))
    for part, steps in groupby(story.steps, key=lambda step: step.part):
        console.print(Text(f"\n{part}", style="bold underline"))
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        for step in steps:
            sign, word, style = _MARKS[step.verdict]
            lines = [Padding(line, (0, 0, 0, 2), expand=False) for line in _below(step, options)]
            grid.add_row(Text(sign if unicode else word, style=style), Group(_head(step), *lines))
        console.print(grid)
    console.print(_end(story))


def _head(step: Step) -> Text:
    head = Text(step.name, style="bold")
    if step.detail:
        head.append(
            f": {step.detail}", style="not bold red" if step.verdict is Verdict.FAILED else "not bold"
        )
    if step.clause:
        head.append(f" {step.clause}", style="not bold dim")
    return head


def _end(story: Story) -> Text:
    failed, skipped = story.failed, [step for step in story.steps if step.verdict is Verdict.SKIPPED]
    if failed:
        what = f"{len(failed)} steps fail" if len(failed) > 1 else f"one step fails: {failed[0].name}"
        return Text(f"\n{what}", style="bold red")
    if skipped:
        names = ", ".join(step.name for step in skipped)
        return Text(f"\nevery step that could be taken holds; not taken: {names}", style="bold yellow")
    return Text("\nevery step holds", style="bold green")


def _below(step: Step, options: argparse.Namespace) -> list[Text]:
    lines = [Text.assemble((f"{fact.name}: ", "dim"), (_value(fact, options), "cyan")) for fact in step.facts]
    if step.hint:
        lines.append(Text.assemble(("would hold in the dialect: ", "yellow"), (step.hint, "bold yellow")))
    return lines


def _value(fact: Fact, options: argparse.Namespace) -> str:
    shown = fact.shown(secrets=options.show_secrets)
    if options.full or isinstance(fact.value, str) or (fact.secret and not options.show_secrets):
        return shown
    if len(fact.value) <= 2 * _SHORT:
        return shown
    return f"{shown[: 2 * _SHORT]}… ({len(fact.value)} bytes, --full)"


def _edition(installation: Installation) -> str:
    return "ISO 15118-2" if installation.edition.value == "iso2" else "ISO 15118-20"
