"""What a request in hand says about further calls: may it be forwarded, and how long may everything take.

Both travel beside the call, not through every signature: the interfaces of the roles know nothing of
federation, and the doors set this once for each request.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from starlette.types import ASGIApp, Receive, Scope, Send

BROADCAST_HEADER = "broadcast"
DEADLINE_HEADER = "X-Deadline-Ms"

SHARE = 0.9
"""Of the time that a caller has left, what its peers may use: the rest is for answering it."""

_TRUE = frozenset({b"true", b"1"})
_MAX_DIGITS = 7

_answer_from_here: ContextVar[bool] = ContextVar("answer_from_here", default=False)
_at_once: ContextVar[bool] = ContextVar("at_once", default=False)
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


def only_from_here() -> bool:
    """Say whether the request came from a peer that has asked everybody already."""
    return _answer_from_here.get()


def only_at_once() -> bool:
    """Say whether the work in hand must not wait for another provider, whatever it would gain."""
    return _at_once.get()


@contextmanager
def at_once() -> Iterator[None]:
    """Let what is called inside use what is here already, and fetch nothing."""
    token = _at_once.set(True)
    try:
        yield
    finally:
        _at_once.reset(token)


def budget_s(limit_s: float) -> float:
    """Return how long peers may be waited for now: at most ``limit_s``, and a share of what the caller has."""
    deadline = _deadline.get()
    if deadline is None:
        return limit_s
    return max(0.0, min(limit_s, SHARE * (deadline - asyncio.get_running_loop().time())))


def remaining_s(limit_s: float) -> float:
    """Return how long the work in hand may take altogether."""
    deadline = _deadline.get()
    if deadline is None:
        return limit_s
    return max(0.0, min(limit_s, deadline - asyncio.get_running_loop().time()))


@contextmanager
def directly() -> Iterator[None]:
    """Make a call of our own inside, to one provider that is known to have the answer: no broadcast, no loop."""
    flag, hurry = _answer_from_here.set(False), _at_once.set(False)
    try:
        yield
    finally:
        _at_once.reset(hurry)
        _answer_from_here.reset(flag)


@contextmanager
def asked(*, from_here: bool = False, within_s: float | None = None) -> Iterator[None]:
    """Handle a request with these properties."""
    token = _answer_from_here.set(from_here)
    end = None if within_s is None else asyncio.get_running_loop().time() + within_s
    deadline = _deadline.set(end)
    try:
        yield
    finally:
        _deadline.reset(deadline)
        _answer_from_here.reset(token)


class CallContext:
    """ASGI middleware that reads both properties from the headers ``broadcast`` and ``X-Deadline-Ms``."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the event on, inside the context that its headers give."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        flag = headers.get(BROADCAST_HEADER.encode(), b"").strip().lower()
        text = headers.get(DEADLINE_HEADER.lower().encode(), b"")
        # What is no number is refused by the route that documents the header.
        within_s = int(text) / 1000 if text.isdigit() and len(text) <= _MAX_DIGITS else None
        with asked(from_here=flag in _TRUE, within_s=within_s):
            await self._app(scope, receive, send)
