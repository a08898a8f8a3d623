"""What is revoked is refused by the roles: when it comes in, and after it was stored."""

import httpx
import pytest

from backend_stub.authority.interface import RevokeOrder
from backend_stub.errors import Code, MarketError
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
