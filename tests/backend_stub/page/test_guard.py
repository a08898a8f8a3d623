"""Pages of other sites have no business with an open market."""

import httpx
import pytest
from starlette.datastructures import Headers

from backend_stub.errors import Code, MarketError
from backend_stub.page.guard import HEADER, OnlyThisMachine
from backend_stub.web.app import create_app
from tests.backend_stub.material import World

BROWSER = "Mozilla/5.0 (X11; Linux x86_64) Chrome/126.0"
OURS = "127.0.0.1:8080"


async def _nothing(*_: object) -> None:
    raise AssertionError("not called")


GUARD = OnlyThisMachine(_nothing, frozenset({"lab.example"}))


@pytest.mark.parametrize(
    "host",
    [OURS, "localhost:8080", "[::1]:8080", "127.9.9.9", "market.localhost", "lab.example:80", "LOCALHOST"],
)
def test_names_of_this_machine_pass(host: str) -> None:
    GUARD.check("GET", Headers({"host": host}))


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8080",
        "127.0.0.1.evil.example",
        "10.0.0.1",
        "[::2]",
        "[",
        "localhost.evil",
    ],
)
def test_a_name_that_was_made_to_point_here_is_refused(host: str) -> None:
    with pytest.raises(MarketError) as caught:
        GUARD.check("GET", Headers({"host": host}))
    assert caught.value.code is Code.FORBIDDEN


@pytest.mark.parametrize(
    "headers",
    [
        {},  # no browser
        {"origin": f"http://{OURS}", "sec-fetch-site": "same-origin", "user-agent": BROWSER},
        {"origin": f"http://{OURS}", "user-agent": BROWSER},
        {HEADER: "1", "user-agent": BROWSER},
        {"sec-fetch-site": "none", "user-agent": BROWSER},
    ],
)
def test_our_own_page_and_programs_may_act(headers: dict[str, str]) -> None:
    GUARD.check("POST", Headers({"host": OURS, **headers}))


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", HEADER: "1"},
        {"user-agent": BROWSER},
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_other_pages_may_not(headers: dict[str, str], method: str) -> None:
    with pytest.raises(MarketError) as caught:
        GUARD.check(method, Headers({"host": OURS, **headers}))
    assert caught.value.code is Code.FORBIDDEN


async def test_the_market_answers_as_with_every_refusal(world: World) -> None:
    app = create_app(
        world.market, tracer=world.tracer, monotonic=world.clock.monotonic, own_names=frozenset()
    )
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://evil.example") as http:
        answer = await http.get("/market/v1/roles")
    assert answer.status_code == 403
    assert "loopback" in answer.json()["errorMessages"][0]
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        assert (await http.get("/market/v1/roles")).status_code == 200
