"""What protects an open market from pages of other sites in a browser on the same machine.

An open market serves loopback addresses and asks nobody who he is. A browser on this machine reaches it too, and
with it every page that somebody looks at. Two rules keep such pages out. The name in ``Host`` must be one that
means this machine: a name of another site that was made to point to 127.0.0.1 (DNS rebinding) is refused. And
what changes something must come from a page of ours, or from no browser at all: browsers name the origin of
such requests, and :data:`HEADER`, which another site's page cannot send, stands in for the few that do not.
"""

import ipaddress
from collections.abc import Set
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from backend_stub.errors import Code, MarketError

HEADER = "x-market-page"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OUR_SITES = frozenset({"same-origin", "none"})


class OnlyThisMachine:
    """ASGI middleware. ``names`` are host names that mean this market besides loopback addresses."""

    def __init__(self, app: ASGIApp, names: Set[str]) -> None:
        self._app = app
        self._names = {name.lower() for name in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass an HTTP request on; raises MarketError(FORBIDDEN), which the envelope answers."""
        if scope["type"] == "http":
            self.check(scope["method"], Headers(scope=scope))
        await self._app(scope, receive, send)

    def check(self, method: str, headers: Headers) -> None:
        """Raise MarketError(FORBIDDEN) for a request of another site's page."""
        host = headers.get("host", "")
        if not self._is_ours(host):
            raise MarketError(
                Code.FORBIDDEN,
                f"an open market is called by a loopback address or localhost, not as {host[:80]!r}",
            )
        if method in _SAFE:
            return
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            raise MarketError(Code.FORBIDDEN, f"a page of {origin[:80]!r} may change nothing here")
        if site is not None and site not in _OUR_SITES:
            raise MarketError(Code.FORBIDDEN, "a page of another site may change nothing here")
        browser = headers.get("user-agent", "").startswith("Mozilla/")
        if browser and origin is None and site is None and HEADER not in headers:
            raise MarketError(
                Code.FORBIDDEN, f"a browser that does not say where a request comes from must send {HEADER}"
            )

    def _is_ours(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
        except ValueError:
            return False
        if name in self._names or name == "localhost" or name.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False
