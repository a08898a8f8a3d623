"""Connected providers: one broadcast on a miss, the first good answer, the right signer, whatever fails."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.types import Receive, Scope, Send

from backend_stub.certificates import der
from backend_stub.errors import Code, MarketError
from backend_stub.federation import calls, roots
from backend_stub.federation.notices import Notices
from backend_stub.rcp.interface import RootType
from pki.entropy import SystemEntropy
from pki.names import fingerprint_sha256
from tests.backend_stub.material import (
    DOOR,
    chain_of,
    door_body,
    encode,
    open_contract_key,
    provisioning_certificate,
    response_of,
    signing_request,
)
from tests.backend_stub.providers import Providers, open_providers


@pytest.fixture
async def market(tmp_path: Path) -> AsyncIterator[Providers]:
    async with open_providers(tmp_path) as opened:
        yield opened


async def refused(awaitable: Awaitable[object]) -> MarketError:
    with pytest.raises(MarketError) as caught:
        await awaitable
    return caught.value


def v2g_root(market: Providers, name: str) -> str:
    return fingerprint_sha256(market[name].hierarchy["v2g_root"].certificate)


@pytest.mark.parametrize("charger_at", ["a", "b", "c"])
async def test_contract_of_a_for_a_car_of_b_under_the_root_of_c(market: Providers, charger_at: str) -> None:
    car, code = await market.build("b", "c")
    assert car.v2g_roots == (market["c"].hierarchy["v2g_root"].certificate,)
    emaid = await market.onboard("a", car, code)
    assert emaid.startswith("DEPNA")
    found = await market.install(charger_at, car)
    assert (found.emaid, found.v2g_root_fingerprint) == (emaid, v2g_root(market, "c"))
    _, body = response_of(found.response)
    open_contract_key(car, body)
    # Signed by C's service; stored at A, and nowhere else.
    cps = market["c"].hierarchy["cps_leaf"].certificate
    assert body.sa_provisioning_certificate_chain.certificate == der(cps)
    with calls.asked(from_here=True):
        assert [c.emaid for c in await market["a"].market.ccp.of_car(car.pcid)] == [emaid]
        assert await market["b"].market.ccp.of_car(car.pcid) == []
        assert await market["c"].market.ccp.of_car(car.pcid) == []
        assert (await market["b"].market.pcp.get(car.pcid)).pcid == car.pcid
        for other in ("a", "c"):
            assert await market[other].market.pcp.find(car.pcid) is None


async def test_a_miss_is_broadcast_once_and_never_forwarded(market: Providers) -> None:
    car, _ = await market.build("b", "b")
    market.wires.passed.clear()
    error = await refused(market.install("a", car))
    assert error.code is Code.NO_CONTRACT
    asked = [(to, what, flagged) for _, to, what, flagged in market.wires.passed]
    assert sorted(asked) == [("b", f"POST {DOOR}", True), ("c", f"POST {DOOR}", True)]


async def test_the_door_of_a_peer_answers_a_broadcast_from_here(market: Providers) -> None:
    car, _ = await market.build("b", "b")
    path = f"/v1/oem/provCerts/{car.pcid}"
    assert (await market["a"].http.get(path, headers={"broadcast": "true"})).status_code == 404
    assert market.wires.asked("b", path) == 0
    assert (await market["a"].http.get(path)).status_code == 200
    assert (await market["a"].http.get(path, headers={"broadcast": "true"})).status_code == 404


async def test_roots_of_peers_are_fetched_when_they_are_needed_and_only_if_pinned(market: Providers) -> None:
    with calls.at_once():
        assert len(await market["a"].market.rcp.roots(RootType.V2G)) == 1
    assert len(await market["a"].market.rcp.roots(RootType.V2G)) == 3
    fetched = len(market.wires.passed)
    assert len(await market["a"].market.rcp.roots(RootType.V2G)) == 3
    assert len(market.wires.passed) == fetched  # nothing is missing any more
    # A root that somebody adds at B is B's business: it is not pinned.
    strange = market["a"].hierarchy["oem_root"].certificate
    await market["b"].market.rcp.add(RootType.V2G, strange)
    held = {root.fingerprint for root in await market["c"].market.rcp.roots(RootType.V2G)}
    assert held == {v2g_root(market, name) for name in "abc"}


async def test_a_dead_peer_costs_nothing_where_another_answers(market: Providers) -> None:
    car, code = await market.build("b", "c")
    emaid = await market.onboard("a", car, code)
    market.wires.dead.add("b")
    assert (await market.install("c", car)).emaid == emaid


async def test_a_silent_peer_does_not_delay_the_first_good_answer(market: Providers) -> None:
    car, code = await market.build("b", "c")
    emaid = await market.onboard("a", car, code)
    market.wires.hanging.add("b")
    async with asyncio.timeout(5):
        assert (await market.install("c", car)).emaid == emaid


async def test_a_silent_peer_is_waited_for_within_the_deadline_only(market: Providers) -> None:
    car, _ = await market.build("b", "b")
    market.wires.hanging.add("c")
    with calls.asked(within_s=0.2):
        error = await refused(market.install("a", car))
    assert error.code is Code.NO_CONTRACT
    assert "no answer from provider c" in error.detail


async def test_the_deadline_travels_reduced(market: Providers) -> None:
    with calls.asked(within_s=1.0):
        assert 0.8 < calls.budget_s(60.0) <= 0.9
        assert calls.budget_s(0.5) == 0.5
    assert calls.budget_s(60.0) == 60.0


async def test_own_contract_is_given_while_all_peers_hang(market: Providers) -> None:
    car, code = await market.build("a", "a")
    emaid = await market.onboard("a", car, code)
    market.wires.hanging |= {"b", "c"}
    market.wires.passed.clear()
    async with asyncio.timeout(5):
        assert (await market.install("a", car)).emaid == emaid
    assert market.wires.passed == []


async def test_a_replaced_key_reaches_the_pool_of_another_provider(market: Providers) -> None:
    car, code = await market.build("b", "c")
    await market.onboard("a", car, code)
    key = SystemEntropy().ec_key(ec.SECP256R1())
    built = await market["b"].market.oem.rekey(car.pcid, signing_request(key))
    assert await notices_of(market, "b").deliver() == 0
    assert not await held_at(market, "a", car.pcid)
    again = replace(car, key=key, certificate=built.vehicle.certificate)
    assert (await refused(market.install("a", again))).code is Code.NO_CONTRACT
    assert (await refused(market.install("a", car))).code is Code.REVOKED
    emaid = await market.onboard("a", again, built.code)
    assert (await market.install("c", again)).emaid == emaid


def notices_of(market: Providers, name: str) -> Notices:
    """Return what delivers a provider's notices: its background work is one of its methods."""
    owners = [getattr(run, "__self__", None) for run in market[name].market.background]
    (notices,) = [owner for owner in owners if isinstance(owner, Notices)]
    return notices


async def held_at(market: Providers, name: str, pcid: str) -> bool:
    with calls.asked(from_here=True):
        return bool(await market[name].market.ccp.of_car(pcid))


async def test_a_notice_waits_for_a_peer_that_is_away(market: Providers) -> None:
    car, code = await market.build("b", "c")
    await market.onboard("a", car, code)
    market.wires.dead.add("a")
    await market["b"].market.pcp.delete(car.pcid)
    notices = notices_of(market, "b")
    assert await notices.deliver() == 1
    assert await held_at(market, "a", car.pcid)
    market.wires.dead.clear()
    market.clock.forward(minutes=1)
    assert await notices.deliver() == 0
    assert not await held_at(market, "a", car.pcid)


async def test_an_installation_finds_out_that_a_copy_is_old(market: Providers) -> None:
    car, code = await market.build("b", "c")
    await market.onboard("a", car, code)
    key = SystemEntropy().ec_key(ec.SECP256R1())
    built = await market["b"].market.oem.rekey(car.pcid, signing_request(key))
    market.clock.forward(minutes=1)
    again = replace(car, key=key, certificate=built.vehicle.certificate)
    # No notice was delivered; the car's new certificate gives it away.
    assert (await refused(market.install("a", again))).code is Code.NO_CONTRACT
    assert not await held_at(market, "a", car.pcid)


async def test_no_provider_answers_with_a_car_of_anothers_maker(market: Providers) -> None:
    """C's maker certifies a PCID of B's: nobody believes it, though C's OEM root is known."""
    car, _ = await market.build("b", "b")
    await market["b"].market.pcp.delete(car.pcid)
    forged = provisioning_certificate(
        market["c"].hierarchy, car.pcid, car.key.public_key(), now=market.clock.now()
    )
    await market["c"].market.pcp.put(chain_of(market["c"].hierarchy, forged))
    error = await refused(market["a"].market.pcp.get(car.pcid))
    assert error.code is Code.CHAIN
    assert "maker WB1" in error.detail


async def test_terminating_removes_the_contract_from_every_pool(market: Providers) -> None:
    car, code = await market.build("b", "c")
    emaid = await market.onboard("a", car, code)
    assert await market["c"].market.ccp.find(emaid)
    market.wires.dead.add("b")
    error = await refused(market["a"].market.msp.terminate(emaid))
    assert error.code is Code.PEER
    assert (await market["a"].market.msp.find(emaid)).state == "ending"  # type: ignore[union-attr]
    market.wires.dead.clear()
    assert (await market["a"].market.msp.terminate(emaid)).state == "ended"
    assert (await refused(market.install("c", car))).code is Code.NO_CONTRACT


async def test_a_code_is_used_once_and_shown_to_its_maker_only(market: Providers) -> None:
    car, code = await market.build("b", "b")
    with pytest.raises(MarketError, match="not the maker's") as caught:
        await market.onboard("a", car, "2222-2222-2222-2222")
    assert caught.value.code is Code.ENTITLEMENT
    market.wires.passed.clear()
    await market.onboard("a", car, code)
    asked = {to for _, to, what, _ in market.wires.passed if what.endswith("/entitlement")}
    assert asked == {"b"}
    with pytest.raises(MarketError, match="used already"):
        await market.onboard("c", car, code)
    await market.onboard("c", car, await market["b"].market.oem.issue_code(car.pcid))


async def test_a_code_is_good_again_when_no_contract_came_of_it(
    market: Providers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roots, "BACKOFF_S", 0.0)
    car, code = await market.build("b", "c")
    market.wires.dead.add("c")  # who would have to sign
    error = await refused(market.onboard("a", car, code))
    assert error.code is Code.NO_SIGNER
    market.wires.dead.clear()
    await market.onboard("a", car, code)


async def test_a_car_without_proof(market: Providers) -> None:
    car, _ = await market.build("b", "b")
    error = await refused(market["a"].market.msp.onboard(car.pcid))
    assert error.code is Code.ENTITLEMENT
    assert "maker-code" in error.detail


async def test_fresh_signature_for_a_charger_elsewhere(market: Providers) -> None:
    """The car was given another root after its contract was signed: A asks C's CPS, also for a peer's question."""
    car, code = await market.build("b", "b")
    emaid = await market.onboard("a", car, code)
    other = replace(car, v2g_roots=(market["c"].hierarchy["v2g_root"].certificate,))
    found = await market.install("c", other)
    assert (found.emaid, found.v2g_root_fingerprint) == (emaid, v2g_root(market, "c"))
    assert len(await market["a"].market.ccp.find(emaid)) == 2


async def test_peer_that_answers_nonsense(market: Providers) -> None:
    car, _ = await market.build("b", "b")

    async def nonsense(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"<html>"})

    market.wires.apps["c"] = nonsense  # type: ignore[assignment]
    error = await refused(market.install("a", car))
    assert error.code is Code.NO_CONTRACT
    assert "no answer from provider c" in error.detail


async def test_charger_door_with_deadline(market: Providers) -> None:
    car, code = await market.build("b", "c")
    emaid = await market.onboard("a", car, code)
    response = await market["b"].http.post(
        DOOR, json=door_body(encode(car.request())), headers={"X-Deadline-Ms": "4500"}
    )
    assert response.status_code == 200
    assert response.json()["CCPResponse"]["emaidContent"][0]["messageDef"]["emaid"] == emaid


async def test_terminating_many_removes_them_from_every_pool_in_one_call_each(market: Providers) -> None:
    cars = [await market.build("b", "c") for _ in range(3)]
    emaids = [await market.onboard("a", car, code) for car, code in cars]
    desk = market["a"].market.msp
    market.wires.dead.add("b")
    assert await desk.terminate_many(emaids) == sorted(emaids)
    assert [(await desk.find(emaid)).state for emaid in emaids] == ["ending"] * 3  # type: ignore[union-attr]
    market.wires.dead.clear()
    market.wires.passed.clear()
    assert not await desk.terminate_many(emaids)
    asked = [(to, what) for _, to, what, _ in market.wires.passed if "removals" in what or "DELETE" in what]
    assert {to for to, _ in asked} == {"b", "c"}
    assert len(asked) == 2
    for (car, _), emaid in zip(cars, emaids, strict=True):
        assert (await desk.find(emaid)).state == "ended"  # type: ignore[union-attr]
        assert (await refused(market.install("c", car))).code is Code.NO_CONTRACT
