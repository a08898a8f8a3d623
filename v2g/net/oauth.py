"""OAuth2 client credentials for httpx: a token is fetched when it is needed, and renewed before it ends.

The credentials are a JSON file, ``{"client_id": …, "client_secret": …}``, as ``backend-stub client add --credentials`` writes
it. They stand on no command line, and neither they nor a token show in a log or an error.
"""

import os
import stat
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic as system_monotonic

import httpx
import msgspec

TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path
ENVIRONMENT = "PNCLAB_CREDENTIALS"
"""Names the credentials file where no option does."""

_EARLY = 0.2
"""A token is renewed when this share of its lifetime is left, so that none ends on its way."""


class CredentialsError(Exception):
    """The credentials file cannot be used: ``path`` and why, never what stands in it."""

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(path, detail)
        self.path = path
        self.detail = detail

    def __str__(self) -> str:
        """Return path and detail on one line."""
        return f"{self.path}: {self.detail}"


class TokenRefusedError(httpx.HTTPError):
    """No token was given out; the text names client, status and OAuth2 error."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who a client is, and how it proves that."""

    client_id: str
    client_secret: str

    def __repr__(self) -> str:
        """Return whose they are: never the secret."""
        return f"<credentials of {self.client_id}>"


class _File(msgspec.Struct):
    client_id: str
    client_secret: str


class _Token(msgspec.Struct):
    access_token: str
    expires_in: float = 300.0


class _Refusal(msgspec.Struct):
    error: str = ""


def read_credentials(path: Path) -> Credentials:
    """Read a credentials file. Raises CredentialsError, also when others than its owner may read it."""
    try:
        if os.name == "posix" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise CredentialsError(str(path), f"others can read this secret; say: chmod 600 {path}")
        found = msgspec.json.decode(path.read_bytes(), type=_File)
    except OSError as error:
        raise CredentialsError(str(path), error.strerror or str(error)) from error
    except msgspec.MsgspecError:
        # The decoder's text may quote the file.
        raise CredentialsError(str(path), "must be JSON with client_id and client_secret") from None
    return Credentials(found.client_id, found.client_secret)


def from_environment() -> Credentials | None:
    """Return the credentials that the environment names, None when it names none. Raises CredentialsError."""
    path = os.environ.get(ENVIRONMENT)
    return read_credentials(Path(path)) if path else None


class ClientCredentials(httpx.Auth):
    """Puts a bearer token of the market at ``base_url`` on each request, for sync and async clients alike.

    A token that the market no longer takes is replaced once; a request whose new token is refused as well
    gets that answer. Fetching counts against whatever bounds the request.
    """

    def __init__(
        self, credentials: Credentials, base_url: str, monotonic: Callable[[], float] = system_monotonic
    ) -> None:
        self._credentials = credentials
        self._base_url = base_url.rstrip("/")
        self._monotonic = monotonic
        self._token = ""
        self._renew_at = 0.0

    def __repr__(self) -> str:
        """Return whose tokens: never one of them."""
        return f"<tokens of {self._credentials.client_id}>"

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """See httpx.Auth."""
        if not self._fresh:
            response = yield self._question()
            response.read()
            self._take(response)
        response = yield self._signed(request)
        if _token_rejected(response):
            answer = yield self._question()
            answer.read()
            self._take(answer)
            yield self._signed(request)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """See httpx.Auth."""
        if not self._fresh:
            response = yield self._question()
            await response.aread()
            self._take(response)
        response = yield self._signed(request)
        if _token_rejected(response):
            answer = yield self._question()
            await answer.aread()
            self._take(answer)
            yield self._signed(request)

    @property
    def _fresh(self) -> bool:
        return bool(self._token) and self._monotonic() < self._renew_at

    def _question(self) -> httpx.Request:
        body = {
            "client_id": self._credentials.client_id,
            "client_secret": self._credentials.client_secret,
            "audience": self._base_url,
            "grant_type": "client_credentials",
        }
        return httpx.Request("POST", self._base_url + TOKEN_PATH, json=body)

    def _take(self, response: httpx.Response) -> None:
        who = f"client {self._credentials.client_id}"
        if not response.is_success:
            try:
                reason = msgspec.json.decode(response.content, type=_Refusal).error
            except msgspec.MsgspecError:
                reason = ""
            raise TokenRefusedError(
                f"{who} gets no token: HTTP {response.status_code}" + (f", {reason[:80]}" if reason else "")
            )
        try:
            token = msgspec.json.decode(response.content, type=_Token)
        except msgspec.MsgspecError:
            raise TokenRefusedError(f"{who} gets no token: the answer is none of OAuth2") from None
        self._token = token.access_token
        self._renew_at = self._monotonic() + (1 - _EARLY) * token.expires_in

    def _signed(self, request: httpx.Request) -> httpx.Request:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _token_rejected(response: httpx.Response) -> bool:
    """Say whether it is the token that was not taken; 401 has other reasons, too, in this market."""
    challenge = response.headers.get("www-authenticate", "").lower()
    return response.status_code == httpx.codes.UNAUTHORIZED and challenge.startswith("bearer")
