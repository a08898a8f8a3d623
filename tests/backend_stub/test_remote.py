"""Roles in other processes: the same values, the same refusals, behind a door for the provider's own."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID, uuid4

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from backend_stub.ccp.interface import Contract, ContractPool, SignedBundle
from backend_stub.cps.interface import ProvisioningService, SignedContract
from backend_stub.errors import Code, MarketError
from backend_stub.federation import calls
from backend_stub.msp.interface import MobilityServiceProvider
from backend_stub.oem.interface import BuiltVehicle, CarMaker
from backend_stub.pcp.interface import Provisioning, ProvisioningPool
from backend_stub.rcp.interface import Root, RootCertificatePool, RootType
from backend_stub.register.interface import VehicleRegister
from backend_stub.remote.codec import CodecError, from_wire, to_wire
from backend_stub.remote.connection import RoleConnection, methods_of, remote
from backend_stub.remote.door import MAX_BODY_BYTES, Inside, RoleDoor
from pki.entropy import SystemEntropy
from tests.backend_stub.material import Car, World, encode, signing_request

SECRET = "s" * 64


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Everything:
    text: str
    number: int
    ratio: float
    flag: bool
    data: bytes
    moment: datetime
    id: UUID
    colour: Colour
    items: Sequence[int]
    pair: tuple[bytes, ...]
    names: Mapping[str, Colour]
    nothing: str | None = None


def test_values_survive_the_wire() -> None:
    value = Everything(
        "ä",
        2**127 + 1,
        0.5,
        True,
        b"\0\xff",
        datetime(2026, 1, 1, tzinfo=UTC),
        uuid4(),
        Colour.RED,
        [1, 2],
        (b"a", b""),
        {"x": Colour.RED},
    )
    assert from_wire(to_wire(value), Everything) == value


@pytest.mark.parametrize(
    ("data", "annotation", "place"),
    [
        (3, str, "value"),
        ("x", int, "value"),
        (True, int, "value"),
        ("%", bytes, "value"),
        ("green", Colour, "value"),
        ({"a": 1}, Sequence[int], "value"),
        ([1, "x"], Sequence[int], "value[1]"),
        ({}, Everything, "value"),
        ("AAAA", Root, "value"),
        ("x", str | int | None, "value"),
        (1, None, "value"),
    ],
)
def test_what_does_not_fit_is_refused(data: Any, annotation: Any, place: str) -> None:
    with pytest.raises(CodecError) as caught:
        from_wire(data, annotation)
    assert caught.value.place == place


def test_what_no_interface_uses_has_no_wire_form() -> None:
    with pytest.raises(TypeError):
        to_wire(object())


@pytest.mark.parametrize(
    "protocol",
    [
        RootCertificatePool,
        ProvisioningPool,
        ContractPool,
        ProvisioningService,
        CarMaker,
        MobilityServiceProvider,
        VehicleRegister,
    ],
)
def test_every_interface_can_travel(protocol: Any) -> None:
    for name, signature in methods_of(protocol).items():
        for parameter in list(signature.parameters.values())[1:]:
            assert parameter.annotation is not parameter.empty, f"{protocol.__name__}.{name}: {parameter}"


@dataclass
class Remote:
    """The roles of a world, each called over HTTP."""

    oem: CarMaker
    msp: MobilityServiceProvider
    cps: ProvisioningService
    pcp: ProvisioningPool
    ccp: ContractPool
    rcp: RootCertificatePool
    connection: RoleConnection
    http: httpx.AsyncClient


@asynccontextmanager
async def remote_of(world: World, secret: str = SECRET) -> AsyncIterator[Remote]:
    door = RoleDoor(world.app, world.market.inside, SECRET)
    transport = httpx.ASGITransport(app=door)
    connection = RoleConnection("all", "http://roles", secret, transport=transport)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://roles") as client:
            yield Remote(
                oem=remote(CarMaker, "oem", connection),
                msp=remote(MobilityServiceProvider, "msp", connection),
                cps=remote(ProvisioningService, "cps", connection),
                pcp=remote(ProvisioningPool, "pcp", connection),
                ccp=remote(ContractPool, "ccp", connection),
                rcp=remote(RootCertificatePool, "rcp", connection),
                connection=connection,
                http=client,
            )
    finally:
        await connection.close()


async def test_a_whole_onboarding_through_remote_roles(world: World) -> None:
    key = SystemEntropy().ec_key(ec.SECP256R1())
    async with remote_of(world) as roles:
        built = await roles.oem.build(signing_request(key), region=None)
        assert isinstance(built, BuiltVehicle)
        car = Car(built.vehicle.pcid, key, built.vehicle.certificate, tuple(built.v2g_roots))
        contract = await roles.msp.onboard(car.pcid)
        assert contract == await world.market.msp.find(contract.emaid)
        found = await roles.ccp.answer(encode(car.request()))
        assert found.emaid == contract.emaid
        entry = await roles.pcp.find(car.pcid)
        assert isinstance(entry, Provisioning)
        assert entry == await world.market.pcp.find(car.pcid)
        assert await roles.pcp.find("WVW00000000000001") is None
        (pooled,) = await roles.ccp.of_car(car.pcid)
        assert isinstance(pooled, Contract)
        assert await roles.rcp.roots(RootType.V2G) == await world.market.rcp.roots(RootType.V2G)
        assert await roles.cps.signers() == await world.market.cps.signers()
        assert SignedContract.__name__ in str(methods_of(ProvisioningService)["sign"].return_annotation)


async def test_refusals_keep_their_code(world: World) -> None:
    async with remote_of(world) as roles:
        with pytest.raises(MarketError) as caught:
            await roles.msp.onboard("WVW00000000000001")
        assert caught.value.code is Code.UNKNOWN_PCID
        assert "[" not in caught.value.detail
        with pytest.raises(MarketError) as caught:
            await roles.ccp.put(SignedBundle("WVW00000000000001", b"nonsense"))
        assert caught.value.code is Code.EXI


async def test_nobody_gets_in_without_the_secret(world: World) -> None:
    async with remote_of(world, "wrong") as roles:
        with pytest.raises(MarketError) as caught:
            await roles.msp.count()
        assert caught.value.code is Code.FORBIDDEN
        assert (await roles.http.post("/roles/v1/msp/count", json={})).status_code == 403
        assert (
            await roles.http.get("/market/v1/overview")
        ).status_code == 200  # the public doors are behind it
        assert SECRET not in repr(roles.connection)


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        ("nobody/count", b"{}", 404),
        ("msp/settle", b"{}", 404),
        ("msp/__init__", b"{}", 404),
        ("msp/find", b"[]", 400),
        ("msp/find", b'{"emaid": 3}', 400),
        ("msp/find", b'{"strange": "x"}', 400),
        ("msp/find", b"x" * (MAX_BODY_BYTES + 1), 413),
    ],
)
async def test_improper_calls(world: World, path: str, content: bytes, status: int) -> None:
    async with remote_of(world) as roles:
        headers = {"X-Role-Secret": SECRET}
        answer = await roles.http.post(f"/roles/v1/{path}", content=content, headers=headers)
        assert answer.status_code == status


async def test_a_role_that_fails_does_not_take_the_process_with_it(world: World) -> None:
    class Broken(Protocol):
        async def work(self) -> int: ...

    class Role:
        async def work(self) -> int:
            raise RuntimeError("a defect")

    door = RoleDoor(world.app, {"broken": Inside(Broken, Role())}, SECRET)
    connection = RoleConnection("broken", "http://r", SECRET, transport=httpx.ASGITransport(app=door))
    with pytest.raises(MarketError) as caught:
        await remote(Broken, "broken", connection).work()
    assert caught.value.code is Code.INTERNAL
    assert "a defect" not in str(caught.value)
    await connection.close()


async def test_a_role_that_is_not_there() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    connection = RoleConnection("ccp", "http://r", SECRET, transport=httpx.MockTransport(refuse))
    pool: ContractPool = remote(ContractPool, "ccp", connection)
    with pytest.raises(MarketError, match="role ccp at http://r cannot be reached") as caught:
        await pool.find("DEPNC0000000001")
    assert caught.value.code is Code.PEER
    await connection.close()


async def test_what_a_request_may_do_travels_along() -> None:
    seen: list[httpx.Headers] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return httpx.Response(200, json={"value": []})

    connection = RoleConnection("ccp", "http://r", SECRET, transport=httpx.MockTransport(answer))
    pool: ContractPool = remote(ContractPool, "ccp", connection)
    with calls.asked(from_here=True, within_s=2.0), calls.at_once():
        assert await pool.of_car("WVW00000000000001") == []
    await pool.of_car("WVW00000000000001")
    assert (seen[0]["broadcast"], seen[0]["x-at-once"]) == ("true", "true")
    assert 1000 < int(seen[0]["x-deadline-ms"]) <= 2000
    assert "broadcast" not in seen[1]
    await connection.close()
