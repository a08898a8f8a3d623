"""Calls that are repeated, one after the other or at once: the same state, an equal answer."""

import asyncio
import base64
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import exi
from backend_stub.cps.interface import SignOrder
from pki.entropy import SystemEntropy
from tests.backend_stub.material import (
    DOOR,
    World,
    der_base64,
    make_hierarchy,
    provisioning_certificate,
)
from tests.backend_stub.test_cps import EMAID, contract_data
from tests.backend_stub.test_door import sign_body
from v2g.messages import iso2


async def everything(world: World, pcid: str) -> list[Any]:
    """Return what the doors show of the market, and how much has happened."""
    answers = [
        await world.http.get(path)
        for path in (
            f"{DOOR}/{pcid}",
            f"/v1/oem/provCerts/{pcid}",
            "/v1/root/rootCerts",
            "/v1/webhook/endpoints",
        )
    ]
    events = [event["eventType"] for event in (await world.http.get("/v1/events")).json()["events"]]
    return [
        *(answer.json() for answer in answers),
        [name for name in events if name != "mo.prov.cert.updated"],
    ]


async def bodies(world: World, pcid: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return each PUT of the doors with a body that is in order."""
    now = world.clock.now()
    signed = await world.market.cps.sign(SignOrder(data=contract_data(world, world.hierarchy)))
    key = SystemEntropy().ec_key(ec.SECP256R1()).public_key()
    certificate = provisioning_certificate(world.hierarchy, pcid, key, now=now)
    names = {"emaid": EMAID, "pcid": pcid, "xsdMsgDefNamespace": iso2.NAMESPACE}
    root = der_base64(make_hierarchy(seed=9)["v2g_root"].certificate)
    endpoint = {"url": "http://127.0.0.1:9/hook", "enabledEvents": ["oem.contract.created"]}
    made = (await world.http.post("/v1/webhook/endpoints", json=endpoint)).json()
    return {
        "bundle": (
            DOOR,
            names
            | {
                "signedContractDataXML": base64.b64encode(
                    exi.to_xml(signed.message, iso2.SCHEMA).encode()
                ).decode()
            },
        ),
        "opnc bundle": (
            "/opnc/v1/ccp/signedcontractdata",
            names
            | {
                "certificateInstallationRes": base64.b64encode(
                    exi.encode(signed.message, iso2.SCHEMA)
                ).decode()
            },
        ),
        "signature": ("/v1/cps/contractData/signed", sign_body(world, pcid=pcid)),
        "generation": (
            "/v1/cps/generate/signedContractData",
            names
            | {"contractBegins": now.isoformat(), "contractEnds": (now + timedelta(days=9)).isoformat()},
        ),
        "car": (
            "/v1/oem/provCerts",
            {
                "vehicleCertificate": der_base64(certificate),
                "subCA1Certificate": der_base64(world.hierarchy["oem_sub_ca1"].certificate),
                "subCA2Certificate": der_base64(world.hierarchy["oem_sub_ca2"].certificate),
            },
        ),
        "root": ("/v1/root/rootCerts", {"caCertificate": root, "rootType": "V2G"}),
        "endpoint": (f"/v1/webhook/endpoints/{made['id']}", endpoint | {"description": "changed"}),
    }


NAMES = ("bundle", "opnc bundle", "signature", "generation", "car", "root", "endpoint")


@pytest.mark.parametrize("name", NAMES)
async def test_a_repeated_put(world: World, name: str) -> None:
    car = await world.build()
    url, body = (await bodies(world, car.pcid))[name]
    answers, states = [], []
    for _ in range(3):
        answer = await world.http.put(url, json=body)
        answers.append((answer.status_code, answer.content))
        states.append(await everything(world, car.pcid))
        world.clock.forward(minutes=1)
    assert answers[0][0] in {200, 201}
    assert answers[1:] == answers[:-1]
    assert states[1:] == states[:-1]


@pytest.mark.parametrize("name", NAMES)
async def test_equal_puts_at_once(world: World, name: str) -> None:
    car = await world.build()
    url, body = (await bodies(world, car.pcid))[name]
    answers = await asyncio.gather(*(world.http.put(url, json=body) for _ in range(5)))
    assert len({(answer.status_code, answer.content) for answer in answers}) == 1
    assert answers[0].status_code in {200, 201}
    state = await everything(world, car.pcid)
    assert (await world.http.put(url, json=body)).status_code == answers[0].status_code
    assert await everything(world, car.pcid) == state
