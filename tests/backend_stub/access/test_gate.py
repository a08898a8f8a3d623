"""The gate: who is let in, how often, and where an open market may listen."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message

from backend_stub.access.clients import AccessError
from backend_stub.access.gate import CLIENT_RATE, STRANGER_RATE, Gate, Rates, is_loopback
from backend_stub.access.interface import OPEN, Party, Role, Scope
from backend_stub.access.limits import Limiter, Rate
from backend_stub.access.settings import AccessSettings, from_description, from_options
from backend_stub.errors import Code, MarketError
from pki.entropy import SystemEntropy
from pki.hierarchy import Hierarchy
from tests.backend_stub.access.material import ClosedWorld
from tests.backend_stub.material import SetClock
from tests.backend_stub.server import run
from tests.backend_stub.test_door import refused

ROOTS = "/v1/root/rootCerts"


def test_bucket() -> None:
    clock = SetClock()
    limiter = Limiter(Rate(per_s=2, burst=3), clock.monotonic)
    for _ in range(3):
        limiter.take("a")
    with pytest.raises(MarketError) as caught:
        limiter.take("a")
    assert caught.value.code is Code.TOO_MANY
    assert caught.value.headers == {"Retry-After": "1"}
    limiter.take("b")  # one's burst is not another's
    clock.forward(seconds=0.5)
    limiter.take("a")
    with pytest.raises(MarketError):
        limiter.take("a")
    clock.forward(hours=1)
    for _ in range(3):
        limiter.take("a")
    with pytest.raises(MarketError):
        limiter.take("a")


def test_buckets_are_forgotten_in_the_end() -> None:
    limiter = Limiter(Rate(per_s=1, burst=1), SetClock().monotonic)
    for number in range(10_500):
        limiter.take(str(number))
    assert len(limiter._buckets) == 10_000


@pytest.mark.parametrize(("per_s", "burst"), [(0, 1), (-1, 1), (float("nan"), 1), (float("inf"), 1), (1, 0)])
def test_rates_that_are_none(per_s: float, burst: int) -> None:
    with pytest.raises(ValueError, match="rate"):
        Rate(per_s, burst)


async def test_a_client_that_asks_too_often(limited: ClosedWorld) -> None:
    headers = limited.headers("admin")
    statuses = {
        (await limited.world.http.get(ROOTS, headers=headers)).status_code for _ in range(CLIENT_RATE.burst)
    }
    assert statuses == {200}
    late = await limited.world.http.get(ROOTS, headers=headers)
    refused(late, Code.TOO_MANY)
    assert late.headers["retry-after"] == "1"
    assert (await limited.world.http.get(ROOTS, headers=limited.headers("cpo"))).status_code == 200


async def test_bad_tokens_are_counted_by_address(limited: ClosedWorld) -> None:
    headers = {"Authorization": "Bearer not.a.token"}
    statuses = [
        (await limited.world.http.get(ROOTS, headers=headers)).status_code
        for _ in range(STRANGER_RATE.burst + 1)
    ]
    assert statuses[0] == 401
    assert statuses[-1] == 429
    assert (await limited.world.http.get(ROOTS, headers=limited.headers("cpo"))).status_code == 200


async def test_the_body_of_a_stranger_is_not_read(closed: ClosedWorld) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        raise AssertionError("nobody may read this")

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/v1/ccp/signedContractData",
        "headers": [(b"content-length", b"60000")],
        "client": ("192.0.2.1", 7),
        "query_string": b"",
    }
    await closed.world.app(scope, receive, send)
    assert sent[0]["status"] == 401


async def test_two_authorization_headers(closed: ClosedWorld) -> None:
    token = ("Authorization", f"Bearer {closed.tokens['admin']}")
    refused(await closed.world.http.get(ROOTS, headers=[token, token]), Code.UNAUTHENTICATED)


def test_an_open_gate_lets_everybody_in() -> None:
    gate = Gate(None, Rates(), SetClock().monotonic)
    assert gate.admit({"path": "/anything", "headers": []}) is OPEN
    counted = Gate(None, Rates(client=Rate(1, 1)), SetClock().monotonic)
    counted.admit({"path": "/", "headers": [], "client": ("127.0.0.1", 1)})
    with pytest.raises(MarketError):
        counted.admit({"path": "/", "headers": [], "client": ("127.0.0.1", 2)})


def test_what_a_party_owns() -> None:
    msp = Party(Role.MSP, "DEPNC", frozenset({Scope.CCP_READ}))
    assert msp.owns_contract("DEPNC0000000015")
    assert not msp.owns_contract("DEPND0000000015")
    assert msp.owns_vehicle("WVW00000000000001")
    oem = Party(Role.OEM, "WVW", frozenset())
    assert oem.owns_vehicle("WVW00000000000001")
    assert not oem.owns_vehicle("PNC00000000000001")
    with pytest.raises(MarketError, match=r"FORBIDDEN.*not one of msp DEPNC"):
        msp.check_contract("FRXYZ0000000015")
    with pytest.raises(MarketError, match=r"FORBIDDEN.*not one of oem WVW"):
        oem.check_vehicle("PNC00000000000001")
    with pytest.raises(MarketError, match=r"FORBIDDEN.*no right market"):
        oem.check_scope(Scope.MARKET)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.1", False),
        ("example.org", False),
    ],
)
def test_open_markets_serve_loopback_only(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
    if loopback:
        AccessSettings().check_host(host)
    else:
        with pytest.raises(AccessError, match="client add"):
            AccessSettings().check_host(host)
        AccessSettings(clients=Path("clients.json")).check_host(host)


@pytest.mark.system
def test_serve_refuses_to_be_open_to_everybody(tmp_path: Path) -> None:
    Hierarchy.create(now=datetime.now(UTC) - timedelta(hours=1), entropy=SystemEntropy()).save(tmp_path)
    files = ("--pki", str(tmp_path), "--database", str(tmp_path / "market.db"), "--port", "0")
    for options, reason in (
        (("--host", "0.0.0.0"), "loopback addresses only"),
        (("--clients", str(tmp_path / "none.json")), "none.json"),
        (("--rate", "0"), "rate"),
    ):
        ended = run("serve", *files, *options)
        assert (ended.returncode, reason in ended.stderr) == (2, True), ended.stderr


def test_the_description() -> None:
    folder = Path("/etc/market")
    assert from_description({}, folder) == AccessSettings()
    table = {
        "clients": "clients.json",
        "token_lifetime_s": 60,
        "audiences": ["https://market.example"],
        "rate_per_s": 10,
        "burst": 5,
        "strict_opnc": True,
    }
    settings = from_description({"access": table}, folder)
    assert settings.clients == folder / "clients.json"
    assert (settings.token_lifetime_s, settings.strict_opnc) == (60, True)
    assert settings.audiences == {"https://market.example"}
    assert settings.rates == Rates(Rate(10, 5), STRANGER_RATE)
    assert from_description({"access": {"stranger_rate_per_s": 50}}, folder).rates == Rates(
        stranger=Rate(50, 200)
    )
    assert from_description({"access": {"clients": "c"}}, folder).rates == Rates(CLIENT_RATE, STRANGER_RATE)
    for wrong, key in (
        ({"client": 1}, "access.client"),
        ({"clients": 7}, "access.clients"),
        ({"token_lifetime_s": 0}, "access.token_lifetime_s"),
        ({"token_lifetime_s": True}, "access.token_lifetime_s"),
        ({"audiences": [1]}, "access.audiences"),
        ({"rate_per_s": -1}, "access.rate_per_s"),
        ({"stranger_rate_per_s": 0}, "access.stranger_rate_per_s"),
        ({"strict_opnc": "yes"}, "access.strict_opnc"),
    ):
        with pytest.raises(AccessError) as caught:
            from_description({"access": wrong}, folder)
        assert caught.value.place == key
    with pytest.raises(AccessError):
        from_description({"access": 7}, folder)


def test_the_options() -> None:
    assert from_options(None, None, strict_opnc=False) == AccessSettings()
    assert from_options(None, 2.5, strict_opnc=False).rates == Rates(Rate(2.5, 5))
    assert from_options(Path("c"), None, strict_opnc=True).rates == Rates(CLIENT_RATE, STRANGER_RATE)
