"""The description of the doors: one OpenAPI document for each interface, and pages that need no network.

The pages are Swagger UI, whose files a package carries.
"""

from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html, get_swagger_ui_oauth2_redirect_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from backend_stub.access.guard import TOKEN_PATH

STATIC = "/docs/static"
_OPCP = ("/v1/", "/cps/", "/.well-known/est/")
_OPNC = ("/opnc/",)


class Interface:
    """A part of the API that is described by itself: ``prefixes`` are its paths."""

    def __init__(self, title: str, description: str, prefixes: tuple[str, ...]) -> None:
        self.title = title
        self.description = description
        self.prefixes = prefixes

    def covers(self, path: str) -> bool:
        """Say whether a path belongs to this interface; the call for tokens belongs to all."""
        return path.startswith(self.prefixes) or path == TOKEN_PATH


INTERFACES: Mapping[str, Interface] = MappingProxyType(
    {
        "opcp": Interface("PnC Lab market: OPCP 1.0", "The calls that have the shape of OPCP 1.0.", _OPCP),
        "opnc": Interface("PnC Lab market: OPNC 1.0", "The calls that have the shape of OPNC 1.0.", _OPNC),
    }
)


def describe(app: FastAPI, interface: Interface | None = None) -> dict[str, Any]:
    """Return the OpenAPI document of one interface, or of everything.

    Only what is used of the components stays in it.
    """
    whole = get_openapi(
        title=interface.title if interface else app.title,
        version=app.version,
        description=interface.description if interface else app.description,
        routes=app.routes,
    )
    if interface is not None:
        whole["paths"] = {path: call for path, call in whole["paths"].items() if interface.covers(path)}
        schemas = whole.get("components", {}).get("schemas", {})
        used = _used(whole["paths"], schemas)
        whole["components"]["schemas"] = {name: schema for name, schema in schemas.items() if name in used}
    for methods in whole["paths"].values():
        for method, call in methods.items():
            _describe_headers(method, call["responses"])
    return whole


def _describe_headers(method: str, responses: dict[str, Any]) -> None:
    """Add what :mod:`backend_stub.web.envelope` and :mod:`backend_stub.web.conditional` do to every answer."""
    if method == "get" and "application/json" in responses.get("200", {}).get("content", {}):
        responses["200"].setdefault("headers", {})["ETag"] = _header("Names this state; for `If-None-Match`.")
        responses["304"] = {"description": "As `If-None-Match` has it already."}
    for status, response in responses.items():
        headers = response.setdefault("headers", {})
        headers["X-Trace-Id"] = {**_header("Finds this request in log and trace."), "required": True}
        if status == "401":
            headers["WWW-Authenticate"] = _header("Where a token is what is missing.")
        if status == "429":
            headers["Retry-After"] = {**_header("Seconds to wait."), "required": True}


def _header(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}}


def _used(root: Any, schemas: Mapping[str, Any]) -> set[str]:
    """Return the names of the schemas that something refers to, directly or through another."""
    used: set[str] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            name = str(node.get("$ref", "")).rpartition("/")[2]
            if name in schemas and name not in used:
                used.add(name)
                waiting.append(schemas[name])
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
    return used


def install_docs(app: FastAPI) -> None:
    """Add the documents and the pages: everything at ``/docs``, an interface at ``/docs/opcp`` or ``/docs/opnc``."""
    app.mount(STATIC, StaticFiles(directory=str(files("fastapi_offline") / "static")), name="docs")
    _install(app, "/openapi.json", "/docs", None)
    for name, interface in INTERFACES.items():
        _install(app, f"/{name}/openapi.json", f"/docs/{name}", interface)

    @app.get("/docs/oauth2-redirect", include_in_schema=False)
    async def redirect() -> HTMLResponse:
        return get_swagger_ui_oauth2_redirect_html()


def _install(app: FastAPI, document_url: str, page_url: str, interface: Interface | None) -> None:
    described: dict[str, Any] = {}  # made when it is first asked for: all routes must be there

    @app.get(document_url, include_in_schema=False)
    async def document() -> dict[str, Any]:
        if not described:
            described.update(describe(app, interface))
        return described

    @app.get(page_url, include_in_schema=False)
    async def page() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url=document_url,
            title=interface.title if interface else app.title,
            oauth2_redirect_url="/docs/oauth2-redirect",
            swagger_js_url=f"{STATIC}/swagger-ui-bundle.js",
            swagger_css_url=f"{STATIC}/swagger-ui.css",
            swagger_favicon_url=f"{STATIC}/favicon.png",
        )
