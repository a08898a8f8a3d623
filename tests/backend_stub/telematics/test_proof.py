"""The door for cars: only the car itself gets in, once for each challenge, for exactly its request."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend_stub.errors import MarketError
from backend_stub.telematics import store
from backend_stub.telematics.proof import CHALLENGE_HEADER, SIGNATURE_HEADER
from pki.entropy import SystemEntropy
from tests.backend_stub.material import Car, World
from tests.backend_stub.telematics.material import Office

NOWHERE = "PNC00000000000000"


@dataclass
class Driver:
    """A car at the door, which may cheat."""

    world: World
    car: Car

    @property
    def path(self) -> str:
        return f"/telematics/v1/vehicles/{self.car.pcid}"

    async def challenge(self, pcid: str = "") -> str:
        answer = await self.world.http.post(f"/telematics/v1/vehicles/{pcid or self.car.pcid}/challenge")
        assert answer.status_code == 200
        return str(answer.json()["challenge"])

    def proof(
        self,
        challenge: str,
        method: str,
        target: str,
        body: bytes = b"",
        *,
        key: ec.EllipticCurvePrivateKey | None = None,
        domain: str = "pnclab-telematics-v1",
    ) -> dict[str, str]:
        lines = (domain, challenge, method, target, hashlib.sha256(body).hexdigest())
        text = "".join(f"{line}\n" for line in lines).encode()
        signature = (key or self.car.key).sign(text, ec.ECDSA(hashes.SHA256()))
        return {
            "Content-Type": "application/json",
            CHALLENGE_HEADER: challenge,
            SIGNATURE_HEADER: base64.b64encode(signature).decode(),
        }

    async def look(self, headers: Mapping[str, str], query: str = "") -> httpx.Response:
        return await self.world.http.get(f"{self.path}/mailbox{query}", headers=headers)


async def at_the_door(world: World) -> tuple[Driver, str]:
    car, emaid = await world.car_with_contract()
    await Office.of(world).deliver()
    return Driver(world, car), emaid


def refused(answer: httpx.Response, why: str) -> None:
    assert answer.status_code == 401, answer.text
    assert why in answer.json()["errorMessages"][0]
    assert answer.headers[CHALLENGE_HEADER]  # the next try needs no question


async def test_the_car_gets_in_and_each_answer_brings_the_next_challenge(world: World) -> None:
    driver, emaid = await at_the_door(world)
    challenge = await driver.challenge()
    first = await driver.look(driver.proof(challenge, "GET", f"{driver.path}/mailbox"))
    assert first.status_code == 200
    content: dict[str, Any] = first.json()
    (item,) = content["items"]
    assert (item["emaid"], item["action"]) == (emaid, "install")
    assert content["contracts"][0]["defaultContract"] is True
    body = b'{"result": "installed"}'
    target = f"{driver.path}/mailbox/{item['id']}/acknowledgement"
    headers = driver.proof(first.headers[CHALLENGE_HEADER], "POST", target, body)
    second = await world.http.post(target, content=body, headers=headers)
    assert second.status_code == 200
    assert second.json()["contracts"][0]["state"] == "installed"
    target = f"{driver.path}/default"
    body = f'{{"emaid": "{emaid}"}}'.encode()
    headers = driver.proof(second.headers[CHALLENGE_HEADER], "POST", target, body)
    assert (await world.http.post(target, content=body, headers=headers)).status_code == 200


async def test_a_proof_serves_once(world: World) -> None:
    driver, _ = await at_the_door(world)
    headers = driver.proof(await driver.challenge(), "GET", f"{driver.path}/mailbox")
    assert (await driver.look(headers)).status_code == 200
    refused(await driver.look(headers), "used before")


async def test_no_proof_at_all(world: World) -> None:
    driver, _ = await at_the_door(world)
    refused(await driver.look({}), "no challenge")
    refused(await driver.look({CHALLENGE_HEADER: await driver.challenge()}), "signature")


async def test_another_key(world: World) -> None:
    driver, _ = await at_the_door(world)
    thief = SystemEntropy().ec_key(ec.SECP256R1())
    headers = driver.proof(await driver.challenge(), "GET", f"{driver.path}/mailbox", key=thief)
    refused(await driver.look(headers), "signature")


async def test_another_car(world: World) -> None:
    driver, _ = await at_the_door(world)
    other = Driver(world, await world.build())
    headers = other.proof(await other.challenge(), "GET", f"{driver.path}/mailbox")
    refused(await driver.look(headers), "no challenge of this backend for this car")
    headers = other.proof(await driver.challenge(), "GET", f"{driver.path}/mailbox")
    refused(await driver.look(headers), "signature")


async def test_another_request_than_the_signed_one(world: World) -> None:
    driver, _ = await at_the_door(world)
    target = f"{driver.path}/mailbox"
    refused(
        await driver.look(driver.proof(await driver.challenge(), "GET", target), "?again=true"), "signature"
    )
    refused(await driver.look(driver.proof(await driver.challenge(), "POST", target)), "signature")
    refused(await driver.look(driver.proof(await driver.challenge(), "GET", target, b"{}")), "signature")
    refused(await driver.look(driver.proof(await driver.challenge(), "GET", target, domain="x")), "signature")


async def test_a_challenge_runs_out(world: World) -> None:
    driver, _ = await at_the_door(world)
    challenge = await driver.challenge()
    world.clock.forward(minutes=3)
    refused(await driver.look(driver.proof(challenge, "GET", f"{driver.path}/mailbox")), "run out")


async def test_a_car_that_nobody_registered(world: World) -> None:
    driver, _ = await at_the_door(world)
    target = f"/telematics/v1/vehicles/{NOWHERE}/mailbox"
    headers = driver.proof(await driver.challenge(NOWHERE), "GET", target)
    refused(await world.http.get(target, headers=headers), "nobody registered")


async def test_questions_of_strangers_store_nothing(world: World) -> None:
    driver, _ = await at_the_door(world)
    for _ in range(3):
        refused(await driver.look({CHALLENGE_HEADER: await driver.challenge(), SIGNATURE_HEADER: "AAAA"}), "")
    rows = await world.database.read(lambda connection: connection.execute(store._proofs.select()).all())
    assert rows == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(challenge=st.text(max_size=80), signature=st.text(max_size=80))
async def test_any_text_is_refused(world: World, challenge: str, signature: str) -> None:
    cars = world.market.over_the_air.telematics.cars
    with pytest.raises(MarketError) as caught:
        await cars.admit(NOWHERE, challenge, signature, method="GET", target="/", body=b"")
    assert caught.value.code.status == 401


async def test_the_staff_sees_states_and_no_bundles(world: World) -> None:
    driver, emaid = await at_the_door(world)
    listed = (await world.http.get("/telematics/v1/vehicles")).json()
    assert listed == {"vehicles": [{"pcid": driver.car.pcid, "contracts": 1, "waiting": 1}]}
    shown = await world.http.get(f"/telematics/v1/contracts/{driver.car.pcid}")
    assert [(line["emaid"], line["state"]) for line in shown.json()["contracts"]] == [(emaid, "queued")]
    assert "certificateInstallationRes" not in shown.text
