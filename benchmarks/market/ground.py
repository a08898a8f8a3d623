"""The markets that are measured: seeded at the first run, kept for the next, started as real processes."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from backend_stub.place import COUNTRY, PROVIDER_ID, WMI
from backend_stub.seeding.fleet import Emaids, Fleet
from pki.entropy import SystemEntropy
from pki.hierarchy import Hierarchy
from pki.names import fingerprint_sha256

SEED = 1
CONTRACTS = 3
COMMAND = [sys.executable, "-c", "import sys; from backend_stub.cli import main; sys.exit(main())"]


@dataclass(frozen=True)
class Server:
    """A process that serves a market."""

    url: str
    pid: int

    def cpu_s(self) -> float:
        """Return the processor time that it has used; NaN where the system does not tell it this way."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return float("nan")
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Ground:
    """A seeded market: certificate folder, database, how many cars."""

    pki: Path
    database: str
    vehicles: int

    def hierarchy(self) -> Hierarchy:
        """Return its certificates and keys."""
        return Hierarchy.load(self.pki)

    def fleet(self) -> Fleet:
        """Return what its cars are called."""
        return Fleet(SEED, WMI)

    def emaids(self) -> Emaids:
        """Return what its contracts are called."""
        return Emaids(SEED, COUNTRY, PROVIDER_ID)

    def change(self, statement: str, rows: Sequence[dict[str, Any]]) -> None:
        """Change rows behind the back of the market, which must not be running."""
        url = self.database
        url = url.replace("postgresql://", "postgresql+psycopg://") if "://" in url else f"sqlite:///{url}"
        engine = sa.create_engine(url)
        try:
            with engine.begin() as connection:
                connection.execute(sa.text(statement), list(rows))
        finally:
            engine.dispose()

    def outdate(self, cars: Sequence[int]) -> None:
        """Let the CPS certificate of the default contracts of some cars have run out, as far as the pool knows."""
        emaids = self.emaids()
        past = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=1)
        self.change(
            "UPDATE ccp_bundle SET cps_not_after = :past WHERE emaid = :emaid",
            [{"past": past, "emaid": emaids.emaid(car, 0)} for car in cars],
        )


def prepare(cache: Path, vehicles: int, postgresql: str | None) -> Ground:
    """Return a market with so many cars, seeded now as far as it is not; in a file, or on a PostgreSQL server."""
    pki = certificates(cache)
    database = str(cache / ("market.db" if vehicles == 100_000 else f"market-{vehicles}.db"))
    if postgresql is not None:
        root = fingerprint_sha256(Hierarchy.load(pki)["v2g_root"].certificate)
        database = _database_on(postgresql, f"pnclab_bench_{root[:12]}_{vehicles}")
    seed(pki, database, vehicles)
    return Ground(pki, database, vehicles)


def certificates(cache: Path) -> Path:
    """Return the folder of the certificates of all measured markets, made now if it is not there."""
    pki = cache / "pki"
    if not pki.exists():
        cache.mkdir(parents=True, exist_ok=True)
        draft = cache / ".pki.new"
        shutil.rmtree(draft, ignore_errors=True)
        Hierarchy.create(now=datetime.now(UTC) - timedelta(hours=1), entropy=SystemEntropy()).save(draft)
        draft.rename(pki)
    return pki


def seed(pki: Path, database: str, vehicles: int) -> float:
    """Run ``market seed``; return the cars a second that it says."""
    options = ["--pki", str(pki), "--database", database, "--vehicles", str(vehicles)]
    options += ["--seed", str(SEED), "--contracts-per-vehicle", str(CONTRACTS), "--json"]
    done = subprocess.run(
        [*COMMAND, "market", "seed", *options], check=True, stdout=subprocess.PIPE, text=True
    )
    return float(json.loads(done.stdout.splitlines()[-1])["vehiclesPerSecond"])


def _database_on(server: str, name: str) -> str:
    url = sa.make_url(server)
    engine = sa.create_engine(url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            known = sa.text("SELECT 1 FROM pg_database WHERE datname = :name")
            if connection.execute(known, {"name": name}).first() is None:
                connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
    finally:
        engine.dispose()
    return url.set(database=name).render_as_string(hide_password=False)


@contextmanager
def serving(*options: str) -> Iterator[Server]:
    """Run ``backend-stub serve`` until the end of the block. Raises RuntimeError with its words if it does not start."""
    arguments = [*COMMAND, "serve", *options, "--json"]
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        assert process.stdout is not None
        try:
            ready = process.stdout.readline()
            if not ready:
                log.seek(0)
                raise RuntimeError(f"the server does not start: {log.read()}")
            yield Server(json.loads(ready)["address"], process.pid)
        finally:
            process.terminate()
            process.wait()


def market_of(ground: Ground) -> list[str]:
    """Return the options that serve a seeded market at any free port."""
    return ["--pki", str(ground.pki), "--database", ground.database, "--port", "0"]
