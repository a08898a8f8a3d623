"""The root pool: which trust anchors it takes."""

from pathlib import Path

import pytest

from backend_stub.errors import Code, MarketError
from backend_stub.rcp.interface import RootType
from pki.hierarchy import Hierarchy
from tests.backend_stub.material import World, make_hierarchy, open_world


async def test_a_market_begins_with_the_roots_of_its_folder(world: World) -> None:
    for root_type, name in ((RootType.V2G, "v2g_root"), (RootType.OEM, "oem_root"), (RootType.MO, "mo_root")):
        (root,) = await world.market.rcp.roots(root_type)
        assert root.certificate == world.hierarchy[name].certificate
    assert len(await world.market.rcp.roots()) == 3


async def test_adding_again_changes_nothing(world: World) -> None:
    before = await world.market.rcp.roots()
    root = await world.market.rcp.add(RootType.V2G, world.hierarchy["v2g_root"].certificate)
    assert await world.market.rcp.roots() == before
    assert root.id in {known.id for known in before}


async def test_roots_outlive_the_process_and_a_new_folder_adds_to_them(
    tmp_path: Path, hierarchy: Hierarchy
) -> None:
    async with open_world(tmp_path, hierarchy) as world:
        first = await world.market.rcp.roots()
    async with open_world(tmp_path, make_hierarchy(seed=2)) as world:
        assert list(await world.market.rcp.roots())[:3] == list(first)
        assert len(await world.market.rcp.roots()) == 6


@pytest.mark.parametrize("name", ["v2g_root", "oem_root"])
async def test_one_certificate_may_anchor_two_branches(world: World, name: str) -> None:
    await world.market.rcp.add(RootType.MO, world.hierarchy[name].certificate)
    assert world.hierarchy[name].certificate in [
        root.certificate for root in await world.market.rcp.roots(RootType.MO)
    ]


@pytest.mark.parametrize("name", ["cps_sub_ca1", "cps_leaf"])
async def test_only_self_signed_certificates_are_anchors(world: World, name: str) -> None:
    with pytest.raises(MarketError) as caught:
        await world.market.rcp.add(RootType.V2G, world.hierarchy[name].certificate)
    assert caught.value.code is Code.CHAIN


async def test_expired_root(world: World) -> None:
    world.clock.forward(days=41 * 365)
    with pytest.raises(MarketError) as caught:
        await world.market.rcp.add(RootType.V2G, world.hierarchy["v2g_root"].certificate)
    assert caught.value.code is Code.CHAIN_EXPIRED
