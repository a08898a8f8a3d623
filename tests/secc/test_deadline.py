"""Installation under the clock: whatever the backend does, the car has its answer in time."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

import exi
from secc.errors import BundleError, BundleFailure
from secc.iso2 import bundle
from secc.sources.opcp import OpcpSource
from tests.conftest import VirtualTime
from tests.secc import kit
from tests.secc.kit import Car, ScriptedSource, Site, site
from tests.secc.market import NOW, market
from v2g import timing
from v2g.messages import iso2
from v2g.messages.iso2 import PaymentOption, ResponseCode
from v2g.net.clock import LoopClock
from v2g.timing import Deadline

LIMIT_S = timing.SECC_PERFORMANCE_TIME_S["CertificateInstallation"]
RESERVE_S = 0.25


async def before_installation(place: Site) -> Car:
    car = await place.car()
    await car.negotiate()
    for body in (kit.SETUP, iso2.ServiceDiscoveryReq(), kit.selection(PaymentOption.Contract)):
        await car.ask(body)
    return car


async def install(place: Site) -> tuple[Car, ResponseCode, float]:
    car = await before_installation(place)
    started = place.charger.clock.monotonic()
    response = await car.ask(market().installation_request(), key=market().car.signing_key())
    assert isinstance(response, iso2.CertificateInstallationRes)
    return car, response.response_code, place.charger.clock.monotonic() - started


async def never(_request: bytes, _deadline: Deadline) -> bytes:
    await asyncio.Event().wait()
    raise AssertionError


async def stubborn(_request: bytes, _deadline: Deadline) -> bytes:
    """Overrun the deadline, be cancelled, and need a while to accept it."""
    try:
        await asyncio.sleep(3600)
    finally:
        await asyncio.sleep(0.1)
    raise AssertionError


async def just_in_time(request: bytes, deadline: Deadline) -> bytes:
    await asyncio.sleep(deadline.remaining(asyncio.get_running_loop().time()) - 0.001)
    return await kit.deliver(request, deadline)


async def timing_out_itself(_request: bytes, _deadline: Deadline) -> bytes:
    raise TimeoutError


async def wrong_message(request: bytes, _deadline: Deadline) -> bytes:
    return request


async def for_another_session(_request: bytes, _deadline: Deadline) -> bytes:
    return market().bundle_exi(b"\x55" * 8)


async def garbage(_request: bytes, _deadline: Deadline) -> bytes:
    return bytes(range(200))


def failing(kind: BundleFailure, after_s: float = 0.0) -> kit.Script:
    async def script(_request: bytes, _deadline: Deadline) -> bytes:
        await asyncio.sleep(after_s)
        raise BundleError(kind, "because the test says so")

    return script


@pytest.mark.parametrize(
    ("script", "code", "elapsed_s"),
    [
        pytest.param(kit.deliver, ResponseCode.OK, 0.0, id="good"),
        pytest.param(just_in_time, ResponseCode.OK, LIMIT_S - RESERVE_S, id="just in time"),
        pytest.param(for_another_session, ResponseCode.OK, 0.0, id="another SessionID"),
        pytest.param(never, ResponseCode.FAILED, LIMIT_S - RESERVE_S / 2, id="silent"),
        pytest.param(stubborn, ResponseCode.FAILED, LIMIT_S - RESERVE_S / 2 + 0.1, id="stubborn"),
        pytest.param(timing_out_itself, ResponseCode.FAILED, 0.0, id="own timeout"),
        pytest.param(wrong_message, ResponseCode.FAILED, 0.0, id="the request itself"),
        pytest.param(garbage, ResponseCode.FAILED, 0.0, id="garbage"),
        pytest.param(failing(BundleFailure.DOWN, 3), ResponseCode.FAILED, 3.0, id="down after 3 s"),
        pytest.param(
            failing(BundleFailure.NOT_FOUND), ResponseCode.FAILED_NoCertificateAvailable, 0.0, id="none"
        ),
    ],
)
def test_the_car_is_answered_within_the_performance_time(
    virtual_time: VirtualTime, script: kit.Script, code: ResponseCode, elapsed_s: float
) -> None:
    async def scenario() -> None:
        source = ScriptedSource(script)
        async with site(source=source) as place:
            car, answered, took_s = await install(place)
            assert answered is code
            assert took_s == pytest.approx(elapsed_s, abs=0.01)
            assert took_s <= LIMIT_S + 2 * place.network.delay_s
            assert source.budgets_s == [pytest.approx(LIMIT_S - RESERVE_S, abs=0.01)]
            sent = place.of("message.sent")[-1]
            assert sent["name"] == "CertificateInstallationRes"
            assert (sent["limit_s"], sent["limit_name"]) == (LIMIT_S, "V2G_SECC_Msg_Performance_Time")
            if code is ResponseCode.OK:
                response = await car.ask(kit.payment_details())
                assert response.response_code is ResponseCode.OK
                await car.channel.close()
            else:
                assert await car.close_time() <= timing.TCP_CLOSE_S
                assert place.of("session.ended")[0]["outcome"] == "failed"

    virtual_time(scenario())


def test_a_good_bundle_arrives_unchanged(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        async with site() as place:
            car, _, _ = await install(place)
            assert car.last.payload == market().bundle_exi(car.session_id)
            await car.channel.close()

    virtual_time(scenario())


def test_the_reserve_is_a_setting(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        async with site({"backend.reserve_s": 2.0}, source=ScriptedSource(never)) as place:
            _, code, took_s = await install(place)
            assert code is ResponseCode.FAILED
            assert took_s == pytest.approx(3.5, abs=0.01)

    virtual_time(scenario())


def test_other_cars_notice_nothing_of_a_slow_backend(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        async with site(source=ScriptedSource(never)) as place:
            started = place.charger.clock.monotonic()
            async with asyncio.TaskGroup() as tasks:
                slow = tasks.create_task(install(place))
                await asyncio.sleep(0.5)
                car = await place.plain()
                await car.negotiate()
                await car.ask(kit.SETUP)
                response = await car.ask(iso2.ServiceDiscoveryReq())
                assert response.response_code is ResponseCode.OK
                assert place.charger.clock.monotonic() - started < 0.6
                await car.channel.close()
            assert slow.result()[1] is ResponseCode.FAILED

    virtual_time(scenario())


def test_a_car_that_leaves_while_the_backend_works(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        async with site(source=ScriptedSource(never)) as place:
            car = await before_installation(place)
            request = kit.message_of(
                car.session_id, market().installation_request(), market().car.signing_key()
            )
            await car.channel.send(request)
            await asyncio.sleep(1)
            car.channel.abort("impatient")
            await asyncio.sleep(LIMIT_S)
            assert place.of("session.ended")[0]["outcome"] == "aborted"
            assert len(place.charger.station.outlets) == 12
            assert all(place.charger.station.take() for _ in range(8))

    virtual_time(scenario())


# --- with the real OPCP client --------------------------------------------------------------------------

Backend = Callable[[httpx.Request], Awaitable[httpx.Response]]


def opcp_answer(session_id: bytes) -> dict[str, Any]:
    text = base64.b64encode(market().bundle_exi(session_id)).decode()
    return {"CCPResponse": {"emaidContent": [{"messageDef": {"certificateInstallationRes": text}}]}}


@pytest.mark.parametrize(
    ("delay_s", "status", "messages", "code"),
    [
        (1.0, 200, [], ResponseCode.OK),
        (4.0, 200, [], ResponseCode.OK),
        (4.3, 200, [], ResponseCode.FAILED),
        (60.0, 200, [], ResponseCode.FAILED),
        (0.1, 404, ["[NO_CONTRACT] none"], ResponseCode.FAILED_NoCertificateAvailable),
        (0.1, 401, ["[SIGNATURE] wrong"], ResponseCode.FAILED_SignatureError),
        (0.1, 403, ["[CHAIN] foreign"], ResponseCode.FAILED_CertChainError),
        (0.1, 403, ["[CHAIN_EXPIRED] old"], ResponseCode.FAILED_CertificateExpired),
        (0.1, 403, ["[REVOKED] replaced"], ResponseCode.FAILED_CertificateRevoked),
        (0.1, 500, [], ResponseCode.FAILED),
        (0.1, 422, [], ResponseCode.FAILED),
    ],
)
def test_the_whole_way_to_an_opcp_backend(
    virtual_time: VirtualTime, delay_s: float, status: int, messages: list[str], code: ResponseCode
) -> None:
    async def backend(request: httpx.Request) -> httpx.Response:
        assert int(request.headers["X-Deadline-Ms"]) <= (LIMIT_S - RESERVE_S) * 1000
        await asyncio.sleep(delay_s)
        content: dict[str, Any] = {"errorMessages": messages}
        if status == 200:
            content = opcp_answer(bytes(8))
        return httpx.Response(status, json=content)

    async def scenario() -> None:
        source = OpcpSource(
            "http://backend.test", clock=LoopClock(NOW), transport=httpx.MockTransport(backend)
        )
        async with site(source=source) as place:
            car, answered, took_s = await install(place)
            assert answered is code
            assert took_s <= LIMIT_S + 2 * place.network.delay_s
            traced = [event for event in place.sink.records if event["kind"].startswith("backend.")]
            assert [event["kind"] for event in traced] == [
                "backend.request",
                "backend.response" if code is ResponseCode.OK else "backend.failed",
            ]
            assert {event["session"] for event in traced} == {car.session_id.hex()}
            await car.channel.close()
        await source.close()

    virtual_time(scenario())


def test_the_forwarded_bundle_reads_as_what_it_is() -> None:
    read = bundle.read(market().bundle_exi(b"\x01" * 8))
    assert read.positive
    assert read.for_session(b"\x01" * 8) is read.exi
    moved = exi.decode(read.for_session(b"\x02" * 8), iso2.SCHEMA)
    assert isinstance(moved, iso2.V2G_Message)
    assert moved.header.session_id == b"\x02" * 8
    assert moved.header.signature == read.message.header.signature
