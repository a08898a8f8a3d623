"""What the other roles may ask of the root certificate pool."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from cryptography import x509

from pki.names import fingerprint_sha256

_ID_NAMESPACE = uuid.UUID("5c0b1a52-8f0e-4f0a-9d55-0b6e3d1c7a10")


class RootType(StrEnum):
    """Which branch a root is the trust anchor of; spelled as in OPCP's query parameter."""

    MO = "mo"
    V2G = "v2g"
    OEM = "oem"


@dataclass(frozen=True, slots=True)
class Root:
    """A trust anchor in the pool."""

    root_type: RootType
    certificate: x509.Certificate
    fingerprint: str
    """SHA-256 of the DER certificate, lower-case hex."""

    @classmethod
    def of(cls, root_type: RootType, certificate: x509.Certificate) -> "Root":
        """Make the entry for ``certificate``."""
        return cls(root_type, certificate, fingerprint_sha256(certificate))

    @property
    def id(self) -> uuid.UUID:
        """The id under which the pool publishes it: the same for the same certificate everywhere."""
        return uuid.uuid5(_ID_NAMESPACE, self.fingerprint)


class RootCertificatePool(Protocol):
    """The role RCP."""

    async def add(self, root_type: RootType, certificate: x509.Certificate) -> Root:
        """Take a trust anchor in; adding it again changes nothing.

        Raises MarketError(CHAIN or CHAIN_EXPIRED) when it is not a self-signed CA certificate that is valid now.
        """
        ...

    async def remove(self, root_id: uuid.UUID) -> None:
        """Take a trust anchor out, from every branch that it anchors; raises MarketError(UNKNOWN).

        What stands in the pools under it stays there, and is of no use while it is missing.
        """
        ...

    async def roots(self, root_type: RootType | None = None) -> Sequence[Root]:
        """Return the roots of one type, or all, in the order in which they were added."""
        ...
