"""Sessions that cars have paused: what the charger keeps of them until they come back.

A car that pauses closes the connection. It may come back under its old SessionID, over a new connection, and
is then taken for who it was: authorised, by the same contract. Its outlet is free for others meanwhile.
"""

from dataclasses import dataclass

from secc.contract import Contract

LIMIT = 256
"""Paused sessions that are kept; of more, the oldest is forgotten."""


@dataclass(frozen=True, slots=True)
class Paused:
    """What is kept of a session.

    ``protocol`` is the key of its edition; ``since`` is monotonic. ``contract`` is None for a session that was
    identified externally. ``agreed`` is what the protocol wants to find again.
    """

    session_id: bytes
    protocol: str
    evcc_id: str
    contract: Contract | None
    since: float
    agreed: object = None


class PausedSessions:
    """The paused sessions of one charger."""

    def __init__(self) -> None:
        self._sessions: dict[bytes, Paused] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def keep(self, paused: Paused) -> None:
        """Keep a session; it replaces an earlier one of the same id."""
        self._sessions.pop(paused.session_id, None)
        self._sessions[paused.session_id] = paused
        while len(self._sessions) > LIMIT:
            del self._sessions[next(iter(self._sessions))]

    def rejoin(
        self, session_id: bytes, *, protocol: str, evcc_id: str, now: float, keep_s: float
    ) -> Paused | None:
        """Return the session that a car comes back to, once; None when there is none.

        The protocol and the car's id have to be those of the session, and it must not be older than
        ``keep_s``. A stranger who guesses an id does not end the session of its owner.
        """
        paused = self._sessions.get(session_id)
        if paused is None or (paused.protocol, paused.evcc_id) != (protocol, evcc_id):
            return None
        del self._sessions[session_id]
        return paused if now - paused.since <= keep_s else None
