"""The gate: who is calling, before anything of the request is read but its header."""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import Scope as AsgiScope

from backend_stub.access.guard import TOKEN_PATH
from backend_stub.access.interface import OPEN, Party, Role
from backend_stub.access.limits import Limiter, Rate
from backend_stub.access.tokens import TokenError, Tokens
from backend_stub.errors import Code, MarketError

REALM = "pnclab"

PUBLIC_PATHS = frozenset(
    {
        "/",
        "/favicon.ico",
        TOKEN_PATH,
        "/docs",
        "/openapi.json",
        "/opcp/openapi.json",
        "/opnc/openapi.json",
        "/ocsp",
        "/telematics/v1/webhook",
    }
)
PUBLIC_PREFIXES = ("/docs/", "/page/", "/static/", "/crl/", "/ocsp/", "/telematics/v1/vehicles/")
"""What needs no token: pages without data, descriptions, what certificates themselves point to, and what proves
itself in another way (credentials for tokens, webhooks by HMAC, cars by a signed challenge)."""

UNLIMITED = ("/crl/", "/ocsp")
"""What all chargers of an operator ask from one address, and what costs less than to refuse it."""

CLIENT_RATE = Rate(per_s=200, burst=400)
STRANGER_RATE = Rate(per_s=5, burst=20)
"""For one address that has no valid token: each try costs the hash of a secret or the check of a signature."""

_NOBODY = Party(Role.ADMIN, "", frozenset())
"""Who calls a public path: no rights at all."""


@dataclass(frozen=True, slots=True)
class Rates:
    """The limits at a gate; None: no limit. Clients are counted by name, strangers by address."""

    client: Rate | None = None
    stranger: Rate | None = None


class Gate:
    """Admits requests. ``tokens`` None: the market is open, and everybody may do everything."""

    def __init__(self, tokens: Tokens | None, rates: Rates, monotonic: Callable[[], float]) -> None:
        self.tokens = tokens
        self._clients = Limiter(rates.client, monotonic) if rates.client else None
        self._strangers = Limiter(rates.stranger, monotonic) if rates.stranger else None

    def admit(self, scope: AsgiScope) -> Party:
        """Return who is calling.

        Raises MarketError: UNAUTHENTICATED with ``WWW-Authenticate``, TOO_MANY with ``Retry-After``.
        """
        address = scope["client"][0] if scope.get("client") else "unknown"
        if self.tokens is None:
            _count(self._clients, address)
            return OPEN
        if _is_public(scope["path"]):
            if not scope["path"].startswith(UNLIMITED):
                _count(self._strangers if scope["path"] == TOKEN_PATH else self._clients, address)
            return _NOBODY
        try:
            party = self.tokens.party(_bearer(Headers(scope=scope)))
        except TokenError as error:
            _count(self._strangers, address)
            raise _unauthenticated(str(error), error_code="invalid_token") from None
        except _NoTokenError as error:
            raise _unauthenticated(str(error)) from None
        _count(self._clients, party.client_id)
        return party


class _NoTokenError(Exception):
    """The request carries no token at all."""


def _bearer(headers: Headers) -> str:
    values = headers.getlist("authorization")
    if len(values) > 1:
        raise TokenError("more than one Authorization header")
    scheme, _, token = (values[0] if values else "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise _NoTokenError(f"this market is closed: get a token at {TOKEN_PATH} and send it as Bearer")
    return token.strip()


def _unauthenticated(why: str, error_code: str = "") -> MarketError:
    # RFC 6750: no error code for a request that carries no token at all.
    challenge = f'Bearer realm="{REALM}"'
    if error_code:
        challenge += f', error="{error_code}"'
    return MarketError(Code.UNAUTHENTICATED, why, {"WWW-Authenticate": challenge})


def _is_public(path: str) -> bool:
    return path in PUBLIC_PATHS or path.startswith(PUBLIC_PREFIXES)


def _count(limiter: Limiter | None, name: str) -> None:
    if limiter is not None:
        limiter.take(name)


def is_loopback(host: str) -> bool:
    """Say whether an address to listen at can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
