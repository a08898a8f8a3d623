"""What the other roles may ask of the provisioning certificate pool, and what it asks of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cryptography import x509

from backend_stub.certificates import present
from backend_stub.errors import Code, MarketError
from backend_stub.namespaces import Edition
from backend_stub.suites import edition_of


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

    @property
    def edition(self) -> Edition:
        """The edition of ISO 15118 that the certificate is for."""
        return edition_of(self.vehicle)


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

    @property
    def edition(self) -> Edition:
        """The edition of ISO 15118 that the certificate is for."""
        return self.chain.edition


def found(entry: Provisioning | None, pcid: str, edition: Edition) -> Provisioning:
    """Return an entry that was looked for; raises MarketError(UNKNOWN_PCID) when there is none."""
    if entry is None:
        what = "" if edition is Edition.ISO2 else f" of {edition}"
        raise MarketError(Code.UNKNOWN_PCID, f"no provisioning certificate{what} for PCID {pcid}")
    return entry


class ProvisioningPool(Protocol):
    """The role PCP. A car that speaks both editions has an entry in each, under one PCID."""

    async def put(self, chain: ProvisioningChain) -> Provisioning:
        """Register or replace the certificate of a car; the PCID is the certificate's common name, its key the edition.

        A certificate with another key makes every contract for the old key useless; they are deleted, as are
        the previous PCID's entry and contracts, where the chain names one. Raises MarketError: CHAIN or
        CHAIN_EXPIRED for a chain that ends at no OEM root of the RCP; CHAIN for a previous PCID of another maker.
        """
        ...

    async def find(self, pcid: str, edition: Edition = Edition.ISO2) -> Provisioning | None:
        """Return the entry of a car, None when there is none."""
        ...

    async def get(self, pcid: str, edition: Edition = Edition.ISO2) -> Provisioning:
        """Return the entry of a car; raises MarketError(UNKNOWN_PCID)."""
        ...

    async def delete(self, pcid: str) -> None:
        """Remove a car, of every edition, and the contracts made for it; raises MarketError(UNKNOWN_PCID)."""
        ...


class ProvisioningFollower(Protocol):
    """Who must know when a car's key changes: a contract pool."""

    async def provisioning_changed(
        self, pcid: str, key_fingerprint: str | None, edition: Edition = Edition.ISO2
    ) -> None:
        """Drop what was sealed for another key that this car has for an edition; None: the car is gone."""
        ...
