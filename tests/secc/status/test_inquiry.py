"""Several sources at once, and the code that the car gets: over the charger's own table, in virtual time."""

import asyncio
from collections.abc import Sequence

import pytest

from secc.config import Config, override
from secc.errors import BundleError, BundleFailure, ConfigError
from secc.status import Question, Standing, StatusError
from secc.status.inquiry import Inquiry, Verdict, build
from secc.status.ocsp import OcspStatus
from tests.conftest import VirtualTime
from tests.secc import kit
from tests.secc.kit import HandClock, site
from tests.secc.market import EMAID, NOW
from tests.secc.status.material import OCSP_URL, Place, question
from v2g import timing
from v2g.messages import iso2
from v2g.messages.iso2 import PaymentOption, ResponseCode
from v2g.net.clock import LoopClock
from v2g.timing import Deadline
from v2g.trace import ListSink, Tracer

LIMIT_S = timing.SECC_PERFORMANCE_TIME_S["PaymentDetails"]


class Scripted:
    """A source that says what a test wants, after a while."""

    def __init__(self, name: str, says: Standing, delay_s: float = 0.0) -> None:
        self.name = name
        self.says = says
        self.delay_s = delay_s
        self.asked: list[Question] = []
        self.closed = False

    async def check(self, question: Question, deadline: Deadline) -> None:
        self.asked.append(question)
        await asyncio.sleep(self.delay_s)
        if self.says is not Standing.GOOD:
            raise StatusError(self.says, "because the test says so")

    async def close(self) -> None:
        self.closed = True


def scripted(*says: Standing) -> list[Scripted]:
    return [Scripted(f"source {number}", each) for number, each in enumerate(says)]


G, R, C, U = Standing.GOOD, Standing.REVOKED, Standing.CANCELED, Standing.UNKNOWN


@pytest.mark.parametrize(
    ("says", "standing", "by"),
    [
        ((G,), G, "source 0"),
        ((U, G), G, "source 1"),
        ((U, U), U, "source 0: because the test says so; source 1: because the test says so"),
        ((G, R), R, "source 1: because the test says so"),
        ((C, R), C, "source 0: because the test says so"),
        ((R, C), R, "source 0: because the test says so"),
        ((U, G, C), C, "source 2: because the test says so"),
    ],
)
async def test_who_decides(says: Sequence[Standing], standing: Standing, by: str) -> None:
    sink, clock = ListSink(), HandClock()
    sources = scripted(*says)
    inquiry = Inquiry(sources, clock)
    verdict = await inquiry.ask(question(), Tracer("secc", sink, clock.now), Deadline.after(4, 0))
    assert verdict == Verdict(standing, by)
    (event,) = sink.of("contract.checked")
    assert (event["emaid"], event["standing"]) == (EMAID, standing)
    await inquiry.close()
    assert all(source.closed for source in sources)


async def cars_answer(place: kit.Site, inquiry: Inquiry) -> tuple[ResponseCode, float, kit.Car]:
    place.charger.inquiry = inquiry
    car = await place.car()
    await car.negotiate()
    for body in (kit.SETUP, iso2.ServiceDiscoveryReq(), kit.selection(PaymentOption.Contract)):
        await car.ask(body)
    started = place.charger.clock.monotonic()
    response = await car.ask(kit.payment_details())
    assert isinstance(response, iso2.PaymentDetailsRes)
    return response.response_code, place.charger.clock.monotonic() - started, car


@pytest.mark.parametrize(
    ("says", "delay_s", "accept_unknown", "code", "elapsed_s"),
    [
        pytest.param(G, 0.0, True, ResponseCode.OK, 0.0, id="good"),
        pytest.param(G, 4.0, False, ResponseCode.OK, 4.0, id="good, just in time"),
        pytest.param(R, 0.0, True, ResponseCode.FAILED_CertificateRevoked, 0.0, id="revoked"),
        pytest.param(C, 1.0, True, ResponseCode.FAILED_ContractCanceled, 1.0, id="canceled"),
        pytest.param(U, 0.0, True, ResponseCode.OK, 0.0, id="unknown, accepted"),
        pytest.param(U, 0.0, False, ResponseCode.FAILED, 0.0, id="unknown, refused"),
        pytest.param(R, 60.0, True, ResponseCode.OK, LIMIT_S - 0.125, id="silence, accepted"),
        pytest.param(R, 60.0, False, ResponseCode.FAILED, LIMIT_S - 0.125, id="silence, refused"),
    ],
)
def test_what_the_car_gets_and_when(
    virtual_time: VirtualTime,
    says: Standing,
    delay_s: float,
    accept_unknown: bool,
    code: ResponseCode,
    elapsed_s: float,
) -> None:
    async def scenario() -> None:
        async with site() as place:
            source = Scripted("scripted", says, delay_s)
            inquiry = Inquiry([source], place.charger.clock, accept_unknown=accept_unknown)
            answered, took_s, car = await cars_answer(place, inquiry)
            assert answered is code
            assert took_s == pytest.approx(elapsed_s, abs=0.01)
            assert took_s <= LIMIT_S
            (asked,) = source.asked
            assert asked.path == question().path
            if code is ResponseCode.OK:
                await car.channel.close()
            else:
                assert await car.close_time() <= timing.TCP_CLOSE_S
                ended = place.of("session.ended")[0]
                assert ended["outcome"] == "failed"
                assert code in ended["reason"]

    virtual_time(scenario())


def test_a_real_source_that_answers_too_late(virtual_time: VirtualTime) -> None:
    """The source itself gives up in time, so that the reason is its own and the reserve is not touched."""

    async def scenario() -> None:
        async with site() as place:
            clock = LoopClock(NOW)
            source = OcspStatus(Place(delay_s=30).fetcher(clock), clock, url=OCSP_URL)
            inquiry = Inquiry([source], place.charger.clock, accept_unknown=False)
            answered, took_s, car = await cars_answer(place, inquiry)
            assert answered is ResponseCode.FAILED
            assert took_s == pytest.approx(LIMIT_S - 0.25, abs=0.01)
            assert await car.close_time() <= timing.TCP_CLOSE_S
            assert "no answer from" in place.of("session.ended")[0]["reason"]
            await inquiry.close()

    virtual_time(scenario())


def test_whatever_an_errand_brings() -> None:
    late = BundleError(BundleFailure.LATE, "no answer")
    for accept in (True, False):
        inquiry = Inquiry([], HandClock(), accept_unknown=accept)
        for outcome in (late, None, Verdict(U, "nothing known")):
            assert (inquiry.refusal(outcome) is None) is accept
        assert inquiry.refusal(Verdict(G, "")) is None
        assert inquiry.refusal(Verdict(R, "")) is not None


async def test_configuration() -> None:
    assert build(Config(), HandClock()) is None
    changes = {
        "revocation.check": ["crl", "ocsp", "backend"],
        "revocation.ocsp_url": OCSP_URL,
        "revocation.on_silence": "refuse",
        "revocation.reserve_s": 1.0,
        "backend.url": "http://127.0.0.1:1",
    }
    inquiry = build(override(Config(), changes), HandClock())
    assert inquiry is not None
    assert [source.name for source in inquiry._sources] == ["CRL", "OCSP", "backend"]
    assert (inquiry.accept_unknown, inquiry.reserve_s) == (False, 1.0)
    await inquiry.close()
    for key, value in (
        ("revocation.check", ["ocspp"]),
        ("revocation.on_silence", "maybe"),
        ("revocation.ocsp_url", "ca.example"),
        ("revocation.reserve_s", 4.0),
    ):
        with pytest.raises(ConfigError) as caught:
            override(Config(), {key: value})
        assert caught.value.key.startswith(key)
