"""The market's HTTP doors, seen from a shell command."""

# ruff: noqa: N815 - fields are spelled as on the wire

import ssl
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import msgspec

from v2g.net.oauth import ClientCredentials, CredentialsError, TokenRefusedError, from_environment

T = TypeVar("T")

TIMEOUT_S = 10.0
STREAM_SILENCE_S = 45.0
"""A stream sends something every 15 s; one that is silent for so long is dead."""

_SUCCESS = range(200, 300)


class UsageError(Exception):
    """The command cannot be carried out as it was given: a file, a folder or an argument is wrong."""


class UnreachableError(Exception):
    """No market answers at ``url``."""

    def __init__(self, url: str, detail: str) -> None:
        super().__init__(f"no market can be reached at {url}: {detail}")
        self.url = url
        self.detail = detail


class RefusedError(Exception):
    """The market refused, or what answered is no market."""

    def __init__(self, messages: list[str], trace_id: str) -> None:
        super().__init__("; ".join(messages) + (f" (traceId {trace_id})" if trace_id else ""))
        self.messages = messages
        self.trace_id = trace_id

    @property
    def code(self) -> str:
        """The stable code in brackets before the first message; empty when there is none."""
        first = self.messages[0] if self.messages else ""
        return first[1:].partition("]")[0] if first.startswith("[") else ""


class _Refusal(msgspec.Struct):
    errorMessages: list[str]
    traceId: str = ""


class MarketClient:
    """A connection to the market at ``url``; ``ca`` holds the roots to trust for https.

    A closed market is given tokens for the credentials that the environment names (``PNCLAB_CREDENTIALS``).
    """

    def __init__(self, url: str, ca: Path | None = None) -> None:
        if not url.startswith(("http://", "https://")):
            raise UsageError(f"--url {url}: expected http://HOST:PORT or https://HOST:PORT")
        self._url = url.rstrip("/")
        try:
            trust = ssl.create_default_context(cafile=ca) if url.startswith("https://") else False
            credentials = from_environment()
            auth = None if credentials is None else ClientCredentials(credentials, self._url)
            self._client = httpx.Client(verify=trust, timeout=TIMEOUT_S, trust_env=False, auth=auth)
        except CredentialsError as error:
            raise UsageError(str(error)) from error
        except (OSError, ssl.SSLError) as error:
            raise UsageError(f"--ca {ca}: {error.strerror or error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._client.close()

    def get(self, path: str, answer: type[T], **query: Any) -> T:
        """Return the answer to a GET; raises UnreachableError or RefusedError."""
        return self._call("GET", path, answer, params=query)

    def post(self, path: str, body: dict[str, Any], answer: type[T]) -> T:
        """Return the answer to a POST; raises UnreachableError or RefusedError."""
        return self._call("POST", path, answer, json=body)

    def put(self, path: str, body: dict[str, Any], answer: type[T]) -> T:
        """Return the answer to a PUT; raises UnreachableError or RefusedError."""
        return self._call("PUT", path, answer, json=body)

    def delete(self, path: str) -> None:
        """Remove something; raises UnreachableError or RefusedError."""
        self._call("DELETE", path, msgspec.Raw)

    def lines(self, path: str, **query: Any) -> Iterator[str]:
        """Yield the lines of an answer that has no end; raises UnreachableError or RefusedError."""
        return self._lines("GET", path, params=query)

    def post_lines(self, path: str, body: dict[str, Any]) -> Iterator[str]:
        """Yield the lines of the answer to a POST as they come; raises UnreachableError or RefusedError."""
        return self._lines("POST", path, json=body)

    def exchange(self, method: str, path: str, content: bytes | None = None, media_type: str = "") -> bytes:
        """Return the body of an answer that is no JSON; raises UnreachableError or RefusedError."""
        headers = {"Content-Type": media_type} if media_type else None
        response = self._request(method, path, content=content, headers=headers)
        if response.status_code not in _SUCCESS:
            raise self._refusal(method, path, response.status_code, response.content)
        return response.content

    def _lines(self, method: str, path: str, **arguments: Any) -> Iterator[str]:
        timeout = httpx.Timeout(TIMEOUT_S, read=STREAM_SILENCE_S)
        try:
            with self._client.stream(method, self._url + path, timeout=timeout, **arguments) as response:
                if response.status_code not in _SUCCESS:
                    raise self._refusal(method, path, response.status_code, response.read())
                yield from response.iter_lines()
        except TokenRefusedError as error:
            raise RefusedError([str(error)], "") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnreachableError(self._url, str(error) or type(error).__name__) from error

    def _request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        try:
            return self._client.request(method, self._url + path, **arguments)
        except TokenRefusedError as error:
            raise RefusedError([str(error)], "") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnreachableError(self._url, str(error) or type(error).__name__) from error

    def _call(self, method: str, path: str, answer: type[T], **arguments: Any) -> T:
        response = self._request(method, path, **arguments)
        if response.status_code in _SUCCESS:
            try:
                return msgspec.json.decode(response.content or b"null", type=answer)
            except msgspec.MsgspecError:
                pass
        raise self._refusal(method, path, response.status_code, response.content)

    def _refusal(self, method: str, path: str, status: int, content: bytes) -> RefusedError:
        try:
            refusal = msgspec.json.decode(content, type=_Refusal)
        except msgspec.MsgspecError:
            return RefusedError(
                [f"{method} {self._url}{path} answered {status}, and not as a market does"], ""
            )
        return RefusedError(refusal.errorMessages, refusal.traceId)
