"""Installation of -20 under the clock: both readings of when to give up, slow and dead backends."""

import asyncio
import base64
from typing import Any

import httpx
import msgspec
import pytest

from secc.errors import BundleError, BundleFailure
from secc.namespaces import ISO20_NAMESPACES
from secc.sources.opcp import PATH, OpcpSource
from tests.conftest import VirtualTime
from tests.secc.iso20 import messages, road
from tests.secc.iso20.kit import Source20
from tests.secc.iso20.market import EMAIDS, market20
from tests.secc.iso20.road import Car, Site, site
from tests.secc.market import NOW
from v2g import timing
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20.common_types import Processing, ResponseCode
from v2g.net.clock import LoopClock, SystemClock
from v2g.net.network import TcpNetwork
from v2g.net.stream import Stream
from v2g.timing import Deadline
from v2g.trace import ListSink, Tracer

ONGOING_S = timing.SECC_ONGOING_PERFORMANCE_TIME_S
MESSAGE_S = timing.ISO20_SECC_PERFORMANCE_TIME_S["CertificateInstallation"]
RESERVE_S = 0.25
OK, NONE = ResponseCode.OK, ResponseCode.WARNING_NoCertificateAvailable
KEY = market20().car.provisioning.signer()


async def before_installation(place: Site) -> Car:
    car = await place.car()
    await car.negotiate()
    await car.ask(messages.setup())
    await car.ask(messages.authorization_setup())
    return car


async def install(
    place: Site, car: Car, maximum: int = 1
) -> tuple[list[cm.CertificateInstallationRes], float]:
    """Repeat the request until something else than Ongoing comes; return all answers, and how long it took."""
    started = place.charger.clock.monotonic()
    answers: list[cm.CertificateInstallationRes] = []
    while True:
        sent = place.charger.clock.monotonic()
        answers.append(await car.ask(market20().installation_request(maximum), key=KEY))
        assert place.charger.clock.monotonic() - sent <= MESSAGE_S + 0.01
        if answers[-1].evse_processing is not Processing.Ongoing:
            return answers, place.charger.clock.monotonic() - started


@pytest.mark.parametrize(
    ("policy", "delay_s", "code", "took_s"),
    [
        ("ongoing", 0.0, OK, 0.0),
        ("ongoing", 4.6, OK, 4.6),
        ("ongoing", 30.0, OK, 30.0),
        ("ongoing", ONGOING_S - RESERVE_S - 0.1, OK, ONGOING_S - RESERVE_S - 0.1),
        ("ongoing", 1e6, NONE, ONGOING_S - RESERVE_S / 2),
        ("message", 0.0, OK, 0.0),
        ("message", 4.2, OK, 4.2),
        ("message", 4.6, NONE, MESSAGE_S - RESERVE_S / 2),
        ("message", 1e6, NONE, MESSAGE_S - RESERVE_S / 2),
    ],
)
def test_when_the_charger_gives_up(
    virtual_time: VirtualTime, policy: str, delay_s: float, code: ResponseCode, took_s: float
) -> None:
    async def scenario() -> None:
        source = Source20(delay_s=delay_s)
        async with site({"installation.give_up": policy}, source=source) as place:
            car = await before_installation(place)
            answers, elapsed_s = await install(place, car)
            assert answers[-1].response_code is code
            assert elapsed_s == pytest.approx(took_s, abs=0.1)
            if policy == "message":
                assert len(answers) == 1
            else:
                assert len(answers) == pytest.approx(took_s + 1, abs=1)
            assert len(source.wanted) == 1  # the backend is asked once, however often the car repeats
            whole = ONGOING_S if policy == "ongoing" else MESSAGE_S
            assert source.budgets_s == [pytest.approx(whole - RESERVE_S, abs=0.05)]
            # The session goes on after a WARNING as well as with a contract.
            response = await car.ask(messages.externally())
            assert response.response_code is OK
            await car.channel.close()

    virtual_time(scenario())


def test_an_answer_after_a_second_whatever_the_backend_does(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        changes = {"installation.answer_after_s": 0.25}
        async with site(changes, source=Source20(delay_s=2)) as place:
            car = await before_installation(place)
            answers, _ = await install(place, car)
            assert len(answers) in {8, 9}

    virtual_time(scenario())


def test_three_contracts_from_a_slow_backend(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        source = Source20(market20().bundles(3), delay_s=5)
        async with site(source=source) as place:
            car = await before_installation(place)
            remaining = []
            for _ in range(3):
                answers, _ = await install(place, car, maximum=8)
                remaining.append(answers[-1].remaining_contract_certificate_chains)
            assert remaining == [2, 1, 0]
            assert [wanted.maximum for wanted in source.wanted] == [8]
            await car.channel.close()

    virtual_time(scenario())


def test_a_backend_that_fails_late(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        source = Source20(BundleError(BundleFailure.NOT_FOUND, "none"), delay_s=7)
        async with site(source=source) as place:
            car = await before_installation(place)
            answers, elapsed_s = await install(place, car)
            assert elapsed_s == pytest.approx(7, abs=0.1)
            assert answers[-1].response_code is ResponseCode.WARNING_NoContractMatchingPCIDFound
            await car.channel.close()

    virtual_time(scenario())


@pytest.mark.parametrize("how", ["abort", "stop", "silence", "altered", "authorization"])
def test_nothing_is_left_running_when_the_car_goes(virtual_time: VirtualTime, how: str) -> None:
    async def scenario() -> None:
        source = Source20(delay_s=1e6)
        async with site(source=source) as place:
            car = await before_installation(place)
            await car.ask(market20().installation_request(), key=KEY)
            if how == "abort":
                car.channel.abort("impatient")
            elif how == "stop":
                await car.ask(messages.stop())
            elif how == "altered":
                response = await car.ask(market20().installation_request(2), key=KEY)
                assert response.response_code is ResponseCode.FAILED
            elif how == "authorization":
                await car.ask(messages.externally())
                await car.channel.close()
            await asyncio.sleep(70)
            assert source.cancelled + (how in {"silence", "authorization"}) >= 1
            (ended,) = place.of("session.ended")
            assert ended["outcome"] in {"ok", "failed", "aborted"}
            assert len(asyncio.all_tasks()) < 5

    virtual_time(scenario())


def test_other_cars_notice_nothing_of_a_slow_backend(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        async with site(source=Source20(delay_s=1e6)) as place:
            async with asyncio.TaskGroup() as tasks:
                waiting = tasks.create_task(install(place, await before_installation(place)))
                other = await place.plain()
                started = place.charger.clock.monotonic()
                await road.start_charging(other)
                assert place.charger.clock.monotonic() - started < 0.1
                await other.channel.close()
            assert waiting.result()[0][-1].response_code is NONE

    virtual_time(scenario())


# --- with the real OPCP client --------------------------------------------------------------------------


def opcp_answer(count: int) -> dict[str, Any]:
    contents = [
        {"messageDef": {"certificateInstallationRes": base64.b64encode(data).decode(), "emaid": emaid}}
        for data, emaid in zip(market20().bundles(count), EMAIDS, strict=False)
    ]
    return {"CCPResponse": {"emaidContent": contents}}


@pytest.mark.parametrize("namespace", ISO20_NAMESPACES)
def test_the_whole_way_to_an_opcp_backend(virtual_time: VirtualTime, namespace: str) -> None:
    bodies: list[Any] = []

    async def backend(request: httpx.Request) -> httpx.Response:
        bodies.append(msgspec.json.decode(request.content))
        await asyncio.sleep(6)
        return httpx.Response(200, json=opcp_answer(3))

    async def scenario() -> None:
        source = OpcpSource(
            "http://backend.test",
            clock=LoopClock(NOW),
            iso20_namespace=namespace,
            transport=httpx.MockTransport(backend),
        )
        async with site(source=source) as place:
            car = await before_installation(place)
            answers, _ = await install(place, car, maximum=3)
            assert answers[-1].remaining_contract_certificate_chains == 2
            assert car.last.payload_type == 0x8002
            await car.channel.close()
        await source.close()

    virtual_time(scenario())
    (body,) = bodies
    assert body["xsdMsgDefNamespace"] == namespace
    assert body["maximumContractCertificateChains"] == 3
    assert "prioritizedEMAIDs" not in body


@pytest.mark.parametrize(
    ("status", "messages", "code"),
    [
        (404, ["[NO_CONTRACT] none"], ResponseCode.WARNING_NoContractMatchingPCIDFound),
        (404, ["[UNKNOWN_PROVIDER] DEXYZ"], ResponseCode.WARNING_eMSPUnknown),
        (401, ["[SIGNATURE] wrong"], ResponseCode.FAILED_SignatureError),
        (403, ["[CHAIN] foreign"], ResponseCode.WARNING_CertificateValidationError),
        (403, ["[CHAIN_EXPIRED] old"], ResponseCode.WARNING_CertificateExpired),
        (403, ["[CHAIN_NOT_YET_VALID] young"], ResponseCode.WARNING_CertificateNotYetValid),
        (403, ["[REVOKED] replaced"], ResponseCode.WARNING_CertificateRevoked),
        (500, [], ResponseCode.WARNING_NoCertificateAvailable),
        (422, [], ResponseCode.WARNING_NoCertificateAvailable),
    ],
)
def test_each_refusal_of_the_market_has_its_code(
    virtual_time: VirtualTime, status: int, messages: list[str], code: ResponseCode
) -> None:
    async def backend(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json={"errorMessages": messages})

    async def scenario() -> None:
        transport = httpx.MockTransport(backend)
        source = OpcpSource("http://backend.test", clock=LoopClock(NOW), transport=transport)
        async with site(source=source) as place:
            car = await before_installation(place)
            answers, _ = await install(place, car)
            assert answers[-1].response_code is code
            await car.channel.close()
        await source.close()

    virtual_time(scenario())


async def http_server(stream: Stream) -> None:
    """Answer one request with three contracts, as a backend does over a real socket."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += await stream.read()
    head, _, content = data.partition(b"\r\n\r\n")
    assert head.startswith(f"POST {PATH} HTTP/1.1".encode())
    length = next(
        int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
    )
    while len(content) < length:
        content += await stream.read()
    asked = msgspec.json.decode(content)
    assert asked["maximumContractCertificateChains"] == 3
    assert asked["prioritizedEMAIDs"] == [EMAIDS[1]]
    body = msgspec.json.encode(opcp_answer(3))
    await stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    await stream.close()


def test_over_real_http() -> None:
    """Three bundles of -20 fit an answer, and come through sockets as they were signed."""

    async def scenario() -> None:
        from secc.sources import Wanted

        listener = await TcpNetwork().listen("127.0.0.1", 0, http_server)
        clock = SystemClock()
        source = OpcpSource(f"http://127.0.0.1:{listener.port}", clock=clock)
        wanted = Wanted(b"request", "urn:iso:std:iso:15118:-20:CommonMessages", 3, (EMAIDS[1],))
        bundles = await source.fetch(
            wanted, Tracer("secc", ListSink(), clock.now), Deadline.after(10, clock.monotonic())
        )
        await source.close()
        await listener.close()
        assert bundles == market20().bundles(3)

    asyncio.run(scenario())
