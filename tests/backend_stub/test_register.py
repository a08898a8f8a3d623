"""The vehicle register, its secrets, and the numbers of vehicles."""

from datetime import timedelta

import pytest

from backend_stub import proofs
from backend_stub.errors import Code, MarketError
from backend_stub.msp.interface import Proof, Rule
from backend_stub.vins import check_digit, check_vin, new_vin
from pki.entropy import SeededEntropy, SystemEntropy
from tests.backend_stub.material import World

VIN = "1M8GDM9AXKP042788"


@pytest.mark.parametrize("vin", [VIN, "1HGCM82633A004352", "11111111111111111"])
def test_check_digit_of_known_numbers(vin: str) -> None:
    assert check_digit(vin) == vin[8]


def test_new_numbers_are_proper() -> None:
    entropy = SeededEntropy(3)
    for _ in range(200):
        vin = new_vin("WBB", entropy)
        assert check_vin(vin.lower()) == vin
        assert check_digit(vin) == vin[8]


@pytest.mark.parametrize(
    "text", ["", "1M8GDM9AXKP04278", "1M8GDM9AXKP0427888", "1M8GDM9AXKPO42788", "ÄM8GDM9AXKP042788"]
)
def test_what_is_no_vin(text: str) -> None:
    with pytest.raises(MarketError) as caught:
        check_vin(text)
    assert caught.value.code is Code.REQUEST


def test_secrets_on_paper() -> None:
    made = {proofs.new_secret(SystemEntropy()) for _ in range(100)}
    assert len(made) == 100
    secret = made.pop()
    kept = proofs.digest("PCID", secret)
    assert secret.replace("-", "") not in kept
    assert proofs.fits("PCID", secret.lower().replace("-", " "), kept)
    assert not proofs.fits("OTHER", secret, kept)
    assert not proofs.fits("PCID", made.pop(), kept)


async def test_a_car_is_found_by_its_number_however_it_is_written(world: World) -> None:
    car = await world.build()
    register = world.market.register
    made = await register.enter("b-pn 2026", VIN, car.pcid, "A. Fahrer")
    assert made.registration.number == "BPN2026"
    assert await register.by_number("B PN-2026") == made.registration
    assert await register.by_vin(VIN.lower()) == made.registration
    assert await register.by_number("B XX 1") is None
    assert made.document not in repr(made.registration)


async def test_two_cars_do_not_share_a_number(world: World) -> None:
    first, second = await world.build(), await world.build()
    await world.market.register.enter("B PN 1", VIN, first.pcid, "A")
    with pytest.raises(MarketError) as caught:
        await world.market.register.enter("B PN 1", "1HGCM82633A004352", second.pcid, "B")
    assert caught.value.code is Code.CONFLICT


@pytest.mark.parametrize(
    ("number", "vin", "pcid", "keeper"),
    [
        ("", VIN, "WBB00000000000001", "A"),
        ("X" * 13, VIN, "WBB00000000000001", "A"),
        ("B1", "no", "WBB00000000000001", "A"),
        ("B1", VIN, "no", "A"),
        ("B1", VIN, "WBB00000000000001", " "),
    ],
)
async def test_improper_entries(world: World, number: str, vin: str, pcid: str, keeper: str) -> None:
    with pytest.raises(MarketError) as caught:
        await world.market.register.enter(number, vin, pcid, keeper)
    assert caught.value.code is Code.REQUEST


async def test_a_new_keeper_makes_the_old_document_void(world: World) -> None:
    car = await world.build()
    register = world.market.register
    old = await register.enter("B PN 1", VIN, car.pcid, "A")
    new = await register.enter("B PN 1", VIN, car.pcid, "B")
    await register.check_document(car.pcid, new.document)
    with pytest.raises(MarketError) as caught:
        await register.check_document(car.pcid, old.document)
    assert caught.value.code is Code.ENTITLEMENT


async def test_guessing_ends_after_ten_tries(world: World) -> None:
    car = await world.build()
    register = world.market.register
    made = await register.enter("B PN 1", VIN, car.pcid, "A")
    for _ in range(proofs.MAX_WRONG_TRIES):
        with pytest.raises(MarketError):
            await register.check_document(car.pcid, "2222-2222-2222-2222")
    with pytest.raises(MarketError, match="too many"):
        await register.check_document(car.pcid, made.document)


async def test_onboarding_by_registration_number_and_document(world: World) -> None:
    car = await world.build()
    msp = world.market.msp
    made = await world.market.register.enter("B PN 1", VIN, car.pcid, "A")
    assert await msp.resolve(registration="b pn 1") == await msp.resolve(vin=VIN) == car.pcid
    contract = await msp.onboard(car.pcid, Proof(Rule.KEEPER_DOCUMENT, made.document))
    assert (await world.install(car)).emaid == contract.emaid
    with pytest.raises(MarketError) as caught:
        await msp.onboard(car.pcid, Proof(Rule.KEEPER_DOCUMENT, "wrong"))
    assert caught.value.code is Code.ENTITLEMENT
    assert await msp.count() == 1
    with pytest.raises(MarketError) as caught:
        await msp.resolve(registration="B XX 1")
    assert caught.value.code is Code.UNKNOWN


async def test_the_doors_of_register_and_front_desk(world: World) -> None:
    car = await world.build()
    entry = {"number": "B PN 1", "vin": VIN, "pcid": car.pcid, "keeper": "A. Fahrer"}
    made = await world.http.post("/register/v1/vehicles", json=entry)
    assert made.status_code == 201
    found = (await world.http.get("/register/v1/vehicles", params={"number": "B-PN-1"})).json()
    assert found["pcid"] == car.pcid
    assert "keeper" not in found
    assert "document" not in found
    assert (await world.http.get("/register/v1/vehicles")).status_code == 400
    assert (await world.http.get("/register/v1/vehicles", params={"vin": "x"})).status_code == 404
    wish = {"registration": "B PN 1", "document": made.json()["document"]}
    answer = await world.http.post("/msp/v1/contracts", json=wish)
    assert answer.status_code == 201
    assert answer.json()["state"] == "active"
    both = await world.http.post("/msp/v1/contracts", json=wish | {"pcid": car.pcid})
    assert both.status_code == 400
    wrong = await world.http.post("/msp/v1/contracts", json=wish | {"document": "x"})
    assert (wrong.status_code, wrong.json()["errorMessages"][0][:13]) == (403, "[ENTITLEMENT]")


def test_proof_shows_nothing() -> None:
    assert repr(Proof(Rule.MAKER_CODE, "hidden")) == "<Proof by maker-code>"


async def test_renewal_gives_a_new_key_under_the_same_name(world: World) -> None:
    car, emaid = await world.car_with_contract()
    before = (await world.market.ccp.find(emaid))[0].certificate
    world.clock.forward(days=30)
    renewed = await world.market.msp.renew(emaid)
    after = (await world.market.ccp.find(emaid))[0].certificate
    assert renewed.emaid == emaid
    assert after.serial_number == renewed.certificate_serial != before.serial_number
    assert after.public_key() != before.public_key()
    assert after.not_valid_after_utc - before.not_valid_after_utc == timedelta(days=30)
    assert (await world.install(car)).emaid == emaid
    assert await world.market.msp.count() == 1


async def test_termination_ends_a_contract_for_good(world: World) -> None:
    car, emaid = await world.car_with_contract()
    ended = await world.market.msp.terminate(emaid)
    assert (ended.state, ended.end_reason) == ("ended", "cessationOfOperation")
    assert await world.market.ccp.find(emaid) == []
    (entry,) = await world.market.authority.find(emaid)
    assert entry.revoked_at is not None
    assert await world.market.msp.terminate(emaid) == ended
    with pytest.raises(MarketError) as caught:
        await world.install(car)
    assert caught.value.code is Code.NO_CONTRACT
    with pytest.raises(MarketError) as caught:
        await world.market.msp.renew(emaid)
    assert caught.value.code is Code.NO_CONTRACT
    assert [contract.emaid for contract in await world.market.msp.of_car(car.pcid)] == [emaid]


async def test_a_contract_of_somebody_else_is_not_ended(world: World) -> None:
    with pytest.raises(MarketError) as caught:
        await world.market.msp.terminate("DEXXX0000000001")
    assert caught.value.code is Code.NO_CONTRACT
