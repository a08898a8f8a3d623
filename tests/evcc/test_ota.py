"""Contracts over the air as the car takes them: the same checks as at a charger, durable before it says so."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import exi
from evcc import ota_memory
from evcc.errors import ConfigError
from evcc.ota import Summary, begin_reset, follow, synchronise
from evcc.ota_door import TelematicsError
from evcc.ota_memory import Memory
from tests.evcc import charger as c
from tests.evcc.backend import Backend, Scene, bundle_for, document, install, on_air, remove
from tests.evcc.material import EMAIDS, NOW, World
from v2g.messages import iso2

T = TypeVar("T")
Work = Callable[[Scene], Coroutine[Any, Any, T]]
Play = Callable[[Backend, Work[Any]], Any]


@pytest.fixture
def play(tmp_path: Path, world: World) -> Play:
    """Run a scene with the car in ``tmp_path``."""
    return lambda backend, work: on_air(tmp_path / "car", world, backend, work)


async def look(scene: Scene) -> Summary:
    return await synchronise(scene.receiver, scene.door)


def test_a_contract_is_installed_and_acknowledged_after_it_is_durable(play: Play, world: World) -> None:
    async def work(scene: Scene) -> None:
        backend.on_acknowledgement = lambda: on_disk.append(scene.stored)
        summary = await look(scene)
        assert (summary.installed, summary.chosen) == ([EMAIDS[0]], EMAIDS[0])
        assert backend.said == [{"result": "installed", "reason": "", "replaced": []}]
        assert on_disk == [[EMAIDS[0]]]
        (event,) = scene.sink.of("contract.installed")
        assert event["emaid"] == EMAIDS[0]
        assert not (await look(scene)).eventful

    on_disk: list[list[str]] = []
    backend = Backend(world, [install(document(bundle_for(world)))], default=EMAIDS[0])
    play(backend, work)
    # One question for a challenge; after that each answer brings the next.
    assert [target.rpartition("/")[2] for target in backend.targets] == [
        "challenge",
        "mailbox?waitS=0&again=false",
        "acknowledgement",
        "mailbox?waitS=0&again=false",
    ]


def test_a_car_that_dies_before_it_says_so_does_the_same_again(play: Play, world: World) -> None:
    def dies(request: httpx.Request) -> httpx.Response | None:
        if "acknowledgement" in str(request.url):
            raise httpx.ConnectError("the power fails")
        return None

    async def first(scene: Scene) -> None:
        backend.before = dies
        with pytest.raises(TelematicsError):
            await look(scene)
        assert scene.stored == [EMAIDS[0]]

    async def second(scene: Scene) -> None:
        backend.before = lambda _: None
        assert (await look(scene)).installed == [EMAIDS[0]]
        assert scene.stored == [EMAIDS[0]]

    backend = Backend(world, [install(document(bundle_for(world)))])
    play(backend, first)
    play(backend, second)
    assert [said["result"] for said in backend.said] == ["installed"]


# --- what is turned down --------------------------------------------------------------------------------


def another_car(world: World, _foreign: World) -> dict[str, Any]:
    stranger = world.entropy.ec_key(ec.SECP256R1()).public_key()
    return install(document(bundle_for(world, receiver=stranger)))


def foreign_service(world: World, foreign: World) -> dict[str, Any]:
    signer, chain = foreign.cps.leaf.signing_key(), foreign.cps.wire
    return install(document(bundle_for(world, signer=signer, signer_chain=chain)))


def another_signer(world: World, _foreign: World) -> dict[str, Any]:
    return install(document(bundle_for(world, signer=world.entropy.ec_key(ec.SECP256R1()))))


def unsigned(world: World, _foreign: World) -> dict[str, Any]:
    return install(exi.encode(c.wrapped(bundle_for(world).body()), iso2.SCHEMA))


def a_refusal(world: World, _foreign: World) -> dict[str, Any]:
    bundle = bundle_for(world)
    body = bundle.body(iso2.ResponseCode.FAILED)
    return install(exi.encode(c.wrapped(body, signature=bundle.sign(body)), iso2.SCHEMA))


def another_message(world: World, _foreign: World) -> dict[str, Any]:
    return install(
        exi.encode(
            c.wrapped(iso2.SessionStopReq(charging_session=iso2.ChargingSession.Terminate)), iso2.SCHEMA
        )
    )


def another_contract(world: World, _foreign: World) -> dict[str, Any]:
    return install(document(bundle_for(world, 1)), EMAIDS[0])


def garbage(_world: World, _foreign: World) -> dict[str, Any]:
    return install(b"nonsense")


def no_base64(_world: World, _foreign: World) -> dict[str, Any]:
    return install(b"", certificateInstallationRes="?")


def nothing(_world: World, _foreign: World) -> dict[str, Any]:
    return install(b"", certificateInstallationRes=None)


def another_edition(world: World, _foreign: World) -> dict[str, Any]:
    return install(document(bundle_for(world)), xsdMsgDefNamespace="urn:iso:15118:99")


@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        (another_car, "key_mismatch"),
        (foreign_service, "cps_certificate.unknown_issuer"),
        (another_signer, "signature"),
        (unsigned, "signature"),
        (a_refusal, "response_code.FAILED"),
        (another_message, "document"),
        (another_contract, "emaid_mismatch"),
        (garbage, "document"),
        (no_base64, "document"),
        (nothing, "document"),
        (another_edition, "namespace"),
    ],
)
def test_what_is_wrong_is_refused_with_its_reason_and_nothing_is_stored(
    play: Play,
    world: World,
    foreign: World,
    forge: Callable[[World, World], dict[str, Any]],
    reason: str,
) -> None:
    async def work(scene: Scene) -> None:
        summary = await look(scene)
        assert [line["reason"] for line in summary.refused] == [reason], summary.refused
        assert summary.installed == []
        assert scene.stored == []
        assert list(scene.store.directory.glob("*.pem")) == []
        (said,) = backend.said
        assert said["result"] == "rejected"
        assert said["reason"].startswith(reason)
        (event,) = scene.sink.of("contract.refused")
        assert event["fault"] == reason

    backend = Backend(world, [forge(world, foreign)])
    play(backend, work)


def test_a_full_store(play: Play, world: World) -> None:
    async def work(scene: Scene) -> None:
        scene.keep(0, 1, 2, 3, 4)
        summary = await look(scene)
        assert [line["reason"] for line in summary.refused] == ["store_full"]
        assert scene.stored == list(EMAIDS[:5])

    play(Backend(world, [install(document(bundle_for(world, 5)), EMAIDS[5])]), work)


def test_an_expired_contract_makes_room_and_the_backend_hears_of_it(play: Play, world: World) -> None:
    async def work(scene: Scene) -> None:
        scene.store.install(world.contract(EMAIDS[6], validity=timedelta(days=1, minutes=1)), NOW)
        scene.keep(0, 1, 2, 3)
        assert (await look(scene)).installed == [EMAIDS[5]]
        assert backend.said == [{"result": "installed", "reason": "", "replaced": [EMAIDS[6]]}]

    backend = Backend(world, [install(document(bundle_for(world, 5)), EMAIDS[5])])
    play(backend, work)


def test_contracts_that_have_ended_are_removed(play: Play, world: World) -> None:
    async def work(scene: Scene) -> None:
        scene.keep(0, 1)
        summary = await look(scene)
        assert summary.removed == [EMAIDS[1]]  # the other one was gone before
        assert scene.stored == [EMAIDS[0]]
        assert [said["result"] for said in backend.said] == ["removed", "removed"]

    backend = Backend(world, [remove(EMAIDS[1]), remove(EMAIDS[4])])
    play(backend, work)


def test_an_item_that_was_replaced_meanwhile_is_no_error(play: Play, world: World) -> None:
    def conflict(request: httpx.Request) -> httpx.Response | None:
        if "acknowledgement" in str(request.url):
            return httpx.Response(409, json={"errorMessages": ["[CONFLICT] look again"], "traceId": "x"})
        return None

    async def work(scene: Scene) -> None:
        assert (await look(scene)).installed == [EMAIDS[0]]

    play(Backend(world, [install(document(bundle_for(world)))], before=conflict), work)


# --- the default ----------------------------------------------------------------------------------------


def test_the_backends_default_is_chosen_however_many_come(play: Play, world: World) -> None:
    async def work(scene: Scene) -> None:
        assert (await look(scene)).chosen == EMAIDS[0]

    items = [install(document(bundle_for(world, number)), EMAIDS[number]) for number in range(3)]
    play(Backend(world, items, default=EMAIDS[0]), work)


def test_a_choice_of_the_driver_is_kept_until_the_backend_says_something_new(
    play: Play, world: World
) -> None:
    async def work(scene: Scene) -> None:
        scene.keep(0, 1, 2)
        assert (await look(scene)).chosen == EMAIDS[0]
        scene.store.choose(EMAIDS[1])
        assert (await look(scene)).chosen == EMAIDS[1]
        backend.items = [install(document(bundle_for(world, 3)), EMAIDS[3])]
        assert (await look(scene)).chosen == EMAIDS[1]
        backend.default = EMAIDS[2]
        assert (await look(scene)).chosen == EMAIDS[2]
        backend.default = EMAIDS[6]  # which this car does not have
        assert (await look(scene)).chosen == EMAIDS[2]

    backend = Backend(world, default=EMAIDS[0])
    play(backend, work)


def test_a_choice_made_out_of_reach_is_told_later(play: Play, world: World) -> None:
    async def work(scene: Scene) -> None:
        scene.keep(0, 1)
        folder = scene.receiver.vehicle.directory
        ota_memory.save(folder, Memory(default=EMAIDS[1], pending=EMAIDS[0]))
        scene.store.choose(EMAIDS[0])
        assert (await look(scene)).chosen == EMAIDS[0]
        assert backend.chosen == [EMAIDS[0]]
        assert ota_memory.load(folder) == Memory(default=EMAIDS[0])
        await look(scene)
        assert backend.chosen == [EMAIDS[0]]

    backend = Backend(world, default=EMAIDS[1])
    play(backend, work)


def test_a_choice_that_is_void_is_dropped_and_one_that_cannot_be_told_is_kept(
    play: Play, world: World
) -> None:
    status = 404

    def answer(request: httpx.Request) -> httpx.Response | None:
        if str(request.url).endswith("/default"):
            return httpx.Response(status, json={"errorMessages": ["[NO_CONTRACT] ended"], "traceId": "x"})
        return None

    async def work(scene: Scene) -> None:
        nonlocal status
        folder = scene.receiver.vehicle.directory
        ota_memory.save(folder, Memory(pending=EMAIDS[0]))
        await look(scene)
        assert ota_memory.load(folder).pending is None
        status = 503
        ota_memory.save(folder, Memory(pending=EMAIDS[0]))
        with pytest.raises(TelematicsError):
            await look(scene)
        assert ota_memory.load(folder).pending == EMAIDS[0]

    play(Backend(world, before=answer), work)


# --- a backend that misbehaves --------------------------------------------------------------------------


def test_a_challenge_that_ran_out_is_replaced_once(play: Play, world: World) -> None:
    left = 1

    def refuse(request: httpx.Request) -> httpx.Response | None:
        nonlocal left
        if "mailbox" not in str(request.url) or not left:
            return None
        left -= 1
        return httpx.Response(
            401,
            json={"errorMessages": ["[UNAUTHENTICATED] run out"], "traceId": "x"},
            headers={"X-Telematics-Challenge": "challenge-1"},
        )

    async def work(scene: Scene) -> None:
        await look(scene)

    play(Backend(world, before=refuse), work)


def mailbox_is(response: Callable[[], httpx.Response]) -> Callable[[httpx.Request], httpx.Response | None]:
    return lambda request: response() if "mailbox" in str(request.url) else None


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (lambda: httpx.Response(200, text="<html>"), "protocol"),
        (lambda: httpx.Response(200, json={"items": 7}), "protocol"),
        (lambda: httpx.Response(200, json={"items": [{"id": "x" * 40}], "contracts": []}), "protocol"),
        (lambda: httpx.Response(200, content=b"x" * (1024 * 1024 + 1)), "protocol"),
        (lambda: httpx.Response(302, headers={"location": "http://elsewhere"}), "protocol"),
        (lambda: httpx.Response(403, json={"errorMessages": ["no"], "traceId": ""}), "refused"),
        (lambda: httpx.Response(401, json={"errorMessages": ["no"], "traceId": ""}), "refused"),
        (lambda: httpx.Response(503, json={"errorMessages": ["later"], "traceId": ""}), "unreachable"),
    ],
)
def test_answers_that_help_nobody(
    play: Play, world: World, response: Callable[[], httpx.Response], reason: str
) -> None:
    async def work(scene: Scene) -> None:
        with pytest.raises(TelematicsError) as caught:
            await look(scene)
        assert caught.value.reason == reason
        assert scene.stored == []

    play(Backend(world, before=mailbox_is(response)), work)


def test_following_goes_on_through_failures_and_waits_longer_each_time(play: Play, world: World) -> None:
    down = 0

    def answer(request: httpx.Request) -> httpx.Response | None:
        nonlocal down
        if "mailbox" in str(request.url) and down:
            down -= 1
            raise httpx.ConnectError("nobody there")
        return None

    async def work(scene: Scene) -> None:
        nonlocal down
        told: list[Summary] = []
        warned: list[str] = []
        pauses: list[float] = []

        async def pause(seconds: float) -> None:
            pauses.append(seconds)
            await asyncio.sleep(seconds)

        def tell(summary: Summary) -> None:
            nonlocal down
            told.append(summary)
            if len(told) == 1:
                down = 4
                backend.items = [install(document(bundle_for(world)))]
            else:
                following.cancel()

        async with asyncio.TaskGroup() as group:
            following = group.create_task(follow(scene.receiver, scene.door, tell, warned.append, pause))
        assert [summary.installed for summary in told] == [[], [EMAIDS[0]]]
        assert pauses == [1, 2, 4, 8]
        assert "trying again in 8 s" in warned[-1]
        assert any("waitS=25" in target for target in backend.targets)

    backend = Backend(world, before=answer)
    play(backend, work)


def test_a_backend_that_does_not_wait_is_not_asked_without_end(play: Play, world: World) -> None:
    empty = httpx.Response(200, json={"items": [], "contracts": []})

    async def work(scene: Scene) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60):
                await follow(scene.receiver, scene.door, lambda _: None, pytest.fail, asyncio.sleep)
        assert sum("mailbox" in target for target in backend.targets) <= 62

    backend = Backend(world, before=mailbox_is(lambda: empty))
    play(backend, work)


def test_the_memory_survives_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    assert ota_memory.load(tmp_path) == Memory()
    memory = Memory("http://x", "ca.pem", EMAIDS[0], EMAIDS[1])
    ota_memory.save(tmp_path, memory)
    assert ota_memory.load(tmp_path) == memory
    assert msgspec.json.decode((tmp_path / "telematics.json").read_bytes())["url"] == "http://x"
    (tmp_path / "telematics.json").write_text("{}x")
    with pytest.raises(ConfigError, match=r"telematics\.json"):
        ota_memory.load(tmp_path)
    with pytest.raises(ConfigError, match="cannot be written"):
        ota_memory.save(tmp_path / "nowhere", Memory())


# --- a car that is reset --------------------------------------------------------------------------------


def test_a_reset_car_forgets_and_says_so_once(play: Play, world: World) -> None:
    async def work(scene: Scene) -> None:
        await look(scene)
        assert begin_reset(scene.receiver) == [EMAIDS[0]]
        assert scene.stored == []
        await look(scene)
        await look(scene)
        assert backend.resets == 1
        assert ota_memory.load(scene.receiver.vehicle.directory).default is None

    backend = Backend(world, [install(document(bundle_for(world)))])
    play(backend, work)


def test_a_backend_that_is_away_hears_of_a_reset_later(play: Play, world: World) -> None:
    """Whatever the car has got until then goes, too: nobody may have it back by accident."""

    def away(request: httpx.Request) -> httpx.Response | None:
        if request.url.path.endswith("/reset"):
            raise httpx.ConnectError("nobody there")
        return None

    async def first(scene: Scene) -> None:
        await look(scene)
        backend.before = away
        begin_reset(scene.receiver)
        with pytest.raises(TelematicsError):
            await look(scene)
        scene.store.install(world.contract(EMAIDS[1]), NOW)

    async def second(scene: Scene) -> None:
        assert ota_memory.load(scene.receiver.vehicle.directory).reset
        backend.before = lambda _: None
        await look(scene)
        assert (scene.stored, backend.resets) == ([], 1)
        assert not ota_memory.load(scene.receiver.vehicle.directory).reset

    backend = Backend(world, [install(document(bundle_for(world)))])
    play(backend, first)
    play(backend, second)
