"""What the market refuses, and how a refusal travels.

Every refusal is one :class:`MarketError` with a stable :class:`Code`. Over HTTP it becomes a status and a
message that starts with the code in brackets, so that a charger can map it without reading prose.
"""

from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus


class Code(StrEnum):
    """Why the market refused. The value stands in brackets before each error message."""

    REQUEST = "REQUEST"
    NAMESPACE = "NAMESPACE"
    EXI = "EXI"
    MESSAGE = "MESSAGE"
    SIGNATURE = "SIGNATURE"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    TOO_MANY = "TOO_MANY"
    CHAIN = "CHAIN"
    CHAIN_EXPIRED = "CHAIN_EXPIRED"
    REVOKED = "REVOKED"
    NO_CONTRACT = "NO_CONTRACT"
    UNKNOWN_PROVIDER = "UNKNOWN_PROVIDER"
    UNKNOWN_PCID = "UNKNOWN_PCID"
    UNKNOWN = "UNKNOWN"
    CONFLICT = "CONFLICT"
    NO_SIGNER = "NO_SIGNER"
    TOO_LARGE = "TOO_LARGE"
    SLOW = "SLOW"
    DEADLINE = "DEADLINE"
    STORE = "STORE"
    PEER = "PEER"
    ENTITLEMENT = "ENTITLEMENT"
    INTERNAL = "INTERNAL"

    @property
    def status(self) -> HTTPStatus:
        """The HTTP status this refusal is answered with."""
        return _STATUS[self]

    @property
    def meaning(self) -> str:
        """One line for the API description."""
        return _MEANING[self]


_STATUS = {
    Code.REQUEST: HTTPStatus.BAD_REQUEST,
    Code.NAMESPACE: HTTPStatus.BAD_REQUEST,
    Code.EXI: HTTPStatus.BAD_REQUEST,
    Code.MESSAGE: HTTPStatus.BAD_REQUEST,
    Code.SIGNATURE: HTTPStatus.UNAUTHORIZED,
    Code.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    Code.FORBIDDEN: HTTPStatus.FORBIDDEN,
    Code.TOO_MANY: HTTPStatus.TOO_MANY_REQUESTS,
    Code.CHAIN: HTTPStatus.FORBIDDEN,
    Code.CHAIN_EXPIRED: HTTPStatus.FORBIDDEN,
    Code.REVOKED: HTTPStatus.FORBIDDEN,
    Code.NO_CONTRACT: HTTPStatus.NOT_FOUND,
    Code.UNKNOWN_PROVIDER: HTTPStatus.NOT_FOUND,
    Code.UNKNOWN_PCID: HTTPStatus.NOT_FOUND,
    Code.UNKNOWN: HTTPStatus.NOT_FOUND,
    Code.CONFLICT: HTTPStatus.CONFLICT,
    Code.NO_SIGNER: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Code.SLOW: HTTPStatus.REQUEST_TIMEOUT,
    Code.DEADLINE: HTTPStatus.GATEWAY_TIMEOUT,
    Code.STORE: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.PEER: HTTPStatus.BAD_GATEWAY,
    Code.ENTITLEMENT: HTTPStatus.FORBIDDEN,
    Code.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
}

_MEANING = {
    Code.REQUEST: "a field is missing, malformed or of the wrong type",
    Code.NAMESPACE: "a message namespace that this market does not serve",
    Code.EXI: "the bytes are not an EXI document of the named message set",
    Code.MESSAGE: "a well-formed message, but not the one this call takes",
    Code.SIGNATURE: "an XML signature is missing, malformed or wrong",
    Code.UNAUTHENTICATED: "no access token, or none that is valid now",
    Code.FORBIDDEN: "a party of this role or with this identifier may not do this",
    Code.TOO_MANY: "more requests than this client may make; `Retry-After` says when to come back",
    Code.CHAIN: "a certificate or its chain breaks a rule or ends at no trusted root",
    Code.CHAIN_EXPIRED: "a certificate of the chain is outside its validity",
    Code.REVOKED: "the certificate was revoked, or replaced by a newer one",
    Code.NO_CONTRACT: "no contract that this car could install",
    Code.UNKNOWN_PROVIDER: "the car wants contracts of mobility operators that have none for it here",
    Code.UNKNOWN_PCID: "no provisioning certificate is registered for this PCID",
    Code.UNKNOWN: "no such resource",
    Code.CONFLICT: "contradicts what is stored",
    Code.NO_SIGNER: "no CPS certificate under a V2G root that this car trusts",
    Code.TOO_LARGE: "the request body exceeds the limit",
    Code.SLOW: "the request body did not arrive in time",
    Code.DEADLINE: "the caller's remaining time ran out",
    Code.STORE: "the database cannot be read or written at the moment",
    Code.PEER: "another provider or role process cannot be reached, or does not answer as one",
    Code.ENTITLEMENT: "the proof that the driver may use this vehicle is missing, wrong or used up",
    Code.INTERNAL: "a defect; the log has the details under this traceId",
}


class MarketError(Exception):
    """A refusal: ``code`` says which kind, ``detail`` is one sentence with the facts, never a secret.

    ``headers`` go into the HTTP answer, where a refusal has some of its own such as ``Retry-After``.
    """

    def __init__(self, code: Code, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.headers = headers

    def __str__(self) -> str:
        """Return the message as it stands in an error answer."""
        return f"[{self.code}] {self.detail}"


class DatabaseError(Exception):
    """The database file cannot be opened, is locked, is not writable or is not ours; ``path`` names it."""

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(path, detail)
        self.path = path
        self.detail = detail

    def __str__(self) -> str:
        """Return path and detail on one line."""
        return f"database {self.path}: {self.detail}"


class PkiFolderError(Exception):
    """The certificate folder cannot be used; ``path`` names the file, ``detail`` the rule it breaks."""

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(path, detail)
        self.path = path
        self.detail = detail

    def __str__(self) -> str:
        """Return path and detail on one line."""
        return f"{self.path}: {self.detail}"


class AddressError(Exception):
    """The server cannot listen at ``address``."""

    def __init__(self, address: str, detail: str) -> None:
        super().__init__(address, detail)
        self.address = address
        self.detail = detail

    def __str__(self) -> str:
        """Return address and detail on one line."""
        return f"cannot listen at {self.address}: {self.detail}"
