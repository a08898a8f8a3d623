"""What a driver, or an operator's shell, may ask of the mobility service provider."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class DriverContract:
    """A contract as the provider's books have it. The private key is in the sealed bundle and nowhere else."""

    emaid: str
    pcid: str
    certificate_serial: int
    not_before: datetime
    not_after: datetime
    onboarded_at: datetime


class MobilityServiceProvider(Protocol):
    """The role MSP."""

    async def onboard(self, pcid: str) -> DriverContract:
        """Make a contract for a car and hand it, sealed, to the CPS; return when it is in the CCP.

        Raises MarketError: UNKNOWN_PCID, and what the CPS refuses.
        """
        ...

    async def contracts(self, limit: int) -> Sequence[DriverContract]:
        """Return the newest contracts, at most ``limit``."""
        ...

    async def count(self) -> int:
        """Return how many contracts there are."""
        ...
