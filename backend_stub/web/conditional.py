"""Conditional GET: who has the present state already is told so, and not sent it again.

Roots, signing certificates and trust lists are asked for often and change seldom. Each successful JSON answer to
a GET carries an ``ETag`` made of its bytes; ``If-None-Match`` with it gets 304.
"""

import hashlib

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_TAG_CHARACTERS = 32


class ConditionalGet:
    """ASGI middleware. Answers that come in parts, and those that have an ``ETag`` of their own, pass as they are."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI event; anything but a GET passes through."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope).get("if-none-match", "")
        await self._app(scope, receive, _Answer(send, asked).send)


class _Answer:
    def __init__(self, send: Send, asked: str) -> None:
        self._send = send
        self._asked = asked
        self._held: Message | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_taggable(message):
            self._held = message
            return
        held, self._held = self._held, None
        if held is not None:
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                message = self._tag(held, message)
            await self._send(held)
        await self._send(message)

    def _tag(self, start: Message, body: Message) -> Message:
        """Put the tag into the head of an answer; return its body, which may have become none."""
        tag = f'"{hashlib.sha256(body.get("body", b"")).hexdigest()[:_TAG_CHARACTERS]}"'
        headers = MutableHeaders(scope=start)
        headers["ETag"] = tag
        headers["Cache-Control"] = "no-cache"  # keep it, but ask
        headers.add_vary_header("Authorization")
        if not _names(self._asked, tag):
            return body
        start["status"] = 304
        del headers["content-length"]
        del headers["content-type"]
        return {"type": "http.response.body", "body": b"", "more_body": False}


def _is_taggable(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    return (
        start["status"] == 200
        and headers.get("content-type", "").startswith("application/json")
        and "etag" not in headers
        and headers.get("cache-control", "") != "no-store"
    )


def _names(asked: str, tag: str) -> bool:
    """Say whether ``If-None-Match`` names the tag; weak ones count, since equal bytes are equal [RFC 9110 13.1.2]."""
    named = {item.strip().removeprefix("W/") for item in asked.split(",")}
    return tag in named or "*" in named
