"""What is revoked is refused by the roles: when it comes in, and after it was stored."""

import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from backend_stub.authority.interface import RevokeOrder
from backend_stub.ccp.service import BundlePool
from backend_stub.errors import Code, MarketError
from backend_stub.msp import termination
from backend_stub.msp.authorization import CertificateStatus
from pki.revocation import Reason
from tests.backend_stub.material import World, der_base64


async def refusal(world: World, *, pcid: str) -> Code:
    with pytest.raises(MarketError) as caught:
        await world.market.msp.onboard(pcid)
    return caught.value.code


async def revoke(world: World, name: str) -> None:
    certificate = world.hierarchy[name].certificate
    await world.market.authority.revoke(RevokeOrder(certificate, Reason.CA_COMPROMISE))


@pytest.mark.parametrize("member", ["mo_sub_ca1", "mo_sub_ca2"])
async def test_the_cps_signs_nothing_of_a_revoked_operator(world: World, member: str) -> None:
    car = await world.build()
    await revoke(world, member)
    assert await refusal(world, pcid=car.pcid) is Code.REVOKED


async def test_the_pools_take_nothing_that_a_revoked_cps_has_signed(world: World) -> None:
    car = await world.build()
    await revoke(world, "cps_leaf")
    assert await refusal(world, pcid=car.pcid) is Code.REVOKED


async def test_no_car_of_a_revoked_maker_is_registered(world: World) -> None:
    await revoke(world, "oem_sub_ca2")
    with pytest.raises(MarketError) as caught:
        await world.build()
    assert caught.value.code is Code.REVOKED


@pytest.mark.parametrize("member", ["mo_sub_ca2", "cps_leaf", "cps_sub_ca1"])
async def test_a_stored_bundle_is_not_given_out_when_a_ca_above_it_is_revoked(
    world: World, member: str
) -> None:
    car, _ = await world.car_with_contract()
    await world.install(car)
    await revoke(world, member)
    with pytest.raises(MarketError) as caught:
        await world.install(car)
    assert caught.value.code is Code.NO_CONTRACT


async def test_a_revoked_contract_is_not_given_out(world: World) -> None:
    car, emaid = await world.car_with_contract()
    (contract,) = await world.market.ccp.find(emaid)
    await world.market.authority.revoke(RevokeOrder(contract.certificate))
    answer = await world.knock(car.request())
    assert answer.status_code == 404
    assert "revoked" in answer.json()["errorMessages"][0]


async def test_a_revoked_car_gets_nothing(world: World) -> None:
    car, _ = await world.car_with_contract()
    await world.market.authority.revoke(RevokeOrder(car.certificate, Reason.KEY_COMPROMISE))
    answer = await world.knock(car.request())
    assert answer.status_code == 403
    assert answer.json()["errorMessages"][0].startswith("[REVOKED]")


async def test_everything_issued_is_in_the_index(world: World) -> None:
    car, emaid = await world.car_with_contract()
    (contract,) = await world.market.authority.find(emaid)
    assert contract.pcid == car.pcid
    assert len(await world.market.authority.find(car.pcid)) == 1


async def asked(world: World, emaid: str, **fields: str) -> httpx.Response:
    return await world.http.post("/msp/v1/authorize", json={"emaid": emaid, **fields})


async def test_a_charger_asks_whether_a_contract_stands(world: World) -> None:
    _, emaid = await world.car_with_contract()
    _, other = await world.car_with_contract()
    (contract,) = await world.market.ccp.find(emaid)
    certificate = der_base64(contract.certificate)

    async def status(name: str = emaid) -> CertificateStatus:
        answer = await asked(world, name, certificate=certificate)
        assert answer.status_code == 200, answer.text
        return CertificateStatus(answer.json()["certificateStatus"])

    assert await status() is CertificateStatus.ACCEPTED
    assert await status(f"{emaid[:2]}-{emaid[2:5]}-{emaid[5:14]}") is CertificateStatus.ACCEPTED
    assert await status(other) is CertificateStatus.CERT_CHAIN_ERROR
    await world.market.authority.revoke(RevokeOrder(contract.certificate))
    assert await status() is CertificateStatus.CERTIFICATE_REVOKED
    await world.market.msp.terminate(emaid)
    for spelling in (emaid, emaid.lower(), f"{emaid[:2]}-{emaid[2:5]}-{emaid[5:14]}"):
        assert await status(spelling) is CertificateStatus.CONTRACT_CANCELLED
    foreign = der_base64(world.hierarchy["secc_leaf"].certificate)
    answer = await asked(world, emaid, certificate=foreign)
    assert answer.json()["certificateStatus"] == "CertChainError"
    assert (await asked(world, emaid)).status_code == 400


async def test_a_contract_that_has_run_out(world: World) -> None:
    _, emaid = await world.car_with_contract()
    (contract,) = await world.market.ccp.find(emaid)
    world.clock.moment = contract.certificate.not_valid_after_utc
    world.clock.forward(seconds=1)
    answer = await asked(world, emaid, certificate=der_base64(contract.certificate))
    assert answer.json()["certificateStatus"] == "CertificateExpired"


async def test_ending_a_contract_revokes_it_and_takes_it_out_of_the_pool(world: World) -> None:
    car, emaid = await world.car_with_contract()
    ended = await world.market.msp.terminate(emaid, Reason.AFFILIATION_CHANGED)
    assert ended.state == "ended"
    (index,) = await world.market.authority.find(emaid)
    assert index.reason is Reason.AFFILIATION_CHANGED
    assert await world.market.ccp.find(emaid) == []
    answer = await world.knock(car.request())
    assert answer.json()["errorMessages"][0].startswith("[NO_CONTRACT]")
    events = await world.market.over_the_air.events.events(0, 100)
    assert "oem.contract.deleted" in {event.type for event in events if event.emaid == emaid}


def lines_of(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_ending_many_contracts_in_one_call(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(termination, "MANY", 2)
    pairs = [await world.car_with_contract() for _ in range(5)]
    emaids = [emaid for _, emaid in pairs]
    strange = "DEPNCA1B2C3D4EU"
    body = {"emaids": [*emaids, strange, emaids[0]], "reason": "cessationOfOperation"}
    lines = lines_of(await world.http.post("/msp/v1/terminations", json=body))
    assert [line["phase"] for line in lines] == ["revoking", "ending", "ending", "ending"]
    assert lines[-1] == {
        "phase": "ending",
        "done": 6,
        "total": 6,
        "failures": 1,
        "failed": [strange],
        "finished": True,
    }
    for car, emaid in pairs:
        contract = await world.market.msp.find(emaid)
        assert contract is not None
        assert contract.state == "ended"
        assert await world.market.ccp.find(emaid) == []
        assert (await world.knock(car.request())).status_code == 404
    again = lines_of(await world.http.post("/msp/v1/terminations", json=body))[-1]
    assert (again["finished"], again["failures"]) == (True, 1)


async def test_a_pool_that_cannot_be_reached_stops_nobody_elses_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    emaids = [(await world.car_with_contract())[1] for _ in range(3)]
    delete = BundlePool.delete_many

    async def failing(pool: BundlePool, many: Sequence[str]) -> Sequence[str]:
        if emaids[2] in many:
            raise MarketError(Code.PEER, "no pool there")
        await delete(pool, [emaid for emaid in many if emaid != emaids[1]])
        return [emaid for emaid in many if emaid == emaids[1]]

    with monkeypatch.context() as patch:
        patch.setattr(termination, "MANY", 2)
        patch.setattr(BundlePool, "delete_many", failing)
        last = lines_of(await world.http.post("/msp/v1/terminations", json={"emaids": emaids}))[-1]
        states = [(await world.market.msp.find(emaid)) for emaid in emaids]
    assert (last["finished"], last["failures"], last["failed"]) == (True, 2, emaids[1:])
    assert [each.state for each in states if each is not None] == ["ended", "ending", "ending"]
    last = lines_of(await world.http.post("/msp/v1/terminations", json={"emaids": emaids}))[-1]
    assert last["failures"] == 0
    for emaid in emaids:
        assert await world.market.ccp.find(emaid) == []


async def test_nothing_of_ours_to_end(world: World) -> None:
    (line,) = lines_of(await world.http.post("/msp/v1/terminations", json={"emaids": ["DEPNCA1B2C3D4EU"]}))
    assert (line["finished"], line["failures"]) == (True, 1)
    assert (await world.http.post("/msp/v1/terminations", json={"emaids": []})).status_code == 400
