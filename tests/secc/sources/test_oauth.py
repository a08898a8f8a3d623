"""A charger at a market that is closed: tokens ahead of need, and what a refusal of one becomes."""

import base64
import json
from pathlib import Path

import httpx
import pytest

from secc.errors import BundleError, BundleFailure
from secc.sources import Wanted
from secc.sources.oauth import market_auth
from secc.sources.opcp import OpcpSource
from tests.conftest import VirtualTime
from tests.secc.market import NOW
from v2g.messages import iso2
from v2g.net.clock import LoopClock
from v2g.net.oauth import ENVIRONMENT, CredentialsError
from v2g.timing import Deadline
from v2g.trace import ListSink, Tracer

URL = "http://backend.test"
BUNDLE = b"\x80 a bundle"
SECRET = "not to be seen"


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    path = tmp_path / "cpo.json"
    path.write_text(json.dumps({"client_id": "cpo", "client_secret": SECRET}))
    path.chmod(0o600)
    return path


class Market:
    """Closed; gives tokens unless told otherwise."""

    def __init__(self, *, open_to_us: bool = True) -> None:
        self.open_to_us = open_to_us
        self.calls: list[str] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(f"{request.method} {request.url.path}")
        if request.url.path == "/oauth/token":
            if not self.open_to_us:
                return httpx.Response(401, json={"error": "invalid_client"})
            return httpx.Response(200, json={"access_token": "good", "expires_in": 600})
        if request.headers.get("authorization") != "Bearer good":
            return httpx.Response(401, headers={"WWW-Authenticate": "Bearer"}, json={"errorMessages": ["no"]})
        text = base64.b64encode(BUNDLE).decode()
        content = {"emaidContent": [{"messageDef": {"certificateInstallationRes": text}}]}
        return httpx.Response(200, json={"CCPResponse": content})


async def ask(market: Market, credentials: str, sink: ListSink) -> None:
    """Prepare, and fetch twice."""
    clock = LoopClock(NOW)
    source = OpcpSource(
        URL,
        clock=clock,
        auth=market_auth(credentials, URL, clock),
        transport=httpx.MockTransport(market),
    )
    tracer = Tracer("secc", sink, clock.now)
    try:
        await source.prepare(Deadline.after(4.0, clock.monotonic()))
        for _ in range(2):
            wanted = Wanted(b"\x80 a request", iso2.NAMESPACE)
            await source.fetch(wanted, tracer, Deadline.after(4.0, clock.monotonic()))
    finally:
        await source.close()


def test_the_token_is_there_before_the_first_car(virtual_time: VirtualTime, credentials: Path) -> None:
    market, sink = Market(), ListSink()
    virtual_time(ask(market, str(credentials), sink))
    post = "POST /v1/ccp/signedContractData"
    assert market.calls == ["POST /oauth/token", "HEAD /", post, post]
    assert SECRET not in json.dumps(sink.records, default=str)


def test_no_token_is_a_refusal(virtual_time: VirtualTime, credentials: Path) -> None:
    with pytest.raises(BundleError) as caught:
        virtual_time(ask(Market(open_to_us=False), str(credentials), ListSink()))
    assert caught.value.kind is BundleFailure.REFUSED
    assert "invalid_client" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_where_the_credentials_are(
    monkeypatch: pytest.MonkeyPatch, credentials: Path, tmp_path: Path, virtual_time: VirtualTime
) -> None:
    async def scenario() -> None:
        clock = LoopClock(NOW)
        monkeypatch.delenv(ENVIRONMENT, raising=False)
        assert market_auth("", URL, clock) is None
        monkeypatch.setenv(ENVIRONMENT, str(credentials))
        assert market_auth("", URL, clock) is not None
        with pytest.raises(CredentialsError):
            market_auth(str(tmp_path / "none.json"), URL, clock)

    virtual_time(scenario())
