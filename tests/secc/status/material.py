"""Status sources under test: a responder, lists and a backend in memory, behind an HTTP transport."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

import httpx

from pki.crl import Entry, make_crl
from pki.ocsp import Answer, Responder, parse_request
from pki.revocation import Reason, Revoked
from secc.status import ContractStatusSource, Question, StatusError
from secc.status.fetching import Fetcher
from tests.secc.market import EMAID, NOW, market
from v2g.net.clock import Clock
from v2g.timing import Deadline

OCSP_URL = "http://ca.example/ocsp"
CRL_URL = "http://ca.example/list.crl"
BACKEND_URL = "http://market.example"
REVOKED = Revoked(NOW - timedelta(days=1), Reason.CESSATION_OF_OPERATION)

Handler = Callable[[httpx.Request], Awaitable[httpx.Response]]


def question() -> Question:
    pki = market().pki
    chain = (market().contract.certificate, *pki.chain("mo_sub_ca2"), pki["mo_root"].certificate)
    return Question(EMAID, chain)


@dataclass
class Place:
    """What answers HTTP requests, after ``delay_s``; ``revoked`` are serial numbers."""

    delay_s: float = 0.0
    revoked: set[int] = field(default_factory=set)
    unknown: set[int] = field(default_factory=set)
    handler: Handler | None = None
    seen: list[httpx.Request] = field(default_factory=list)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        await asyncio.sleep(self.delay_s)
        if self.handler is not None:
            return await self.handler(request)
        if request.url.path.endswith(".crl"):
            return httpx.Response(200, content=self.crl())
        return httpx.Response(200, content=self.ocsp(await request.aread()))

    def fetcher(self, clock: Clock, *, max_bytes: int = 65_536) -> Fetcher:
        return Fetcher(clock, max_bytes=max_bytes, transport=httpx.MockTransport(self))

    def ocsp(self, body: bytes) -> bytes:
        """Answer for whichever CA of the market is asked about."""
        asked = parse_request(body)
        pki = market().pki
        serial = asked.ids[0].serial
        above = dict(
            zip(
                (each.serial_number for each in question().path),
                ("mo_sub_ca2", "mo_sub_ca1", "mo_root"),
                strict=False,
            )
        )
        issuer = pki[above.get(serial, "mo_sub_ca2")]
        answers = [
            Answer(
                each,
                known=each.serial not in self.unknown,
                revoked=REVOKED if each.serial in self.revoked else None,
            )
            for each in asked.ids
        ]
        return Responder(issuer.certificate, issuer).answer(
            answers, this_update=NOW, next_update=NOW + timedelta(hours=1)
        )

    def crl(self, issuer: str = "mo_sub_ca2") -> bytes:
        entries = [Entry(serial, REVOKED) for serial in sorted(self.revoked)]
        return make_crl(
            market().pki[issuer], entries, number=1, this_update=NOW, next_update=NOW + timedelta(hours=1)
        )


async def outcome(source: ContractStatusSource, clock: Clock, *, within_s: float = 4.0) -> StatusError | None:
    """Return what a source objects, None when the contract stands."""
    try:
        await source.check(question(), Deadline.after(within_s, clock.monotonic()))
    except StatusError as error:
        return error
    finally:
        await source.close()
    return None
