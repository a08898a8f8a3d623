"""Contract bundles by the Open Plug & Charge Protocol (OPCP 1.0): ``POST /v1/ccp/signedContractData``.

One HTTP client with pooled connections serves all sessions. Everything that a call can cost, from the
TCP connect to the last byte of the body, happens under the one deadline of the car's request; what is left
of it is passed on in the header ``X-Deadline-Ms``.
"""

import asyncio
import base64
import binascii
import contextlib
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import httpx
import msgspec

from secc.errors import BundleError, BundleFailure
from secc.namespaces import ISO20_NAMESPACES
from secc.sources import Bundles, Wanted
from v2g.messages import iso20
from v2g.net.clock import Clock
from v2g.net.oauth import TokenRefusedError
from v2g.timing import Deadline
from v2g.trace import Tracer

PATH = "/v1/ccp/signedContractData"
MAX_RESPONSE_BYTES = 131_072
"""Room for eight contracts of ISO 15118-20."""


_CONNECTIONS = httpx.Limits(max_connections=64, max_keepalive_connections=16, keepalive_expiry=60.0)

# What the backend's error messages begin with, such as "[CHAIN_EXPIRED] …".
_CODE = re.compile(r"\[([A-Z_]+)\]")
_BY_CODE: Mapping[str, BundleFailure] = MappingProxyType(
    {
        "SIGNATURE": BundleFailure.SIGNATURE,
        "CHAIN": BundleFailure.CHAIN,
        "CHAIN_EXPIRED": BundleFailure.CHAIN_EXPIRED,
        "CHAIN_NOT_YET_VALID": BundleFailure.CHAIN_NOT_YET_VALID,
        "REVOKED": BundleFailure.REVOKED,
        "NO_CONTRACT": BundleFailure.NOT_FOUND,
        "UNKNOWN_PROVIDER": BundleFailure.UNKNOWN_PROVIDER,
        "DEADLINE": BundleFailure.LATE,
    }
)


class _MessageDef(msgspec.Struct):
    certificateInstallationRes: str  # noqa: N815 - OPCP's name


class _EmaidContent(msgspec.Struct):
    messageDef: _MessageDef  # noqa: N815 - OPCP's name


class _CcpResponse(msgspec.Struct):
    emaidContent: list[_EmaidContent]  # noqa: N815 - OPCP's name


class _Answer(msgspec.Struct):
    CCPResponse: _CcpResponse


class _Problem(msgspec.Struct):
    errorMessages: list[str] = []  # noqa: N815 - OPCP's name


class OpcpSource:
    """The bundle source that speaks OPCP.

    ``base_url`` is the backend's address without path, ``ca_file`` the roots for an https one (None: those
    of the system). ``transport`` replaces the network in tests. No proxy is taken from the environment:
    what stands between charger and backend is a matter of configuration. Answers over ``max_bytes`` and
    redirects are refused. ``auth`` signs requests to a market that is closed
    (:mod:`secc.sources.oauth`). ``iso20_namespace`` is the spelling that this market expects for -20.
    """

    def __init__(
        self,
        base_url: str,
        *,
        clock: Clock,
        ca_file: str | None = None,
        max_bytes: int = MAX_RESPONSE_BYTES,
        iso20_namespace: str = ISO20_NAMESPACES[0],
        auth: httpx.Auth | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._base_url = base_url.rstrip("/") + "/"
        self._url = base_url.rstrip("/") + PATH
        self._clock = clock
        self._max_bytes = max_bytes
        self._spelling = {iso20.COMMON_MESSAGES.namespace: iso20_namespace}
        self._client = httpx.AsyncClient(
            verify=_trust(base_url, ca_file),
            auth=auth,
            transport=transport,
            limits=_CONNECTIONS,
            timeout=None,  # noqa: S113 - one deadline bounds the whole call, see fetch()
            follow_redirects=False,
            trust_env=False,
        )

    async def fetch(self, wanted: Wanted, tracer: Tracer, deadline: Deadline) -> Bundles:
        """Ask the backend for bundles; see :class:`secc.sources.BundleSource`."""
        started = self._clock.monotonic()
        budget_s = deadline.remaining(started)
        tracer.event("backend.request", method="POST", url=self._url, budget_s=budget_s)
        answer: tuple[int, bytes] | None = None
        try:
            answer = await self._post(wanted, budget_s)
            bundles = _bundles(*answer)
        except (BundleError, asyncio.CancelledError) as error:
            facts = {"status": answer[0], "bytes": len(answer[1])} if answer else {}
            elapsed_s = self._clock.monotonic() - started
            tracer.event("backend.failed", reason=str(error) or "cancelled", elapsed_s=elapsed_s, **facts)
            raise
        elapsed_s = self._clock.monotonic() - started
        tracer.event("backend.response", status=answer[0], elapsed_s=elapsed_s, bytes=len(answer[1]))
        return bundles

    async def prepare(self, deadline: Deadline) -> None:
        """Open a pooled connection; see :class:`secc.sources.BundleSource`. Any HTTP answer will do."""
        budget_s = deadline.remaining(self._clock.monotonic())
        with _failures(budget_s):
            async with asyncio.timeout(budget_s):
                await self._client.head(self._base_url)

    async def close(self) -> None:
        """Close the pooled connections."""
        await self._client.aclose()

    async def _post(self, wanted: Wanted, budget_s: float) -> tuple[int, bytes]:
        fields: dict[str, object] = {
            "certificateInstallationReq": base64.b64encode(wanted.request_exi).decode(),
            "xsdMsgDefNamespace": self._spelling.get(wanted.namespace, wanted.namespace),
        }
        if wanted.maximum is not None:
            fields["maximumContractCertificateChains"] = wanted.maximum
        if wanted.emaids:
            fields["prioritizedEMAIDs"] = wanted.emaids
        content = msgspec.json.encode(fields)
        headers = {"Content-Type": "application/json", "X-Deadline-Ms": str(int(budget_s * 1000))}
        with _failures(budget_s):
            async with (
                asyncio.timeout(budget_s),
                self._client.stream("POST", self._url, content=content, headers=headers) as response,
            ):
                return response.status_code, await self._body(response)

    async def _body(self, response: httpx.Response) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > self._max_bytes:
                raise BundleError(BundleFailure.GARBLED, f"an answer of more than {self._max_bytes} bytes")
        return bytes(body)


@contextlib.contextmanager
def _failures(budget_s: float) -> Iterator[None]:
    """Turn what a call can fail with into BundleError."""
    try:
        yield
    except TimeoutError as error:
        raise BundleError(BundleFailure.LATE, f"no answer within {budget_s:.3f} s") from error
    except TokenRefusedError as error:
        raise BundleError(BundleFailure.REFUSED, str(error)) from error
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise BundleError(BundleFailure.DOWN, f"{type(error).__name__}: {error}") from error


def _trust(base_url: str, ca_file: str | None) -> ssl.SSLContext:
    # Roots are only loaded where they are needed: httpx would read its own bundle even for plain HTTP.
    if ca_file:
        return ssl.create_default_context(cafile=ca_file)
    if base_url.startswith("https:"):
        return ssl.create_default_context()
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _bundles(status: int, body: bytes) -> Bundles:
    """Return the bundles in an answer; raises BundleError for every other answer."""
    if status != httpx.codes.OK:
        raise _problem(status, body)
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except msgspec.MsgspecError as error:
        raise BundleError(BundleFailure.GARBLED, f"not OPCP: {error}") from error
    contents = answer.CCPResponse.emaidContent
    if not contents:
        raise BundleError(BundleFailure.NOT_FOUND, "the answer holds no contract")
    try:
        return tuple(
            base64.b64decode(content.messageDef.certificateInstallationRes, validate=True)
            for content in contents
        )
    except binascii.Error as error:
        raise BundleError(
            BundleFailure.GARBLED, f"certificateInstallationRes is not base64: {error}"
        ) from error


def _problem(status: int, body: bytes) -> BundleError:
    """Say what an answer that is not 200 means: the code in its text counts, then its status."""
    try:
        messages = msgspec.json.decode(body, type=_Problem).errorMessages
    except msgspec.MsgspecError:
        messages = []
    detail = f"HTTP {status}" + (f": {messages[0]}" if messages else "")
    for message in messages:
        code = _CODE.match(message)
        if code and code[1] in _BY_CODE:
            return BundleError(_BY_CODE[code[1]], detail)
    return BundleError(_by_status(status), detail)


def _by_status(status: int) -> BundleFailure:
    kinds: tuple[tuple[Callable[[int], bool], BundleFailure], ...] = (
        (lambda s: s == httpx.codes.NOT_FOUND, BundleFailure.NOT_FOUND),
        (httpx.codes.is_server_error, BundleFailure.DOWN),
        (httpx.codes.is_client_error, BundleFailure.REFUSED),
    )
    return next((kind for holds, kind in kinds if holds(status)), BundleFailure.GARBLED)
