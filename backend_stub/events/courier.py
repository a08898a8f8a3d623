"""One webhook call: the body goes out once, and what came back is said in three facts."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import httpx

from backend_stub.events.targets import Resolve, TargetError, TargetPolicy, system_resolve

TIMEOUT_S = 10.0
"""For everything together: looking the host up, connecting, sending, and the answer."""

_MAX_ANSWER_BYTES = 2048
_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=60.0)


@dataclass(frozen=True, slots=True)
class Reply:
    """What an endpoint answered: the status, and the beginning of the text for people."""

    status: int
    text: str


class NotReachedError(Exception):
    """There was no answer: no connection, a broken one, or none in time. Trying again may help."""


class Courier(Protocol):
    """Carries a webhook to a URL."""

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Return the answer; raises NotReachedError, or TargetError for a URL that is forbidden."""
        ...

    async def close(self) -> None:
        """Close what is open."""
        ...


class HttpCourier:
    """Over HTTP. Redirects are not followed: they would lead past the judgement of the URL."""

    def __init__(
        self,
        policy: TargetPolicy,
        *,
        trust: ssl.SSLContext | None = None,
        resolve: Resolve = system_resolve,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._policy = policy
        self._resolve = resolve
        self._timeout_s = timeout_s
        # Loading the roots takes 20 ms, which plain HTTP on one machine need not pay.
        self._trust = trust
        self._transport = transport
        self._clients: dict[str, httpx.AsyncClient] = {}

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """See :class:`Courier`."""
        try:
            async with asyncio.timeout(self._timeout_s):
                target = await self._policy.resolve(url, self._resolve)
                request = self._client(target.url).stream(
                    "POST",
                    target.url,
                    content=body,
                    headers={**headers, "Host": target.authority},
                    extensions={"sni_hostname": target.host},
                )
                async with request as response:
                    return Reply(response.status_code, await _beginning(response))
        except TimeoutError:
            raise NotReachedError(f"no answer within {self._timeout_s:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as error:
            raise NotReachedError(str(error) or type(error).__name__) from error

    async def close(self) -> None:
        """See :class:`Courier`."""
        for client in self._clients.values():
            await client.aclose()

    def _client(self, url: str) -> httpx.AsyncClient:
        scheme = url.partition(":")[0]
        if scheme not in self._clients:
            verify: ssl.SSLContext | bool = False
            if scheme == "https":
                verify = self._trust or ssl.create_default_context()
            self._clients[scheme] = httpx.AsyncClient(
                verify=verify,
                timeout=self._timeout_s,
                limits=_LIMITS,
                trust_env=False,
                follow_redirects=False,
                transport=self._transport,
            )
        return self._clients[scheme]


async def _beginning(response: httpx.Response) -> str:
    data = b""
    async for part in response.aiter_bytes():
        data += part
        if len(data) >= _MAX_ANSWER_BYTES:
            break
    return " ".join(data[:_MAX_ANSWER_BYTES].decode("utf-8", "replace").split())


__all__ = ["Courier", "HttpCourier", "NotReachedError", "Reply", "TargetError"]
