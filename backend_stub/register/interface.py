"""What the vehicle register of a country knows: which car bears a number, and who keeps it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

MAX_NUMBER_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Registration:
    """A car on the road. The reference of the keeper's document is not part of it: only its keeper has that."""

    number: str
    """Registration number: letters and digits, upper case, no separators."""
    vin: str
    pcid: str
    keeper: str
    registered_at: datetime


@dataclass(frozen=True, slots=True)
class Registered:
    """A new registration, with the document that goes to the keeper. Its reference is shown this once."""

    registration: Registration
    document: str


class VehicleRegister(Protocol):
    """The role register."""

    async def enter(self, number: str, vin: str, pcid: str, keeper: str) -> Registered:
        """Register a car, or a change of keeper: the old document is void then.

        Raises MarketError: REQUEST for a number, VIN or PCID of the wrong form; CONFLICT when the number is
        on another car.
        """
        ...

    async def by_number(self, number: str) -> Registration | None:
        """Return the car that bears a number; separators and case do not matter."""
        ...

    async def by_vin(self, vin: str) -> Registration | None:
        """Return the registration of a car by its VIN."""
        ...

    async def check_document(self, pcid: str, document: str) -> None:
        """Check that somebody holds the keeper's document of a car.

        Raises MarketError(ENTITLEMENT): wrong reference, no such car, or too many wrong tries, after which a
        new document is needed.
        """
        ...
