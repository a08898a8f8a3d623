"""Each status source by itself: what it asks, what it believes, and when it gives up."""

import asyncio
import json
import os
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from pki.entropy import SeededEntropy
from pki.issuing import Identity, new_identity
from pki.ocsp import parse_request
from pki.profiles import CONTRACT
from secc.status import Question, Standing, StatusError
from secc.status.backend import BackendStatus, CertificateStatus
from secc.status.crl import CrlStatus, distribution_point_of
from secc.status.ocsp import OcspStatus, responder_of
from tests.conftest import VirtualTime
from tests.secc.kit import HandClock
from tests.secc.market import EMAID, NOW, market
from tests.secc.status.material import (
    BACKEND_URL,
    CRL_URL,
    OCSP_URL,
    Handler,
    Place,
    outcome,
    question,
)
from v2g.net.clock import LoopClock
from v2g.timing import Deadline

SERIALS = [certificate.serial_number for certificate in question().path]


def standing(error: StatusError | None) -> Standing:
    return Standing.GOOD if error is None else error.standing


def answering(status: int, content: bytes = b"") -> Handler:
    async def handler(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, content=content)

    return handler


async def failing(_request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


async def redirecting(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(302, headers={"Location": OCSP_URL})


class TestOcsp:
    @pytest.mark.parametrize(
        ("revoked", "unknown", "expected"),
        [
            ([], [], Standing.GOOD),
            ([0], [], Standing.REVOKED),
            ([1], [], Standing.REVOKED),
            ([2], [], Standing.REVOKED),
            ([2], [0], Standing.REVOKED),
            ([], [0], Standing.UNKNOWN),
            ([], [1, 2], Standing.GOOD),
        ],
    )
    async def test_leaf_and_cas(self, revoked: list[int], unknown: list[int], expected: Standing) -> None:
        place = Place(revoked={SERIALS[i] for i in revoked}, unknown={SERIALS[i] for i in unknown})
        clock = HandClock()
        assert (
            standing(await outcome(OcspStatus(place.fetcher(clock), clock, url=OCSP_URL), clock)) is expected
        )
        asked = {parse_request(request.content).ids[0].serial for request in place.seen}
        assert asked == set(SERIALS[:3])

    async def test_the_responder_that_the_certificate_names(self) -> None:
        contract = pointing(ocsp_url=OCSP_URL)
        assert responder_of(contract.certificate) == OCSP_URL
        place, clock = Place(), HandClock()
        source = OcspStatus(place.fetcher(clock), clock)
        chain = (contract.certificate, *question().path[1:])
        await source.check(Question(EMAID, chain), Deadline.after(4, 0))
        assert [str(request.url) for request in place.seen] == [OCSP_URL]  # the CAs name none
        await source.close()

    async def test_nobody_to_ask(self) -> None:
        clock = HandClock()
        error = await outcome(OcspStatus(Place().fetcher(clock), clock), clock)
        assert standing(error) is Standing.UNKNOWN

    @pytest.mark.parametrize(
        "handler",
        [
            answering(500),
            answering(200),
            answering(200, b"\x30\x03\x0a\x01\x06"),
            answering(200, bytes(100)),
            answering(200, bytes(70_000)),
            failing,
            redirecting,
        ],
        ids=["500", "empty", "unauthorized", "garbage", "too much", "down", "redirect"],
    )
    async def test_answers_that_are_none(self, handler: Handler) -> None:
        place, clock = Place(handler=handler), HandClock()
        source = OcspStatus(place.fetcher(clock), clock, url=OCSP_URL)
        assert standing(await outcome(source, clock)) is Standing.UNKNOWN

    async def test_an_old_answer(self) -> None:
        clock = HandClock()
        clock.elapsed_s = 7200.0
        source = OcspStatus(Place().fetcher(clock), clock, url=OCSP_URL)
        error = await outcome(source, clock)
        assert error is not None
        assert "status_stale" in error.detail

    def test_a_late_answer(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            clock = LoopClock(NOW)
            source = OcspStatus(Place(delay_s=60).fetcher(clock), clock, url=OCSP_URL)
            started = clock.monotonic()
            assert standing(await outcome(source, clock, within_s=4)) is Standing.UNKNOWN
            assert clock.monotonic() - started == pytest.approx(4)

        virtual_time(scenario())


def pointing(*, ocsp_url: str | None = None, crl_url: str | None = None) -> Identity:
    """Return a contract that names where to ask."""
    return new_identity(
        CONTRACT,
        common_name=EMAID,
        issuer=market().pki["mo_sub_ca2"],
        now=NOW - timedelta(hours=1),
        entropy=SeededEntropy(5),
        ocsp_url=ocsp_url,
        crl_url=crl_url,
    )


class TestCrl:
    @pytest.mark.parametrize("revoked", [True, False])
    async def test_a_list_by_url(self, revoked: bool) -> None:
        place, clock = Place(revoked={SERIALS[0]} if revoked else set()), HandClock()
        source = CrlStatus(place.fetcher(clock), clock, place=CRL_URL)
        expected = Standing.REVOKED if revoked else Standing.GOOD
        assert standing(await outcome(source, clock)) is expected

    async def test_the_list_that_the_certificate_names(self) -> None:
        contract = pointing(crl_url=CRL_URL)
        assert distribution_point_of(contract.certificate) == CRL_URL
        place, clock = Place(revoked={contract.certificate.serial_number}), HandClock()
        source = CrlStatus(place.fetcher(clock), clock)
        chain = (contract.certificate, *question().path[1:])
        with pytest.raises(StatusError, match="revoked"):
            await source.check(Question(EMAID, chain), Deadline.after(4, 0))
        await source.close()
        assert standing(await outcome(CrlStatus(place.fetcher(clock), clock), clock)) is Standing.UNKNOWN

    async def test_a_fetched_list_is_used_again_for_a_while(self) -> None:
        place, clock = Place(), HandClock()
        source = CrlStatus(place.fetcher(clock), clock, place=CRL_URL, refresh_s=100)
        deadline = Deadline.after(1000, 0)
        async with asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(source.check(question(), deadline))
        assert len(place.seen) == 1
        place.revoked.add(SERIALS[0])
        clock.elapsed_s = 99
        await source.check(question(), deadline)
        clock.elapsed_s = 100
        with pytest.raises(StatusError):
            await source.check(question(), deadline)
        assert len(place.seen) == 2
        await source.close()

    async def test_a_file_is_read_again_when_it_has_changed(self, tmp_path: Path) -> None:
        file, place, clock = tmp_path / "list.crl", Place(), HandClock()
        source = CrlStatus(place.fetcher(clock), clock, place=str(file))
        assert standing(await outcome(source, clock)) is Standing.UNKNOWN  # not there
        source = CrlStatus(place.fetcher(clock), clock, place=str(file))
        file.write_bytes(place.crl())
        await source.check(question(), Deadline.after(4, 0))
        place.revoked.add(SERIALS[0])
        file.write_bytes(place.crl())
        os.utime(file, (1, 1))
        assert standing(await outcome(source, clock)) is Standing.REVOKED
        assert place.seen == []

    @pytest.mark.parametrize(
        "content", [b"", bytes(50), b"-----BEGIN X509 CRL-----", Place().crl("oem_sub_ca2")]
    )
    async def test_lists_that_are_none(self, content: bytes) -> None:
        place, clock = Place(handler=answering(200, content)), HandClock()
        source = CrlStatus(place.fetcher(clock), clock, place=CRL_URL)
        assert standing(await outcome(source, clock)) is Standing.UNKNOWN


class TestBackend:
    @pytest.mark.parametrize("status", CertificateStatus)
    async def test_what_the_backend_says(self, status: CertificateStatus) -> None:
        expected = {
            CertificateStatus.ACCEPTED: Standing.GOOD,
            CertificateStatus.CERTIFICATE_REVOKED: Standing.REVOKED,
            CertificateStatus.CONTRACT_CANCELLED: Standing.CANCELED,
        }
        body = json.dumps({"certificateStatus": status}).encode()
        place, clock = Place(handler=answering(200, body)), HandClock()
        error = await outcome(BackendStatus(place.fetcher(clock), BACKEND_URL + "/"), clock)
        assert standing(error) is expected.get(status, Standing.UNKNOWN)
        (request,) = place.seen
        assert str(request.url) == f"{BACKEND_URL}/msp/v1/authorize"
        assert json.loads(request.content)["emaid"] == EMAID

    @pytest.mark.parametrize("body", [b"", b"{}", b'{"certificateStatus": "Fine"}', b"\xff"])
    async def test_answers_that_are_none(self, body: bytes) -> None:
        place, clock = Place(handler=answering(200, body)), HandClock()
        error = await outcome(BackendStatus(place.fetcher(clock), BACKEND_URL), clock)
        assert standing(error) is Standing.UNKNOWN
