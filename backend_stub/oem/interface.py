"""What the production line, the workshop and a mobility operator may ask of the car maker's back office."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cryptography import x509

from pki.profiles import Edition as Suite

EVERYWHERE = "everywhere"
"""The one sales region of a maker whose cars hold every V2G root of the market."""


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
    vin: str = ""
    region: str = ""
    """Where it is sold, which decides the V2G roots it holds."""
    previous_pcid: str | None = None
    """What it was called before its key was replaced under a new PCID."""


@dataclass(frozen=True, slots=True)
class Iso20Request:
    """What a car brings that is to speak ISO 15118-20: proofs of two more keys.

    ``receiver_key`` (DER of a SubjectPublicKeyInfo) is the X448 key that a car of the suite Ed448 has besides; it
    cannot sign a proof.
    """

    provisioning: x509.CertificateSigningRequest
    vehicle: x509.CertificateSigningRequest
    receiver_key: bytes | None = None


@dataclass(frozen=True, slots=True)
class BuiltIso20:
    """What goes into a car for ISO 15118-20; chains are without the leaf, nearest first, and without the root."""

    provisioning: x509.Certificate
    """CN = PCID: signs requests, receives contract keys."""
    vehicle: x509.Certificate
    """CN = EVCCID: the car as TLS client."""
    sub_cas: Sequence[x509.Certificate]
    """Those above both."""
    v2g_roots: Sequence[x509.Certificate]


@dataclass(frozen=True, slots=True)
class BuiltVehicle:
    """What goes into a car besides its private key, which the production line has already."""

    vehicle: Vehicle
    sub_cas: Sequence[x509.Certificate]
    """Sub-CA 2, sub-CA 1."""
    v2g_roots: Sequence[x509.Certificate]
    code: str = ""
    """One-time code on a card for the driver: who has it may have one contract made. Shown this once."""
    iso20: BuiltIso20 | None = None


class EntitlementDesk(Protocol):
    """Who can say whether somebody may have a contract for a car."""

    async def redeem(self, pcid: str, code: str, reference: str) -> None:
        """Use a car's one-time code up for ``reference``, the contract that is being made.

        Again with the same reference is the same use. Raises MarketError: UNKNOWN_PCID; ENTITLEMENT for a
        wrong or used code, or after too many wrong tries.
        """
        ...

    async def restore(self, pcid: str, code: str, reference: str) -> None:
        """Take a use back: the contract was not made after all. Nothing happens where there was none."""
        ...


class CarMaker(EntitlementDesk, Protocol):
    """The role OEM."""

    async def suites(self) -> Sequence[Suite]:
        """Return the sets of certificates that a car can get: that of -2, and one of -20 where the maker has it."""
        ...

    async def build(
        self,
        request: x509.CertificateSigningRequest,
        *,
        region: str | None = None,
        vin: str | None = None,
        iso20: Iso20Request | None = None,
    ) -> BuiltVehicle:
        """Register a car for the key that ``request`` proves possession of, and upload its chain to the PCP.

        The name in the request is not looked at: the maker gives the PCID. Asking again with the same key
        returns the same car. With ``iso20`` it speaks both editions. Without ``region`` it is sold in the maker's first one; without ``vin`` it gets a new one.
        Raises MarketError: REQUEST for a bad proof, a key on another curve, an unknown region, a wrong VIN or an edition
        that the maker does not have; CONFLICT for a VIN that another car has, or other keys of -20; PEER when the roots of the region cannot be had now.
        """
        ...

    async def rekey(
        self,
        pcid: str,
        request: x509.CertificateSigningRequest,
        *,
        new_pcid: bool = False,
        iso20: Iso20Request | None = None,
    ) -> BuiltVehicle:
        """Replace a car's keys: new certificates under the same PCID, or under a new one.

        A car that speaks -20 brings keys for that as well.

        The contracts made for the old key are of no use any more, and every pool deletes them. Asking again with the
        same key changes nothing. Raises MarketError: UNKNOWN_PCID, REQUEST, CONFLICT (the key is another car's).
        """
        ...

    async def issue_code(self, pcid: str) -> str:
        """Give out a new one-time code for a car; an earlier one that was not used is void.

        Raises MarketError(UNKNOWN_PCID).
        """
        ...

    async def find(self, pcid: str) -> Vehicle | None:
        """Return a car by its PCID, None when it is not ours."""
        ...

    async def search(
        self, limit: int, *, pcid: str = "", vin: str = "", after: str = ""
    ) -> Sequence[Vehicle]:
        """Return at most ``limit`` cars whose PCID, else VIN, begins with this, in that order; else the newest.

        ``after`` is the PCID of the last car that was seen: what comes then. Raises MarketError(UNKNOWN_PCID) for
        one that is not ours.
        """
        ...

    async def vehicles(self, limit: int) -> Sequence[Vehicle]:
        """Return the newest cars, at most ``limit``."""
        ...

    async def count(self) -> int:
        """Return how many cars there are."""
        ...
