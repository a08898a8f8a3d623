"""Signing on request: another root than the contract was signed under, a CPS certificate that ran out."""

from dataclasses import replace
from pathlib import Path

import pytest

from backend_stub.ccp.interface import Collection
from backend_stub.errors import Code, MarketError
from pki.entropy import SystemEntropy
from pki.hierarchy import Hierarchy
from pki.issuing import new_identity
from pki.names import fingerprint_sha256
from pki.profiles import CPS_LEAF
from tests.backend_stub.material import (
    SetClock,
    World,
    make_hierarchy,
    open_contract_key,
    open_world,
    response_of,
)


async def test_a_bundle_is_signed_again_when_its_signer_ran_out(tmp_path: Path, hierarchy: Hierarchy) -> None:
    """The provider has a new CPS certificate; the contract and the sealed key are what they were."""
    clock = SetClock()
    async with open_world(tmp_path, hierarchy, clock=clock) as world:
        car, emaid = await world.car_with_contract()
        clock.forward(days=100)
        with pytest.raises(MarketError, match="signed again"):
            await world.install(car)
    async with open_world(tmp_path, _with_new_cps(hierarchy, clock), clock=clock) as world:
        found = await world.install(car)
        assert found.emaid == emaid
        _, body = response_of(found.response)
        open_contract_key(car, body)
        collected = await world.market.ccp.collect(Collection(emaid, car.pcid))
        assert collected.v2g_root_fingerprint == found.v2g_root_fingerprint
        assert len(await world.market.ccp.find(emaid)) == 1


def _with_new_cps(hierarchy: Hierarchy, clock: SetClock) -> Hierarchy:
    leaf = new_identity(
        CPS_LEAF,
        common_name="CPS Leaf 2",
        issuer=hierarchy["cps_sub_ca2"],
        now=clock.now(),
        entropy=SystemEntropy(),
    )
    return Hierarchy({**hierarchy, "cps_leaf": leaf})


async def test_a_root_that_nobody_signs_under(world: World) -> None:
    car, _ = await world.car_with_contract()
    strange = make_hierarchy(7)["v2g_root"].certificate
    with pytest.raises(MarketError, match="no V2G root") as caught:
        await world.install(replace(car, v2g_roots=(strange,)))
    assert caught.value.code is Code.NO_CONTRACT


async def test_collecting_under_a_root_that_nobody_has(world: World) -> None:
    car, emaid = await world.car_with_contract()
    strange = fingerprint_sha256(make_hierarchy(7)["v2g_root"].certificate)
    with pytest.raises(MarketError) as caught:
        await world.market.ccp.collect(Collection(emaid, car.pcid, v2g_root_fingerprint=strange))
    assert caught.value.code is Code.NO_CONTRACT
