"""What a driver, or an operator's shell, may ask of the mobility service provider."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from cryptography import x509

from backend_stub.cps.interface import SignedContract
from backend_stub.namespaces import Edition
from pki.revocation import Reason

MANY = 500
"""Contracts that are ended together, in one transaction of each book and pool."""


class State(StrEnum):
    """How a contract stands."""

    ACTIVE = "active"
    ENDING = "ending"
    """Its end was accepted, and is still being carried out."""
    ENDED = "ended"


class Rule(StrEnum):
    """What shows that somebody may have a contract for a car. One of them is enough."""

    MAKER_CODE = "maker-code"
    """The one-time code that the car maker gave out with the car."""
    KEEPER_DOCUMENT = "keeper-document"
    """The reference of the keeper's document, as the vehicle register has issued it."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What a driver shows."""

    rule: Rule
    value: str

    def __repr__(self) -> str:
        """Return the rule: never the secret."""
        return f"<Proof by {self.rule}>"


@dataclass(frozen=True, slots=True)
class DriverContract:
    """A contract as the provider's books have it. The private key is in the sealed bundle and nowhere else."""

    emaid: str
    pcid: str
    certificate_serial: int
    not_before: datetime
    not_after: datetime
    onboarded_at: datetime
    state: State = State.ACTIVE
    ended_at: datetime | None = None
    end_reason: str = ""
    editions: tuple[Edition, ...] = (Edition.ISO2,)
    """What it was made for. Serial number and validity are those of the first."""


class MobilityServiceProvider(Protocol):
    """The role MSP."""

    async def resolve(self, *, vin: str | None = None, registration: str | None = None) -> str:
        """Return the PCID of a car by its VIN or registration number, as the vehicle register has it.

        Raises MarketError(UNKNOWN).
        """
        ...

    async def onboard(
        self, pcid: str, proof: Proof | None = None, editions: Sequence[Edition] = ()
    ) -> DriverContract:
        """Make a contract for a car and hand it, sealed, to the CPS; return when it is in the CCP.

        It is made for these editions of ISO 15118; none: for all that the car speaks and we issue for. One eMAID
        stands for all, with a key and a certificate in each.

        Raises MarketError: UNKNOWN_PCID, ENTITLEMENT when the market asks for a proof and this is none, and what
        the CPS refuses.
        """
        ...

    async def renew(self, emaid: str) -> DriverContract:
        """Give a contract new keys and certificates under the same eMAID, for the car and its editions as they are now.

        Raises MarketError: NO_CONTRACT for one that is not ours or has ended, and what onboarding refuses.
        """
        ...

    async def update(self, old: x509.Certificate, v2g_root_fingerprints: Sequence[str]) -> SignedContract:
        """Renew the contract of a car that shows its certificate, sealed for the key of ``old``.

        It is signed under the first of these V2G roots that somebody can sign under, and not put into a pool: what
        lies there for a new installation stays. Raises MarketError: NO_CONTRACT for one that is not ours or has
        ended, or that cannot be signed under any of the roots.
        """
        ...

    async def terminate(self, emaid: str, reason: Reason = Reason.CESSATION_OF_OPERATION) -> DriverContract:
        """End a contract: it is revoked, and removed from every pool. Repeating it changes nothing.

        Once accepted it will be carried out, also when this process is killed. Raises MarketError: NO_CONTRACT
        for one that is not ours; PEER or STORE when a pool could not be reached, in which case it goes on later.
        """
        ...

    async def terminate_many(
        self, emaids: Sequence[str], reason: Reason = Reason.CESSATION_OF_OPERATION
    ) -> Sequence[str]:
        """End contracts, some hundred in one call, as :meth:`terminate` does; those that are not ours are passed over.

        Return those that have not ended everywhere yet, because a pool could not be reached: they go on later.
        """
        ...

    async def known(self, emaids: Sequence[str]) -> Sequence[str]:
        """Return those of some hundred eMAIDs that are contracts of ours, ended ones as well."""
        ...

    async def find(self, emaid: str) -> DriverContract | None:
        """Return a contract, ended ones as well; None when it is not ours."""
        ...

    async def of_car(self, pcid: str) -> Sequence[DriverContract]:
        """Return the contracts of a car, oldest first, ended ones as well."""
        ...

    async def search(
        self, limit: int, *, emaid: str = "", state: State | None = None, after: str = ""
    ) -> Sequence[DriverContract]:
        """Return at most ``limit`` contracts: by eMAID those that begin with this, else the newest first.

        ``after`` is the eMAID of the last one that was seen: what comes then. Raises MarketError(NO_CONTRACT) for one
        that is not ours.
        """
        ...

    async def contracts(self, limit: int) -> Sequence[DriverContract]:
        """Return the newest contracts, at most ``limit``."""
        ...

    async def count(self) -> int:
        """Return how many contracts there are, ended ones as well."""
        ...
