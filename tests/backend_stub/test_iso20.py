"""The market in ISO 15118-20: several contracts for a car, sealed, signed, and delivered in order."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509

from backend_stub.errors import Code, MarketError
from backend_stub.namespaces import SPELLINGS, Edition
from backend_stub.pcp.interface import ProvisioningChain
from pki.chain import any_public_key, validate, verifying_key
from pki.entropy import SystemEntropy
from pki.hierarchy import Hierarchy
from pki.keys import new_signing_key
from pki.names import common_name
from pki.profiles import Edition as Suite
from tests.backend_stub.material import DOOR, SESSION_ID, World, open_world
from tests.backend_stub.material20 import (
    SUITES,
    Car20,
    build20,
    door_body20,
    make_iso20,
    response_of,
)
from v2g.messages.iso20.common_types import ResponseCode
from v2g.security.signature_iso20 import verify_certificate_installation_res

NAMESPACES = [text for text, edition in SPELLINGS.items() if edition is Edition.ISO20]


@pytest.fixture(scope="module", params=SUITES, ids=str)
def iso20(request: pytest.FixtureRequest) -> Hierarchy:
    return make_iso20(request.param)


@asynccontextmanager
async def both(tmp_path: Path, hierarchy: Hierarchy, iso20: Hierarchy) -> AsyncIterator[World]:
    async with open_world(tmp_path, hierarchy, iso20=iso20) as world:
        yield world


async def onboard(world: World, car: Car20, count: int) -> list[str]:
    emaids = []
    for _ in range(count):
        emaids.append((await world.market.msp.onboard(car.pcid)).emaid)
        world.clock.forward(seconds=1)  # so that their order is settled
    return emaids


def check_delivered(car: Car20, document: bytes, root: x509.Certificate, world: World, suite: Suite) -> str:
    """Do what the car does with an answer; return the eMAID."""
    response = response_of(document)
    assert response.header.session_id == SESSION_ID
    chain = response.cps_certificate_chain
    assert chain.sub_certificates is not None
    leaf, *above = (
        x509.load_der_x509_certificate(each)
        for each in (chain.certificate, *chain.sub_certificates.certificate)
    )
    validate(leaf, above, [root], at=world.clock.now(), profile=suite.profiles["cps_leaf"])
    verify_certificate_installation_res(response.header.signature, response, verifying_key(leaf))
    contract = x509.load_der_x509_certificate(
        response.signed_installation_data.contract_certificate_chain.certificate
    )
    assert car.open(response).public_key() == any_public_key(contract)
    assert len(contract.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest) == 8
    return common_name(contract)


async def test_three_contracts_at_once(tmp_path: Path, hierarchy: Hierarchy, iso20: Hierarchy) -> None:
    async with both(tmp_path, hierarchy, iso20) as world:
        car = await build20(world, iso20.edition)
        emaids = await onboard(world, car, 3)
        await world.market.ccp.set_default(car.pcid, emaids[1])
        delivery = await world.market.ccp.deliver(car.request())
        names = [each.emaid for each in delivery.installations]
        assert names == [emaids[1], emaids[0], emaids[2]]  # the default one first
        for number, each in enumerate(delivery.installations):
            assert (
                check_delivered(car, each.response, car.v2g_roots[0], world, iso20.edition) == names[number]
            )
            assert response_of(each.response).remaining_contract_certificate_chains == 2 - number


async def test_what_the_car_prioritises_comes_first(tmp_path: Path, hierarchy: Hierarchy) -> None:
    async with both(tmp_path, hierarchy, make_iso20()) as world:
        car = await build20(world)
        first, second, third = await onboard(world, car, 3)
        wanted = car.request(maximum=2, prioritized=(third.lower(),))
        delivery = await world.market.ccp.deliver(wanted)
        assert [each.emaid for each in delivery.installations] == [third, first]
        # One that is not there, of a provider that has others for this car.
        other = second[:5] + "ZZZZZZZZZ0"
        delivery = await world.market.ccp.deliver(car.request(maximum=1, prioritized=(other,)))
        assert [each.emaid for each in delivery.installations] == [first]
        with pytest.raises(MarketError) as caught:
            await world.market.ccp.deliver(car.request(prioritized=("FRXYZ1234567892",)))
        assert caught.value.code is Code.UNKNOWN_PROVIDER


@pytest.mark.parametrize("namespace", NAMESPACES)
async def test_the_doors_take_every_spelling(tmp_path: Path, hierarchy: Hierarchy, namespace: str) -> None:
    async with both(tmp_path, hierarchy, make_iso20()) as world:
        car = await build20(world)
        emaids = await onboard(world, car, 2)
        body = door_body20(car.request(), namespace)
        opcp = await world.http.post(DOOR, json=body)
        assert opcp.status_code == 200
        contents = opcp.json()["CCPResponse"]["emaidContent"]
        assert [each["messageDef"]["emaid"] for each in contents] == emaids
        opnc = await world.http.post("/opnc/v1/ccp/signedcontractdata", json=body)
        assert opnc.status_code == 200
        found = opnc.json()["signedContractDataCollection"]
        assert [(each["emaid"], each["xsdMsgDefNamespace"]) for each in found] == [
            (emaid, namespace) for emaid in emaids
        ]
        query = {"xsdMsgDefNamespace": namespace}
        listed = await world.http.get(f"{DOOR}/{car.pcid}", params=query)
        assert [each["xsdMsgDefNamespace"] for each in listed.json()["XMLContracts"]] == [namespace] * 2
        provided = await world.http.get(
            f"/v1/ccp/provideSignedContractData/{emaids[1]}/{car.pcid}", params=query
        )
        assert provided.json()["xsdMsgDefNamespace"] == namespace
        response = response_of(base64.b64decode(provided.json()["certificateInstallationRes"]))
        car.open(response)


@pytest.mark.parametrize(
    ("spoiled", "status", "code"),
    [
        ("signature", 401, ResponseCode.FAILED_SignatureError),
        ("provider", 404, ResponseCode.WARNING_eMSPUnknown),
        ("nothing", 404, ResponseCode.WARNING_NoContractMatchingPCIDFound),
    ],
)
async def test_refusals_speak_to_the_car(
    tmp_path: Path, hierarchy: Hierarchy, spoiled: str, status: int, code: ResponseCode
) -> None:
    async with both(tmp_path, hierarchy, make_iso20()) as world:
        car = await build20(world)
        request = car.request()
        if spoiled != "nothing":
            await onboard(world, car, 1)
        if spoiled == "signature":
            request = car.request(signer=new_signing_key(Suite.ISO20.key_type, SystemEntropy()))
        if spoiled == "provider":
            request = car.request(prioritized=("FRXYZ1234567892",))
        answer = await world.http.post(DOOR, json=door_body20(request))
        assert answer.status_code == status
        (content,) = answer.json()["CCPResponse"]["emaidContent"]
        response = response_of(base64.b64decode(content["messageDef"]["certificateInstallationRes"]))
        assert response.response_code is code
        assert response.header.session_id == SESSION_ID


async def test_one_contract_is_ended_for_both_editions(tmp_path: Path, hierarchy: Hierarchy) -> None:
    async with both(tmp_path, hierarchy, make_iso20()) as world:
        car = await build20(world)
        (emaid,) = await onboard(world, car, 1)
        contract = await world.market.msp.find(emaid)
        assert contract is not None
        assert contract.editions == (Edition.ISO2, Edition.ISO20)
        pooled = await world.market.ccp.find(emaid)
        assert [each.edition for each in pooled] == [Edition.ISO2, Edition.ISO20]
        await world.market.msp.terminate(emaid)
        assert await world.market.ccp.find(emaid) == []
        certificates = await world.market.authority.find(emaid)
        assert len(certificates) == 2
        assert all(each.revoked_at is not None for each in certificates)
        with pytest.raises(MarketError) as caught:
            await world.market.ccp.deliver(car.request())
        assert caught.value.code is Code.NO_CONTRACT


async def test_another_key_of_one_edition_leaves_the_other(tmp_path: Path, hierarchy: Hierarchy) -> None:
    async with both(tmp_path, hierarchy, make_iso20()) as world:
        car, other = await build20(world), await build20(world)
        (emaid,) = await onboard(world, car, 1)
        entry = await world.market.pcp.get(car.pcid, Edition.ISO20)
        assert entry.chain.vehicle == car.provisioning
        assert other.pcid != car.pcid
        sub_ca2, sub_ca1 = car.sub_cas
        chain = ProvisioningChain(other.provisioning, sub_ca1, sub_ca2, previous_pcid=None)
        await world.market.pcp.put(chain)
        assert len(await world.market.ccp.find(emaid)) == 2


async def test_a_market_of_one_edition(tmp_path: Path, hierarchy: Hierarchy) -> None:
    async with open_world(tmp_path, hierarchy) as world:
        assert await world.market.oem.suites() == [Suite.ISO2]
        with pytest.raises(MarketError) as caught:
            await build20(world)
        assert caught.value.code is Code.REQUEST
        answer = await world.http.post(DOOR, json=door_body20(b"nothing"))
        assert answer.status_code == 400
