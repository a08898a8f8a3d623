"""What a mobility operator may ask of the certificate provisioning service."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cryptography import x509

import exi
from backend_stub.namespaces import Edition
from backend_stub.reading import SCHEMAS, Message
from backend_stub.suites import edition_of
from v2g.security.envelope import Envelope


@dataclass(frozen=True, slots=True)
class ContractData:
    """A contract as the mobility operator hands it over: certificates and the sealed key."""

    certificate: x509.Certificate
    sub_ca1: x509.Certificate
    sub_ca2: x509.Certificate | None
    encrypted_private_key: bytes
    """In -2 48 bytes: initialisation vector and ciphertext; in -20 94 (P-521) or 84 (X448), with a tag."""
    dh_public_key: bytes
    """In -2 65 bytes, the uncompressed ephemeral point; in -20 133."""

    @property
    def envelope(self) -> Envelope:
        """The sealed key."""
        return Envelope(self.encrypted_private_key, self.dh_public_key)

    @property
    def edition(self) -> Edition:
        """The edition of ISO 15118 that the contract is for: its key says so."""
        return edition_of(self.certificate)


@dataclass(frozen=True, slots=True)
class SignOrder:
    """What to sign, for which car."""

    data: ContractData
    pcid: str | None = None
    """The car. Given, the signed bundle is stored in the CCP; None: it is only returned."""
    v2g_root_fingerprint: str | None = None
    """Sign under this V2G root; None: under one that the car is known to hold."""
    receiver_key: str | None = None
    """SHA-256 of the public key that the contract key is sealed for."""


@dataclass(frozen=True, slots=True)
class SignedContract:
    """A signed bundle."""

    emaid: str
    pcid: str | None
    document: bytes
    """EXI of the message with CertificateInstallationRes and signature; its SessionID is eight zero bytes."""
    v2g_root: x509.Certificate
    edition: Edition = Edition.ISO2

    @property
    def message(self) -> Message:
        """The message in ``document``."""
        message = exi.decode(self.document, SCHEMAS[self.edition])
        assert isinstance(message, Message)
        return message


@dataclass(frozen=True, slots=True)
class Signer:
    """A certificate that this service can sign with: chain from the leaf up, and the V2G root above."""

    chain: Sequence[x509.Certificate]
    v2g_root: x509.Certificate

    @property
    def edition(self) -> Edition:
        """The edition of ISO 15118 that it can sign for."""
        return edition_of(self.chain[0])


class ProvisioningService(Protocol):
    """The role CPS."""

    async def sign(self, order: SignOrder) -> SignedContract:
        """Check a contract against the MO roots of the RCP, sign it, and store it in the CCP for a known car.

        Raises MarketError: CHAIN or CHAIN_EXPIRED for a contract chain that ends at no MO root; REQUEST for
        a sealed key of the wrong form; NO_SIGNER when no signing certificate leads to the wanted V2G root or
        to one that the car holds; and what the pools raise.
        """
        ...

    async def signers(self) -> Sequence[Signer]:
        """Return the certificates that this service signs with."""
        ...
