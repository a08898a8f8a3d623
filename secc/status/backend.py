"""Contract status at the backend: ``POST /msp/v1/authorize``, modelled on OCPP's Authorize for eMAIDs."""

import base64
from enum import StrEnum

import msgspec
from cryptography.hazmat.primitives.serialization import Encoding

from secc.status import Question, Standing, StatusError
from secc.status.fetching import Fetcher
from v2g.timing import Deadline

PATH = "/msp/v1/authorize"
MAX_BYTES = 16_384


class CertificateStatus(StrEnum):
    """What the backend says; the names are those of OCPP 2.0.1."""

    ACCEPTED = "Accepted"
    SIGNATURE_ERROR = "SignatureError"
    CERTIFICATE_EXPIRED = "CertificateExpired"
    CERTIFICATE_REVOKED = "CertificateRevoked"
    NO_CERTIFICATE_AVAILABLE = "NoCertificateAvailable"
    CERT_CHAIN_ERROR = "CertChainError"
    CONTRACT_CANCELLED = "ContractCancelled"


_STANDINGS = {
    CertificateStatus.CERTIFICATE_REVOKED: Standing.REVOKED,
    CertificateStatus.CONTRACT_CANCELLED: Standing.CANCELED,
}


class _Answer(msgspec.Struct):
    certificateStatus: CertificateStatus  # noqa: N815 - as on the wire


class BackendStatus:
    """Asks the operator's backend whether it knows the contract, and whether it goes on.

    Only what the backend says of contract and revocation counts: whether the chain is good, the charger has
    judged itself. A contract that the backend does not know (NoCertificateAvailable) may be another operator's.
    """

    name = "backend"

    def __init__(self, fetcher: Fetcher, base_url: str) -> None:
        self._fetcher = fetcher
        self._url = base_url.rstrip("/") + PATH

    async def check(self, question: Question, deadline: Deadline) -> None:
        """See :class:`secc.status.ContractStatusSource`."""
        certificate = base64.b64encode(question.path[0].public_bytes(Encoding.DER)).decode()
        content = msgspec.json.encode({"emaid": question.emaid, "certificate": certificate})
        body = await self._fetcher.post(self._url, content, "application/json", deadline)
        try:
            status = msgspec.json.decode(body, type=_Answer).certificateStatus
        except msgspec.MsgspecError as error:
            raise StatusError(Standing.UNKNOWN, f"{self._url} answered something else: {error}") from error
        if status is not CertificateStatus.ACCEPTED:
            raise StatusError(_STANDINGS.get(status, Standing.UNKNOWN), f"the backend says {status}")

    async def close(self) -> None:
        """Close the connections."""
        await self._fetcher.close()
