"""What the other roles and the chargers may ask of the contract certificate pool."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from cryptography import x509

from backend_stub.errors import Code, MarketError
from backend_stub.namespaces import Edition


class Drop(StrEnum):
    """Why a contract left the pool, as ``oem.contract.deleted`` tells it under ``reason``."""

    ENDED = "the contract has ended"
    KEY_CHANGED = "the car has another provisioning certificate"
    CAR_GONE = "the car was withdrawn"
    RESET = "the car was reset"


@dataclass(frozen=True, slots=True)
class SignedBundle:
    """A contract, sealed for one car and signed by a CPS."""

    pcid: str
    document: bytes
    """EXI of the whole message with CertificateInstallationRes. The signature does not cover the SessionID,
    so that the pool puts in the one of each request."""
    receiver_key: str | None = None
    """SHA-256 of the public key that the contract key is sealed for; None: the car's present one."""
    emaid: str | None = None
    """What the sender believes the contract is called; checked where given."""
    v2g_root_fingerprint: str | None = None
    """What the sender believes it is signed under; checked where given."""
    edition: Edition = Edition.ISO2
    """What the message is in."""


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract in the pool, under one of the V2G roots it is signed under."""

    emaid: str
    pcid: str
    certificate: x509.Certificate
    v2g_root_fingerprint: str
    is_default: bool
    edition: Edition = Edition.ISO2


@dataclass(frozen=True, slots=True)
class Installation:
    """The answer to a car's request."""

    response: bytes
    """EXI of the whole message, with the SessionID of the request."""
    emaid: str
    v2g_root_fingerprint: str


@dataclass(frozen=True, slots=True)
class Collection:
    """Which bundle a car maker wants to bring to its car over the air."""

    emaid: str
    pcid: str
    session_id: bytes = bytes(8)
    """What the answer carries as its SessionID; no session is going on, so the default is zeros."""
    v2g_root_fingerprint: str | None = None
    """Signed under this V2G root; None: one that the car is known to hold."""
    edition: Edition = Edition.ISO2


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A contract that this car could have, if only it were signed as the car needs it."""

    pcid: str
    document: bytes
    """A bundle with the contract and the sealed key, signed under another root, or too long ago."""
    receiver_key: str
    v2g_root_fingerprints: tuple[str, ...]
    """V2G roots that would do, the car's first choice first."""
    edition: Edition = Edition.ISO2


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a car of ISO 15118-20 gets: one message a contract, in the order in which it should get them."""

    installations: Sequence[Installation]
    unsigned: Sequence[Unsigned] = ()
    """Contracts that it could have besides, if only somebody signed them as it needs."""


class NotSignedError(MarketError):
    """NO_CONTRACT for want of a signature only; who can sign may try again with ``unsigned``."""

    def __init__(self, detail: str, unsigned: Unsigned) -> None:
        super().__init__(Code.NO_CONTRACT, detail)
        self.unsigned = unsigned


class ContractPool(Protocol):
    """The role CCP. A contract may be there for both editions, under one eMAID, and is then ended for both."""

    async def answer(self, request: bytes) -> Installation:
        """Answer a car: ``request`` is the EXI of a V2G_Message with CertificateInstallationReq.

        Raises MarketError: EXI, MESSAGE, SIGNATURE, CHAIN, CHAIN_EXPIRED, REVOKED (the certificate is not
        the one registered for its PCID), NO_CONTRACT (no such car, no default contract that is valid, or
        none signed under a V2G root that the car holds).
        """
        ...

    async def deliver(self, request: bytes) -> Delivery:
        """Answer a car of ISO 15118-20: ``request`` is the EXI of a CertificateInstallationReq.

        It gets the contracts that it prioritises, then its default one, then the others, oldest first, and no more
        than it has room for. Raises MarketError as :meth:`answer`, and UNKNOWN_PROVIDER when it prioritises contracts
        of providers only that have none for it here.
        """
        ...

    async def collect(self, wanted: Collection) -> Installation:
        """Return the bundle of one contract, default or not, for delivery over the air.

        Raises MarketError(NO_CONTRACT) when the car has no such contract, or none that is valid now and signed
        under the wanted root.
        """
        ...

    async def put(self, bundle: SignedBundle) -> Contract:
        """Store a bundle; the first contract of a car becomes its default. Repeating it changes nothing.

        Raises MarketError: EXI, MESSAGE, SIGNATURE, CHAIN, CHAIN_EXPIRED when the bundle is not a proper
        one of a CPS under a known V2G root, or not the one that the sender says it is; UNKNOWN_PCID; CONFLICT
        when the eMAID belongs to another car or the key was sealed for a certificate that has been replaced.
        """
        ...

    async def delete(self, emaid: str) -> None:
        """Remove a contract, of every edition. If it was the default, the car has none until one is chosen.

        Raises MarketError(NO_CONTRACT).
        """
        ...

    async def delete_many(self, emaids: Sequence[str]) -> Sequence[str]:
        """Remove contracts, some hundred in one call, as :meth:`delete` does; those that are not here are passed over.

        Return those that may still be somewhere, because another pool could not be asked: to be repeated.
        """
        ...

    async def set_default(self, pcid: str, emaid: str) -> None:
        """Make a contract the one that the car is given, or given first; raises MarketError(NO_CONTRACT)."""
        ...

    async def factory_reset(self, pcid: str) -> Sequence[str]:
        """Remove every contract of a car that has forgotten them; return their eMAIDs, oldest first."""
        ...

    async def of_car(self, pcid: str) -> Sequence[Contract]:
        """Return the contracts of a car by edition, oldest first; empty when there are none."""
        ...

    async def find(self, emaid: str) -> Sequence[Contract]:
        """Return a contract, once for each edition and V2G root it is signed under; empty when it is not here."""
        ...
