"""The provisioning certificate pool: what it takes in."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from backend_stub.certificates import key_fingerprint, subject_key_id
from backend_stub.errors import Code, MarketError
from backend_stub.pcp.interface import ProvisioningChain
from pki.entropy import SystemEntropy
from tests.backend_stub.material import World, chain_of, make_hierarchy, provisioning_certificate

PCID = "WVW12345678901234"


async def refused(world: World, chain: ProvisioningChain) -> Code:
    with pytest.raises(MarketError) as caught:
        await world.market.pcp.put(chain)
    return caught.value.code


async def test_what_goes_in_comes_out(world: World) -> None:
    key = SystemEntropy().ec_key(ec.SECP256R1()).public_key()
    certificate = provisioning_certificate(world.hierarchy, PCID, key, now=world.clock.now())
    root = world.hierarchy["oem_root"].certificate
    chain = chain_of(
        world.hierarchy,
        certificate,
        v2g_root_key_ids=(b"\x01\x02", b"\x03"),
        previous_pcid="WVW00000000000000",
    )
    entry = await world.market.pcp.put(chain)
    assert entry == await world.market.pcp.find(PCID) == await world.market.pcp.get(PCID)
    assert entry.chain == chain
    assert entry.key_fingerprint == key_fingerprint(key)
    assert entry.root_serial == root.serial_number
    assert entry.root_key_id == subject_key_id(root)


async def test_putting_it_again_changes_nothing(world: World) -> None:
    car, emaid = await world.car_with_contract()
    entry = await world.market.pcp.get(car.pcid)
    for _ in range(3):
        assert await world.market.pcp.put(entry.chain) == entry
    assert (await world.install(car)).emaid == emaid


async def test_pcid_is_normalised(world: World) -> None:
    key = SystemEntropy().ec_key(ec.SECP256R1()).public_key()
    certificate = provisioning_certificate(world.hierarchy, "wvw-12345678901234", key, now=world.clock.now())
    assert (await world.market.pcp.put(chain_of(world.hierarchy, certificate))).pcid == PCID


async def test_foreign_root(world: World) -> None:
    foreign = make_hierarchy(seed=2)
    key = SystemEntropy().ec_key(ec.SECP256R1()).public_key()
    certificate = provisioning_certificate(foreign, PCID, key, now=world.clock.now())
    assert await refused(world, chain_of(foreign, certificate)) is Code.CHAIN
    assert await refused(world, chain_of(world.hierarchy, certificate)) is Code.CHAIN


async def test_sub_cas_in_the_wrong_order(world: World) -> None:
    key = SystemEntropy().ec_key(ec.SECP256R1()).public_key()
    certificate = provisioning_certificate(world.hierarchy, PCID, key, now=world.clock.now())
    swapped = chain_of(
        world.hierarchy,
        certificate,
        sub_ca2=world.hierarchy["oem_sub_ca1"].certificate,
        sub_ca1=world.hierarchy["oem_sub_ca2"].certificate,
    )
    assert await refused(world, swapped) is Code.CHAIN


async def test_missing_sub_ca(world: World) -> None:
    key = SystemEntropy().ec_key(ec.SECP256R1()).public_key()
    certificate = provisioning_certificate(world.hierarchy, PCID, key, now=world.clock.now())
    assert await refused(world, chain_of(world.hierarchy, certificate, sub_ca2=None)) is Code.CHAIN


async def test_expired(world: World) -> None:
    key = SystemEntropy().ec_key(ec.SECP256R1()).public_key()
    certificate = provisioning_certificate(world.hierarchy, PCID, key, now=world.clock.now())
    world.clock.forward(days=31 * 365)
    assert await refused(world, chain_of(world.hierarchy, certificate)) is Code.CHAIN_EXPIRED


async def test_no_pcid(world: World) -> None:
    key = SystemEntropy().ec_key(ec.SECP256R1()).public_key()
    certificate = provisioning_certificate(world.hierarchy, "somebody", key, now=world.clock.now())
    assert await refused(world, chain_of(world.hierarchy, certificate)) is Code.CHAIN


async def test_unknown_car(world: World) -> None:
    assert await world.market.pcp.find(PCID) is None
    for call in (world.market.pcp.get, world.market.pcp.delete):
        with pytest.raises(MarketError) as caught:
            await call(PCID)
        assert caught.value.code is Code.UNKNOWN_PCID


async def test_repeating_a_replacement_that_was_cut_off_drops_the_contracts(world: World) -> None:
    """Killed between the pool's commit and the contract pool's: sending the PUT again finishes the work."""
    car, emaid = await world.car_with_contract()
    certificate = provisioning_certificate(
        world.hierarchy,
        car.pcid,
        SystemEntropy().ec_key(ec.SECP256R1()).public_key(),
        now=world.clock.now(),
    )
    pool = world.market.pcp
    followers = list(pool._followers)  # type: ignore[attr-defined]
    pool._followers.clear()  # type: ignore[attr-defined]
    await pool.put(chain_of(world.hierarchy, certificate))
    assert await world.market.ccp.find(emaid) != []
    pool._followers.extend(followers)  # type: ignore[attr-defined]
    await pool.put(chain_of(world.hierarchy, certificate))
    assert await world.market.ccp.find(emaid) == []
