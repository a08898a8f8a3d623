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
    Car,
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


# --- replaced keys and one-time codes ------------------------------------------------------------------


async def test_replaced_key_under_the_same_pcid(world: World) -> None:
    car, emaid = await world.car_with_contract()
    key = new_key()
    built = await world.market.oem.rekey(car.pcid, signing_request(key))
    assert (built.vehicle.pcid, built.vehicle.previous_pcid) == (car.pcid, None)
    assert await world.market.ccp.find(emaid) == []
    with pytest.raises(MarketError) as caught:
        await world.install(car)
    assert caught.value.code is Code.REVOKED
    again = Car(car.pcid, key, built.vehicle.certificate, tuple(built.v2g_roots))
    contract = await world.market.msp.onboard(car.pcid)
    assert (await world.install(again)).emaid == contract.emaid
    # Asking again with the same key changes nothing.
    repeated = await world.market.oem.rekey(car.pcid, signing_request(key))
    assert repeated.vehicle.certificate == built.vehicle.certificate
    assert await world.market.ccp.find(contract.emaid) != []


async def test_replaced_key_under_a_new_pcid(world: World) -> None:
    car, emaid = await world.car_with_contract()
    key = new_key()
    built = await world.market.oem.rekey(car.pcid, signing_request(key), new_pcid=True)
    assert built.vehicle.pcid != car.pcid == built.vehicle.previous_pcid
    assert await world.market.ccp.find(emaid) == []
    assert await world.market.pcp.find(car.pcid) is None
    entry = await world.market.pcp.get(built.vehicle.pcid)
    assert entry.chain.previous_pcid == car.pcid
    assert await world.market.oem.find(car.pcid) is None
    assert await world.market.oem.count() == 1
    repeated = await world.market.oem.rekey(car.pcid, signing_request(key), new_pcid=True)
    assert repeated.vehicle.pcid == built.vehicle.pcid


async def test_no_key_for_a_car_of_somebody_else(world: World) -> None:
    with pytest.raises(MarketError) as caught:
        await world.market.oem.rekey("WVW00000000000001", signing_request(new_key()))
    assert caught.value.code is Code.UNKNOWN_PCID


async def test_key_of_another_car(world: World) -> None:
    first, second = await world.build(), await world.build()
    with pytest.raises(MarketError) as caught:
        await world.market.oem.rekey(first.pcid, signing_request(second.key))
    assert caught.value.code is Code.CONFLICT


async def test_a_pcid_does_not_follow_one_of_another_maker(world: World) -> None:
    car = await world.build()
    chain = chain_of(world.hierarchy, car.certificate, previous_pcid="WVW00000000000001")
    with pytest.raises(MarketError, match="another maker") as caught:
        await world.market.pcp.put(chain)
    assert caught.value.code is Code.CHAIN


async def test_one_time_code(world: World) -> None:
    built = await world.market.oem.build(signing_request(new_key()))
    oem, pcid = world.market.oem, built.vehicle.pcid
    for _ in range(2):  # the same use
        await oem.redeem(pcid, built.code.lower(), "DEPNC0000000001")
    with pytest.raises(MarketError, match="used already"):
        await oem.redeem(pcid, built.code, "DEPNC0000000002")
    await oem.restore(pcid, built.code, "DEPNC0000000002")  # not whose use it was
    with pytest.raises(MarketError):
        await oem.redeem(pcid, built.code, "DEPNC0000000002")
    await oem.restore(pcid, built.code, "DEPNC0000000001")
    await oem.redeem(pcid, built.code, "DEPNC0000000002")
    new = await oem.issue_code(pcid)
    with pytest.raises(MarketError, match="not the maker's"):
        await oem.redeem(pcid, built.code, "DEPNC0000000003")
    await oem.redeem(pcid, new, "DEPNC0000000003")


async def test_guessing_a_code_makes_it_void(world: World) -> None:
    built = await world.market.oem.build(signing_request(new_key()))
    oem, pcid = world.market.oem, built.vehicle.pcid
    for _ in range(10):
        with pytest.raises(MarketError):
            await oem.redeem(pcid, "2222-2222-2222-2222", "DEPNC0000000001")
    with pytest.raises(MarketError, match="too many"):
        await oem.redeem(pcid, built.code, "DEPNC0000000001")


async def test_vin_of_another_car(world: World) -> None:
    vin = "1M8GDM9AXKP042788"
    first = await world.market.oem.build(signing_request(new_key()), vin=vin.lower())
    assert first.vehicle.vin == vin
    with pytest.raises(MarketError) as caught:
        await world.market.oem.build(signing_request(new_key()), vin=vin)
    assert caught.value.code is Code.CONFLICT


async def test_sales_region_that_is_not_known(world: World) -> None:
    with pytest.raises(MarketError, match="everywhere") as caught:
        await world.market.oem.build(signing_request(new_key()), region="moon")
    assert caught.value.code is Code.REQUEST
