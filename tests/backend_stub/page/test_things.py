"""One vehicle and one contract, as all roles have them."""

import base64
from typing import Any

from backend_stub.certificates import subject_key_id
from tests.backend_stub.material import World
from tests.backend_stub.page.test_whole import get


async def test_a_vehicle_with_its_chain_roots_and_contracts(world: World) -> None:
    car, emaid = await world.car_with_contract()
    book = await world.market.oem.find(car.pcid)
    assert book is not None
    await world.market.register.enter("B PN 1", book.vin, car.pcid, "Somebody")
    found = await get(world, f"/market/v1/vehicles/{car.pcid}")
    assert found["vin"] == book.vin
    assert found["registration"] == "BPN1"
    assert found["inPool"]
    assert [line["name"] for line in found["chain"]] == [
        car.pcid,
        *(
            world.hierarchy[name].certificate.subject.rfc4514_string().split("CN=")[1].split(",")[0]
            for name in ("oem_sub_ca2", "oem_sub_ca1", "oem_root")
        ),
    ]
    assert {line["state"] for line in found["chain"]} == {"valid"}
    assert [root["keyId"] for root in found["v2gRoots"]] == [
        subject_key_id(root).hex() for root in car.v2g_roots
    ]
    assert all(root["name"] for root in found["v2gRoots"])
    (line,) = found["contracts"]
    assert (line["emaid"], line["state"], line["inPool"], line["isDefault"]) == (emaid, "active", True, True)


async def test_a_contract_taken_apart(world: World) -> None:
    car, emaid = await world.car_with_contract()
    found = await get(world, f"/market/v1/contracts/{emaid}")
    assert (found["pcid"], found["state"], found["isDefault"]) == (car.pcid, "active", True)
    assert found["chain"][0]["name"] == emaid
    assert found["chain"][-1]["purpose"] == "trust anchor"
    (bundle,) = found["bundles"]
    assert bundle["signature"] == "verified"
    assert {part["what"] for part in bundle["parts"]} == {
        "the contract's certificate chain",
        "the contract's private key, sealed",
        "the public point that opens the seal",
        "the eMAID",
    }
    assert bundle["sealedKeyBytes"] == 48
    assert bundle["signerChain"][0]["purpose"].startswith("signs contracts")
    assert bundle["signerChain"][-1]["fingerprint"] == bundle["v2gRootFingerprint"]
    assert emaid in bundle["xml"]
    assert base64.b64decode(bundle["document"])
    places = {place["place"]: place["present"] for place in found["places"]}
    assert places == {"MSP": True, "CCP": True, "telematics": False}


async def test_a_contract_that_has_ended_is_shown_revoked(world: World) -> None:
    _, emaid = await world.car_with_contract()
    await world.market.msp.terminate(emaid)
    found = await get(world, f"/market/v1/contracts/{emaid}")
    assert found["state"] == "ended"
    assert found["bundles"] == []
    (line,) = found["certificates"]
    assert line["revokedAt"]
    assert line["reason"] == "cessationOfOperation"


async def test_renewal_leaves_both_certificates_in_the_index(world: World) -> None:
    _, emaid = await world.car_with_contract()
    await world.market.msp.renew(emaid)
    found = await get(world, f"/market/v1/contracts/{emaid}")
    assert len(found["certificates"]) == 2
    assert found["certificates"][0]["serial"] != found["certificates"][1]["serial"]


async def test_what_is_not_there_is_refused_in_words(world: World) -> None:
    answer = await world.http.get("/market/v1/vehicles/PNC00000000000000")
    assert (answer.status_code, answer.json()["errorMessages"][0].split()[0]) == (404, "[UNKNOWN_PCID]")
    answer = await world.http.get("/market/v1/contracts/DEPNC000000000V")
    assert answer.status_code in {400, 404}


async def test_delivery_over_the_air_on_request(world: World) -> None:
    car, emaid = await world.car_with_contract()
    path = f"/telematics/v1/contracts/{car.pcid}/{emaid}/delivery"
    assert (await world.http.post(path)).json() == {"outcome": "queued"}
    assert (await world.http.post(path)).status_code == 200
    mailbox = await world.market.over_the_air.telematics.office.mailbox(car.pcid)
    assert [item.emaid for item in mailbox.items] == [emaid]
    found: Any = await get(world, f"/market/v1/vehicles/{car.pcid}")
    assert found["contracts"][0]["overTheAir"] in {"queued", "delivered"}
    missing = await world.http.post(f"/telematics/v1/contracts/{car.pcid}/DEPNC7WZRY15X9J/delivery")
    assert missing.status_code in {400, 409}
