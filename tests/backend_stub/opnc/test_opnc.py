"""OPNC's doors: shapes, traps, and that they are the same market as OPCP's."""

import base64
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import exi
from backend_stub.access.settings import AccessSettings
from backend_stub.cps.interface import SignOrder
from backend_stub.errors import Code
from backend_stub.opnc.fields import MAX_CERTIFICATE_CHARACTERS
from pki.entropy import SystemEntropy
from pki.hierarchy import Hierarchy
from pki.issuing import issue
from pki.names import fingerprint_sha256
from pki.profiles import OEM_PROVISIONING
from tests.backend_stub.access.material import OTHER_ROOT, open_closed_world
from tests.backend_stub.material import (
    DOOR,
    SESSION_ID,
    World,
    der_base64,
    door_body,
    encode,
    make_hierarchy,
    open_contract_key,
    open_world,
    provisioning_certificate,
    response_of,
)
from tests.backend_stub.test_cps import contract_data
from tests.backend_stub.test_door import refused
from v2g.messages import iso2

OPNC = "/opnc/v1"
ISO20 = (
    "urn:iso:15118:20:2020:MsgDef",
    "urn:iso:15118:20:2022:MsgDef",
    "urn:iso:std:iso:15118:-20:CommonMessages",
)
UNKNOWN_PCID = "WVW00000000000001"


async def test_installation_is_flat(world: World) -> None:
    car, emaid = await world.car_with_contract()
    response = await world.http.post(f"{OPNC}/ccp/signedcontractdata", json=door_body(encode(car.request())))
    assert response.status_code == 200
    collection = response.json()["signedContractDataCollection"]
    # One, so that a client which reads the first finds the same as one which reads the last.
    assert len(collection) == 1
    data = collection[0]
    root = car.v2g_roots[0]
    assert (data["emaid"], data["pcid"]) == (emaid, car.pcid)
    assert data["xsdMsgDefNamespace"] == iso2.NAMESPACE
    assert data["cpsV2GRootCertificateFingerprint"] == fingerprint_sha256(root)
    assert data["cpsRootDistinguishedName"] == root.subject.rfc4514_string()
    message, body = response_of(base64.b64decode(data["certificateInstallationRes"]))
    assert message.header.session_id == SESSION_ID
    open_contract_key(car, body)


async def test_refusal_is_readable_by_the_car(world: World) -> None:
    car = await world.build()
    body = door_body(encode(car.request()))
    for path in (DOOR, f"{OPNC}/ccp/signedcontractdata"):
        response = await world.http.post(path, json=body)
        assert response.status_code == 404
        assert response.json()["errorMessages"][0].startswith("[NO_CONTRACT]")
        answer = response.json()
        entry = (
            answer["CCPResponse"]["emaidContent"][0]["messageDef"]
            if path == DOOR
            else answer["signedContractDataCollection"][0]
        )
        message, told = response_of(base64.b64decode(entry["certificateInstallationRes"]))
        assert message.header.session_id == SESSION_ID
        assert told.response_code is iso2.ResponseCode.FAILED_NoCertificateAvailable
        response = await world.http.post(path, json=body, headers={"alwaysReturnEXI": "false"})
        assert set(response.json()) == {"errorMessages", "traceId"}
    garbage = await world.http.post(f"{OPNC}/ccp/signedcontractdata", json=door_body(b"\x80\x00"))
    refused(garbage, Code.EXI)


def sign_body(world: World, pcid: str, emaid: str, **changes: Any) -> dict[str, Any]:
    data = contract_data(world, world.hierarchy, emaid=emaid)
    assert data.sub_ca2 is not None
    bundle = {
        "pcid": pcid,
        "emaid": emaid,
        "contractCertificateChain": {
            "certificate": der_base64(data.certificate),
            "subCa1Certificate": der_base64(data.sub_ca1),
            "subCa2Certificate": der_base64(data.sub_ca2),
        },
        "contractSignatureEncryptedPrivateKey": base64.b64encode(data.encrypted_private_key).decode(),
        "dHpublickey": base64.b64encode(data.dh_public_key).decode(),
    }
    return {"contractCertificateBundle": bundle, "xsdMsgDefNamespace": iso2.NAMESPACE} | changes


EMAID = "DE83DUIEN83QGZD"


async def test_sign_and_look_up(world: World) -> None:
    car = await world.build()
    url = f"{OPNC}/cps/contractData/sign"
    answers = [await world.http.put(url, json=sign_body(world, car.pcid, EMAID)) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()  # the same order gets the same signature
    data = answers[0].json()["signedContractData"]
    assert (data["emaid"], data["pcid"]) == (EMAID, car.pcid)
    looked = await world.http.get(f"{OPNC}/ccp/contractData/emaid/{EMAID}")
    (entry,) = looked.json()["contractDataCollection"]
    assert (entry["pcid"], entry["defaultContract"]) == (car.pcid, True)
    assert entry["cpsV2GRootDistinguishedName"] == car.v2g_roots[0].subject.rfc4514_string()
    listed = await world.http.get(f"{OPNC}/ccp/contractData/pcid/{car.pcid}")
    assert listed.json() == {"contractDataCollection": [entry]}
    opcp = (await world.http.get(f"{DOOR}/{car.pcid}")).json()["XMLContracts"]
    assert [contract["emaid"] for contract in opcp] == [EMAID]
    collected = await world.http.get(
        f"{OPNC}/ccp/signedcontractdata/{EMAID}/{car.pcid}", params={"sessionID": "0A0b"}
    )
    (one,) = collected.json()["signedContractDataCollection"]
    message, _ = response_of(base64.b64decode(one["certificateInstallationRes"]))
    assert message.header.session_id == bytes.fromhex("0a0b")
    default = f"{OPNC}/ccp/signedcontractdata/{EMAID}/{car.pcid}/setdefault"
    assert (await world.http.post(default)).status_code == 200
    refused(await world.http.post(default.replace(car.pcid, UNKNOWN_PCID)), Code.NO_CONTRACT)
    assert (await world.http.delete(f"{OPNC}/ccp/signedcontractdata/{EMAID}")).status_code == 200
    refused(await world.http.delete(f"{OPNC}/ccp/signedcontractdata/{EMAID}"), Code.NO_CONTRACT)
    refused(await world.http.get(f"{OPNC}/ccp/contractData/emaid/{EMAID}"), Code.NO_CONTRACT)


async def test_put_of_what_was_signed_elsewhere(world: World) -> None:
    car = await world.build()
    data = contract_data(world, world.hierarchy, emaid=EMAID)
    signed = await world.market.cps.sign(SignOrder(data=data))
    body = {
        "certificateInstallationRes": base64.b64encode(exi.encode(signed.message, iso2.SCHEMA)).decode(),
        "emaid": EMAID,
        "pcid": car.pcid,
        "xsdMsgDefNamespace": iso2.NAMESPACE,
    }
    url = f"{OPNC}/ccp/signedcontractdata"
    for _ in range(2):
        assert (await world.http.put(url, json=body)).status_code == 201
    refused(await world.http.put(url, json=body | {"emaid": "DEPNC0000000015"}), Code.MESSAGE)
    refused(await world.http.put(url, json=body | {"pcid": UNKNOWN_PCID}), Code.UNKNOWN_PCID)
    refused(await world.http.put(url, json=body | {"certificateInstallationRes": "gAA="}), Code.EXI)


async def test_names_that_contradict(world: World) -> None:
    car = await world.build()
    body = sign_body(world, car.pcid, EMAID)
    body["contractCertificateBundle"]["emaid"] = "DEPNC0000000015"
    refused(await world.http.put(f"{OPNC}/cps/contractData/sign", json=body), Code.MESSAGE)


@pytest.mark.parametrize(
    ("url", "extra"),
    [
        ("/v1/cps/generate/signedContractData", {}),
        (f"{OPNC}/cps/contractData/generateandsign", {"moRootCertificateFingerprint": None}),
    ],
)
async def test_generate(world: World, url: str, extra: dict[str, Any]) -> None:
    car = await world.build()
    now = world.clock.now()
    body = {
        "contractBegins": now.isoformat(),
        "contractEnds": (now + timedelta(days=30)).isoformat(),
        "emaid": EMAID,
        "pcid": car.pcid,
        "xsdMsgDefNamespace": iso2.NAMESPACE,
        **extra,
    }
    assert (await world.http.put(url, json=body)).status_code == 201
    first = await world.install(car)
    _, response = response_of(first.response)
    open_contract_key(car, response)
    world.clock.forward(hours=1)
    # The same again changes nothing, also when it comes twice at once.
    assert (await world.http.put(url, json=body)).status_code == 201
    assert (await world.install(car)).response == first.response
    found = (await world.market.authority.find(EMAID))[0]
    assert found.pcid == car.pcid  # so that it can be revoked
    refused(await world.http.put(url, json=body | {"pcid": UNKNOWN_PCID}), Code.UNKNOWN_PCID)
    for begins, ends in (
        (now, now),
        (now - timedelta(2), now - timedelta(1)),
        (now + timedelta(1), now + timedelta(2)),
    ):
        times = {"contractBegins": begins.isoformat(), "contractEnds": ends.isoformat()}
        refused(await world.http.put(url, json=body | times), Code.REQUEST)
    if extra:
        strange = body | {"moRootCertificateFingerprint": "0" * 64}
        refused(await world.http.put(url, json=strange), Code.NO_SIGNER)


async def test_cps_certificates(world: World) -> None:
    answer = (await world.http.get(f"{OPNC}/cps/cpsCertificates")).json()
    (entry,) = answer["cpsCertificateDataCollection"]
    assert entry["cpsCertificateChain"]["certificate"] == der_base64(world.hierarchy["cps_leaf"].certificate)
    assert entry["cpsV2GRootCertificateFingerprint"] == fingerprint_sha256(
        world.hierarchy["v2g_root"].certificate
    )


def chain_body(world: World, pcid: str) -> dict[str, Any]:
    key = SystemEntropy().ec_key(ec.SECP256R1()).public_key()
    certificate = provisioning_certificate(world.hierarchy, pcid, key, now=world.clock.now())
    return {
        "provisioningCertificateChain": {
            "certificate": der_base64(certificate),
            "subCa1Certificate": der_base64(world.hierarchy["oem_sub_ca1"].certificate),
            "subCa2Certificate": der_base64(world.hierarchy["oem_sub_ca2"].certificate),
        },
        "v2gRootAuthorityKeyIdentifiers": ["01:ab"],
    }


async def test_pcp(world: World) -> None:
    body = chain_body(world, UNKNOWN_PCID)
    one = f"{OPNC}/pcp/provisioningcertificates/{UNKNOWN_PCID}"
    refused(await world.http.get(one), Code.UNKNOWN_PCID)
    for _ in range(2):
        assert (await world.http.put(f"{OPNC}/pcp/provisioningcertificates", json=body)).status_code == 200
    found = (await world.http.get(one)).json()["provisioningCertificate"]
    assert found["provisioningCertificateChain"] == body["provisioningCertificateChain"]
    assert found["v2gRootAuthorityKeyIdentifiers"] == ["01:ab"]
    opcp = (await world.http.get(f"/v1/oem/provCerts/{UNKNOWN_PCID}")).json()["OEMMessage"]
    assert opcp["vehicleCertificate"] == body["provisioningCertificateChain"]["certificate"]
    assert (await world.http.get(f"{OPNC}/pcp/lookupvehicle/{UNKNOWN_PCID}")).status_code == 200
    assert (await world.http.delete(one)).status_code == 200
    refused(await world.http.delete(one), Code.UNKNOWN_PCID)


async def test_roots_and_the_misspelt_name(world: World) -> None:
    url = f"{OPNC}/rcp/rootcertificates"
    everything = (await world.http.get(url)).json()["rootCertificateCollection"]
    assert {tuple(root["rootTypeList"]) for root in everything} == {("V2G",), ("OEM",), ("eMSP",)}
    for spelling in ("emsp", "mo", "eMSP", "MO"):
        (root,) = (await world.http.get(url, params={"pkiType": spelling})).json()[
            "rootCertificateCollection"
        ]
        assert root["caCertificate"] == der_base64(world.hierarchy["mo_root"].certificate)
    assert (await world.http.get(url, params={"pkiType": "pe"})).json() == {"rootCertificateCollection": []}
    one = (await world.http.get(f"{url}/{root['rootCertificateId']}")).json()
    assert one == {"roootCertificate": root, "rootCertificate": root}
    refused(await world.http.get(f"{url}/{uuid.UUID(int=0)}"), Code.UNKNOWN)


@pytest.mark.parametrize("wrapper", ["", "rootCertificate", "roootCertificate"])
@pytest.mark.parametrize("named", [{"rootType": "MO"}, {"rootTypeList": ["eMSP"]}, {"rootType": "eMSP"}])
async def test_a_root_is_taken_in_however_it_is_written(
    world: World, wrapper: str, named: dict[str, Any]
) -> None:
    certificate = make_hierarchy(seed=9)["mo_root"].certificate
    plain = {"caCertificate": der_base64(certificate)} | named
    body = {wrapper: plain} if wrapper else plain
    url = f"{OPNC}/rcp/rootcertificates"
    for _ in range(2):
        answer = await world.http.put(url, json=body)
        assert answer.status_code == 200
    root = answer.json()["roootCertificate"]
    assert (root["rootType"], root["fingerprint"]) == ("eMSP", fingerprint_sha256(certificate))
    listed = (await world.http.get("/v1/root/rootCerts", params={"rootType": "MO"})).json()
    assert len(listed["RootCertificateCollection"]["rootCertificates"]) == 2
    assert (await world.http.delete(f"{url}/{root['rootCertificateId']}")).status_code == 200
    refused(await world.http.delete(f"{url}/{root['rootCertificateId']}"), Code.UNKNOWN)
    assert len((await world.http.get(url)).json()["rootCertificateCollection"]) == 3
    events = (await world.http.get("/v1/events")).json()["events"]
    assert [event["eventType"] for event in events][-2:] == ["root.cert.added", "root.cert.revoked"]


async def test_a_root_without_a_branch(world: World) -> None:
    body = {"caCertificate": der_base64(world.hierarchy["mo_root"].certificate)}
    refused(await world.http.put(f"{OPNC}/rcp/rootcertificates", json=body), Code.REQUEST)


@pytest.mark.parametrize("spelling", ISO20)
async def test_spellings_of_the_other_edition(world: World, spelling: str) -> None:
    """Known everywhere; in a market of -2 nothing of it is there, and that is what is said."""
    car, emaid = await world.car_with_contract()
    query = {"xsdMsgDefNamespace": spelling}
    for path, name in (
        (f"{OPNC}/ccp/contractData/pcid/{car.pcid}", "contractDataCollection"),
        (f"{DOOR}/{car.pcid}", "XMLContracts"),
    ):
        assert (await world.http.get(path, params=query)).json() == {name: []}
    for path in (f"{OPNC}/ccp/contractData/emaid/{emaid}", f"/v1/ccp/lookupContract/{emaid}"):
        refused(await world.http.get(path, params=query), Code.NO_CONTRACT)
    for path in (f"{OPNC}/ccp/signedcontractdata", DOOR):
        body = door_body(encode(car.request())) | query
        refused(await world.http.post(path, json=body), Code.EXI)  # a request of -2 is none of -20


async def test_endpoints_speak_emsp(world: World) -> None:
    url = f"{OPNC}/event/endpoints"
    body = {
        "url": "http://127.0.0.1:9/hook",
        "enabledEvents": [
            "emsp.contract.delivered.to.oem",
            "mo.contract.rejected.by.oem",
            "emsp.prov.cert.updated.factory.reset",
            "oem.contract.created",
        ],
        "metadata": {"a": 1},
    }
    made = await world.http.post(url, json=body)
    assert made.status_code == 201
    endpoint = made.json()
    assert endpoint["secret"]
    assert endpoint["enabledEvents"] == [
        "emsp.contract.delivered.to.oem",
        "emsp.contract.rejected.by.oem",
        "emsp.prov.cert.updated.factory.reset",
        "oem.contract.created",
    ]
    listed = (await world.http.get(url)).json()
    assert [entry["id"] for entry in listed] == [endpoint["id"]]
    assert listed[0]["secret"] is None
    (opcp,) = (await world.http.get("/v1/webhook/endpoints")).json()
    assert opcp["enabledEvents"] == [
        "mo.contract.delivered.to.oem",
        "mo.contract.rejected.by.oem",
        "mo.prov.cert.factory.reset",
        "oem.contract.created",
    ]
    assert opcp["created"] == endpoint["created"]
    one = f"{url}/{endpoint['id']}"
    changed = [(await world.http.put(one, json=body | {"status": "disabled"})).json() for _ in range(2)]
    assert changed[0] == changed[1]
    assert (changed[0]["status"], changed[0]["metadata"]) == ("disabled", {"a": 1})
    assert (await world.http.get(one)).json() == changed[0]
    assert (await world.http.delete(one)).status_code == 200
    refused(await world.http.get(one), Code.UNKNOWN)


async def test_pki_speaks_emsp(world: World) -> None:
    query = {"iso15118Version": "ISO15118-2"}
    answers = [
        await world.http.get(f"{OPNC}/pki/est/cacerts", params=query | {"caDomain": name})
        for name in ("emsp", "mo")
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content
    car, emaid = await world.car_with_contract()
    certificate = (await world.market.ccp.find(emaid))[0].certificate
    body = {"certificate": der_base64(certificate), "revocationReason": "keyCompromise"}
    for path in ("pki/revokeCertificate", "revokeCertificate"):
        assert (await world.http.post(f"{OPNC}/pki/{path}", json=body)).status_code == 200
    del car


# --- the letter of the schemas ------------------------------------------------------------------------


@pytest.fixture
async def strict(tmp_path: Path, hierarchy: Hierarchy) -> AsyncIterator[World]:
    async with open_world(tmp_path, hierarchy, access=AccessSettings(strict_opnc=True)) as opened:
        yield opened


async def test_certificates_beyond_the_cap(world: World, tmp_path: Path, hierarchy: Hierarchy) -> None:
    body = chain_body(world, UNKNOWN_PCID)
    chain = body["provisioningCertificateChain"]
    certificate = issue(
        OEM_PROVISIONING,
        common_name=UNKNOWN_PCID,
        public_key=SystemEntropy().ec_key(ec.SECP256R1()).public_key(),
        issuer=hierarchy["oem_sub_ca2"],
        now=world.clock.now(),
        entropy=SystemEntropy(),
        organization="A car maker with a long name that wants it in every certificate",
        crl_url="http://crl.car-maker.example/oem/sub-ca-2/certificates-revoked.crl",
        ocsp_url="http://ocsp.car-maker.example/oem/sub-ca-2",
    )
    chain["certificate"] = der_base64(certificate)
    assert len(chain["certificate"]) > MAX_CERTIFICATE_CHARACTERS
    url = f"{OPNC}/pcp/provisioningcertificates"
    assert (await world.http.put(url, json=body)).status_code == 200
    (tmp_path / "strict").mkdir()
    access = AccessSettings(strict_opnc=True)
    async with open_world(tmp_path / "strict", hierarchy, access=access) as strict:
        refusal = await strict.http.put(url, json=body)
    refused(refusal, Code.REQUEST)
    assert "800" in refusal.json()["errorMessages"][0]


async def test_strictly_there_is_one_spelling(strict: World) -> None:
    url = f"{OPNC}/rcp/rootcertificates"
    root = (await strict.http.get(url)).json()["rootCertificateCollection"][0]
    one = (await strict.http.get(f"{url}/{root['rootCertificateId']}")).json()
    assert one == {"roootCertificate": root}


# --- who says who it is -------------------------------------------------------------------------------


def says(headers: dict[str, str], **named: str) -> dict[str, str]:
    return headers | {f"OPNC-{name.replace('_', '-')}": value for name, value in named.items()}


async def test_party_headers_must_be_those_of_the_token(tmp_path: Path, hierarchy: Hierarchy) -> None:
    url = f"{OPNC}/rcp/rootcertificates"
    async with open_closed_world(tmp_path, hierarchy) as closed:

        async def status(party: str, **named: str) -> httpx.Response:
            return await closed.world.http.get(url, headers=says(closed.headers(party), **named))

        for party, kind, identifier in (
            ("own msp", "emsp", "DEPNC"),
            ("own msp", "emsp", "de-pnc"),
            ("own msp", "emsp", "PNC"),
            ("own oem", "oem", "PNC"),
            ("cpo", "cpo", "DE*ABC"),
            ("peer", "ccp", OTHER_ROOT),
            ("peer", "pcp", OTHER_ROOT.upper()),
            ("admin", "oem", "XYZ"),
        ):
            answer = await status(party, from_party_type=kind, from_party_id=identifier)
            assert answer.status_code == 200, (party, answer.text)
        for party, named in (
            ("own msp", {"from_party_type": "oem"}),
            ("own msp", {"from_party_id": "FRXYZ"}),
            ("own oem", {"from_party_id": "WVW"}),
            ("cpo", {"from_party_type": "emsp"}),
            ("peer", {"from_party_type": "emsp"}),
            ("peer", {"from_party_id": "cd" * 32}),
        ):
            refused(await status(party, **named), Code.FORBIDDEN)
        own = fingerprint_sha256(hierarchy["v2g_root"].certificate)
        assert (await status("cpo", to_party_type="ccp", to_party_id=own)).status_code == 200
        refused(await status("cpo", to_party_type="ccp", to_party_id=OTHER_ROOT), Code.REQUEST)
        refused(await status("cpo", from_party_type="wizard"), Code.REQUEST)


async def test_what_is_deleted_is_revoked(world: World) -> None:
    for skip, path in ((False, f"{OPNC}/ccp/signedcontractdata"), (True, DOOR), (False, DOOR)):
        _, emaid = await world.car_with_contract()
        headers = {"X-Skip-Revocation": "true"} if skip else {}
        assert (await world.http.delete(f"{path}/{emaid}", headers=headers)).status_code == 200
        (entry,) = await world.market.authority.find(emaid)
        assert (entry.revoked_at is None) is skip
