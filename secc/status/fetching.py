"""HTTP for status sources: bounded in time and size, every failure one error."""

import asyncio
import ssl
from collections.abc import Mapping

import httpx

from secc.status import Standing, StatusError
from v2g.net.clock import Clock
from v2g.timing import Deadline

_CONNECTIONS = httpx.Limits(max_connections=64, max_keepalive_connections=16, keepalive_expiry=60.0)


class Fetcher:
    """An HTTP client with pooled connections for one status source.

    ``ca_file`` holds the roots for https URLs (empty: those of the system), ``auth`` signs requests to a
    market that is closed, ``transport`` replaces the network in tests. Redirects are refused, and no proxy is taken from the environment.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        ca_file: str = "",
        max_bytes: int,
        auth: httpx.Auth | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._clock = clock
        self._max_bytes = max_bytes
        self._client = httpx.AsyncClient(
            verify=ssl.create_default_context(cafile=ca_file or None),
            transport=transport,
            auth=auth,
            limits=_CONNECTIONS,
            timeout=None,  # noqa: S113 - the deadline bounds the whole call
            follow_redirects=False,
            trust_env=False,
        )

    async def get(self, url: str, deadline: Deadline) -> bytes:
        """Return the body of a 200; raises StatusError UNKNOWN for everything else."""
        return await self._fetch("GET", url, deadline)

    async def post(self, url: str, content: bytes, media_type: str, deadline: Deadline) -> bytes:
        """Return the body of a 200; raises StatusError UNKNOWN for everything else."""
        return await self._fetch("POST", url, deadline, content, {"Content-Type": media_type})

    async def close(self) -> None:
        """Close the pooled connections."""
        await self._client.aclose()

    async def _fetch(
        self,
        method: str,
        url: str,
        deadline: Deadline,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        budget_s = deadline.remaining(self._clock.monotonic())
        body = bytearray()
        try:
            async with (
                asyncio.timeout(budget_s),
                self._client.stream(method, url, content=content, headers=headers) as response,
            ):
                if response.status_code != httpx.codes.OK:
                    raise StatusError(Standing.UNKNOWN, f"{url} answered HTTP {response.status_code}")
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > self._max_bytes:
                        raise StatusError(
                            Standing.UNKNOWN, f"{url} answered more than {self._max_bytes} bytes"
                        )
        except TimeoutError as error:
            raise StatusError(Standing.UNKNOWN, f"no answer from {url} within {budget_s:.3f} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ValueError) as error:
            raise StatusError(Standing.UNKNOWN, f"{url}: {type(error).__name__}: {error}") from error
        return bytes(body)
