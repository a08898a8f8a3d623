"""The page itself: the shell at ``/`` and ``/page/…``, its sheet and its programs."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from types import MappingProxyType

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from backend_stub.errors import Code, MarketError
from backend_stub.market import Market

VIEWS = ("vehicles", "contracts", "pools", "certificates", "providers", "events", "clients")
"""What the program shows; the first part of the path after ``/page``."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Nothing from elsewhere, nothing inline: a name that somehow became markup still could not run."""

HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-cache",  # keep it, but ask: a newer version is shown at once
    }
)

_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    kind: str
    tag: str

    @classmethod
    def of(cls, content: bytes, kind: str) -> "_File":
        return cls(content, kind, f'"{hashlib.sha256(content).hexdigest()[:32]}"')

    def answer(self, request: Request) -> Response:
        headers = {**HEADERS, "ETag": self.tag}
        if self.tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(self.content, media_type=f"{self.kind}; charset=utf-8", headers=headers)


def router(market: Market, *, is_open: bool) -> APIRouter:
    """Return the routes. They need no token: there are no data in them, the program asks for those."""
    routes = APIRouter(include_in_schema=False)
    static = _static()
    shell = _shell(market.name, is_open=is_open)

    @routes.get("/")
    @routes.get("/page")
    async def start(request: Request) -> Response:
        return shell.answer(request)

    @routes.get("/favicon.ico")
    async def icon() -> Response:
        return RedirectResponse("/page/static/icon.svg", status_code=301)

    @routes.get("/page/static/{name}")
    async def file(request: Request, name: str) -> Response:
        if name not in static:
            raise MarketError(Code.UNKNOWN, f"the page has no file {name[:80]!r}")
        return static[name].answer(request)

    @routes.get("/page/{view}")
    @routes.get("/page/{view}/{_name}")
    async def view(request: Request, view: str, _name: str = "") -> Response:
        if view not in VIEWS:
            raise MarketError(Code.UNKNOWN, f"the page has no part {view[:80]!r}; it has {', '.join(VIEWS)}")
        return shell.answer(request)

    return routes


def _static() -> Mapping[str, _File]:
    found = {}
    for item in files("backend_stub.page").iterdir():
        kind = _KINDS.get(f".{item.name.rpartition('.')[2]}")
        if kind is not None:
            found[item.name] = _File.of(item.read_bytes(), kind)
    return found


def _shell(name: str, *, is_open: bool) -> _File:
    environment = Environment(
        loader=PackageLoader("backend_stub.page", ""), autoescape=True, undefined=StrictUndefined
    )
    text = environment.get_template("page.html").render(
        name=name, is_open=is_open, version=version("pnclab"), views=VIEWS
    )
    return _File.of(text.encode(), "text/html")
