"""What the telematics backend takes, refuses, keeps for a car, and hears back from it."""

import asyncio
import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import exi
from backend_stub.ccp.interface import Collection, SignedBundle
from backend_stub.certificates import der
from backend_stub.errors import Code, MarketError
from backend_stub.events.signing import HEADER, sign
from backend_stub.reading import read_message
from backend_stub.telematics.interface import Action, Result, State
from pki.entropy import SystemEntropy
from tests.backend_stub.material import Car, World, make_hierarchy, response_of
from tests.backend_stub.telematics.material import Office
from v2g.messages import iso2
from v2g.security.signature import sign_certificate_installation_res


async def ready(world: World) -> tuple[Office, Car, str]:
    """Return an office that has not yet heard of the one contract there is."""
    car, emaid = await world.car_with_contract()
    return Office.of(world), car, emaid


async def test_a_contract_goes_through_the_mailbox(world: World) -> None:
    office, car, emaid = await ready(world)
    (outcome,) = await office.deliver()
    assert (outcome.status, outcome.reason) == (200, "queued")
    (before,) = await office.office.contracts(car.pcid)
    assert (before.state, before.is_default) == (State.QUEUED, True)
    mailbox = await office.office.mailbox(car.pcid)
    (item,) = mailbox.items
    assert (item.action, item.emaid, item.namespace) == (Action.INSTALL, emaid, iso2.NAMESPACE)
    _, body = response_of(item.document)
    assert body.emaid.value == emaid
    assert await office.states(car.pcid) == {emaid: "delivered"}
    assert (await office.office.mailbox(car.pcid)).items == [item]  # until it is acknowledged
    await office.office.settle(car.pcid, item.id, Result.INSTALLED)
    await office.office.settle(car.pcid, item.id, Result.INSTALLED)
    (after,) = await office.office.contracts(car.pcid)
    assert after.state is State.INSTALLED
    assert after.settled_at == world.clock.now()
    assert (await office.office.mailbox(car.pcid)).items == []


async def test_a_repeated_webhook_changes_nothing(world: World) -> None:
    office, car, emaid = await ready(world)
    (event,) = await office.news()
    body, signature = await office.webhook(event)
    first = await office.office.receive(body, signature)
    (item,) = (await office.office.mailbox(car.pcid)).items
    await office.office.settle(car.pcid, item.id, Result.INSTALLED)
    world.clock.forward(minutes=1)
    assert await office.office.receive(body, signature) == first
    assert await office.receive(event) == first
    assert await office.states(car.pcid) == {emaid: "installed"}


async def test_the_same_webhook_twice_at_once(world: World) -> None:
    office, car, emaid = await ready(world)
    (event,) = await office.news()
    body, signature = await office.webhook(event)
    outcomes = await asyncio.gather(*(office.office.receive(body, signature) for _ in range(5)))
    assert {outcome.reason for outcome in outcomes} == {"queued"}
    assert await office.states(car.pcid) == {emaid: "queued"}


@pytest.mark.parametrize("forge", ["nothing", "other secret", "other body", "other form", "not ASCII"])
async def test_a_forged_webhook(world: World, forge: str) -> None:
    office, car, _ = await ready(world)
    (event,) = await office.news()
    body, good = await office.webhook(event)
    signature = {
        "nothing": "",
        "other secret": sign(body, "00" * 32),
        "other body": sign(body + b" ", await office.office.webhook_secret()),
        "other form": good.removeprefix("sha256="),
        "not ASCII": "sha256=\u00e4",
    }[forge]
    with pytest.raises(MarketError) as caught:
        await office.office.receive(body, signature)
    assert caught.value.code is Code.SIGNATURE
    assert await office.states(car.pcid) == {}
    if signature.isascii():
        answer = await office.post(body, **{HEADER: signature})
        assert answer.status_code == 401
        assert answer.json()["errorMessages"][0].startswith("[SIGNATURE]")


@pytest.mark.parametrize("minutes", [-6, 6])
async def test_a_webhook_that_is_not_fresh(world: World, minutes: int) -> None:
    office, car, _ = await ready(world)
    (event,) = await office.news()
    body, signature = await office.webhook(event)
    world.clock.forward(minutes=minutes)
    with pytest.raises(MarketError, match="too old") as caught:
        await office.office.receive(body, signature)
    assert caught.value.code is Code.REQUEST
    assert await office.states(car.pcid) == {}


@pytest.mark.parametrize(
    "change",
    [
        {"timestamp": "yesterday"},
        {"timestamp": "2026-03-02T12:00:00"},
        {"timestamp": None},
        {"eventId": "x" * 37},
        {"payload": {}},
        {"payload": {"emaid": "nonsense", "pcid": "PNC4XF0EJ21CJ6T2S"}},
        {"payload": {"emaid": "DEPNC1A2B3C4D5U", "pcid": 7}},
        {"payload": []},
    ],
)
async def test_a_webhook_that_is_no_event(world: World, change: dict[str, object]) -> None:
    office, _, _ = await ready(world)
    (event,) = await office.news()
    body = json.dumps(event.body(timestamp=world.clock.now()) | change).encode()
    with pytest.raises(MarketError) as caught:
        await office.office.receive(body, sign(body, await office.office.webhook_secret()))
    assert caught.value.code is Code.REQUEST


async def test_events_of_no_concern_are_accepted(world: World) -> None:
    office, _, _ = await ready(world)
    root, *_ = await world.market.over_the_air.events.events(0, 1)
    assert (await office.receive(root)).reason.startswith("ignored")


async def test_cars_of_other_makers_are_no_concern(world: World) -> None:
    _, car, _ = await ready(world)
    foreign = Office.of(world, wmi="WVW")
    (outcome,) = await foreign.deliver()
    assert (outcome.status, outcome.reason) == (200, "ignored: not a car of this maker")
    assert await foreign.states(car.pcid) == {}


# --- bundles that are not passed on ---------------------------------------------------------------------


async def refused(office: Office, car: Car) -> str:
    """Deliver the one event; it must be refused for good, again and again, and nothing kept."""
    (event,) = await office.news()
    outcome = await office.receive(event)
    assert not outcome.taken
    assert await office.receive(event) == outcome
    assert await office.states(car.pcid) == {}
    (trace, *_) = office.world.sink.of("telematics.refused")
    assert trace["reason"] == outcome.reason
    return f"{outcome.status.value} {outcome.reason}"


async def collected(world: World, car: Car, emaid: str) -> iso2.V2G_Message:
    message = read_message((await world.market.ccp.collect(Collection(emaid, car.pcid))).response)
    assert isinstance(message, iso2.V2G_Message)
    return message


def resigned(message: iso2.V2G_Message, key: ec.EllipticCurvePrivateKey) -> bytes:
    body = message.body.body_element
    assert isinstance(body, iso2.CertificateInstallationRes)
    message.header.signature = sign_certificate_installation_res(body, key)
    return exi.encode(message, iso2.SCHEMA)


async def test_a_bundle_of_a_foreign_provisioning_service(world: World) -> None:
    office, car, emaid = await ready(world)
    message = await collected(world, car, emaid)
    foreign = make_hierarchy(7)
    body = message.body.body_element
    assert isinstance(body, iso2.CertificateInstallationRes)
    leaf, *above = [der(certificate) for certificate in foreign.chain("cps_leaf")]
    body.sa_provisioning_certificate_chain = iso2.CertificateChain(
        certificate=leaf, sub_certificates=iso2.SubCertificates(certificate=above)
    )
    office.market.bundle = resigned(message, foreign["cps_leaf"].signing_key())
    assert (await refused(office, car)).startswith("400 cps_certificate.unknown_issuer: ")


async def test_a_bundle_signed_with_another_key(world: World) -> None:
    office, car, emaid = await ready(world)
    message = await collected(world, car, emaid)
    office.market.bundle = resigned(message, SystemEntropy().ec_key(ec.SECP256R1()))
    assert (await refused(office, car)).startswith("400 signature: ")


async def test_the_bundle_of_another_contract(world: World) -> None:
    office, car, _ = await ready(world)
    other, other_emaid = await world.car_with_contract()
    message = await collected(world, other, other_emaid)
    office.market.bundle = exi.encode(message, iso2.SCHEMA)
    event, _ = await office.news()
    outcome = await office.receive(event)
    assert outcome.status == 400
    assert outcome.reason.startswith("emaid_mismatch: ")
    assert await office.states(car.pcid) == {}


async def test_a_sealed_key_of_the_wrong_form(world: World) -> None:
    office, car, emaid = await ready(world)
    message = await collected(world, car, emaid)
    body = message.body.body_element
    assert isinstance(body, iso2.CertificateInstallationRes)
    body.dh_public_key.value = b"\x04" + bytes(64)
    office.market.bundle = resigned(message, world.hierarchy["cps_leaf"].signing_key())
    assert (await refused(office, car)).startswith("400 key_envelope: ")


async def test_a_contract_chain_that_does_not_hang_together(world: World) -> None:
    office, car, emaid = await ready(world)
    message = await collected(world, car, emaid)
    body = message.body.body_element
    assert isinstance(body, iso2.CertificateInstallationRes)
    body.contract_signature_cert_chain.sub_certificates = None
    office.market.bundle = resigned(message, world.hierarchy["cps_leaf"].signing_key())
    assert (await refused(office, car)).startswith("400 contract_certificate.")


async def test_no_document_at_all(world: World) -> None:
    office, car, _ = await ready(world)
    office.market.bundle = b"nonsense"
    assert (await refused(office, car)).startswith("400 document: ")


async def test_a_root_that_the_car_does_not_hold(world: World) -> None:
    office, car, _ = await ready(world)
    office.market.held = [b"\x01" * 20]
    assert (await refused(office, car)).startswith("409 v2g_root_not_held: ")


async def test_a_root_that_the_pool_does_not_have(world: World) -> None:
    office, car, _ = await ready(world)
    office.market.roots = [make_hierarchy(7)["v2g_root"].certificate]
    assert (await refused(office, car)).startswith("400 cps_certificate.")


async def test_a_bundle_that_is_gone(world: World) -> None:
    office, car, _ = await ready(world)
    office.market.failure = MarketError(Code.NO_CONTRACT, "no such contract")
    assert (await refused(office, car)).startswith("409 no_bundle: ")


async def test_a_car_that_nobody_registered(world: World) -> None:
    office, car, _ = await ready(world)
    (event,) = await office.news()
    stranger = replace(event, payload={**event.payload, "pcid": "PNC00000000000000"})
    outcome = await office.receive(stranger)
    assert (outcome.status, outcome.reason.partition(":")[0]) == (409, "unknown_car")
    assert await office.states(car.pcid) == {}


@pytest.mark.parametrize("code", [Code.PEER, Code.DEADLINE, Code.STORE])
async def test_a_market_out_of_reach_is_asked_again(world: World, code: Code) -> None:
    office, car, emaid = await ready(world)
    (event,) = await office.news()
    office.market.failure = MarketError(code, "not now")
    with pytest.raises(MarketError) as caught:
        await office.receive(event)
    assert caught.value.code.status >= 500
    office.market.failure = None
    assert (await office.receive(event)).reason == "queued"
    assert await office.states(car.pcid) == {emaid: "queued"}


async def test_a_car_takes_five_contracts(world: World) -> None:
    office, car, _ = await ready(world)
    for _ in range(5):
        await world.market.msp.onboard(car.pcid)
    outcomes = await office.deliver()
    assert [outcome.status for outcome in outcomes] == [200] * 5 + [409]
    assert outcomes[-1].reason.startswith("car_full: ")
    assert len(await office.states(car.pcid)) == 5


# --- contracts that change and end ----------------------------------------------------------------------


async def installed(office: Office, pcid: str) -> None:
    await office.deliver()
    for item in (await office.office.mailbox(pcid)).items:
        await office.office.settle(pcid, item.id, Result.INSTALLED)


async def test_an_installed_contract_that_ends_is_removed_from_the_car(world: World) -> None:
    office, car, emaid = await ready(world)
    await installed(office, car.pcid)
    await world.market.ccp.delete(emaid)
    assert [outcome.reason for outcome in await office.deliver()] == ["withdrawn"]
    (item,) = (await office.office.mailbox(car.pcid)).items
    assert (item.action, item.emaid, item.document) == (Action.REMOVE, emaid, b"")
    with pytest.raises(MarketError, match="does not fit"):
        await office.office.settle(car.pcid, item.id, Result.INSTALLED)
    await office.office.settle(car.pcid, item.id, Result.REMOVED)
    assert await office.states(car.pcid) == {}


async def test_a_contract_that_ends_before_the_car_has_it_is_never_delivered(world: World) -> None:
    office, car, emaid = await ready(world)
    await office.deliver()
    await world.market.ccp.delete(emaid)
    await office.deliver()
    assert (await office.office.mailbox(car.pcid)).items == []


async def test_a_renewed_contract_is_delivered_again(world: World) -> None:
    office, car, emaid = await ready(world)
    await office.deliver()
    (old,) = (await office.office.mailbox(car.pcid)).items
    await world.market.msp.renew(emaid)
    await office.deliver()
    (new,) = (await office.office.mailbox(car.pcid)).items
    assert (new.emaid, new.id != old.id) == (emaid, True)
    with pytest.raises(MarketError) as caught:
        await office.office.settle(car.pcid, old.id, Result.INSTALLED)
    assert caught.value.code is Code.CONFLICT
    await office.office.settle(car.pcid, new.id, Result.INSTALLED)
    await world.market.msp.renew(emaid)
    await office.deliver()
    assert [item.emaid for item in (await office.office.mailbox(car.pcid)).items] == [emaid]
    assert [contract.is_default for contract in await office.office.contracts(car.pcid)] == [True]


async def test_another_signature_over_what_is_installed_is_no_news(world: World) -> None:
    office, car, emaid = await ready(world)
    await installed(office, car.pcid)
    message = await collected(world, car, emaid)
    message.header.session_id = b"\x01" * 8  # another document of the same contract
    await world.market.ccp.put(SignedBundle(car.pcid, exi.encode(message, iso2.SCHEMA)))
    assert [outcome.reason for outcome in await office.deliver()] == ["noted"]
    assert (await office.office.mailbox(car.pcid)).items == []


async def test_a_car_with_another_key_loses_its_contracts(world: World) -> None:
    office, car, _ = await ready(world)
    await installed(office, car.pcid)
    await world.market.pcp.delete(car.pcid)
    assert [outcome.reason for outcome in await office.deliver()] == ["withdrawn"]
    (item,) = (await office.office.mailbox(car.pcid)).items
    assert item.action is Action.REMOVE


async def test_a_reset_car_is_emptied_and_its_operators_are_told(world: World) -> None:
    office, car, emaid = await ready(world)
    world.clock.forward(seconds=1)
    second = (await world.market.msp.onboard(car.pcid)).emaid
    await installed(office, car.pcid)
    assert await world.market.ccp.factory_reset(car.pcid) == [emaid, second]
    assert await world.market.ccp.factory_reset(car.pcid) == []
    assert [outcome.reason for outcome in await office.deliver()] == ["withdrawn"] * 2
    told = await world.market.over_the_air.events.events(0, 1000)
    assert [event.emaid for event in told if event.type == "mo.prov.cert.factory.reset"] == [emaid, second]


async def test_a_reset_by_the_maker_empties_mailbox_and_pool(world: World) -> None:
    """At once, before the events of the pool come back; repeating it is harmless."""
    office, car, emaid = await ready(world)
    await installed(office, car.pcid)
    assert await office.office.factory_reset(car.pcid) == [emaid]
    (item,) = (await office.office.mailbox(car.pcid)).items
    assert (item.action, item.emaid) == (Action.REMOVE, emaid)
    assert not await world.market.ccp.of_car(car.pcid)
    await office.deliver()
    await office.office.factory_reset(car.pcid)
    (item,) = (await office.office.mailbox(car.pcid)).items
    await office.office.settle(car.pcid, item.id, Result.REMOVED)
    assert await office.office.factory_reset(car.pcid) == []


async def test_the_makers_staff_resets_a_car_at_the_door(world: World) -> None:
    car, emaid = await world.car_with_contract()
    answer = await world.http.delete(f"/telematics/v1/contracts/{car.pcid}")
    assert (answer.status_code, answer.json()) == (200, {"pcid": car.pcid, "removed": [emaid]})
    assert (await world.http.delete(f"/telematics/v1/contracts/{car.pcid}")).json()["removed"] == []


async def test_a_rejection_is_kept_with_its_reason(world: World) -> None:
    office, car, _ = await ready(world)
    await office.deliver()
    (item,) = (await office.office.mailbox(car.pcid)).items
    await office.office.settle(car.pcid, item.id, Result.REJECTED, "key_mismatch: not my key")
    (contract,) = await office.office.contracts(car.pcid)
    assert (contract.state, contract.reason) == (State.REJECTED, "key_mismatch: not my key")
    assert (await office.office.mailbox(car.pcid)).items == []


async def test_a_car_that_lost_everything_asks_again(world: World) -> None:
    office, car, emaid = await ready(world)
    await installed(office, car.pcid)
    (item,) = (await office.office.mailbox(car.pcid, again=True)).items
    assert (item.action, item.emaid) == (Action.INSTALL, emaid)


async def test_contracts_that_had_to_make_room_are_forgotten(world: World) -> None:
    office, car, emaid = await ready(world)
    await installed(office, car.pcid)
    second = (await world.market.msp.onboard(car.pcid)).emaid
    await office.deliver()
    (item,) = (await office.office.mailbox(car.pcid)).items
    await office.office.settle(
        car.pcid, item.id, Result.INSTALLED, replaced=[emaid, second, "DEPNCNOBODY000"]
    )
    assert await office.states(car.pcid) == {second: "installed"}


async def test_the_default_is_the_pools(world: World) -> None:
    office, car, emaid = await ready(world)
    second = (await world.market.msp.onboard(car.pcid)).emaid
    await installed(office, car.pcid)
    assert {c.emaid: c.is_default for c in await office.office.contracts(car.pcid)} == {
        emaid: True,
        second: False,
    }
    await office.office.choose(car.pcid, second)
    assert office.market.chosen == [(car.pcid, second)]
    assert [c.emaid for c in await world.market.ccp.of_car(car.pcid) if c.is_default] == [second]
    assert [outcome.reason for outcome in await office.deliver()] == ["noted"]
    assert {c.emaid: c.is_default for c in await office.office.contracts(car.pcid)} == {
        emaid: False,
        second: True,
    }
    with pytest.raises(MarketError) as caught:
        await office.office.choose(car.pcid, "DEPNC1A2B3C4D5U")
    assert caught.value.code is Code.NO_CONTRACT


async def test_nobody_settles_or_sees_for_another_car(world: World) -> None:
    office, car, emaid = await ready(world)
    other = await world.build()
    await office.deliver()
    (item,) = (await office.office.mailbox(car.pcid)).items
    assert (await office.office.mailbox(other.pcid)).items == []
    with pytest.raises(MarketError):
        await office.office.settle(other.pcid, item.id, Result.INSTALLED)
    assert await office.states(car.pcid) == {emaid: "delivered"}


async def test_a_waiting_car_hears_at_once(world: World) -> None:
    office, car, emaid = await ready(world)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        waiting = group.create_task(office.office.mailbox(car.pcid, wait_s=15))
        await asyncio.sleep(0)
        await office.deliver()
    assert [item.emaid for item in waiting.result().items] == [emaid]


async def test_cars_for_the_staff(world: World) -> None:
    office, car, _ = await ready(world)
    await world.market.msp.onboard(car.pcid)
    other, _ = await world.car_with_contract()
    await office.deliver()
    world.clock.forward(seconds=1)
    await office.office.mailbox(car.pcid)
    lines = await office.office.cars(10)
    assert [(line.pcid, line.contracts, line.waiting) for line in lines] == [
        (car.pcid, 2, 2),
        (other.pcid, 1, 1),
    ]
    assert len(await office.office.cars(1)) == 1
