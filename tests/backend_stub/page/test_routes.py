"""The shell of the page, its sheet and its programs."""

import re
from importlib.resources import files

import pytest

from backend_stub.page.routes import POLICY, VIEWS
from tests.backend_stub.access.material import ClosedWorld
from tests.backend_stub.material import World

FILES = sorted(
    item.name for item in files("backend_stub.page").iterdir() if item.name.endswith((".js", ".css", ".svg"))
)
HARMLESS = ("//www.w3.org", "//127.0.0.1")
"""The name of a namespace, and an example."""
ADDRESS = re.compile(r"(?:https?:)?//[\w.-]+\.\w+")


@pytest.mark.parametrize("path", ["/", "/page", *(f"/page/{view}" for view in VIEWS), "/page/vehicles/X"])
async def test_every_address_gives_the_shell(world: World, path: str) -> None:
    answer = await world.http.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert 'data-open="true"' in answer.text


@pytest.mark.parametrize("name", FILES)
async def test_files_are_served_and_kept(world: World, name: str) -> None:
    answer = await world.http.get(f"/page/static/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"] == POLICY
    again = await world.http.get(f"/page/static/{name}", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    assert not again.content


@pytest.mark.parametrize("path", ["/page/static/routes.py", "/page/static/..%2froutes.py", "/page/nothing"])
async def test_nothing_else_is_served(world: World, path: str) -> None:
    answer = await world.http.get(path)
    assert answer.status_code == 404
    assert answer.json()["errorMessages"][0].startswith("[UNKNOWN]")


async def test_the_shell_names_all_programs(world: World) -> None:
    shell = (await world.http.get("/")).text
    for name in FILES:
        assert f"/page/static/{name}" in shell


@pytest.mark.parametrize("name", [*FILES, "page.html"])
def test_no_file_needs_another_host_or_makes_markup_of_text(name: str) -> None:
    text = (files("backend_stub.page") / name).read_text()
    elsewhere = {found for found in ADDRESS.findall(text) if not found.endswith(HARMLESS)}
    assert not elsewhere
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "style="):
        assert word not in text


async def test_the_page_of_a_closed_market_is_public_and_its_data_are_not(closed: ClosedWorld) -> None:
    http = closed.world.http
    shell = await http.get("/")
    assert 'data-open="false"' in shell.text
    assert (await http.get("/page/static/page.js")).status_code == 200
    for path in ("/market/v1/providers", "/market/v1/events", "/market/v1/clients"):
        assert (await http.get(path)).status_code == 401
