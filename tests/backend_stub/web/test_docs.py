"""Descriptions and pages: one for each interface, complete in itself, without anything from elsewhere."""

import json
import re
from typing import Any

import pytest

from tests.backend_stub.material import World


def references(node: Any) -> set[str]:
    return set(re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', json.dumps(node)))


@pytest.mark.parametrize(
    ("name", "prefixes"),
    [("opcp", ("/v1/", "/cps/", "/.well-known/est/", "/oauth/")), ("opnc", ("/opnc/v1/", "/oauth/"))],
)
async def test_one_document_an_interface(world: World, name: str, prefixes: tuple[str, ...]) -> None:
    document = (await world.http.get(f"/{name}/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    assert all(path.startswith(prefixes) for path in document["paths"])
    assert len(document["paths"]) >= 15
    schemas = set(document["components"]["schemas"])
    assert references(document) == schemas
    flows = next(iter(document["components"]["securitySchemes"].values()))["flows"]
    assert flows["clientCredentials"]["tokenUrl"] == "/oauth/token"
    everything = (await world.http.get("/openapi.json")).json()
    assert set(document["paths"]) < set(everything["paths"])


async def test_every_answer_describes_its_headers(world: World) -> None:
    everything = (await world.http.get("/openapi.json")).json()
    for path, methods in everything["paths"].items():
        for method, call in methods.items():
            for status, response in call["responses"].items():
                assert "X-Trace-Id" in response["headers"], (path, method, status)
            if "429" in call["responses"]:
                assert "Retry-After" in call["responses"]["429"]["headers"]


@pytest.mark.parametrize("page", ["/docs", "/docs/opcp", "/docs/opnc"])
async def test_pages_need_no_network(world: World, page: str) -> None:
    answer = await world.http.get(page)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    loaded = re.findall(r'(?:src|href)="([^"]+)"', answer.text) + re.findall(r"url: '([^']+)'", answer.text)
    assert len(loaded) >= 4
    for url in loaded:
        assert url.startswith("/"), url
        found = await world.http.get(url)
        assert (found.status_code, len(found.content) > 0) == (200, True), url
    assert "://" not in answer.text.replace("http://www.w3.org", "")
