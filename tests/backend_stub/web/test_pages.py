"""The pages on the interfaces name every call."""

import re
from pathlib import Path

import pytest

from tests.backend_stub.material import World

DOCS = Path(__file__).parents[3] / "docs" / "market"
_CALLS = re.compile(r"^\| (.+?) \|", re.MULTILINE)


def named(text: str) -> set[str]:
    """Return the calls of the tables: ``| `GET` `PUT /a/b?c=…` |`` names two."""
    found = set()
    for cell in _CALLS.findall(text):
        path = re.search(r"(/[^`?\\]+)", cell)
        if path is not None:
            methods = re.findall(r"\b(GET|PUT|POST|DELETE)\b", cell)
            found |= {f"{method} {path[1]}" for method in methods}
    return found


@pytest.mark.parametrize("interface", ["opcp", "opnc"])
async def test_every_call_is_in_the_page(world: World, interface: str) -> None:
    document = (await world.http.get(f"/{interface}/openapi.json")).json()
    calls = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert named((DOCS / f"{interface}.md").read_text()) == calls
