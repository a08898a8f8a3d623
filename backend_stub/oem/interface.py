"""What the production line may ask of the car maker's back office."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cryptography import x509


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A car as the maker's books have it."""

    pcid: str
    evccid: bytes
    """MAC address of the car's controller, 6 bytes."""
    certificate: x509.Certificate
    built_at: datetime
    uploaded: bool
    """The PCP has confirmed the upload of its chain."""


@dataclass(frozen=True, slots=True)
class BuiltVehicle:
    """What goes into a new car besides its private key, which the production line has already."""

    vehicle: Vehicle
    sub_cas: Sequence[x509.Certificate]
    """Sub-CA 2, sub-CA 1."""
    v2g_roots: Sequence[x509.Certificate]


class CarMaker(Protocol):
    """The role OEM."""

    async def build(self, request: x509.CertificateSigningRequest) -> BuiltVehicle:
        """Register a car for the key that ``request`` proves possession of, and upload its chain to the PCP.

        The name in the request is not looked at: the maker gives the PCID. Asking again with the same key
        returns the same car. Raises MarketError: REQUEST for a bad proof or a key on another curve.
        """
        ...

    async def vehicles(self, limit: int) -> Sequence[Vehicle]:
        """Return the newest cars, at most ``limit``."""
        ...

    async def count(self) -> int:
        """Return how many cars there are."""
        ...
