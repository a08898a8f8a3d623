"""The HTTP doors: OPCP's shapes, status codes, and what any JSON gets."""

import asyncio
import base64
import json
import uuid
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import exi
from backend_stub.errors import Code
from pki.entropy import SeededEntropy, SystemEntropy
from pki.hierarchy import Hierarchy
from pki.names import fingerprint_sha256
from tests.backend_stub.material import (
    DOOR,
    SESSION_ID,
    Car,
    World,
    der_base64,
    door_body,
    encode,
    make_hierarchy,
    open_contract_key,
    open_world,
    provisioning_certificate,
    response_of,
    signing_request,
)
from tests.backend_stub.test_cps import contract_data
from v2g.messages import iso2

UNKNOWN_PCID = "WVW00000000000001"
JSON_TYPE = {"content-type": "application/json"}


def refused(response: httpx.Response, code: Code) -> None:
    """Assert that ``response`` is a refusal in OPCP's shape with this code."""
    body = response.json()
    assert response.status_code == code.status, body
    assert set(body) - {"CCPResponse"} == {"errorMessages", "traceId"}
    assert body["errorMessages"]
    assert all(message.startswith("[") for message in body["errorMessages"])
    assert body["errorMessages"][0].startswith(f"[{code}] ")
    assert str(uuid.UUID(body["traceId"])) == body["traceId"] == response.headers["x-trace-id"]


async def test_installation(world: World) -> None:
    car, emaid = await world.car_with_contract()
    response = await world.knock(car.request())
    assert response.status_code == 200
    (content,) = response.json()["CCPResponse"]["emaidContent"]
    definition = content["messageDef"]
    assert definition["emaid"] == emaid
    assert definition["cpsV2GRootCertificateFingerprint"] == fingerprint_sha256(car.v2g_roots[0])
    message, body = response_of(base64.b64decode(definition["certificateInstallationRes"], validate=True))
    assert message.header.session_id == SESSION_ID
    open_contract_key(car, body)
    (event,) = [event for event in world.sink.of("backend.handled") if event["path"] == DOOR]
    assert (event["method"], event["status"], event["bytes"]) == ("POST", 200, len(response.content))
    assert "reason" not in event


async def test_what_chargers_may_add_is_borne_with(world: World) -> None:
    car, _ = await world.car_with_contract()
    body = door_body(encode(car.request())) | {"metadata": {"chargePoint": "X"}, "more": [1]}
    headers = {"alwaysReturnEXI": "true", "broadcast": "false", "X-Deadline-Ms": "4000"}
    assert (await world.http.post(DOOR, json=body, headers=headers)).status_code == 200


async def test_refusals_carry_their_code(world: World) -> None:
    car, emaid = await world.car_with_contract()
    thief = SystemEntropy().ec_key(ec.SECP256R1())
    refused(await world.knock(car.request(signer=thief)), Code.SIGNATURE)
    foreign = provisioning_certificate(
        make_hierarchy(seed=2), car.pcid, thief.public_key(), now=world.clock.now()
    )
    refused(await world.knock(Car(car.pcid, thief, foreign, car.v2g_roots).request()), Code.CHAIN)
    replaced = provisioning_certificate(
        world.hierarchy, car.pcid, car.key.public_key(), now=world.clock.now()
    )
    refused(await world.knock(Car(car.pcid, car.key, replaced, car.v2g_roots).request()), Code.REVOKED)
    nobody = provisioning_certificate(
        world.hierarchy, UNKNOWN_PCID, thief.public_key(), now=world.clock.now()
    )
    refused(await world.knock(Car("", thief, nobody, car.v2g_roots).request()), Code.NO_CONTRACT)
    await world.http.delete(f"{DOOR}/{emaid}")
    refused(await world.knock(car.request()), Code.NO_CONTRACT)
    world.clock.forward(days=31 * 365)
    refused(await world.knock(car.request()), Code.CHAIN_EXPIRED)
    reasons = [event.get("reason") for event in world.sink.of("backend.handled")]
    assert reasons == ["SIGNATURE", "CHAIN", "REVOKED", "NO_CONTRACT", None, "NO_CONTRACT", "CHAIN_EXPIRED"]


async def test_requests_that_are_none(world: World) -> None:
    other = iso2.V2G_Message(
        header=iso2.MessageHeader(session_id=SESSION_ID),
        body=iso2.Body(body_element=iso2.SessionStopReq(charging_session=iso2.ChargingSession.Pause)),
    )
    refused(await world.knock(other), Code.MESSAGE)
    refused(await world.http.post(DOOR, json=door_body(b"\x80\x00garbage")), Code.EXI)
    for namespace, code in (
        ("urn:iso:15118:20:2022:MsgDef", Code.EXI),  # where nothing of it is a message, either
        ("", Code.NAMESPACE),
        ("x", Code.NAMESPACE),
        ("\ud800", Code.NAMESPACE),
    ):
        content = json.dumps(door_body(b"\x80") | {"xsdMsgDefNamespace": namespace}).encode()
        refused(await world.http.post(DOOR, content=content, headers=JSON_TYPE), code)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b'{"certificateInstallationReq": 1, "xsdMsgDefNamespace": "urn:iso:15118:2:2013:MsgDef"}',
        b'{"certificateInstallationReq": "not base64!", "xsdMsgDefNamespace": "urn:iso:15118:2:2013:MsgDef"}',
        b'{"certificateInstallationReq": "\\ud800", "xsdMsgDefNamespace": "urn:iso:15118:2:2013:MsgDef"}',
        b'{"certificateInstallationReq": "", "xsdMsgDefNamespace": 7}',
        b'{"certificateInstallationReq": null, "xsdMsgDefNamespace": null}',
        b"\xff\xfe",
        b"[" * 20_000,
        b'{"a":' * 10_000,
        b"1" * 5000,
        b"NaN",
    ],
)
async def test_bodies_that_are_none(world: World, content: bytes) -> None:
    refused(await world.http.post(DOOR, content=content, headers=JSON_TYPE), Code.REQUEST)


async def test_body_of_another_content_type(world: World) -> None:
    for headers in ({"content-type": "text/xml"}, {"content-type": "application/json-seq"}, {}):
        answer = await world.http.post(DOOR, content=b"{}", headers=headers)
        refused(answer, Code.REQUEST)
        assert answer.json()["errorMessages"] == ["[REQUEST] body: must be application/json"]


@pytest.mark.parametrize("value", ["-1", "x", "1.5", "99999999999999999999"])
async def test_deadline_that_is_no_number(world: World, value: str) -> None:
    car, _ = await world.car_with_contract()
    refused(await world.knock(car.request(), **{"X-Deadline-Ms": value}), Code.REQUEST)


async def test_deadline_that_is_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    car, _ = await world.car_with_contract()
    never = asyncio.Event()

    async def hang(_: bytes) -> None:
        await never.wait()

    monkeypatch.setattr(world.market.ccp, "answer", hang)
    refused(await world.knock(car.request(), **{"X-Deadline-Ms": "0"}), Code.DEADLINE)


async def test_pcp(world: World) -> None:
    key = SystemEntropy().ec_key(ec.SECP256R1()).public_key()
    certificate = provisioning_certificate(world.hierarchy, UNKNOWN_PCID, key, now=world.clock.now())
    root = world.hierarchy["oem_root"].certificate
    url = "/v1/oem/provCerts"
    body = {
        "vehicleCertificate": der_base64(certificate),
        "subCA2Certificate": der_base64(world.hierarchy["oem_sub_ca2"].certificate),
        "subCA1Certificate": der_base64(world.hierarchy["oem_sub_ca1"].certificate),
        "v2gRootAuthorityKeyIdentifiers": ["01:AB:ff", "0203"],
        "previousPcid": "wvw-00000000000000",
    }
    refused(await world.http.get(f"{url}/{UNKNOWN_PCID}"), Code.UNKNOWN_PCID)
    refused(await world.http.get(f"{url}/lookupVehicle/{UNKNOWN_PCID}"), Code.UNKNOWN_PCID)
    for _ in range(2):
        response = await world.http.put(url, json=body)
        assert response.status_code == 200
    entry = response.json()
    assert entry["vehicleCertificate"] == body["vehicleCertificate"]
    assert entry["xsdMsgDefNamespace"] == iso2.NAMESPACE
    assert entry["v2gRootAuthorityKeyIdentifiers"] == ["01:ab:ff", "02:03"]
    assert entry["previousPcid"] == "WVW00000000000000"
    assert entry["rootIssuerSerialNumber"] == f"{root.serial_number:x}"
    assert entry["rootIssuerDistinguishedName"] == root.subject.rfc4514_string()
    assert entry["fingerprint"] == fingerprint_sha256(certificate)
    assert (await world.http.get(f"{url}/{UNKNOWN_PCID.lower()}")).json() == {"OEMMessage": entry}
    assert (await world.http.get(f"{url}/lookupVehicle/{UNKNOWN_PCID}")).status_code == 200
    assert (await world.http.delete(f"{url}/{UNKNOWN_PCID}")).status_code == 200
    refused(await world.http.delete(f"{url}/{UNKNOWN_PCID}"), Code.UNKNOWN_PCID)
    refused(await world.http.get(f"{url}/not-a-pcid"), Code.REQUEST)
    for change in (
        {"vehicleCertificate": "AAAA"},
        {"subCA1Certificate": None},
        {"v2gRootAuthorityKeyIdentifiers": ["xy"]},
        {"v2gRootAuthorityKeyIdentifiers": "01:02"},
        {"previousPcid": 7},
    ):
        refused(await world.http.put(url, json=body | change), Code.REQUEST)
    refused(await world.http.put(url, json=body | {"xsdMsgDefNamespace": "urn:x"}), Code.NAMESPACE)
    swapped = {"subCA1Certificate": body["subCA2Certificate"], "subCA2Certificate": body["subCA1Certificate"]}
    refused(await world.http.put(url, json=body | swapped), Code.CHAIN)


async def test_rcp(world: World) -> None:
    url = "/v1/root/rootCerts"
    everything = (await world.http.get(url)).json()["RootCertificateCollection"]["rootCertificates"]
    assert [root["rootType"] for root in everything] == ["V2G", "OEM", "MO"]
    for name in ("v2g", "oem", "mo"):
        listed = (await world.http.get(url, params={"rootType": name})).json()
        (root,) = listed["RootCertificateCollection"]["rootCertificates"]
        assert root["caCertificate"] == der_base64(world.hierarchy[f"{name}_root"].certificate)
        assert (await world.http.get(f"{url}/{root['rootCertificateId']}")).json() == {"RootResponse": root}
    refused(await world.http.get(url, params={"rootType": "cpo"}), Code.REQUEST)
    refused(await world.http.get(f"{url}/{uuid.UUID(int=0)}"), Code.UNKNOWN)
    refused(await world.http.get(f"{url}/7"), Code.REQUEST)


def sign_body(world: World, **changes: Any) -> dict[str, Any]:
    data = contract_data(world, world.hierarchy)
    assert data.sub_ca2 is not None
    return {
        "contractData": {
            "contractCertificate": der_base64(data.certificate),
            "contractSubCa2Certificate": der_base64(data.sub_ca2),
            "contractSubCa1Certificate": der_base64(data.sub_ca1),
            "contractSignatureEncryptedPrivateKey": base64.b64encode(data.encrypted_private_key).decode(),
            "dHpublickey": base64.b64encode(data.dh_public_key).decode(),
        },
        "xsdMsgDefNamespace": iso2.NAMESPACE,
    } | changes


async def test_cps_and_ccp(world: World) -> None:
    """An operator elsewhere has its contract signed, and puts it into the pool itself."""
    car = await world.build()
    signed = await world.http.put("/v1/cps/contractData/signed", json=sign_body(world))
    assert signed.status_code == 201
    answer = signed.json()
    emaid, pcid = answer["emaid"], car.pcid
    xml = exi.from_xml(base64.b64decode(answer["signedData"]).decode(), iso2.SCHEMA)
    assert isinstance(xml.body.body_element, iso2.CertificateInstallationRes)
    refused(await world.http.get(f"/v1/ccp/lookupContract/{emaid}"), Code.NO_CONTRACT)
    assert (await world.http.get(f"{DOOR}/{pcid}")).json() == {"XMLContracts": []}

    bundle = {
        "signedContractDataXML": answer["signedData"],
        "emaid": "DE-83D-UIEN83QGZ-D",
        "pcid": pcid,
        "xsdMsgDefNamespace": iso2.NAMESPACE,
        "cpsV2GRootCertificateFingerprint": answer["cpsV2GRootCertificateFingerprint"],
    }
    for _ in range(2):
        assert (await world.http.put(DOOR, json=bundle)).status_code == 201
    (entry,) = (await world.http.get(f"/v1/ccp/lookupContract/{emaid}")).json()["XMLContracts"]
    assert (entry["pcid"], entry["emaid"], entry["defaultContract"]) == (pcid, emaid, True)
    assert entry["cpsRootCertificateDN"] == answer["cpsRootDistinguishedName"]
    assert (await world.http.get(f"{DOOR}/{pcid}")).json() == {"XMLContracts": [entry]}
    assert (await world.knock(car.request())).status_code == 200

    assert (await world.http.post(f"{DOOR}/{pcid}/{emaid}/default")).status_code == 200
    refused(await world.http.post(f"{DOOR}/{UNKNOWN_PCID}/{emaid}/default"), Code.NO_CONTRACT)
    refused(await world.http.put(DOOR, json=bundle | {"emaid": "FRXYZ1234567892"}), Code.MESSAGE)
    refused(await world.http.put(DOOR, json=bundle | {"pcid": UNKNOWN_PCID}), Code.UNKNOWN_PCID)
    for xml_text in ("", "<a/>", "<", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "\x00"):
        encoded = base64.b64encode(xml_text.encode()).decode()
        refused(await world.http.put(DOOR, json=bundle | {"signedContractDataXML": encoded}), Code.REQUEST)
    refused(await world.http.put(DOOR, json=bundle | {"signedContractDataXML": "/w=="}), Code.REQUEST)
    assert (await world.http.delete(f"{DOOR}/{emaid}")).status_code == 200
    refused(await world.http.delete(f"{DOOR}/{emaid}"), Code.NO_CONTRACT)
    refused(await world.http.delete(f"{DOOR}/nonsense"), Code.REQUEST)


async def test_cps_stores_for_a_car(world: World) -> None:
    car = await world.build()
    url = "/v1/cps/contractData/signed"
    assert (await world.http.put(url, json=sign_body(world, pcid=car.pcid))).status_code == 201
    assert (await world.knock(car.request())).status_code == 200
    refused(await world.http.put(url, json=sign_body(world, pcid=UNKNOWN_PCID)), Code.UNKNOWN_PCID)
    fingerprint = {"cpsV2GRootCertificateFingerprint": "0" * 64}
    refused(await world.http.put(url, json=sign_body(world, **fingerprint)), Code.NO_SIGNER)
    refused(await world.http.put(url, json=sign_body(world, contractData={})), Code.REQUEST)
    (signer,) = (await world.http.get("/cps/signer")).json()["cpsCertificates"]
    assert signer["cpsCertificate"] == der_base64(world.hierarchy["cps_leaf"].certificate)


async def test_oem_msp_and_overview(world: World) -> None:
    key = SystemEntropy().ec_key(ec.SECP256R1())
    request = base64.b64encode(signing_request(key).public_bytes(Encoding.DER)).decode()
    built = await world.http.post("/oem/v1/vehicles", json={"certificationRequest": request})
    assert built.status_code == 201
    pcid = built.json()["pcid"]
    contract = await world.http.post("/msp/v1/contracts", json={"pcid": pcid})
    assert contract.status_code == 201
    overview = (await world.http.get("/market/v1/overview")).json()
    assert (overview["vehicleCount"], overview["contractCount"]) == (1, 1)
    assert overview["vehicles"][0]["inPool"] is True
    assert overview["contracts"][0]["emaid"] == contract.json()["emaid"]
    assert (overview["contracts"][0]["inPool"], overview["contracts"][0]["isDefault"]) == (True, True)
    await world.http.delete(f"/v1/oem/provCerts/{pcid}")
    overview = (await world.http.get("/market/v1/overview", params={"limit": 1})).json()
    assert (overview["vehicles"][0]["inPool"], overview["contracts"][0]["inPool"]) == (False, False)
    refused(await world.http.post("/msp/v1/contracts", json={"pcid": pcid}), Code.UNKNOWN_PCID)
    refused(await world.http.post("/msp/v1/contracts", json={"pcid": "x"}), Code.REQUEST)
    refused(await world.http.post("/oem/v1/vehicles", json={"certificationRequest": "AAAA"}), Code.REQUEST)
    refused(await world.http.get("/market/v1/overview", params={"limit": 0}), Code.REQUEST)


async def test_certificate_request_of_a_version_that_is_none(world: World) -> None:
    request = REQUEST.replace(bytes.fromhex("020100"), bytes.fromhex("020110"), 1)
    body = {"certificationRequest": base64.b64encode(request).decode()}
    refused(await world.http.post("/oem/v1/vehicles", json=body), Code.REQUEST)


async def test_paths_and_methods_that_are_none(world: World) -> None:
    refused(await world.http.get("/v1/nothing"), Code.UNKNOWN)
    response = await world.http.patch(DOOR)
    assert response.status_code == 405
    assert response.json()["errorMessages"] == ["[REQUEST] Method Not Allowed"]


async def test_every_call_is_described(world: World) -> None:
    paths = world.app.openapi()["paths"]
    assert {
        "/v1/ccp/signedContractData",
        "/v1/cps/contractData/signed",
        "/v1/oem/provCerts",
        "/v1/root/rootCerts",
        "/oem/v1/vehicles",
        "/msp/v1/contracts",
        "/market/v1/overview",
    } <= set(paths)
    for path, methods in paths.items():
        for method, call in methods.items():
            assert call["summary"], (method, path)
            assert call["description"], (method, path)
            assert call["tags"], (method, path)
            for status, response in call["responses"].items():
                if not status.startswith("2"):
                    schema = json.dumps(response["content"]["application/json"]["schema"])
                    names = {"ErrorAnswer", "InstallationRefusal", "CollectionRefusal", "TokenRefusal"}
                    assert any(f'/{name}"' in schema for name in names), (method, path, status)


# --- any input ----------------------------------------------------------------------------------------


class Runner:
    """A market on an event loop of its own, so that examples can be run from plain functions."""

    def __init__(self, directory: Path, hierarchy: Hierarchy) -> None:
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self.world: World = self._runner.run(
            self._stack.enter_async_context(open_world(directory, hierarchy))
        )
        self.car, self.emaid = self._runner.run(self.world.car_with_contract())

    def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        return self._runner.run(self.world.http.request(method, path, **arguments))

    def close(self) -> None:
        self._runner.run(self._stack.aclose())
        self._runner.close()


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory, hierarchy: Hierarchy) -> Iterator[Runner]:
    opened = Runner(tmp_path_factory.mktemp("market"), hierarchy)
    yield opened
    opened.close()


def documented(runner: Runner, method: str, path: str, response: httpx.Response) -> None:
    """Assert that the status stands in the API description and that a refusal has OPCP's shape."""
    described = runner.world.app.openapi()["paths"][path][method.lower()]["responses"]
    assert str(response.status_code) in described
    if response.status_code >= 400:
        assert set(response.json()) - {"CCPResponse"} == {"errorMessages", "traceId"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = (
    st.sampled_from(
        [
            iso2.NAMESPACE,
            "DEPNC0000000001",
            UNKNOWN_PCID,
            "AAAA",
            "gAA=",
            "0" * 64,
            der_base64(make_hierarchy()["v2g_root"].certificate),
        ]
    )
    | JSON
)
WRITES = [
    ("POST", "/v1/ccp/signedContractData", ["certificateInstallationReq", "xsdMsgDefNamespace", "metadata"]),
    (
        "PUT",
        "/v1/ccp/signedContractData",
        ["signedContractDataXML", "emaid", "pcid", "xsdMsgDefNamespace", "cpsV2GRootCertificateFingerprint"],
    ),
    ("PUT", "/v1/cps/contractData/signed", ["contractData", "pcid", "xsdMsgDefNamespace"]),
    (
        "PUT",
        "/v1/oem/provCerts",
        ["vehicleCertificate", "subCA1Certificate", "subCA2Certificate", "v2gRootAuthorityKeyIdentifiers"],
    ),
    ("POST", "/oem/v1/vehicles", ["certificationRequest"]),
    ("POST", "/msp/v1/contracts", ["pcid"]),
]
REQUEST = signing_request(SeededEntropy(3).ec_key(ec.SECP256R1())).public_bytes(Encoding.DER)
EXAMPLES = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize(("method", "path", "names"), WRITES)
def test_any_json_gets_a_documented_answer(runner: Runner, method: str, path: str, names: list[str]) -> None:
    @EXAMPLES
    @given(st.one_of(JSON, st.fixed_dictionaries({}, optional=dict.fromkeys(names, MEMBERS))))
    def check(body: Any) -> None:
        content = json.dumps(body).encode()
        documented(runner, method, path, runner.request(method, path, content=content, headers=JSON_TYPE))

    check()


@EXAMPLES
@given(content=st.binary(max_size=300))
def test_any_bytes_get_a_documented_answer(runner: Runner, content: bytes) -> None:
    response = runner.request("POST", DOOR, content=content, headers=JSON_TYPE)
    documented(runner, "POST", DOOR, response)
    response = runner.request("POST", DOOR, json=door_body(content))
    documented(runner, "POST", DOOR, response)


@settings(max_examples=150, deadline=None)
@given(position=st.integers(min_value=0), bit=st.integers(0, 7))
def test_any_flipped_bit_is_refused_or_was_not_signed(runner: Runner, position: int, bit: int) -> None:
    """What is not covered by the signature is the SessionID; everything else must be noticed."""
    document = bytearray(encode(runner.car.request()))
    document[position % len(document)] ^= 1 << bit
    response = runner.request("POST", DOOR, json=door_body(bytes(document)))
    documented(runner, "POST", DOOR, response)
    if response.status_code == 200:
        changed = exi.decode(bytes(document), iso2.SCHEMA)
        assert isinstance(changed, iso2.V2G_Message)
        assert changed.body == runner.car.request().body


@settings(max_examples=150, deadline=None)
@given(position=st.integers(min_value=0), value=st.integers(0, 255))
def test_any_changed_byte_of_a_certificate_request(runner: Runner, position: int, value: int) -> None:
    request = bytearray(REQUEST)
    request[position % len(request)] = value
    body = {"certificationRequest": base64.b64encode(request).decode()}
    documented(runner, "POST", "/oem/v1/vehicles", runner.request("POST", "/oem/v1/vehicles", json=body))


@EXAMPLES
@given(segment=st.text(min_size=1, max_size=40).filter(lambda text: text not in {".", ".."}))
def test_any_path_gets_a_documented_answer(runner: Runner, segment: str) -> None:
    # "." and ".." never leave the client: it resolves them.
    name = quote(segment.encode("utf-8", "surrogatepass"), safe="")
    for method, path in (
        ("GET", "/v1/oem/provCerts/{}"),
        ("GET", "/v1/ccp/lookupContract/{}"),
        ("GET", "/v1/ccp/signedContractData/{}"),
        ("GET", "/v1/root/rootCerts/{}"),
    ):
        response = runner.request(method, path.format(name))
        assert response.status_code in {200, 400, 404}
        if response.status_code != 200:
            assert set(response.json()) == {"errorMessages", "traceId"}
