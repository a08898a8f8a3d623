"""The short ways answer as the routes of the same paths do."""

from typing import Any

from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from backend_stub.authority import routes
from backend_stub.web.quick import QuickAnswer, QuickDoors
from pki.ocsp import build_request
from tests.backend_stub.material import World


async def behind(scope: Scope, receive: Receive, send: Send) -> None:
    message = await receive()
    await PlainTextResponse(b"route: " + message["body"])(scope, receive, send)


async def some(scope: Any, body: bytes) -> QuickAnswer | None:
    return QuickAnswer(b"quick: " + body, "text/plain", {"X-Way": "short"}) if body == b"known" else None


async def asked(method: str, path: str, body: bytes) -> tuple[dict[bytes, bytes], bytes]:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    doors = QuickDoors(behind, {("POST", "/here"): some})
    scope = {"type": "http", "method": method, "path": path, "headers": []}
    await doors(scope, receive, send)
    assert sent[0]["status"] == 200
    return dict(sent[0]["headers"]), b"".join(message.get("body", b"") for message in sent[1:])


async def test_what_the_short_way_leaves_alone_is_the_routes() -> None:
    headers, body = await asked("POST", "/here", b"known")
    assert body == b"quick: known"
    assert headers == {b"content-type": b"text/plain", b"content-length": b"12", b"x-way": b"short"}
    assert (await asked("POST", "/here", b"strange"))[1] == b"route: strange"
    assert (await asked("GET", "/here", b"known"))[1] == b"route: known"
    assert (await asked("POST", "/there", b"known"))[1] == b"route: known"


async def test_ocsp_by_the_short_way_is_what_the_route_answers(world: World) -> None:
    car = await world.build()
    issuer = world.hierarchy["oem_sub_ca2"].certificate
    question = build_request(car.certificate, issuer)
    kind = {"Content-Type": routes.OCSP_REQUEST}
    short = await world.http.post("/ocsp", content=question, headers=kind)
    ((key, handler),) = routes.quick_doors(world.market.authority).items()
    assert key == ("POST", "/ocsp")
    made = await handler({}, question)
    assert made is not None
    assert short.content == made.body
    assert short.headers["content-type"] == routes.OCSP_RESPONSE
    assert short.headers["cache-control"] == "no-store"
    assert short.headers["x-trace-id"]
    described = {
        route.path for route in routes.status_router(world.market.authority).routes if hasattr(route, "path")
    }
    assert "/ocsp" in described
