"""The car maker's telematics backend as the car sees it: plain JSON over HTTP, each request signed by the car.

The car proves who it is by signing a challenge and the request with its provisioning key, so that nobody
else reads its mailbox; over https it makes sure of the backend by the roots that it was given.
"""

import base64
import hashlib
import json
import ssl
from collections.abc import Mapping, Sequence
from enum import StrEnum
from http import HTTPStatus
from types import TracebackType
from typing import Annotated, Any, Self, TypeVar
from urllib.parse import urlencode

import httpx
import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import Meta

from v2g.errors import V2GError
from v2g.identifiers import Pcid

T = TypeVar("T")

CHALLENGE_HEADER = "X-Telematics-Challenge"
SIGNATURE_HEADER = "X-Telematics-Signature"

_DOMAIN = "pnclab-telematics-v1"
_TIMEOUT_S = 15.0
_MAX_ANSWER_BYTES = 1024 * 1024


class TelematicsError(V2GError):
    """The backend gave no answer that helps: ``reason`` is a word, ``status`` the HTTP status or 0."""

    def __init__(self, reason: str, detail: str, status: int = 0) -> None:
        super().__init__(f"telematics backend: {detail}")
        self.reason = reason
        self.detail = detail
        self.status = status


class Action(StrEnum):
    """What an item in the mailbox is about."""

    INSTALL = "install"
    REMOVE = "remove"


class Result(StrEnum):
    """What became of an item."""

    INSTALLED = "installed"
    REJECTED = "rejected"
    REMOVED = "removed"


class Item(msgspec.Struct, frozen=True, rename="camel"):
    """Something for the car to do. ``document`` is base64 of the EXI of the signed message."""

    id: Annotated[str, Meta(max_length=36)]
    action: Action
    emaid: str
    namespace: Annotated[str, Meta(max_length=200)] = msgspec.field(name="xsdMsgDefNamespace")
    document: str | None = msgspec.field(name="certificateInstallationRes", default=None)


class Line(msgspec.Struct, frozen=True, rename="camel"):
    """A contract of this car as the backend knows it."""

    emaid: str
    state: str
    default_contract: bool


class Mailbox(msgspec.Struct, frozen=True):
    """What is there for the car, and all its contracts."""

    items: Annotated[list[Item], Meta(max_length=100)]
    contracts: Annotated[list[Line], Meta(max_length=100)]


class _Challenge(msgspec.Struct):
    challenge: str


class _Refusal(msgspec.Struct):
    errorMessages: list[str] = []  # noqa: N815 - as on the wire


class TelematicsDoor:
    """The door of one backend for one car. Every call raises :class:`TelematicsError`."""

    def __init__(
        self,
        url: str,
        pcid: Pcid,
        key: ec.EllipticCurvePrivateKey,
        *,
        trust: ssl.SSLContext | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._path = f"/telematics/v1/vehicles/{pcid}"
        self._key = key
        verify: ssl.SSLContext | bool = False
        if self.url.startswith("https://"):
            verify = trust or ssl.create_default_context()
        self._client = httpx.AsyncClient(
            base_url=self.url, verify=verify, timeout=_TIMEOUT_S, trust_env=False, transport=transport
        )
        self._challenge = ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def mailbox(self, *, wait_s: float = 0.0, again: bool = False) -> Mailbox:
        """Return what is there, waiting up to ``wait_s`` for something to come."""
        query = {"waitS": f"{wait_s:g}", "again": "true" if again else "false"}
        return await self._proven("GET", f"/mailbox?{urlencode(query)}", Mailbox, wait_s=wait_s)

    async def acknowledge(
        self, item: Item, result: Result, reason: str = "", replaced: Sequence[str] = ()
    ) -> None:
        """Say what became of an item. That it was replaced meanwhile is no error: the next look shows it."""
        body = {"result": result, "reason": reason, "replaced": list(replaced)}
        try:
            await self._proven("POST", f"/mailbox/{item.id}/acknowledgement", msgspec.Raw, body)
        except TelematicsError as error:
            if error.status != HTTPStatus.CONFLICT:
                raise

    async def choose(self, emaid: str) -> None:
        """Make a contract the one that this car is given at chargers."""
        await self._proven("POST", "/default", msgspec.Raw, {"emaid": emaid})

    async def reset(self) -> None:
        """Say that this car was reset: whatever it had is void."""
        await self._proven("POST", "/reset", msgspec.Raw)

    async def _proven(
        self,
        method: str,
        target: str,
        answer: type[T],
        body: Mapping[str, Any] | None = None,
        wait_s: float = 0.0,
    ) -> T:
        """Send a signed request; a challenge that was not good any more is replaced once."""
        content = b"" if body is None else json.dumps(body).encode()
        if not self._challenge:
            begun = await self._send("POST", f"{self._path}/challenge", b"", {}, wait_s=0.0)
            self._challenge = self._read(begun, _Challenge).challenge
        response = await self._signed(method, self._path + target, content, wait_s)
        if response.status_code == HTTPStatus.UNAUTHORIZED and self._challenge:
            response = await self._signed(method, self._path + target, content, wait_s)
        return self._read(response, answer)

    async def _signed(self, method: str, target: str, body: bytes, wait_s: float) -> httpx.Response:
        challenge, self._challenge = self._challenge, ""
        lines = (_DOMAIN, challenge, method, target, hashlib.sha256(body).hexdigest())
        text = "".join(f"{line}\n" for line in lines).encode()
        signature = base64.b64encode(self._key.sign(text, ec.ECDSA(hashes.SHA256()))).decode()
        headers = {CHALLENGE_HEADER: challenge, SIGNATURE_HEADER: signature}
        response = await self._send(method, target, body, headers, wait_s=wait_s)
        self._challenge = response.headers.get(CHALLENGE_HEADER, "")
        return response

    async def _send(
        self, method: str, target: str, body: bytes, headers: Mapping[str, str], *, wait_s: float
    ) -> httpx.Response:
        try:
            async with self._client.stream(
                method,
                target,
                content=body,
                headers={"Content-Type": "application/json", **headers},
                timeout=httpx.Timeout(_TIMEOUT_S, read=_TIMEOUT_S + wait_s),
            ) as response:
                content = bytearray()
                async for part in response.aiter_bytes():
                    content += part
                    if len(content) > _MAX_ANSWER_BYTES:
                        raise TelematicsError(
                            "protocol", f"{self.url} sends more than {_MAX_ANSWER_BYTES} bytes"
                        )
                return httpx.Response(
                    response.status_code, headers=_plain(response.headers), content=bytes(content)
                )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            detail = f"{self.url} cannot be reached: {str(error) or type(error).__name__}"
            raise TelematicsError("unreachable", detail) from error

    def _read(self, response: httpx.Response, answer: type[T]) -> T:
        try:
            if response.is_success:
                return msgspec.json.decode(response.content, type=answer)
            messages = msgspec.json.decode(response.content, type=_Refusal).errorMessages
        except msgspec.MsgspecError:
            detail = f"{self.url} answers {response.status_code}, and not as a telematics backend does"
            raise TelematicsError("protocol", detail, response.status_code) from None
        detail = "; ".join(messages) or f"answered {response.status_code}"
        reason = "unreachable" if response.is_server_error else "refused"
        raise TelematicsError(reason, detail, response.status_code)


def _plain(headers: httpx.Headers) -> dict[str, str]:
    """Return the headers that matter here: the body is decoded already."""
    return {name: headers[name] for name in (CHALLENGE_HEADER,) if name in headers}
