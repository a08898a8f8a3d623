"""``backend-stub market seed``: what runs."""

import asyncio
import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from backend_stub.client import UsageError
from backend_stub.oem.folder import FolderError
from backend_stub.seeding.fleet import MAX_CONTRACTS
from backend_stub.seeding.folders import FolderOrder
from backend_stub.seeding.ground import Ground, from_description, from_folder
from backend_stub.seeding.progress import BarProgress, JsonProgress
from backend_stub.seeding.run import Order, Outcome, seed


@dataclass(frozen=True, slots=True)
class Settings:
    """The command line."""

    pki: Path | None
    database: str | None
    market: Path | None
    provider: str | None
    region: str | None
    public_url: str
    vehicles: int
    contracts_per_vehicle: int
    seed: int
    workers: int
    folders: int
    out: Path | None
    json: bool


def run(settings: Settings) -> None:
    """Fill a market and say how fast it went.

    Raises UsageError, DescriptionError, PkiFolderError, DatabaseError, MarketError.
    """
    _check(settings)
    now = datetime.now(UTC)
    ground = _ground(settings, now)
    folders = None
    if settings.folders and settings.out is not None:
        folders = FolderOrder(settings.folders, settings.out)
    order = Order(
        vehicles=settings.vehicles,
        contracts_per_vehicle=settings.contracts_per_vehicle,
        seed=settings.seed,
        workers=settings.workers,
        folders=folders,
    )
    progress = JsonProgress() if settings.json else BarProgress()
    try:
        outcome = asyncio.run(seed(ground, order, now, progress))
    except FolderError as error:
        raise UsageError(str(error)) from error
    _report(outcome, as_json=settings.json)


def _check(settings: Settings) -> None:
    if settings.vehicles < 1:
        raise UsageError("--vehicles must be at least 1")
    if not 0 <= settings.contracts_per_vehicle <= MAX_CONTRACTS:
        raise UsageError(f"--contracts-per-vehicle must be between 0 and {MAX_CONTRACTS}")
    if settings.workers < 0 or settings.seed < 0:
        raise UsageError("--workers and --seed cannot be negative")
    if not 0 <= settings.folders <= settings.vehicles:
        raise UsageError("--folders must be between 0 and the number of --vehicles")
    if (settings.folders > 0) != (settings.out is not None):
        raise UsageError("--folders N and --out DIR belong together")
    if settings.pki is not None and settings.database is None:
        raise UsageError("--pki needs --database FILE")
    if settings.market is not None and (settings.database is not None or settings.public_url):
        raise UsageError("--database and --public-url stand in the description of a market")
    if settings.market is None and (settings.provider is not None or settings.region is not None):
        raise UsageError("--provider and --region need --market FILE")


def _ground(settings: Settings, now: datetime) -> Ground:
    if settings.market is not None:
        return from_description(settings.market, settings.provider, settings.region, now=now)
    assert settings.pki is not None
    assert settings.database is not None
    return from_folder(settings.pki, settings.database, settings.public_url, now=now)


def _report(outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        facts = {
            "vehicles": outcome.vehicles,
            "contracts": outcome.contracts,
            "found": outcome.found,
            "folders": outcome.folders,
            "seconds": round(outcome.elapsed_s, 3),
            "vehiclesPerSecond": round(outcome.rate, 1),
            "finished": True,
        }
        print(json.dumps(facts), flush=True)
        return
    words = f"seeded {outcome.vehicles} cars with {outcome.contracts} contracts in {outcome.elapsed_s:.1f} s"
    print(f"{words}: {outcome.rate:.0f} cars a second")
    if outcome.found:
        print(f"{outcome.found} cars were there already")
    if outcome.folders:
        print(f"{outcome.folders} vehicle folders written; drive one: evcc run --vehicle …/car-000001")
    sys.stdout.flush()
