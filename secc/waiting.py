"""What a charger answers Ongoing while the car repeats its request, and for how long.

In every protocol a car asks again while something takes its time (the driver identifies himself, a schedule
is made, the cable is checked), and gives up when the charger's ongoing performance time has passed.
"""

from dataclasses import dataclass, field
from enum import Enum

from v2g.timing import Limit
from v2g.trace import Tracer


class Progress(Enum):
    """How far something is that a car waits for."""

    DONE = "done"
    ONGOING = "ongoing"
    OVERDUE = "overdue"


@dataclass(slots=True)
class Waits:
    """What one session waits for, by name: since when, and how many requests were answered Ongoing."""

    _begun: dict[str, tuple[float, int]] = field(default_factory=dict)

    def since(self, name: str, now: float) -> float:
        """Return when the car asked for the first time; that is now if it never has."""
        begun, rounds = self._begun.setdefault(name, (now, 0))
        self._begun[name] = (begun, rounds)
        return begun

    def progress(
        self, name: str, now: float, *, limit: Limit, rounds: int = 0, delay_s: float = 0.0
    ) -> Progress:
        """Return what to answer to a request at ``now`` (monotonic).

        DONE once ``rounds`` requests were answered Ongoing and ``delay_s`` have passed, both counted from
        the first request; OVERDUE when ``limit`` has passed before that.
        """
        begun = self.since(name, now)
        answered = self._begun[name][1]
        if answered >= rounds and now - begun >= delay_s:
            self.forget(name)
            return Progress.DONE
        if now - begun >= limit.seconds:
            return Progress.OVERDUE
        self._begun[name] = (begun, answered + 1)
        return Progress.ONGOING

    def forget(self, name: str) -> None:
        """Begin anew with the next request."""
        self._begun.pop(name, None)


def overdue(name: str, limit: Limit, tracer: Tracer) -> str:
    """Note in the trace that a limit has struck; return the reason for the refusal."""
    tracer.event("timer.expired", name=limit.name, limit_s=limit.seconds)
    return f"no {name} within {limit.seconds:g} s"
