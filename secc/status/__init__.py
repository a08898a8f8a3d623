"""Whether the contract of a car still stands: who is asked at PaymentDetails, and what they may say.

A :class:`ContractStatusSource` asks one place: an OCSP responder (:mod:`.ocsp`), a revocation list (:mod:`.crl`), or
the backend that knows the contracts themselves (:mod:`.backend`). :mod:`.inquiry` asks several at once.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from cryptography import x509

from v2g.timing import Deadline


class Standing(StrEnum):
    """How a contract stands."""

    GOOD = "good"
    REVOKED = "revoked"
    """Its certificate, or one of a CA above it, is revoked."""
    CANCELED = "canceled"
    """The contract is over, whatever its certificate says."""
    UNKNOWN = "unknown"
    """Nobody trustworthy says anything in time."""


@dataclass(frozen=True, slots=True)
class Question:
    """A contract, as the car presented it: ``path`` is its chain, leaf first, root last, validated."""

    emaid: str
    path: tuple[x509.Certificate, ...]


class StatusError(Exception):
    """A contract that does not stand, or of which nothing is known; ``standing`` is never GOOD."""

    def __init__(self, standing: Standing, detail: str) -> None:
        super().__init__(f"{standing}: {detail}")
        self.standing = standing
        self.detail = detail


class ContractStatusSource(Protocol):
    """One place that knows how contracts stand. ``name`` is for log and trace."""

    name: str

    async def check(self, question: Question, deadline: Deadline) -> None:
        """Return when the contract stands; raise StatusError when not, or when nothing is known.

        Has to have done one or the other when ``deadline`` passes.
        """
        ...

    async def close(self) -> None:
        """Release connections; no call follows."""
        ...
