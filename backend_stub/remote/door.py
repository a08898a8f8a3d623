"""The inner door of a role process: other processes of the same provider call the role's interface here.

Not for anybody else: without the secret that the processes share every call is refused. It stands in front of
the public doors, which know nothing of it.
"""

import hmac
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from backend_stub.errors import Code, MarketError
from backend_stub.federation import calls
from backend_stub.remote.codec import CodecError, from_wire, to_wire
from backend_stub.remote.connection import AT_ONCE_HEADER, PREFIX, SECRET_HEADER, methods_of

MAX_BODY_BYTES = 1024 * 1024

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Inside:
    """One interface that is served, and what implements it."""

    protocol: type[Any]
    implementation: Any


class RoleDoor:
    """ASGI application: calls below ``/roles/v1/`` go to the roles, everything else to ``app``."""

    def __init__(self, app: ASGIApp, served: Mapping[str, Inside], secret: str) -> None:
        self._app = app
        self._served = served
        self._methods = {name: methods_of(inside.protocol) for name, inside in served.items()}
        self._secret = secret

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI event."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        status, body = await self._handle(scope, receive)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _handle(self, scope: Scope, receive: Receive) -> tuple[int, bytes]:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            self._check(headers.get(SECRET_HEADER, ""))
            name, _, method = scope["path"].removeprefix(PREFIX).partition("/")
            deadline = headers.get(calls.DEADLINE_HEADER.lower(), "")
            within_s = int(deadline) / 1000 if deadline.isdigit() else None
            flag = headers.get(calls.BROADCAST_HEADER) == "true"
            with calls.asked(from_here=flag, within_s=within_s):
                if headers.get(AT_ONCE_HEADER) == "true":
                    with calls.at_once():
                        value = await self._call(name, method, await _body(receive))
                else:
                    value = await self._call(name, method, await _body(receive))
        except MarketError as error:
            return int(error.code.status), json.dumps({"errorMessages": [str(error)]}).encode()
        except Exception:  # noqa: BLE001 - the process boundary: one call fails, the role does not
            _log.exception("unexpected failure in %s", scope["path"])
            failure = MarketError(Code.INTERNAL, "unexpected failure; see the role's log")
            return int(failure.code.status), json.dumps({"errorMessages": [str(failure)]}).encode()
        return HTTPStatus.OK, msgspec.json.encode({"value": to_wire(value)})

    def _check(self, secret: str) -> None:
        if not hmac.compare_digest(secret.encode(), self._secret.encode()):
            raise MarketError(Code.FORBIDDEN, "this door is for the processes of this provider only")

    async def _call(self, name: str, method: str, body: bytes) -> Any:
        inside = self._served.get(name)
        signature = self._methods.get(name, {}).get(method)
        if inside is None or signature is None:
            raise MarketError(Code.UNKNOWN, f"no {name}/{method} in this process")
        try:
            data = msgspec.json.decode(body, type=dict[str, Any])
            hints = {key: parameter.annotation for key, parameter in signature.parameters.items()}
            arguments = {key: from_wire(value, hints[key], key) for key, value in data.items()}
        except (msgspec.MsgspecError, CodecError, KeyError) as error:
            raise MarketError(Code.REQUEST, f"{name}/{method}: {error}") from error
        return await getattr(inside.implementation, method)(**arguments)


async def _body(receive: Receive) -> bytes:
    parts = bytearray()
    while True:
        message = await receive()
        parts += message.get("body", b"")
        if len(parts) > MAX_BODY_BYTES:
            raise MarketError(Code.TOO_LARGE, f"at most {MAX_BODY_BYTES} bytes are taken")
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return bytes(parts)
