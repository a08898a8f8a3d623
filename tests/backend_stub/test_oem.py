"""The car maker: cars, their identifiers, and what happens when it is interrupted."""

import asyncio
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from backend_stub.certificates import subject_key_id
from backend_stub.errors import Code, MarketError
from backend_stub.oem import store
from pki.chain import validate
from pki.entropy import SystemEntropy
from pki.hierarchy import Hierarchy
from pki.names import common_name
from pki.profiles import OEM_PROVISIONING
from tests.backend_stub.material import (
    World,
    chain_of,
    make_hierarchy,
    open_world,
    provisioning_certificate,
    signing_request,
)
from v2g.identifiers import Pcid

BROADCAST_BIT, LOCAL_BIT = 1, 2


class Killed(BaseException):
    """Stands for the end of the process: nothing in the code may catch it."""


def new_key() -> ec.EllipticCurvePrivateKey:
    return SystemEntropy().ec_key(ec.SECP256R1())


async def test_a_car_has_everything_it_needs(world: World) -> None:
    key = new_key()
    built = await world.market.oem.build(signing_request(key))
    vehicle = built.vehicle
    assert Pcid.parse(vehicle.pcid).wmi == "PNC"
    assert common_name(vehicle.certificate) == vehicle.pcid
    assert vehicle.certificate.public_key() == key.public_key()
    assert len(vehicle.evccid) == 6
    assert vehicle.evccid[0] & BROADCAST_BIT == 0
    assert vehicle.evccid[0] & LOCAL_BIT
    assert list(built.v2g_roots) == [world.hierarchy["v2g_root"].certificate]
    root = world.hierarchy["oem_root"].certificate
    validate(vehicle.certificate, built.sub_cas, [root], at=world.clock.now(), profile=OEM_PROVISIONING)


async def test_the_pool_knows_the_car_and_its_roots(world: World) -> None:
    car = await world.build()
    entry = await world.market.pcp.get(car.pcid)
    assert entry.chain.vehicle == car.certificate
    assert entry.chain.v2g_root_key_ids == tuple(subject_key_id(root) for root in car.v2g_roots)


async def test_asking_again_with_the_same_key_gives_the_same_car(world: World) -> None:
    key = new_key()
    cars = await asyncio.gather(*(world.market.oem.build(signing_request(key)) for _ in range(5)))
    assert len({built.vehicle.pcid for built in cars}) == 1
    assert await world.market.oem.count() == 1


async def test_asking_again_does_not_undo_a_replacement(world: World) -> None:
    key = new_key()
    pcid = (await world.market.oem.build(signing_request(key))).vehicle.pcid
    certificate = provisioning_certificate(
        world.hierarchy, pcid, new_key().public_key(), now=world.clock.now()
    )
    await world.market.pcp.put(chain_of(world.hierarchy, certificate))
    assert (await world.market.oem.build(signing_request(key))).vehicle.pcid == pcid
    assert (await world.market.pcp.get(pcid)).chain.vehicle == certificate


async def test_different_keys_give_different_cars(world: World) -> None:
    cars = await asyncio.gather(*(world.build() for _ in range(5)))
    assert len({car.pcid for car in cars}) == 5
    listed = await world.market.oem.vehicles(10)
    assert {vehicle.pcid for vehicle in listed} == {car.pcid for car in cars}


async def test_key_on_another_curve(world: World) -> None:
    request = signing_request(ec.generate_private_key(ec.SECP521R1()))
    with pytest.raises(MarketError) as caught:
        await world.market.oem.build(request)
    assert caught.value.code is Code.REQUEST


async def test_key_of_another_kind(world: World) -> None:
    key = rsa.generate_private_key(65537, 2048)
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    with pytest.raises(MarketError) as caught:
        await world.market.oem.build(request)
    assert caught.value.code is Code.REQUEST


async def test_request_that_proves_nothing(world: World) -> None:
    data = bytearray(signing_request(new_key()).public_bytes(Encoding.DER))
    data[-1] ^= 1
    with pytest.raises(MarketError) as caught:
        await world.market.oem.build(x509.load_der_x509_csr(bytes(data)))
    assert caught.value.code is Code.REQUEST


async def test_issuing_ca_that_ran_out(world: World) -> None:
    world.clock.forward(days=36 * 365)
    with pytest.raises(MarketError, match="issuing CA") as caught:
        await world.build()
    assert caught.value.code is Code.CHAIN_EXPIRED


async def test_upload_that_a_kill_prevented_is_made_at_the_next_start(
    tmp_path: Path, hierarchy: Hierarchy, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_world(tmp_path, hierarchy) as world:

        def killed(*_: object) -> None:
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr("backend_stub.pcp.store.put", killed)
            with pytest.raises(Killed):
                await world.build()
        (vehicle,) = await world.database.read(store.not_uploaded)
        assert await world.market.pcp.find(vehicle.pcid) is None
    async with open_world(tmp_path, hierarchy) as world:
        assert (await world.market.pcp.get(vehicle.pcid)).chain.vehicle == vehicle.certificate
        assert await world.database.read(store.not_uploaded) == []


async def test_car_that_cannot_be_uploaded_any_more_does_not_stop_the_market(
    tmp_path: Path, hierarchy: Hierarchy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before the upload, and started again with a new certificate folder."""

    def killed(*_: object) -> None:
        raise Killed

    async with open_world(tmp_path, hierarchy) as world:
        with monkeypatch.context() as patch:
            patch.setattr("backend_stub.pcp.store.put", killed)
            with pytest.raises(Killed):
                await world.build()
    async with open_world(tmp_path, make_hierarchy(seed=2)) as world:
        car, emaid = await world.car_with_contract()
        assert (await world.install(car)).emaid == emaid
