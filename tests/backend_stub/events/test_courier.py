"""Webhook calls over HTTP: what goes out, what comes back, and what never takes longer than it may."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from backend_stub.events.courier import HttpCourier, NotReachedError, Reply
from backend_stub.events.targets import TargetError, TargetPolicy
from tests.system.market import answering, backend, hang_up, silent


async def public(_host: str, _port: int) -> list[str]:
    return ["93.184.216.34"]


async def test_the_request_names_the_host_and_goes_to_the_address() -> None:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(409, text="no\n such   car")

    courier = HttpCourier(TargetPolicy(), resolve=public, transport=httpx.MockTransport(handle))
    reply = await courier.send("https://hooks.example/a?b=c", {"X-Test": "1"}, b"{}")
    await courier.close()
    assert reply == Reply(409, "no such car")
    (request,) = seen
    assert str(request.url) == "https://93.184.216.34/a?b=c"
    assert request.headers["host"] == "hooks.example"
    assert request.headers["x-test"] == "1"
    assert request.extensions["sni_hostname"] == "hooks.example"
    assert request.content == b"{}"


async def test_redirects_are_not_followed() -> None:
    courier = HttpCourier(TargetPolicy())
    async with backend(answering("302 Found\r\nLocation: http://127.0.0.1:1/", b"")) as url:
        assert (await courier.send(url, {}, b"")).status == 302
    await courier.close()


async def test_only_the_beginning_of_an_answer_is_read() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1000

    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=endless()))
    courier = HttpCourier(TargetPolicy(), transport=transport)
    assert len((await courier.send("http://127.0.0.1:1/", {}, b"")).text) == 2048
    await courier.close()


@pytest.mark.parametrize("handler", [silent, hang_up])
async def test_no_answer(handler: object) -> None:
    courier = HttpCourier(TargetPolicy(), timeout_s=0.2)
    async with backend(handler) as url:  # type: ignore[arg-type]
        with pytest.raises(NotReachedError):
            await courier.send(url, {}, b"")
    await courier.close()


async def test_nobody_listens_and_no_such_host() -> None:
    async def unknown(_host: str, _port: int) -> list[str]:
        raise OSError("no such host")

    courier = HttpCourier(TargetPolicy(), resolve=unknown)
    with pytest.raises(NotReachedError):
        await courier.send("http://127.0.0.1:1/", {}, b"")
    with pytest.raises(NotReachedError, match="no such host"):
        await courier.send("https://hooks.example/", {}, b"")
    with pytest.raises(TargetError):
        await courier.send("http://hooks.example/", {}, b"")
    await courier.close()


async def test_a_slow_look_up_counts_as_well() -> None:
    async def slow(_host: str, _port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    courier = HttpCourier(TargetPolicy(), resolve=slow, timeout_s=0.05)
    with pytest.raises(NotReachedError, match="within"):
        await courier.send("https://hooks.example/", {}, b"")
    await courier.close()
