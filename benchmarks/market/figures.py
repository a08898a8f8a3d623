"""What is measured of one market: ready answers, fresh signatures, OCSP, seeding, ending many."""

import asyncio
import json
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import httpx
from cryptography.x509.ocsp import OCSPCertStatus

from backend_stub.msp.termination_routes import BULK_PATH
from backend_stub.place import COUNTRY, PROVIDER_ID, WMI
from benchmarks import ocsp
from benchmarks.market.ground import CONTRACTS, SEED, Ground, Server, market_of, seed, serving
from benchmarks.market.load import Job, Result, ask
from benchmarks.market.report import Figure

FRESH = 200
FRESH_RATE = 10.0
SMALL = 2000
QUESTIONS = 2000


def job(ground: Ground, url: str, numbers: Sequence[int], rate: float) -> Job:
    """Return the job of asking for the contracts of some cars."""
    return Job(
        url=url,
        database=ground.database,
        maker_pki=str(ground.pki),
        wmi=WMI,
        country=COUNTRY,
        provider_id=PROVIDER_ID,
        seed=SEED,
        numbers=list(numbers),
        rate=rate,
    )


def answers(ground: Ground, where: str, rate: float, seconds: float) -> Iterator[Figure]:
    """Measure ready answers, fresh signatures and OCSP on a seeded market."""
    count = min(int(rate * seconds), ground.vehicles - FRESH)
    numbers = random.sample(range(ground.vehicles), count + FRESH)
    ground.outdate(numbers[count:])
    with serving(*market_of(ground)) as server:
        yield from _ready(ground, server, where, numbers[:count], rate)
        # No warm-up: the second question of the same car needs no signature any more.
        cold = replace(job(ground, server.url, numbers[count:], FRESH_RATE), warm_up=0)
        result, cpu_ms = _measured(server, cold)
        facts = {"p99": f"{result.quantile(0.99):.1f} ms", "processor": f"{cpu_ms:.2f} ms each"}
        name = f"{where}: signed on request"
        yield Figure(f"{name}, median", result.quantile(0.5), "ms", 15.0, facts=facts)
        yield from _ocsp(ground, server, where)


def _ready(
    ground: Ground, server: Server, where: str, numbers: Sequence[int], rate: float
) -> Iterator[Figure]:
    result, cpu_ms = _measured(server, job(ground, server.url, numbers, rate))
    name = f"{where}: ready contract, {rate:g} a second"
    facts = {
        "processor": f"{cpu_ms:.2f} ms each",
        "client late, p99": f"{Result(result.client_late_ms).quantile(0.99):.1f} ms",
        "cars": len(numbers),
    }
    yield Figure(f"{name}, median", result.quantile(0.5), "ms", 8.0, facts=facts)
    yield Figure(f"{name}, p99", result.quantile(0.99), "ms", 30.0)


def _measured(server: Server, wanted: Job) -> tuple[Result, float]:
    """Return the times, and the server's processor time for one answer in milliseconds."""
    before = server.cpu_s()
    result = ask(wanted)
    asked = len(result.times_ms) + min(wanted.warm_up, len(result.times_ms))
    return result, (server.cpu_s() - before) / asked * 1000


def _ocsp(ground: Ground, server: Server, where: str) -> Iterator[Figure]:
    issuer = ground.hierarchy()["mo_sub_ca2"].certificate
    index = ocsp.Index(issuer, asyncio.run(ocsp.some_serials(ground.database, issuer, QUESTIONS)), ())
    questions = [index.question(serial, nonce=False) for serial in index.serials]
    for what in ("first time", "again"):
        rate = asyncio.run(
            ocsp.measure(
                ocsp.Server(server.url, server.pid), what, questions, OCSPCertStatus.GOOD, say=_silent
            )
        )
        yield Figure(f"{where}: OCSP, {what}", rate, "a second", 500.0, at_least=True)


def _silent(_line: str) -> None:
    pass


def many(pki: Path) -> Iterator[Figure]:
    """Measure seeding, and the end of many contracts in one call, on a small market of its own."""
    with tempfile.TemporaryDirectory() as place:
        database = str(Path(place) / "market.db")
        rate = seed(pki, database, SMALL)
        facts = {"contracts": f"{rate * CONTRACTS:.0f} a second"}
        yield Figure(f"seeding {SMALL} cars with {CONTRACTS} contracts each", rate, "cars/s", facts=facts)
        small = Ground(pki, database, SMALL)
        emaids = [small.emaids().emaid(car, number) for car in range(SMALL) for number in range(CONTRACTS)]
        with serving(*market_of(small)) as server:
            started, used = time.perf_counter(), server.cpu_s()
            last = _end(server.url, emaids)
            took_s = time.perf_counter() - started
            cpu_ms = (server.cpu_s() - used) / len(emaids) * 1000
        if not last["finished"] or last["failures"]:
            raise RuntimeError(f"bulk termination: {last}")
        facts = {"processor": f"{cpu_ms:.2f} ms each", "took": f"{took_s:.1f} s"}
        yield Figure(
            f"ending {len(emaids)} contracts in one call", len(emaids) / took_s, "a second", facts=facts
        )


def _end(url: str, emaids: Sequence[str]) -> dict[str, object]:
    last: dict[str, object] = {}
    with (
        httpx.Client(trust_env=False, timeout=120) as client,
        client.stream("POST", url + BULK_PATH, json={"emaids": list(emaids)}) as answer,
    ):
        answer.raise_for_status()
        for line in answer.iter_lines():
            last = json.loads(line)
    return last
