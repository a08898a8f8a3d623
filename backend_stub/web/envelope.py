"""What happens around every request: trace id, gate, limits of the body, trace event, last resort."""

import asyncio
import logging
import uuid
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend_stub.access.gate import Gate, Rates
from backend_stub.errors import Code, MarketError
from backend_stub.web.answers import TRACE_ID, refuse
from backend_stub.web.json_guard import check_json, is_json
from v2g.trace import Tracer

MAX_BODY_BYTES = 64 * 1024
"""A CertificateInstallationReq takes about 2 kB of JSON, a bundle as XML about 12 kB."""

BODY_TIMEOUT_S = 10.0

_MAX_LENGTH_DIGITS = 9

TRACE_HEADER = "x-trace-id"

_CLOSE = {"Connection": "close"}
"""Goes with a refusal that leaves a part of the body unread: nobody wants to wait for the rest."""

_log = logging.getLogger(__name__)


class Envelope:
    """ASGI middleware. The body is read whole, within limits, before the application sees the request.

    Before that the ``gate`` says who is calling: the body of a stranger is not read at all. Routes find the
    party in ``request.state.party``. ``large_bodies`` are the paths that take more than :data:`MAX_BODY_BYTES`.

    Each request gets a trace id of its own, which every answer carries in ``X-Trace-Id``, and leaves one
    ``backend.handled`` event. An exception that nobody caught becomes a 500 in OPCP's shape here: this is
    the boundary of the process, and the other requests go on.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        tracer: Tracer,
        monotonic: Callable[[], float],
        gate: Gate | None = None,
        large_bodies: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self._app = app
        self._gate = gate or Gate(None, Rates(), monotonic)
        self._tracer = tracer
        self._monotonic = monotonic
        self._large_bodies = large_bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI event; anything but HTTP passes through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace_id = str(uuid.uuid4())
        token = TRACE_ID.set(trace_id)
        state = scope.setdefault("state", {})
        answer = _Answer(send, trace_id, self._report(scope, state, trace_id))
        try:
            try:
                state["party"] = self._gate.admit(scope)
                limit = self._large_bodies.get(scope["path"], MAX_BODY_BYTES)
                body = await _read_body(scope, receive, limit)
                if body is not None:  # None: the client went away
                    if is_json(Headers(scope=scope).get("content-type", "")):
                        check_json(body)
                    await self._app(scope, _replay(body, receive), answer.send)
            except MarketError as error:
                state["reason"] = str(error.code)
                await refuse(error)(scope, receive, answer.send)
            except Exception:  # noqa: BLE001 - the process boundary: one request fails, the server does not
                _log.exception("unexpected failure in %s %s", scope["method"], scope["path"])
                state["reason"] = str(Code.INTERNAL)
                if not answer.started:
                    failure = MarketError(Code.INTERNAL, "unexpected failure; see the log")
                    await refuse(failure)(scope, receive, answer.send)
        finally:
            TRACE_ID.reset(token)

    def _report(self, scope: Scope, state: Mapping[str, Any], trace_id: str) -> Callable[[int, int], None]:
        """Return what writes the trace event, given status and size of the answer."""
        started = self._monotonic()

        def report(status: int, size: int) -> None:
            self._tracer.event(
                "backend.handled",
                method=scope["method"],
                path=scope["path"],
                status=status,
                elapsed_s=self._monotonic() - started,
                bytes=size,
                trace_id=trace_id,
                **({"reason": state["reason"]} if "reason" in state else {}),
            )

        return report


class _Answer:
    """Passes the answer on, with the trace id in it, and reports it just before its last part leaves.

    Before, so that in a trace shared with the charger the work here ends before the charger has the answer.
    """

    def __init__(self, send: Send, trace_id: str, report: Callable[[int, int], None]) -> None:
        self._send = send
        self._trace_id = trace_id
        self._report = report
        self._status = 0
        self._size = 0
        self.started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self._status = message["status"]
            MutableHeaders(scope=message)[TRACE_HEADER] = self._trace_id
        elif message["type"] == "http.response.body":
            self._size += len(message.get("body", b""))
            if not message.get("more_body", False):
                self._report(self._status, self._size)
        await self._send(message)


async def _read_body(scope: Scope, receive: Receive, limit: int) -> bytes | None:
    """Return the whole body, None when the client went away; raise MarketError TOO_LARGE or SLOW."""
    for name, value in scope["headers"]:
        if name == b"content-length" and _exceeds(value, limit):
            raise MarketError(Code.TOO_LARGE, f"at most {limit} bytes are taken", _CLOSE)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > limit:
                    raise MarketError(Code.TOO_LARGE, f"at most {limit} bytes are taken", _CLOSE)
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        raise MarketError(Code.SLOW, f"the body did not arrive within {BODY_TIMEOUT_S:g} s", _CLOSE) from None


def _exceeds(content_length: bytes, limit: int) -> bool:
    """Say so before the body is sent. A nonsensical number is the server's business, not ours."""
    return content_length.isdigit() and (
        len(content_length) > _MAX_LENGTH_DIGITS or int(content_length) > limit
    )


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that gives the body in one piece first."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return pending.pop() if pending else await receive()

    return replayed
