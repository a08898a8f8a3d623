"""Access tokens for calls to a peer whose market is not open: OAuth2 client credentials."""

import asyncio
from collections.abc import Callable

import httpx
import msgspec

from backend_stub.errors import Code, MarketError

TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path
_EARLY_S = 30.0
"""A token is renewed so long before it ends, so that none ends on its way."""


class _Token(msgspec.Struct):
    access_token: str
    expires_in: float = 300.0


class TokenSource:
    """Gets a token when one is needed, and keeps it while it is good."""

    def __init__(self, client_id: str, secret: str, monotonic: Callable[[], float]) -> None:
        self._client_id = client_id
        self._secret = secret
        self._monotonic = monotonic
        self._header = ""
        self._until = 0.0
        self._lock = asyncio.Lock()

    def __repr__(self) -> str:
        """Return whose tokens: never the secret."""
        return f"<TokenSource {self._client_id}>"

    async def header(self, client: httpx.AsyncClient) -> str:
        """Return the value of the Authorization header; raises MarketError(PEER) when none is given out."""
        async with self._lock:
            if not self._header or self._monotonic() >= self._until:
                await self._fetch(client)
            return self._header

    async def _fetch(self, client: httpx.AsyncClient) -> None:
        body = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": self._secret,
            "audience": str(client.base_url),
        }
        response = await client.post(TOKEN_PATH, json=body)
        if not response.is_success:
            raise MarketError(
                Code.PEER,
                f"{client.base_url} gives client {self._client_id} no token: {response.status_code}",
            )
        try:
            token = msgspec.json.decode(response.content, type=_Token)
        except msgspec.MsgspecError as error:
            raise MarketError(Code.PEER, f"{client.base_url} answered with no token") from error
        self._header = f"Bearer {token.access_token}"
        self._until = self._monotonic() + max(0.0, token.expires_in - _EARLY_S)
