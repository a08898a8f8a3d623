"""May a car charge with this contract now? What an operator's backend answers a charger that asks.

Modelled on OCPP's Authorize for eMAIDs, whose words for the answer it uses.
"""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from cryptography import x509

from backend_stub.authority.interface import CertificateAuthority
from backend_stub.msp.interface import MobilityServiceProvider, State
from pki.errors import CertificateError
from pki.names import common_name
from v2g.identifiers import Emaid, IdentifierError


class CertificateStatus(StrEnum):
    """The answer; the names are those of OCPP 2.0.1."""

    ACCEPTED = "Accepted"
    CERTIFICATE_EXPIRED = "CertificateExpired"
    CERTIFICATE_REVOKED = "CertificateRevoked"
    NO_CERTIFICATE_AVAILABLE = "NoCertificateAvailable"
    CERT_CHAIN_ERROR = "CertChainError"
    CONTRACT_CANCELLED = "ContractCancelled"


class ContractAuthorizer(Protocol):
    """Who answers chargers."""

    async def authorize(self, emaid: str, certificate: x509.Certificate) -> CertificateStatus:
        """Return whether a contract and its certificate stand now."""
        ...


class AuthorizationDesk:
    """Answers from the provider's books and from the index of what was issued.

    A contract that has ended is cancelled, whatever its certificate says. One that is not in the books may be
    that of an operator without a PKI of its own: then the index alone decides.
    """

    def __init__(
        self,
        contracts: MobilityServiceProvider,
        authority: CertificateAuthority,
        now: Callable[[], datetime],
    ) -> None:
        self._contracts = contracts
        self._authority = authority
        self._now = now

    async def authorize(self, emaid: str, certificate: x509.Certificate) -> CertificateStatus:
        """See :class:`ContractAuthorizer`."""
        if not _is_for(certificate, emaid):
            return CertificateStatus.CERT_CHAIN_ERROR
        name = common_name(certificate)
        contract = await self._contracts.find(name)
        if contract is not None and contract.state is not State.ACTIVE:
            return CertificateStatus.CONTRACT_CANCELLED
        issued = [
            each for each in await self._authority.find(name) if each.serial == certificate.serial_number
        ]
        if not issued:
            return CertificateStatus.NO_CERTIFICATE_AVAILABLE
        if any(each.revoked_at is not None for each in issued):
            return CertificateStatus.CERTIFICATE_REVOKED
        if self._now() > certificate.not_valid_after_utc:
            return CertificateStatus.CERTIFICATE_EXPIRED
        return CertificateStatus.ACCEPTED


def _is_for(certificate: x509.Certificate, emaid: str) -> bool:
    """Say whether the certificate bears this eMAID; the check digit is not looked at."""
    try:
        named = Emaid.parse(common_name(certificate), check=False)
        wanted = Emaid.parse(emaid, check=False)
    except (CertificateError, IdentifierError):
        return False
    return named.body == wanted.body
