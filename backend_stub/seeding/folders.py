"""Vehicle folders for some of the seeded cars, so that they can drive to a charger."""

from dataclasses import dataclass
from pathlib import Path

from backend_stub.database import Database
from backend_stub.errors import Code, MarketError
from backend_stub.oem import store
from backend_stub.oem.folder import SETTINGS_NAME, Battery, NewVehicle, VehicleFolder
from backend_stub.seeding.fleet import CarKeys, Fleet
from backend_stub.seeding.ground import Ground
from pki.chain import public_key
from pki.hierarchy import Hierarchy

BATTERY = Battery(capacity_wh=60_000, energy_wh=30_000, max_power_w=11_000)


@dataclass(frozen=True, slots=True)
class FolderOrder:
    """For how many cars, and where: ``directory/car-000001`` and so on."""

    count: int
    directory: Path


async def write_folders(
    order: FolderOrder, seed: int, ground: Ground, hierarchy: Hierarchy, database: Database
) -> int:
    """Write the folders of the first cars that are not there yet, and return how many.

    Raises FolderError, and MarketError when a car has been withdrawn (UNKNOWN_PCID) or given another
    key (CONFLICT) meanwhile.
    """
    fleet = Fleet(seed, ground.wmi)
    keys = CarKeys(seed, hierarchy["oem_sub_ca2"])
    written = 0
    for number in range(order.count):
        target = order.directory / f"car-{number + 1:06}"
        if (target / SETTINGS_NAME).exists():
            continue
        car = fleet.car(number)
        vehicle = await database.read(lambda connection, pcid=car.pcid: store.by_pcid(connection, pcid))  # type: ignore[misc]
        if vehicle is None:
            raise MarketError(Code.UNKNOWN_PCID, f"PCID {car.pcid} is not in the market any more")
        key = keys.key(number)
        if public_key(vehicle.certificate) != key.public_key():
            raise MarketError(Code.CONFLICT, f"PCID {car.pcid} has another key than this seed gave it")
        with VehicleFolder(target, BATTERY) as folder:
            folder.complete(
                NewVehicle(
                    pcid=car.pcid,
                    evccid=car.evccid.hex().upper(),
                    key=key,
                    certificate=vehicle.certificate,
                    sub_cas=(hierarchy["oem_sub_ca2"].certificate, hierarchy["oem_sub_ca1"].certificate),
                    v2g_roots=ground.v2g_roots,
                    vin=car.vin,
                    code=car.code,
                )
            )
        written += 1
    return written
