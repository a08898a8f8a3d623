"""Roots from the backend's root pool: what is asked, what is believed, when it is asked again."""

import asyncio
import base64
import json
import logging
from collections.abc import Sequence
from datetime import timedelta

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki.entropy import SeededEntropy
from pki.hierarchy import Hierarchy
from pki.profiles import Edition
from secc.charger import Trust
from secc.roots import RETRY_S, WAIT_S, RootsError, RootSource
from secc.status.fetching import Fetcher
from tests.conftest import VirtualTime
from tests.secc.kit import make_charger
from tests.secc.market import NOW, market
from v2g.net.clock import LoopClock
from v2g.timing import Deadline

URL = "http://market.example"


def other(
    edition: Edition = Edition.ISO2, *, age: timedelta = timedelta(days=1), seed: int = 77
) -> Hierarchy:
    return Hierarchy.create(now=NOW - age, entropy=SeededEntropy(seed), edition=edition)


def text(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()


class Pool:
    """A root pool; ``mo`` and ``v2g`` are what it publishes, as base64."""

    def __init__(self, mo: Sequence[str] = (), v2g: Sequence[str] = ()) -> None:
        self.published = {"mo": list(mo), "v2g": list(v2g)}
        self.asked: list[str] = []
        self.status = 200
        self.delay_s = 0.0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v1/root/rootCerts"
        kind = request.url.params["rootType"]
        self.asked.append(kind)
        await asyncio.sleep(self.delay_s)
        roots = [{"caCertificate": each, "rootType": kind.upper()} for each in self.published[kind]]
        return httpx.Response(
            self.status, content=json.dumps({"RootCertificateCollection": {"rootCertificates": roots}})
        )

    def source(self, clock: LoopClock, *, every_s: float = 3600.0) -> RootSource:
        fetcher = Fetcher(clock, max_bytes=100_000, transport=httpx.MockTransport(self))
        return RootSource(fetcher, URL + "/", clock, every_s=every_s)


def renewed(virtual_time: VirtualTime, pool: Pool) -> tuple[bool, Trust, Trust]:
    """Ask once; return whether that worked, and what is trusted then."""

    async def scenario() -> tuple[bool, Trust, Trust]:
        clock = LoopClock(NOW)
        charger = make_charger(clock=clock)
        source = pool.source(clock)
        try:
            done = await source.renew(charger, charger.trust, charger.trust20)
        finally:
            await source.close()
        return done, charger.trust, charger.trust20

    found: tuple[bool, Trust, Trust] = virtual_time(scenario())
    return found


def test_roots_of_others_come_after_the_own_ones(virtual_time: VirtualTime) -> None:
    own = market().pki
    theirs = other()
    pool = Pool(
        mo=[text(own["mo_root"].certificate), text(theirs["mo_root"].certificate)],
        v2g=[text(theirs["v2g_root"].certificate)],
    )
    done, trust, trust20 = renewed(virtual_time, pool)
    assert done
    assert pool.asked == ["mo", "v2g"]
    assert trust.mo == (own["mo_root"].certificate, theirs["mo_root"].certificate)
    assert trust.v2g == (own["v2g_root"].certificate, theirs["v2g_root"].certificate)
    assert trust20 == Trust()


@pytest.mark.parametrize("edition", [Edition.ISO20, Edition.ISO20_ED448])
def test_the_key_says_for_which_standard(virtual_time: VirtualTime, edition: Edition) -> None:
    root = other(edition)["mo_root"].certificate
    _, trust, trust20 = renewed(virtual_time, Pool(mo=[text(root)]))
    assert trust.mo == (market().pki["mo_root"].certificate,)
    assert trust20.mo == (root,)


@pytest.mark.parametrize(
    ("useless", "told"),
    [
        (other()["mo_sub_ca1"].certificate, "a root issues itself"),
        (other(age=timedelta(days=50 * 365))["mo_root"].certificate, "expired"),
        (other(age=-timedelta(days=1))["mo_root"].certificate, "not_yet_valid"),
    ],
    ids=["a sub-CA", "expired", "not yet valid"],
)
def test_what_cannot_be_a_root_now_is_left_out(
    virtual_time: VirtualTime, caplog: pytest.LogCaptureFixture, useless: x509.Certificate, told: str
) -> None:
    good = other(seed=78)["mo_root"].certificate
    done, trust, _ = renewed(virtual_time, Pool(mo=[text(useless), text(good)]))
    assert done
    assert trust.mo == (market().pki["mo_root"].certificate, good)
    assert told in caplog.text


@pytest.mark.parametrize("rubbish", ["no base64", base64.b64encode(b"no certificate").decode()])
def test_rubbish_costs_only_itself(virtual_time: VirtualTime, rubbish: str) -> None:
    good = other()["mo_root"].certificate
    _, trust, _ = renewed(virtual_time, Pool(mo=[rubbish, text(good)]))
    assert good in trust.mo


@pytest.mark.parametrize("trouble", ["silent", "refusing"])
def test_without_an_answer_the_own_roots_hold(
    virtual_time: VirtualTime, caplog: pytest.LogCaptureFixture, trouble: str
) -> None:
    pool = Pool(mo=[text(other()["mo_root"].certificate)])
    pool.delay_s = WAIT_S * 2 if trouble == "silent" else 0.0
    pool.status = 403 if trouble == "refusing" else 200
    done, trust, _ = renewed(virtual_time, pool)
    assert not done
    assert trust.mo == (market().pki["mo_root"].certificate,)
    assert "those known so far hold" in caplog.text


def test_an_answer_of_another_shape(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        clock = LoopClock(NOW)
        transport = httpx.MockTransport(lambda _: httpx.Response(200, content=b"<html>"))
        source = RootSource(Fetcher(clock, max_bytes=1000, transport=transport), URL, clock)
        try:
            await source.fetch(Deadline.after(1.0, clock.monotonic()))
        finally:
            await source.close()

    with pytest.raises(RootsError, match="not OPCP"):
        virtual_time(scenario())


def test_asked_again(virtual_time: VirtualTime, caplog: pytest.LogCaptureFixture) -> None:
    """A withdrawn root is gone after an hour; a pool that is silent is asked again after half a minute."""
    caplog.set_level(logging.ERROR)
    first, second = other(seed=81)["mo_root"].certificate, other(seed=82)["mo_root"].certificate
    own = market().pki["mo_root"].certificate

    async def scenario() -> None:
        clock = LoopClock(NOW)
        charger = make_charger(clock=clock)
        pool = Pool(mo=[text(first)])
        pool.status = 500
        source = pool.source(clock)
        folder = charger.trust, charger.trust20
        assert not await source.renew(charger, *folder)
        async with asyncio.TaskGroup() as tasks:
            keeping = tasks.create_task(source.keep_current(charger, *folder, asked=False))
            pool.status = 200
            await asyncio.sleep(RETRY_S - 1)
            assert list(charger.trust.mo) == [own]
            await asyncio.sleep(2)
            assert list(charger.trust.mo) == [own, first]
            pool.published["mo"] = [text(second)]
            await asyncio.sleep(3590)
            assert list(charger.trust.mo) == [own, first]
            await asyncio.sleep(20)
            assert list(charger.trust.mo) == [own, second]
            keeping.cancel()
        await source.close()

    virtual_time(scenario())
