"""Writing events of a trace about a session in a capture, in the shape that car and charger write them."""

from dataclasses import dataclass
from typing import Any

from lab.model import CAR
from lab.trace_file import Event
from v2g.trace import plain


@dataclass(slots=True)
class Teller:
    """Makes the events of one connection.

    A session is told from the car's side. ``process`` keeps the sessions of different cars apart, ``session``
    is the SessionID in hex once it is known.
    """

    process: str
    connection: int | None = None
    session: str | None = None

    def __call__(self, at: float, kind: str, /, **fields: Any) -> Event:
        """Return one event that happened at ``at``, in seconds since 1970."""
        return Event(
            t=round(at, 6),
            role=CAR,
            kind=kind,
            connection=self.connection,
            session=self.session,
            process=self.process,
            fields={name: plain(value) for name, value in fields.items()},
        )
