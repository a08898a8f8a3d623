"""The market as the telematics backend sees it from another process: through its OPCP doors."""

# ruff: noqa: N815 - fields are spelled as on the wire

import asyncio
import base64
import ssl
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

import httpx
import msgspec
from cryptography import x509

from backend_stub.ccp.interface import Collection, Installation
from backend_stub.errors import Code, MarketError
from backend_stub.events import EventType
from backend_stub.telematics.interface import EventMessage, EventPage, KnownCar
from pki.chain import parse
from pki.errors import CertificateError

T = TypeVar("T")

TIMEOUT_S = 10.0
HEARTBEAT_S = 15.0

_SILENCE_S = 2.5 * HEARTBEAT_S
"""A stream that says nothing for so long is dead."""

_MAX_LINE = 64 * 1024
_CODES: Mapping[int, Code] = {
    HTTPStatus.NOT_FOUND: Code.NO_CONTRACT,
    HTTPStatus.FORBIDDEN: Code.FORBIDDEN,
    HTTPStatus.UNAUTHORIZED: Code.PEER,
    HTTPStatus.TOO_MANY_REQUESTS: Code.TOO_MANY,
    HTTPStatus.REQUEST_TIMEOUT: Code.PEER,
}


class _Car(msgspec.Struct):
    vehicleCertificate: str
    v2gRootAuthorityKeyIdentifiers: list[str] = []


class _CarAnswer(msgspec.Struct):
    OEMMessage: _Car


class _Collected(msgspec.Struct):
    certificateInstallationRes: str
    emaid: str = ""
    pcid: str = ""
    cpsV2GRootCertificateFingerprint: str = ""


class _Root(msgspec.Struct):
    caCertificate: str


class _Reset(msgspec.Struct):
    removed: list[str]


class _Roots(msgspec.Struct):
    rootCertificates: list[_Root]


class _RootAnswer(msgspec.Struct):
    RootCertificateCollection: _Roots


class _Endpoint(msgspec.Struct):
    id: str
    metadata: dict[str, Any] = {}


class _Refusal(msgspec.Struct):
    errorMessages: list[str] = []


@dataclass(frozen=True, slots=True)
class Subscription:
    """An endpoint as the telematics backend wants it: where, signed with which secret, and whose."""

    url: str
    secret: str
    name: str

    def __repr__(self) -> str:
        """Return the URL: never the secret."""
        return f"<Subscription {self.url}>"


class OpcpMarket:
    """Implements :class:`~backend_stub.telematics.interface.MarketSide`, and reads and subscribes events.

    Everything raises MarketError: PEER when the market cannot be reached or does not answer as one, and what
    it refuses.
    """

    def __init__(
        self,
        url: str,
        *,
        trust: ssl.SSLContext | None = None,
        auth: httpx.Auth | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        verify: ssl.SSLContext | bool = False
        if self.url.startswith("https://"):
            verify = trust or ssl.create_default_context()
        self._client = httpx.AsyncClient(
            base_url=self.url,
            verify=verify,
            auth=auth,
            timeout=TIMEOUT_S,
            trust_env=False,
            transport=transport,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def car(self, pcid: str) -> KnownCar | None:
        """See :class:`~backend_stub.telematics.interface.MarketSide`."""
        try:
            answer = await self._call("GET", f"/v1/oem/provCerts/{pcid}", _CarAnswer)
        except MarketError as error:
            if error.code is Code.NO_CONTRACT:
                return None
            raise
        car = answer.OEMMessage
        key_ids = [bytes.fromhex(text.replace(":", "")) for text in car.v2gRootAuthorityKeyIdentifiers]
        return KnownCar(pcid, self._certificate(car.vehicleCertificate), key_ids)

    async def collect(self, wanted: Collection, namespace: str) -> Installation:
        """See :class:`~backend_stub.telematics.interface.MarketSide`."""
        query = {"sessionID": wanted.session_id.hex(), "xsdMsgDefNamespace": namespace}
        if wanted.v2g_root_fingerprint is not None:
            query["cpsV2GRootCertificateFingerprint"] = wanted.v2g_root_fingerprint
        path = f"/v1/ccp/provideSignedContractData/{wanted.emaid}/{wanted.pcid}"
        found = await self._call("GET", path, _Collected, params=query)
        if found.pcid not in {"", wanted.pcid}:
            raise MarketError(Code.CONFLICT, f"the market answered with the contract of car {found.pcid}")
        try:
            document = base64.b64decode(found.certificateInstallationRes, validate=True)
        except ValueError:
            raise MarketError(Code.PEER, f"{self.url} answered with a bundle that is not base64") from None
        return Installation(document, found.emaid or wanted.emaid, found.cpsV2GRootCertificateFingerprint)

    async def set_default(self, pcid: str, emaid: str) -> None:
        """See :class:`~backend_stub.telematics.interface.MarketSide`."""
        await self._call("POST", f"/v1/ccp/signedContractData/{pcid}/{emaid}/default", None)

    async def factory_reset(self, pcid: str) -> Sequence[str]:
        """See :class:`~backend_stub.telematics.interface.MarketSide`. OPCP has no such call: this one is ours."""
        return (await self._call("DELETE", f"/telematics/v1/contracts/{pcid}", _Reset)).removed

    async def v2g_roots(self) -> Sequence[x509.Certificate]:
        """See :class:`~backend_stub.telematics.interface.MarketSide`."""
        answer = await self._call("GET", "/v1/root/rootCerts", _RootAnswer, params={"rootType": "v2g"})
        roots = answer.RootCertificateCollection.rootCertificates
        return [self._certificate(root.caCertificate) for root in roots]

    async def subscribe(self, wanted: Subscription, types: Sequence[EventType]) -> None:
        """Have events of these types sent to a URL; the endpoint made before is changed, not doubled."""
        body = {
            "url": wanted.url,
            "enabledEvents": [str(kind) for kind in types],
            "description": "telematics backend",
            "metadata": {"subscriber": wanted.name},
            "status": "enabled",
        }
        known = await self._call("GET", "/v1/webhook/endpoints", list[_Endpoint])
        for endpoint in known:
            if endpoint.metadata.get("subscriber") == wanted.name:
                await self._call("PUT", f"/v1/webhook/endpoints/{endpoint.id}", None, json=body)
                return
        body["secret"] = wanted.secret
        await self._call("POST", "/v1/webhook/endpoints", None, json=body)

    async def events(
        self, after: int, limit: int, types: Sequence[EventType], wmi: str = ""
    ) -> tuple[Sequence[EventMessage], int]:
        """Return events after a sequence number, and where to go on."""
        query: dict[str, Any] = {
            "after": after,
            "limit": limit,
            "eventType": [str(kind) for kind in types],
            "wmi": wmi,
        }
        answer = await self._call("GET", "/v1/events", EventPage, params=query)
        return answer.events, answer.next

    async def stream(self, after: int, types: Sequence[EventType]) -> AsyncGenerator[EventMessage, None]:
        """Yield events as they happen, until the connection breaks: that raises MarketError(PEER)."""
        query: dict[str, Any] = {
            "after": after,
            "heartbeatS": HEARTBEAT_S,
            "eventType": [str(kind) for kind in types],
        }
        try:
            async with self._client.stream(
                "GET",
                "/v1/events/stream",
                params=query,
                timeout=httpx.Timeout(TIMEOUT_S, read=_SILENCE_S),
            ) as response:
                if response.status_code != HTTPStatus.OK:
                    raise self._refused(response.status_code, await response.aread())
                async with aclosing(_blocks(response)) as blocks:
                    async for fields in blocks:
                        message = msgspec.json.decode(fields["data"], type=EventMessage)
                        message.sequence = int(fields["id"])
                        yield message
        except (httpx.HTTPError, KeyError, ValueError, msgspec.MsgspecError) as error:
            raise MarketError(Code.PEER, f"{self.url}: {str(error) or type(error).__name__}") from error
        raise MarketError(Code.PEER, f"{self.url} ended the stream")

    async def _call(self, method: str, path: str, answer: type[T] | None, **arguments: Any) -> T:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                response = await self._client.request(method, path, **arguments)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise MarketError(Code.PEER, f"{self.url}: {str(error) or type(error).__name__}") from error
        if not response.is_success:
            raise self._refused(response.status_code, response.content)
        if answer is None:
            return None  # type: ignore[return-value]  # T is None then
        try:
            return msgspec.json.decode(response.content, type=answer)
        except msgspec.MsgspecError as error:
            raise MarketError(Code.PEER, f"{self.url} does not answer as a market does: {error}") from error

    def _refused(self, status: int, content: bytes) -> MarketError:
        try:
            messages = msgspec.json.decode(content, type=_Refusal).errorMessages
        except msgspec.MsgspecError:
            messages = []
        code = Code.PEER if status >= HTTPStatus.INTERNAL_SERVER_ERROR else Code.CONFLICT
        return MarketError(_CODES.get(status, code), "; ".join(messages) or f"{self.url} answered {status}")

    def _certificate(self, text: str) -> x509.Certificate:
        try:
            return parse(base64.b64decode(text, validate=True))
        except (ValueError, CertificateError) as error:
            raise MarketError(
                Code.PEER, f"{self.url} answered with a certificate that cannot be read: {error}"
            ) from error


async def _blocks(response: httpx.Response) -> AsyncGenerator[dict[str, str], None]:
    """Yield the fields of each event of a text/event-stream that has data."""
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        if len(line) > _MAX_LINE:
            raise ValueError("a line of the stream is too long")
        if not line:
            if "data" in fields:
                yield fields
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
