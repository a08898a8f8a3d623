"""What explaining gives: steps in order, each with a verdict and the facts behind it."""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """How a step ended."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Fact:
    """One value of a step: bytes, or text. A secret one is shown as a fingerprint unless asked for."""

    name: str
    value: bytes | str
    secret: bool = False

    def shown(self, *, secrets: bool) -> str:
        """Return the value as text; bytes as hexadecimal digits."""
        if self.secret and not secrets:
            return f"hidden, {fingerprint(self.value)}"
        return self.value if isinstance(self.value, str) else self.value.hex()


@dataclass(frozen=True, slots=True)
class Step:
    """One step: ``part`` of the exchange it belongs to, what was looked at, and how it ended.

    ``detail`` is one sentence; ``hint`` names the dialect in which a failed step would have held.
    """

    part: str
    name: str
    verdict: Verdict
    detail: str = ""
    facts: tuple[Fact, ...] = ()
    clause: str = ""
    hint: str = ""

    def as_json(self, *, secrets: bool) -> dict[str, Any]:
        """Return plain data; bytes as hexadecimal digits."""
        return {
            "part": self.part,
            "step": self.name,
            "verdict": self.verdict.value,
            "detail": self.detail,
            "clause": self.clause,
            "hint": self.hint,
            "facts": {fact.name: fact.shown(secrets=secrets) for fact in self.facts},
        }


@dataclass(slots=True)
class Story:
    """The steps of one exchange, collected in order."""

    steps: list[Step] = field(default_factory=list)

    @property
    def failed(self) -> list[Step]:
        """The steps that did not hold."""
        return [step for step in self.steps if step.verdict is Verdict.FAILED]

    def add(
        self,
        part: str,
        name: str,
        verdict: Verdict,
        detail: str = "",
        *facts: Fact,
        clause: str = "",
        hint: str = "",
    ) -> None:
        """Append a step."""
        self.steps.append(Step(part, name, verdict, detail, facts, clause, hint))


def fingerprint(value: bytes | str) -> str:
    """Return a few digits by which two people can tell that they hold the same secret."""
    data = value if isinstance(value, bytes) else value.encode()
    return f"{len(data)} bytes, SHA-256 begins {hashlib.sha256(data).hexdigest()[:8]}"
