"""``backend-stub market seed``: workshops on every core, one writer, and a progress that can be trusted.

Cars go into the database in chunks, each chunk in one transaction with everything that belongs to it. Whatever
is interrupted, by kill -9 as well, is begun again by the same command: cars that are there are passed over. In
between a handful of chunks are in memory, however many cars there are to be.
"""

import asyncio
import os
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from backend_stub.authority import store as authority_store
from backend_stub.authority.service import CertificateOffice
from backend_stub.authority.service import Settings as AuthoritySettings
from backend_stub.ccp import store as ccp_store
from backend_stub.certificates import stored, subject_key_id
from backend_stub.database import Database
from backend_stub.errors import Code, MarketError
from backend_stub.market import SCHEMAS, load_hierarchy
from backend_stub.msp import store as msp_store
from backend_stub.oem import store as oem_store
from backend_stub.pcp import store as pcp_store
from backend_stub.pcp.interface import Provisioning, ProvisioningChain
from backend_stub.seeding import workshop
from backend_stub.seeding.fleet import Fleet
from backend_stub.seeding.folders import FolderOrder, write_folders
from backend_stub.seeding.ground import Ground
from backend_stub.seeding.progress import Progress
from backend_stub.seeding.workshop import Assignment, Batch
from pki.entropy import SystemEntropy
from pki.hierarchy import Hierarchy

CHUNK = 100
"""Cars in one transaction: about a second of work for one core, and a few milliseconds for the database."""

_AHEAD = 2
"""Chunks in hand for each process: one in work, one on its way."""


@dataclass(frozen=True, slots=True)
class Order:
    """How much is to be made. ``workers`` 0: as many as there are cores. ``folders``: for the first cars."""

    vehicles: int
    contracts_per_vehicle: int = 3
    seed: int = 1
    workers: int = 0
    folders: FolderOrder | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done. ``vehicles`` and ``contracts`` are new; ``found`` cars were there already."""

    vehicles: int
    contracts: int
    found: int
    folders: int
    elapsed_s: float

    @property
    def rate(self) -> float:
        """New cars a second."""
        return self.vehicles / self.elapsed_s if self.elapsed_s else 0.0


async def seed(ground: Ground, order: Order, now: datetime, progress: Progress) -> Outcome:
    """Fill a market, and return when everything is durable.

    Raises PkiFolderError, DatabaseError, FolderError, and MarketError: CONFLICT when a name of the seed is taken by somebody else's
    car or contract, INTERNAL when a process of the pool dies.
    """
    hierarchy = load_hierarchy(ground.pki, now=now)
    with closing(Database(ground.database)) as database:
        database.create(SCHEMAS)
        assignment = await _assign(ground, order, hierarchy, database, now)
        seeder = _Seeder(database, hierarchy, ground, order, assignment, progress)
        started = time.monotonic()
        with ProcessPoolExecutor(
            order.workers or os.cpu_count() or 1,
            mp_context=get_context("spawn"),  # a fork of a process with threads may hang
            initializer=workshop.begin,
        ) as executor:
            await seeder.run(executor)
        elapsed_s = time.monotonic() - started
        folders = 0
        if order.folders is not None:
            folders = await write_folders(order.folders, order.seed, ground, hierarchy, database)
    made = seeder.made
    return Outcome(made, made * order.contracts_per_vehicle, order.vehicles - made, folders, elapsed_s)


async def _assign(
    ground: Ground, order: Order, hierarchy: Hierarchy, database: Database, now: datetime
) -> Assignment:
    office = await CertificateOffice.open(
        database,
        [hierarchy],
        now=lambda: now,
        entropy=SystemEntropy(),
        settings=AuthoritySettings(public_url=ground.public_url),
    )
    oem, mo = hierarchy["oem_sub_ca2"].certificate, hierarchy["mo_sub_ca2"].certificate
    return Assignment(
        pki=ground.pki,
        seed=order.seed,
        contracts_per_vehicle=order.contracts_per_vehicle,
        wmi=ground.wmi,
        region=ground.region,
        country=ground.country,
        provider_id=ground.provider_id,
        now=now.replace(microsecond=0),
        oem_issuer_id=await database.write(lambda connection: authority_store.add_issuer(connection, oem)),
        mo_issuer_id=await database.write(lambda connection: authority_store.add_issuer(connection, mo)),
        oem_pointers=office.pointers(oem),
        mo_pointers=office.pointers(mo),
    )


class _Seeder:
    """Hands out chunks and writes what comes back."""

    def __init__(
        self,
        database: Database,
        hierarchy: Hierarchy,
        ground: Ground,
        order: Order,
        assignment: Assignment,
        progress: Progress,
    ) -> None:
        self._database = database
        self._hierarchy = hierarchy
        self._order = order
        self._assignment = assignment
        self._progress = progress
        self._fleet = Fleet(order.seed, ground.wmi)
        self._root_key_ids = tuple(subject_key_id(root) for root in ground.v2g_roots)
        self._writing = asyncio.Lock()
        self.made = 0

    async def run(self, executor: Executor) -> None:
        chunks = iter(range(0, self._order.vehicles, CHUNK))
        workers = self._order.workers or os.cpu_count() or 1
        self._progress.begin(self._order.vehicles)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(_AHEAD * workers):
                    group.create_task(self._work(chunks, executor))
        except ExceptionGroup as failed:
            raise _first(failed) from failed
        finally:
            self._progress.end()

    async def _work(self, chunks: Iterator[int], executor: Executor) -> None:
        loop = asyncio.get_running_loop()
        for start in chunks:
            numbers = range(start, min(start + CHUNK, self._order.vehicles))
            names = {self._fleet.car(number).pcid: number for number in numbers}
            known = await self._database.read(
                lambda connection, names=names: oem_store.known(connection, list(names))  # type: ignore[misc]
            )
            missing = [number for pcid, number in names.items() if pcid not in known]
            if missing:
                batch = await loop.run_in_executor(executor, workshop.make, self._assignment, missing)
                await self._write(batch)
            self.made += len(missing)
            self._progress.advance(len(missing), len(known))

    async def _write(self, batch: Batch) -> None:
        now = self._assignment.now
        entries = [self._provisioning(vehicle) for vehicle in batch.vehicles]

        def work(connection: sa.Connection) -> None:
            authority_store.register(connection, batch.issued, now)
            pcp_store.insert_many(connection, entries, now)
            if batch.pooled:
                ccp_store.insert_many(connection, batch.pooled, now)
                msp_store.insert_many(connection, batch.booked, now)
            oem_store.insert_many(connection, batch.vehicles, now)

        async with self._writing:  # transactions beside each other would only get in each other's way
            try:
                await self._database.write(work)
            except IntegrityError as error:
                raise MarketError(
                    Code.CONFLICT,
                    f"a name of seed {self._order.seed} is taken by something that this seed did not make: "
                    "choose another seed",
                ) from error

    def _provisioning(self, vehicle: oem_store.FinishedVehicle) -> Provisioning:
        root = self._hierarchy["oem_root"].certificate
        chain = ProvisioningChain(
            vehicle=stored(vehicle.certificate),
            sub_ca1=self._hierarchy["oem_sub_ca1"].certificate,
            sub_ca2=self._hierarchy["oem_sub_ca2"].certificate,
            v2g_root_key_ids=self._root_key_ids,
        )
        return Provisioning(
            pcid=vehicle.pcid,
            chain=chain,
            key_fingerprint=vehicle.key_fingerprint,
            root_name=root.subject.rfc4514_string(),
            root_serial=root.serial_number,
            root_key_id=subject_key_id(root),
        )


def _first(failed: ExceptionGroup) -> Exception:
    error: Exception = failed
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, BrokenProcessPool):
        return MarketError(Code.INTERNAL, "a process that makes certificates has died; repeat the command")
    return error
