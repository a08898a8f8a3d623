"""One line a figure: what was found, what was wanted, whether it was reached."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Figure:
    """A figure. ``target`` is what is wanted, ``at_least`` says on which side of it; None: for information only."""

    name: str
    value: float
    unit: str
    target: float | None = None
    at_least: bool = False
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def reached(self) -> bool | None:
        """Say whether the target was reached."""
        if self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target

    def line(self) -> str:
        """Return the figure for people."""
        wanted, verdict = "", ""
        if self.target is not None:
            wanted = f"{'at least' if self.at_least else 'at most'} {self.target:g} {self.unit}"
            verdict = "reached" if self.reached else "MISSED"
        facts = "  ".join(f"{name} {value}" for name, value in self.facts.items())
        return f"{self.name:<58} {self.value:9.2f} {self.unit:<12} {wanted:<22} {verdict:<8} {facts}"

    def data(self) -> dict[str, Any]:
        """Return the figure for scripts."""
        return {
            "name": self.name,
            "value": round(self.value, 3),
            "unit": self.unit,
            "target": self.target,
            "reached": self.reached,
            **self.facts,
        }


def as_json(figures: Sequence[Figure]) -> str:
    """Return all figures as one JSON array."""
    return json.dumps([figure.data() for figure in figures])
