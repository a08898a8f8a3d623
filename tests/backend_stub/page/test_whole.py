"""The market as a whole, and the searches of its books."""

from typing import Any

import pytest

from backend_stub.access.settings import AccessSettings
from backend_stub.errors import Code, MarketError
from backend_stub.rcp.interface import RootType
from tests.backend_stub.access.material import ClosedWorld
from tests.backend_stub.material import World


async def get(world: World, path: str, **query: Any) -> Any:
    answer = await world.http.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_roles_count_and_answer(world: World) -> None:
    await world.car_with_contract()
    found = await get(world, "/market/v1/roles")
    roles = {role["role"]: role for role in found["roles"]}
    assert all(role["up"] for role in roles.values())
    assert roles["oem"]["counts"] == {"vehicles": 1}
    assert roles["pcp"]["counts"] == {"certificates": 1}
    assert roles["msp"]["counts"] == {"contracts": 1, "ended": 0}
    assert roles["ccp"]["counts"] == {"contracts": 1, "bundles": 1}
    assert roles["rcp"]["counts"] == {"roots": 3}
    assert roles["cps"]["counts"] == {"signers": 1}


async def test_a_role_that_cannot_be_reached_is_shown_down(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unreachable(*_: object) -> None:
        raise MarketError(Code.PEER, "role cps cannot be reached")

    monkeypatch.setattr(world.market.cps, "signers", unreachable)
    (provider,) = (await get(world, "/market/v1/providers"))["providers"]
    assert not provider["up"]
    assert "cps cannot be reached" in provider["problem"]
    cps = next(role for role in provider["roles"] if role["role"] == "cps")
    assert (cps["up"], cps["problem"]) == (False, "[PEER] role cps cannot be reached")


async def test_counts_are_kept_for_a_moment(world: World) -> None:
    before = await world.market.census.counts()
    await world.build()
    assert await world.market.census.counts() is before


async def test_certificates_are_a_tree_below_roots(world: World) -> None:
    found = (await get(world, "/market/v1/certificates"))["certificates"]
    by_fingerprint = {entry["line"]["fingerprint"]: entry for entry in found}
    assert len(by_fingerprint) == len(found)
    roots = [entry for entry in found if not entry["parent"]]
    assert {entry["line"]["purpose"] for entry in roots} == {"trust anchor"}
    assert all(entry["parent"] in by_fingerprint for entry in found if entry["parent"])
    assert any(entry["line"]["purpose"].startswith("signs contracts") for entry in found)


async def test_events_come_newest_first_and_in_pages(world: World) -> None:
    car, emaid = await world.car_with_contract()
    other, _ = await world.car_with_contract()
    whole = (await get(world, "/market/v1/events", limit=200))["events"]
    numbers = [event["sequence"] for event in whole]
    assert numbers == sorted(numbers, reverse=True)
    paged: list[int] = []
    while more := (
        await get(world, "/market/v1/events", limit=2, **({"before": paged[-1]} if paged else {}))
    )["events"]:
        paged += [event["sequence"] for event in more]
    assert paged == numbers
    of_car = (await get(world, "/market/v1/events", pcid=car.pcid))["events"]
    assert of_car
    assert {event["payload"]["pcid"] for event in of_car} == {car.pcid}
    of_contract = (await get(world, "/market/v1/events", emaid=emaid))["events"]
    assert {event["payload"]["emaid"] for event in of_contract} == {emaid}
    assert not (await get(world, "/market/v1/events", emaid=emaid, pcid=other.pcid))["events"]


async def test_clients_are_shown_without_secrets(closed: ClosedWorld) -> None:
    answer = await closed.world.http.get("/market/v1/clients", headers=closed.headers("admin"))
    found = answer.json()
    assert not found["open"]
    assert {client["role"] for client in found["clients"]} == {"msp", "oem", "cpo", "cps", "peer", "admin"}
    assert "scrypt" not in answer.text


async def test_an_operator_sees_its_own_events_only(closed: ClosedWorld) -> None:
    await closed.world.car_with_contract()
    answer = await closed.world.http.get("/market/v1/events", headers=closed.headers("other msp"))
    assert {event["eventType"].split(".")[0] for event in answer.json()["events"]} <= {"root"}


async def test_an_open_market_has_no_clients(world: World) -> None:
    assert AccessSettings().clients is None
    assert await get(world, "/market/v1/clients") == {"open": True, "clients": []}


async def test_vehicles_are_found_by_their_beginning_and_paged_by_key(world: World) -> None:
    built = [(await world.build()).pcid for _ in range(7)]
    cars = [await world.market.oem.find(pcid) for pcid in built]
    one = cars[3]
    assert one is not None

    async def pages(**query: str) -> list[str]:
        found: list[str] = []
        while more := (
            await get(world, "/oem/v1/vehicles", limit=3, after=found[-1] if found else "", **query)
        )["vehicles"]:
            found += [car["pcid"] for car in more]
        return found

    assert await pages(pcid="PNC") == sorted(built)
    assert sorted(await pages()) == sorted(built)
    assert await pages(pcid=one.pcid[:9].lower()) == [one.pcid]
    assert await pages(vin=one.vin[:12]) == [one.pcid]
    assert await pages(vin=one.vin[:3]) == [
        car.pcid for car in sorted((car for car in cars if car), key=lambda car: car.vin)
    ]
    for nothing in ("ZZZ", "%", "_", "PNC%", "'; --", "P C"):
        assert await pages(pcid=nothing) == []
    assert (await world.http.get("/oem/v1/vehicles?after=NOBODY")).status_code == 404


async def test_contracts_are_found_by_beginning_and_state(world: World) -> None:
    emaids = [(await world.car_with_contract())[1] for _ in range(5)]
    await world.market.msp.terminate(emaids[1])

    async def found(**query: str) -> list[str]:
        return [line["emaid"] for line in (await get(world, "/msp/v1/contracts", **query))["contracts"]]

    assert await found(emaid="DEPNC") == sorted(emaids)
    assert await found(emaid=emaids[2][:12]) == [emaids[2]]
    assert await found(emaid="de-pnc", after=sorted(emaids)[2]) == sorted(emaids)[3:]
    assert await found(state="ended") == [emaids[1]]
    assert sorted(await found(state="active")) == sorted(set(emaids) - {emaids[1]})
    assert await found(state="ending") == []
    newest = await found(limit="2")
    assert await found(limit="3", after=newest[-1]) == (await found())[2:]
    assert (await world.http.get("/msp/v1/contracts?after=NOBODY")).status_code == 404


async def test_a_root_is_listed_once_for_all_that_it_anchors(world: World) -> None:
    root = world.hierarchy["v2g_root"].certificate
    await world.market.rcp.add(RootType.MO, root)
    found = (await get(world, "/market/v1/certificates"))["certificates"]
    names = [entry["line"]["fingerprint"] for entry in found]
    assert len(names) == len(set(names))
