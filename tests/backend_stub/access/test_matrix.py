"""Who may do what: every call of the doors against every kind of party.

A table of its own says what is right; nothing of it is taken from the code that decides.
"""

import base64
from datetime import timedelta
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import exi
from backend_stub.cps.interface import SignOrder
from backend_stub.errors import Code
from pki.entropy import SystemEntropy
from tests.backend_stub.access.material import ClosedWorld
from tests.backend_stub.material import (
    der_base64,
    door_body,
    encode,
    provisioning_certificate,
    signing_request,
)
from tests.backend_stub.test_cps import contract_data
from v2g.identifiers import new_emaid
from v2g.messages import iso2

PARTIES = ("own msp", "other msp", "own oem", "other oem", "cpo", "cps", "peer", "peer aloud", "admin")
EVERYBODY = set(PARTIES)
SUBSCRIBERS = EVERYBODY - {"peer", "peer aloud"}
MSPS = {"own msp", "other msp"}
OEMS = {"own oem", "other oem"}
ASKERS = {"cpo", "own oem", "peer", "admin"}
OWNER = {"own msp", "admin"}
MAKER = {"own oem", "admin"}

# Method and path, as described → who may. "own" is who the contract, car or desk of the test belongs to.
ALLOWED: dict[str, set[str]] = {
    "POST /v1/ccp/signedContractData": ASKERS,
    "PUT /v1/ccp/signedContractData": {"own msp", "cps", "peer", "admin"},
    "DELETE /v1/ccp/signedContractData/{emaid}": OWNER | {"peer"},
    "POST /v1/ccp/signedContractData/{pcid}/{emaid}/default": MAKER | {"peer"},
    "GET /v1/ccp/signedContractData/{pcid}": MSPS | {"own oem", "peer", "admin"},
    "GET /v1/ccp/lookupContract/{emaid}": OWNER | OEMS | {"peer"},
    "GET /v1/ccp/provideSignedContractData/{emaid}/{pcid}": MAKER | {"peer"},
    "PUT /v1/cps/contractData/signed": OWNER | {"peer"},
    "PUT /v1/cps/signedContractData": OWNER | {"peer"},
    "PUT /v1/cps/forward/signedContractData": OWNER | {"peer"},
    "PUT /v1/cps/generate/signedContractData": OWNER,
    "GET /cps/signer": EVERYBODY,
    "PUT /v1/oem/provCerts": MAKER,
    "GET /v1/oem/provCerts/lookupVehicle/{pcid}": MSPS | {"own oem", "cps", "peer", "admin"},
    "GET /v1/oem/provCerts/{pcid}": MSPS | {"own oem", "cps", "peer", "admin"},
    "DELETE /v1/oem/provCerts/{pcid}": MAKER,
    "GET /v1/root/rootCerts": EVERYBODY,
    "PUT /v1/root/rootCerts": {"admin"},
    "GET /v1/root/rootCerts/{root_certificate_id}": EVERYBODY,
    "DELETE /v1/root/rootCerts/{root_certificate_id}": {"admin"},
    "GET /v1/root/ctl": EVERYBODY,
    "POST /oem/v1/vehicles": MAKER,
    "GET /oem/v1/suites": MAKER,
    "GET /oem/v1/vehicles": MAKER,
    "GET /oem/v1/vehicles/{pcid}": MAKER,
    "POST /oem/v1/vehicles/{pcid}/key": MAKER,
    "POST /oem/v1/vehicles/{pcid}/code": MAKER,
    "POST /oem/v1/vehicles/{pcid}/entitlement": MSPS | {"own oem", "cps", "peer", "admin"},
    "POST /msp/v1/contracts": OWNER,
    "GET /msp/v1/contracts": OWNER,
    "GET /msp/v1/contracts/{emaid}": OWNER,
    "POST /msp/v1/contracts/{emaid}/renewal": OWNER,
    "POST /msp/v1/contracts/{emaid}/termination": OWNER,
    "POST /msp/v1/terminations": OWNER,
    "POST /msp/v1/authorize": {"cpo", "own oem", "other oem", "peer", "admin"},
    "GET /.well-known/est/{ca}/cacerts/{version}": EVERYBODY,
    "GET /authority/v1/certificates/{name}": OWNER,
    "GET /v1/webhook/endpoints": SUBSCRIBERS,
    "POST /v1/webhook/endpoints": SUBSCRIBERS,
    "GET /v1/webhook/endpoints/{endpoint_id}": SUBSCRIBERS,
    "PUT /v1/webhook/endpoints/{endpoint_id}": SUBSCRIBERS,
    "DELETE /v1/webhook/endpoints/{endpoint_id}": SUBSCRIBERS,
    "GET /v1/webhook/endpoints/{endpoint_id}/deadLetters": SUBSCRIBERS,
    "GET /v1/events": EVERYBODY,
    "GET /telematics/v1/vehicles": MAKER,
    "GET /telematics/v1/contracts/{pcid}": MAKER,
    "DELETE /telematics/v1/contracts/{pcid}": MAKER,
    "POST /telematics/v1/contracts/{pcid}/{emaid}/delivery": MAKER,
    "POST /register/v1/vehicles": {"admin"},
    "GET /register/v1/vehicles": MSPS | OEMS | {"cps", "peer", "admin"},
    "POST /register/v1/documents/check": MSPS | OEMS | {"cps", "peer", "admin"},
    "POST /federation/v1/removals": OWNER | {"peer"},
    "POST /federation/v1/notices": {"peer", "admin"},
    "POST /federation/v1/resets": {"peer", "admin"},
    "GET /market/v1/overview": {"admin"},
    "GET /market/v1/roles": {"admin"},
    "GET /market/v1/providers": {"admin"},
    "GET /market/v1/clients": {"admin"},
    "GET /market/v1/certificates": EVERYBODY,
    "GET /market/v1/events": EVERYBODY,
    "GET /market/v1/vehicles/{pcid}": MAKER,
    "GET /market/v1/contracts/{emaid}": OWNER,
}
ELSEWHERE = {
    # Judged by the certificate that is asked for or revoked: the tests of the authority do that.
    "POST /.well-known/est/{ca}/simpleenroll/{version}",
    "POST /authority/v1/revocations",
    "POST /opnc/v1/pki/est/simpleenroll",
    "POST /opnc/v1/pki/revokeCertificate",
    "GET /v1/events/stream",  # endless
}
PUBLIC = {
    "POST /oauth/token",
    "GET /crl/{issuer}.crl",
    "POST /ocsp",
    "GET /ocsp/{question}",
    "POST /telematics/v1/webhook",
    "POST /telematics/v1/vehicles/{pcid}/challenge",
    "GET /telematics/v1/vehicles/{pcid}/mailbox",
    "POST /telematics/v1/vehicles/{pcid}/mailbox/{item_id}/acknowledgement",
    "POST /telematics/v1/vehicles/{pcid}/default",
    "POST /telematics/v1/vehicles/{pcid}/reset",
}
SAME = {  # OPNC's call → the one of OPCP that it must be like
    "POST /opnc/v1/ccp/signedcontractdata": "POST /v1/ccp/signedContractData",
    "PUT /opnc/v1/ccp/signedcontractdata": "PUT /v1/ccp/signedContractData",
    "DELETE /opnc/v1/ccp/signedcontractdata/{emaid}": "DELETE /v1/ccp/signedContractData/{emaid}",
    "GET /opnc/v1/ccp/signedcontractdata/{emaid}/{pcid}": "GET /v1/ccp/provideSignedContractData/{emaid}/{pcid}",
    "POST /opnc/v1/ccp/signedcontractdata/{emaid}/{pcid}/setdefault": "POST /v1/ccp/signedContractData/{pcid}/{emaid}/default",
    "GET /opnc/v1/ccp/contractData/emaid/{emaid}": "GET /v1/ccp/lookupContract/{emaid}",
    "GET /opnc/v1/ccp/contractData/pcid/{pcid}": "GET /v1/ccp/signedContractData/{pcid}",
    "PUT /opnc/v1/cps/contractData/sign": "PUT /v1/cps/contractData/signed",
    "PUT /opnc/v1/cps/contractData/generateandsign": "PUT /v1/cps/generate/signedContractData",
    "GET /opnc/v1/cps/cpsCertificates": "GET /cps/signer",
    "PUT /opnc/v1/pcp/provisioningcertificates": "PUT /v1/oem/provCerts",
    "GET /opnc/v1/pcp/provisioningcertificates/{pcid}": "GET /v1/oem/provCerts/{pcid}",
    "DELETE /opnc/v1/pcp/provisioningcertificates/{pcid}": "DELETE /v1/oem/provCerts/{pcid}",
    "GET /opnc/v1/pcp/lookupvehicle/{pcid}": "GET /v1/oem/provCerts/lookupVehicle/{pcid}",
    "GET /opnc/v1/rcp/rootcertificates": "GET /v1/root/rootCerts",
    "PUT /opnc/v1/rcp/rootcertificates": "PUT /v1/root/rootCerts",
    "GET /opnc/v1/rcp/rootcertificates/{rootCertificateId}": "GET /v1/root/rootCerts/{root_certificate_id}",
    "DELETE /opnc/v1/rcp/rootcertificates/{rootCertificateId}": "DELETE /v1/root/rootCerts/{root_certificate_id}",
    "GET /opnc/v1/pki/est/cacerts": "GET /.well-known/est/{ca}/cacerts/{version}",
    "POST /opnc/v1/event/endpoints": "POST /v1/webhook/endpoints",
    "GET /opnc/v1/event/endpoints": "GET /v1/webhook/endpoints",
    "GET /opnc/v1/event/endpoints/{id}": "GET /v1/webhook/endpoints/{endpoint_id}",
    "PUT /opnc/v1/event/endpoints/{id}": "PUT /v1/webhook/endpoints/{endpoint_id}",
    "DELETE /opnc/v1/event/endpoints/{id}": "DELETE /v1/webhook/endpoints/{endpoint_id}",
}
NOWHERE = "00000000-0000-4000-8000-000000000000"


async def fill(closed: ClosedWorld) -> tuple[dict[str, str], dict[str, Any]]:
    """Make a car with a contract; return what to put into paths, and bodies that belong to its owners."""
    world = closed.world
    car, emaid = await world.car_with_contract()
    names = {
        "emaid": emaid,
        "pcid": car.pcid,
        "ca": "mo",
        "version": "ISO15118-2",
        "name": emaid,
    }
    data = contract_data(world, world.hierarchy, emaid=emaid)
    assert data.sub_ca2 is not None
    signed = await world.market.cps.sign(SignOrder(data=data))
    sealed = {
        "contractSignatureEncryptedPrivateKey": base64.b64encode(data.encrypted_private_key).decode(),
        "dHpublickey": base64.b64encode(data.dh_public_key).decode(),
    }
    chain = [der_base64(data.certificate), der_base64(data.sub_ca2), der_base64(data.sub_ca1)]
    create = {
        "contractData": {
            "contractSignatureCertChain": {
                "contractSignatureCertChainCertificate": chain[0],
                "contractSignatureCertChainSubCertificates": chain[1:],
            },
            "emaid": emaid,
        }
        | sealed,
        "emaid": emaid,
        "pcid": car.pcid,
        "xsdMsgDefNamespace": iso2.NAMESPACE,
    }
    now = world.clock.now()
    key = SystemEntropy().ec_key(ec.SECP256R1()).public_key()
    certificate = der_base64(provisioning_certificate(world.hierarchy, car.pcid, key, now=now))
    above = [der_base64(world.hierarchy[f"oem_sub_ca{number}"].certificate) for number in (1, 2)]
    hook = {"url": "http://127.0.0.1:9/hook", "enabledEvents": ["oem.contract.created"]}
    generate = {
        "contractBegins": now.isoformat(),
        "contractEnds": (now + timedelta(days=30)).isoformat(),
        "emaid": emaid,
        "pcid": car.pcid,
        "xsdMsgDefNamespace": iso2.NAMESPACE,
    }
    root = der_base64(world.hierarchy["mo_root"].certificate)
    request = signing_request(SystemEntropy().ec_key(ec.SECP256R1()))
    bodies = {
        "POST /v1/ccp/signedContractData": door_body(encode(car.request())),
        "POST /msp/v1/terminations": {"emaids": [emaid]},
        "PUT /v1/ccp/signedContractData": {
            "signedContractDataXML": base64.b64encode(
                exi.to_xml(signed.message, iso2.SCHEMA).encode()
            ).decode(),
            "emaid": emaid,
            "pcid": car.pcid,
            "xsdMsgDefNamespace": iso2.NAMESPACE,
        },
        "PUT /opnc/v1/ccp/signedcontractdata": {
            "certificateInstallationRes": "gAA=",
            "emaid": emaid,
            "pcid": car.pcid,
        },
        "PUT /v1/cps/contractData/signed": {
            "contractData": {
                "contractCertificate": chain[0],
                "contractSubCa2Certificate": chain[1],
                "contractSubCa1Certificate": chain[2],
            }
            | sealed,
            "xsdMsgDefNamespace": iso2.NAMESPACE,
        },
        "PUT /opnc/v1/cps/contractData/sign": {
            "contractCertificateBundle": {
                "pcid": car.pcid,
                "emaid": emaid,
                "contractCertificateChain": {
                    "certificate": chain[0],
                    "subCa2Certificate": chain[1],
                    "subCa1Certificate": chain[2],
                },
            }
            | sealed,
            "xsdMsgDefNamespace": iso2.NAMESPACE,
        },
        "PUT /v1/cps/signedContractData": create,
        "PUT /v1/cps/forward/signedContractData": create,
        "PUT /v1/cps/generate/signedContractData": generate,
        "PUT /v1/oem/provCerts": {
            "vehicleCertificate": certificate,
            "subCA1Certificate": above[0],
            "subCA2Certificate": above[1],
        },
        "PUT /opnc/v1/pcp/provisioningcertificates": {
            "provisioningCertificateChain": {
                "certificate": certificate,
                "subCa1Certificate": above[0],
                "subCa2Certificate": above[1],
            }
        },
        "PUT /v1/root/rootCerts": {"caCertificate": root, "rootType": "MO"},
        "POST /v1/webhook/endpoints": hook,
        "PUT /v1/webhook/endpoints/{endpoint_id}": hook,
        "POST /oem/v1/vehicles": {
            "certificationRequest": base64.b64encode(request.tbs_certrequest_bytes).decode()
        },
        "POST /msp/v1/contracts": {"pcid": car.pcid},
        "POST /federation/v1/removals": {"emaids": [emaid]},
        "POST /federation/v1/notices": {"pcid": car.pcid},
        "POST /federation/v1/resets": {"pcid": car.pcid},
    }
    return names, bodies


def place(path: str, names: dict[str, str]) -> str:
    """Fill in a described path; what is not named gets an id that nothing has."""
    for part in path.split("/"):
        if part.startswith("{"):
            path = path.replace(part, names.get(part[1:-1], NOWHERE))
    return path


def calls(world_paths: dict[str, Any]) -> list[str]:
    return [f"{method.upper()} {path}" for path, methods in world_paths.items() for method in methods]


def refused(response: httpx.Response, code: Code) -> bool:
    return response.status_code == code.status and f"[{code}]" in response.text


async def test_every_call_is_in_the_table(closed: ClosedWorld) -> None:
    described = set(calls(closed.world.app.openapi()["paths"]))
    assert described == set(ALLOWED) | set(SAME) | ELSEWHERE | PUBLIC


@pytest.mark.parametrize("party", PARTIES)
async def test_party_against_call(closed: ClosedWorld, party: str) -> None:
    names, bodies = await fill(closed)
    headers = closed.headers(party)
    wrong = []
    # What deletes comes last, so that each call finds what it is about.
    for call in sorted([*ALLOWED, *SAME], key=lambda name: ("DELETE" in name or "termination" in name, name)):
        method, path = call.split(" ")
        body = bodies.get(call, bodies.get(SAME.get(call, ""), {}))
        query = {"caDomain": "mo"} if path.endswith("est/cacerts") else {}
        arguments = {"json": body} if method in {"POST", "PUT"} else {}
        response = await closed.world.http.request(
            method, place(path, names), headers=headers, params=query, **arguments
        )
        allowed = party in ALLOWED[SAME.get(call, call)]
        if refused(response, Code.FORBIDDEN) is allowed or refused(response, Code.UNAUTHENTICATED):
            wrong.append(f"{call}: {response.status_code} {response.text[:200]}")
        if not allowed and not refused(response, Code.FORBIDDEN):
            wrong.append(f"{call} is open to {party}: {response.status_code} {response.text[:200]}")
        assert response.status_code != 500, call
    assert wrong == []


async def test_nobody_gets_nowhere(closed: ClosedWorld) -> None:
    names, _ = await fill(closed)
    for call in (*ALLOWED, *SAME, *ELSEWHERE):
        method, path = call.split(" ")
        for headers in (
            {},
            {"Authorization": "Basic YTpi"},
            {"Authorization": "Bearer"},
            {"Authorization": "Bearer not.a.token"},
        ):
            response = await closed.world.http.request(method, place(path, names), headers=headers)
            assert refused(response, Code.UNAUTHENTICATED), (call, headers, response.text)
            challenge = response.headers["www-authenticate"]
            assert challenge.startswith('Bearer realm="')
            assert ('error="invalid_token"' in challenge) is (
                headers.get("Authorization", "").count(".") == 2
            )


async def test_public_calls_need_no_token(closed: ClosedWorld) -> None:
    names, _ = await fill(closed)
    for call in PUBLIC:
        method, path = call.split(" ")
        response = await closed.world.http.request(method, place(path, names | {"issuer": "0" * 64}))
        assert "www-authenticate" not in response.headers, call
        assert not refused(response, Code.FORBIDDEN), call
    for path in (
        "/docs",
        "/docs/opcp",
        "/docs/opnc",
        "/openapi.json",
        "/opcp/openapi.json",
        "/opnc/openapi.json",
    ):
        assert (await closed.world.http.get(path)).status_code == 200, path


@pytest.mark.parametrize(
    "path",
    [
        "/v1/ccp/lookupContract/{}",
        "/opnc/v1/ccp/contractData/emaid/{}",
    ],
)
@pytest.mark.parametrize("party", ["other msp", "other oem"])
async def test_what_exists_and_what_does_not_look_the_same_to_others(
    closed: ClosedWorld, path: str, party: str
) -> None:
    _, emaid = await closed.world.car_with_contract()
    other = str(new_emaid("DE", "PNC", "000000001"))
    answers = []
    for name in (emaid, other):
        response = await closed.world.http.get(path.format(name), headers=closed.headers(party))
        normal = response.json()["errorMessages"][0]
        answers.append((response.status_code, normal.replace(emaid, "X").replace(other, "X")[:40]))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_another_makers_cars_look_the_same(closed: ClosedWorld, method: str) -> None:
    car = await closed.world.build()
    answers = set()
    for pcid in (car.pcid, "PNC00000000000000"):
        path = f"/v1/oem/provCerts/{pcid}"
        response = await closed.world.http.request(method, path, headers=closed.headers("other oem"))
        answers.add((response.status_code, response.text.partition('"traceId"')[0].replace(pcid, "X")))
    assert len(answers) == 1
    assert next(iter(answers))[0] == 403


async def test_operators_see_their_own_contracts_of_a_car(closed: ClosedWorld) -> None:
    car, emaid = await closed.world.car_with_contract()
    path = f"/v1/ccp/signedContractData/{car.pcid}"
    seen = {}
    for party in ("own msp", "other msp", "own oem"):
        answer = await closed.world.http.get(path, headers=closed.headers(party))
        seen[party] = [entry["emaid"] for entry in answer.json()["XMLContracts"]]
    assert seen == {"own msp": [emaid], "other msp": [], "own oem": [emaid]}


async def test_fewer_scopes_than_the_role_has(closed: ClosedWorld) -> None:
    account = closed.accounts["own msp"]
    answer = await closed.world.http.post("/oauth/token", json=account.request | {"scope": "rcp:read"})
    assert answer.json()["scope"] == "rcp:read"
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert (await closed.world.http.get("/v1/root/rootCerts", headers=headers)).status_code == 200
    refusal = await closed.world.http.get("/cps/signer", headers=headers)
    assert refused(refusal, Code.FORBIDDEN)
    assert "cps:read" in refusal.json()["errorMessages"][0]
