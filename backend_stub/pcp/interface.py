"""What the other roles may ask of the provisioning certificate pool, and what it asks of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cryptography import x509

from backend_stub.certificates import present


@dataclass(frozen=True, slots=True)
class ProvisioningChain:
    """What a car maker uploads: the car's certificate and what hangs above it, without the root."""

    vehicle: x509.Certificate
    sub_ca1: x509.Certificate
    sub_ca2: x509.Certificate | None = None
    v2g_root_key_ids: tuple[bytes, ...] = ()
    """Subject key identifiers of the V2G roots installed in the car; empty: the maker does not say."""
    previous_pcid: str | None = None

    @property
    def sub_cas(self) -> Sequence[x509.Certificate]:
        """The sub-CA certificates in the order of the wire: the one that issued the car's first."""
        return present(self.sub_ca2, self.sub_ca1)


@dataclass(frozen=True, slots=True)
class Provisioning:
    """An entry of the pool: a chain that was validated up to an OEM root."""

    pcid: str
    chain: ProvisioningChain
    key_fingerprint: str
    """SHA-256 of the car's public key. Contracts are sealed for exactly this key."""
    root_name: str
    root_serial: int
    root_key_id: bytes


class ProvisioningPool(Protocol):
    """The role PCP."""

    async def put(self, chain: ProvisioningChain) -> Provisioning:
        """Register or replace the certificate of a car; the PCID is the certificate's common name.

        A certificate with another key makes every contract for the old key useless; they are deleted, as are
        the previous PCID's entry and contracts, where the chain names one. Raises MarketError: CHAIN or
        CHAIN_EXPIRED for a chain that ends at no OEM root of the RCP; CHAIN for a previous PCID of another maker.
        """
        ...

    async def find(self, pcid: str) -> Provisioning | None:
        """Return the entry of a car, None when there is none."""
        ...

    async def get(self, pcid: str) -> Provisioning:
        """Return the entry of a car; raises MarketError(UNKNOWN_PCID)."""
        ...

    async def delete(self, pcid: str) -> None:
        """Remove a car and the contracts made for it; raises MarketError(UNKNOWN_PCID)."""
        ...


class ProvisioningFollower(Protocol):
    """Who must know when a car's key changes: a contract pool."""

    async def provisioning_changed(self, pcid: str, key_fingerprint: str | None) -> None:
        """Drop what was sealed for another key of this car; None: the car is gone."""
        ...
