"""Seeding a market: what comes out is as good as what was built car by car, and can be begun again."""

import asyncio
import json
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from backend_stub.ccp.interface import Installation
from backend_stub.cli import main
from backend_stub.database import Database
from backend_stub.errors import Code, MarketError
from backend_stub.market import open_market
from backend_stub.msp.interface import State
from backend_stub.oem import store as oem_store
from backend_stub.oem.folder import read_code, read_pcid
from backend_stub.seeding.fleet import CarKeys, Emaids, Fleet
from backend_stub.seeding.folders import FolderOrder
from backend_stub.seeding.ground import from_description, from_folder
from backend_stub.seeding.run import Order, Outcome, seed
from pki.chain import parse
from pki.entropy import SystemEntropy
from pki.hierarchy import Hierarchy
from pki.store import read_certificate, read_key
from tests.backend_stub.material import Car, encode, response_of
from v2g.security.envelope import Envelope, open_iso2
from v2g.security.signature import verify_certificate_installation_res
from v2g.trace import ListSink, Tracer

SEED = 7


class Counted:
    """Notes the progress instead of showing it."""

    def __init__(self) -> None:
        self.total = self.made = self.found = 0
        self.ended = False

    def begin(self, total: int) -> None:
        self.total = total

    def advance(self, made: int, found: int) -> None:
        self.made += made
        self.found += found

    def end(self) -> None:
        self.ended = True


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("market") / "pki"
    Hierarchy.create(now=datetime.now(UTC) - timedelta(hours=1), entropy=SystemEntropy()).save(folder)
    return folder


async def seeded(
    pki: Path, target: str | Path, vehicles: int, *, contracts: int = 2, folders: FolderOrder | None = None
) -> tuple[Outcome, Counted]:
    now, progress = datetime.now(UTC), Counted()
    order = Order(vehicles, contracts, SEED, workers=1, folders=folders)
    outcome = await seed(from_folder(pki, target, "", now=now), order, now, progress)
    return outcome, progress


async def install(pki: Path, target: str | Path, car: Car) -> Installation:
    with closing(Database(target)) as database:
        market = await open_market(
            Hierarchy.load(pki),
            database,
            now=lambda: datetime.now(UTC),
            entropy=SystemEntropy(),
            tracer=Tracer("backend", ListSink(), lambda: datetime.now(UTC)),
        )
        contract = (await market.msp.of_car(car.pcid))[0]
        assert contract.state is State.ACTIVE
        (issued,) = await market.authority.find(car.pcid)
        assert issued.revoked_at is None
        assert await market.oem.count() == 3
        assert await market.msp.count() == 6
        return await market.ccp.answer(encode(car.request()))


async def test_a_seeded_car_installs_its_contract_and_can_use_it(
    pki: Path, target: str | Path, tmp_path: Path
) -> None:
    outcome, progress = await seeded(pki, target, 3, folders=FolderOrder(1, tmp_path / "cars"))
    assert (outcome.vehicles, outcome.contracts, outcome.found, outcome.folders) == (3, 6, 0, 1)
    assert (progress.total, progress.made, progress.ended) == (3, 3, True)
    folder = tmp_path / "cars" / "car-000001"
    assert read_code(folder) == Fleet(SEED, "PNC").car(0).code
    car = Car(
        read_pcid(folder),
        read_key(folder / "oem" / "provisioning.key"),
        read_certificate(folder / "oem" / "provisioning.pem"),
        (read_certificate(folder / "roots" / "v2g" / "root1.pem"),),
    )
    installation = await install(pki, target, car)
    assert installation.emaid == Emaids(SEED, "DE", "PNC").emaid(0, 0)
    message, body = response_of(installation.response)
    hierarchy = Hierarchy.load(pki)
    signer = hierarchy["cps_leaf"].signing_key().public_key()
    verify_certificate_installation_res(message.header.signature, body, signer)
    envelope = Envelope(body.contract_signature_encrypted_private_key.value, body.dh_public_key.value)
    open_iso2(envelope, car.key, certificate=parse(body.contract_signature_cert_chain.certificate))


async def test_what_was_cut_off_is_begun_again_and_nothing_is_made_twice(
    pki: Path, target: str | Path
) -> None:
    await seeded(pki, target, 2)
    outcome, progress = await seeded(pki, target, 5)
    assert (outcome.vehicles, outcome.found) == (3, 2)
    assert (progress.made, progress.found) == (3, 2)
    again, _ = await seeded(pki, target, 5)
    assert (again.vehicles, again.found) == (0, 5)
    with closing(Database(target)) as database:
        wanted = [Fleet(SEED, "PNC").car(number).pcid for number in range(5)]
        assert await database.read(lambda connection: oem_store.known(connection, wanted)) == set(wanted)


@pytest.mark.system
async def test_kill_9_leaves_whole_cars_and_the_same_command_goes_on(pki: Path, tmp_path: Path) -> None:
    file, vehicles = tmp_path / "market.db", 350
    command = [sys.executable, "-c", "import sys; from backend_stub.cli import main; sys.exit(main())"]
    command += ["market", "seed", "--pki", str(pki), "--database", str(file), "--workers", "1", "--json"]
    command += ["--vehicles", str(vehicles), "--contracts-per-vehicle", "1", "--seed", str(SEED)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: ASYNC220 - nothing else runs
        assert process.stdout is not None
        assert not json.loads(process.stdout.readline())["finished"]
        process.kill()
    engine = sa.create_engine(f"sqlite:///{file}")
    tables = ("oem_vehicle", "pcp_provisioning", "msp_contract", "ccp_contract", "ccp_bundle")

    def counted() -> set[int]:
        with engine.connect() as connection:
            return {
                connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one() for table in tables
            }

    (whole,) = counted()
    assert 0 < whole < vehicles
    outcome, _ = await seeded(pki, file, vehicles, contracts=1)
    assert (outcome.found, outcome.vehicles) == (whole, vehicles - whole)
    assert counted() == {vehicles}
    engine.dispose()


async def test_a_name_that_somebody_else_has_is_told(pki: Path, tmp_path: Path) -> None:
    target = tmp_path / "market.db"
    await seeded(pki, target, 1)
    engine = sa.create_engine(f"sqlite:///{target}")
    with engine.begin() as connection:  # the car is another maker's now, the contract is there still
        connection.execute(sa.text("DELETE FROM oem_vehicle"))
    engine.dispose()
    with pytest.raises(MarketError, match="choose another seed") as caught:
        await seeded(pki, target, 1)
    assert caught.value.code is Code.CONFLICT


def test_names_follow_from_the_seed_and_keys_from_the_maker_as_well(pki: Path) -> None:
    fleet, other = Fleet(1, "PNC"), Fleet(2, "PNC")
    assert fleet.car(5) == Fleet(1, "PNC").car(5)
    cars = [fleet.car(number) for number in range(200)] + [other.car(number) for number in range(200)]
    for names in ([car.pcid for car in cars], [car.vin for car in cars], [car.evccid for car in cars]):
        assert len(set(names)) == 400
    emaids = Emaids(1, "DE", "PNC")
    assert len({emaids.emaid(car, number) for car in range(100) for number in range(8)}) == 800
    assert all(car.evccid[0] & 3 == 2 for car in cars), "a unicast address that nobody has bought"
    maker = Hierarchy.load(pki)["oem_sub_ca2"]
    key = CarKeys(1, maker).key(0)
    assert key.private_numbers() == CarKeys(1, maker).key(0).private_numbers()
    assert key.private_numbers() != CarKeys(2, maker).key(0).private_numbers()
    assert key.private_numbers() != CarKeys(1, Hierarchy.load(pki)["mo_sub_ca2"]).key(0).private_numbers()
    assert fleet.car(0).code not in repr(fleet.car(0))


def test_from_the_command_line(pki: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "market.db"
    command = [
        "market",
        "seed",
        "--pki",
        str(pki),
        "--database",
        str(file),
        "--vehicles",
        "2",
        "--workers",
        "1",
    ]
    assert main([*command, "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (lines[-1]["finished"], lines[-1]["vehicles"], lines[-1]["contracts"]) == (True, 2, 6)
    assert main(command) == 0
    shown = capsys.readouterr()
    assert "seeded 0 cars" in shown.out
    assert "2 cars were there already" in shown.out


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--vehicles", "0"], "at least 1"),
        (["--vehicles", "5", "--contracts-per-vehicle", "9"], "between 0 and 8"),
        (["--vehicles", "5", "--folders", "1"], "belong together"),
        (["--vehicles", "5", "--region", "eu"], "need --market"),
    ],
)
def test_what_cannot_be_is_refused(
    pki: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], reason: str
) -> None:
    place = ["--pki", str(pki), "--database", str(tmp_path / "market.db")]
    assert main(["market", "seed", *place, *options]) == 2
    assert reason in capsys.readouterr().err


async def test_a_provider_of_a_description(tmp_path: Path) -> None:
    assert await asyncio.to_thread(main, ["market", "init", "--out", str(tmp_path / "lab")]) == 0
    file, now = tmp_path / "lab" / "market.toml", datetime.now(UTC)
    ground = from_description(file, "b", None, now=now)
    outcome = await seed(ground, Order(1, 1, SEED, workers=1), now, Counted())
    assert outcome.vehicles == 1
    assert (ground.wmi, ground.provider_id) == ("WBB", "PNB")
    place = ["market", "seed", "--market", str(file), "--vehicles", "1"]
    assert await asyncio.to_thread(main, place) == 2
    assert await asyncio.to_thread(main, [*place, "--provider", "b", "--region", "nowhere"]) == 2
