"""Short ways into the application, for calls that come by the hundred a second and need nothing of its routing.

A short way answers exactly as the route of the same path does, which stays, describes the call, and takes what the
short way leaves alone. What it saves was measured: for an OCSP answer, two thirds of the processor time between
envelope and role.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class QuickAnswer:
    """A whole answer of status 200."""

    body: bytes
    media_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Mapping[str, Any], bytes], Awaitable[QuickAnswer | None]]
"""Answers a request, given ASGI scope and body; None: it is the route's. May raise MarketError."""


class QuickDoors:
    """ASGI middleware. Stands behind the envelope, which gives the body in one piece and phrases refusals.

    ``doors`` has the handlers by method and exact path.
    """

    def __init__(self, app: ASGIApp, doors: Mapping[tuple[str, str], Handler]) -> None:
        self._app = app
        self._doors = doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI event."""
        handler = self._doors.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if handler is None:
            await self._app(scope, receive, send)
            return
        message = await receive()
        answer = await handler(scope, message.get("body", b""))
        if answer is None:
            await self._app(scope, _again(message, receive), send)
            return
        headers = [
            (b"content-type", answer.media_type.encode()),
            (b"content-length", b"%d" % len(answer.body)),
            *((name.lower().encode(), value.encode()) for name, value in answer.headers.items()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})


def _again(message: Any, receive: Receive) -> Receive:
    """Return a ``receive`` that gives ``message`` first."""
    pending = [message]

    async def received() -> Any:
        return pending.pop() if pending else await receive()

    return received
