"""How far a seed has come: a bar for people, lines of JSON for scripts."""

import json
import time
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

_LINE_EVERY_S = 1.0


class Progress(Protocol):
    """Is told what happens."""

    def begin(self, total: int) -> None:
        """Begin with so many cars in sight."""
        ...

    def advance(self, made: int, found: int) -> None:
        """Note that more cars are in the database: newly made, or found there."""
        ...

    def end(self) -> None:
        """Stop showing anything."""
        ...


class BarProgress:
    """A bar with rate and remaining time on the standard error output."""

    def __init__(self) -> None:
        self._bar = Bar(
            TextColumn("seeding"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]} cars/s"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._rate = Rate(0)

    def begin(self, total: int) -> None:
        """See :class:`Progress`."""
        self._rate = Rate(total)
        self._task = self._bar.add_task("seeding", total=total, rate="…")
        self._bar.start()

    def advance(self, made: int, found: int) -> None:
        """See :class:`Progress`."""
        self._rate.advance(made, found)
        self._bar.update(self._task, advance=made + found, rate=f"{self._rate.per_s:.0f}")

    def end(self) -> None:
        """See :class:`Progress`."""
        self._bar.stop()


class JsonProgress:
    """At most one line of JSON a second on the standard output."""

    def __init__(self) -> None:
        self._rate = Rate(0)
        self._last = float("-inf")

    def begin(self, total: int) -> None:
        """See :class:`Progress`."""
        self._rate = Rate(total)

    def advance(self, made: int, found: int) -> None:
        """See :class:`Progress`."""
        self._rate.advance(made, found)
        now = time.monotonic()
        if now - self._last >= _LINE_EVERY_S:
            self._last = now
            print(json.dumps(self._rate.facts()), flush=True)

    def end(self) -> None:
        """See :class:`Progress`."""


class Rate:
    """Cars a second since the beginning, and what that means for the rest."""

    def __init__(self, total: int) -> None:
        self._started = time.monotonic()
        self._total = total
        self._done = 0
        self._made = 0

    def advance(self, made: int, found: int) -> None:
        """Count."""
        self._made += made
        self._done += made + found

    @property
    def per_s(self) -> float:
        """New cars a second."""
        return self._made / max(time.monotonic() - self._started, 1e-3)

    def facts(self) -> dict[str, Any]:
        """Return a line of progress; ``remainingSeconds`` is null before anything was made."""
        rate = self.per_s
        return {
            "vehicles": self._done,
            "total": self._total,
            "vehiclesPerSecond": round(rate, 1),
            "remainingSeconds": round((self._total - self._done) / rate, 1) if rate else None,
            "finished": False,
        }
