"""OCSP answers a second, before and after 100,000 contracts are revoked. Run as ``python -m benchmarks.ocsp``.

A real server process answers over loopback; the questions come over a few kept-alive connections, each for
another certificate of the index. Answers are checked for what they say.
"""

import argparse
import asyncio
import json
import os
import random
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.ocsp import OCSPCertStatus

from backend_stub.authority import store
from backend_stub.authority.interface import Kind
from backend_stub.authority.routes import BULK_PATH, OCSP_REQUEST
from backend_stub.database import Database
from backend_stub.market import SCHEMAS
from pki.entropy import SystemEntropy
from pki.hierarchy import Hierarchy
from pki.names import fingerprint_sha256
from pki.ocsp import issuer_hashes
from v2g.identifiers import new_emaid
from v2g.net.process import peak_rss_bytes

COMMAND = [sys.executable, "-c", "import sys; from backend_stub.cli import main; sys.exit(main())"]
CONNECTIONS = 8
REVOKED = 100_000
OTHERS = 100_000
FLOOR = 500


@dataclass(frozen=True)
class Server:
    """The process that is measured."""

    url: str
    pid: int


@dataclass(frozen=True)
class Index:
    """What the certificates of the benchmark are called: the first ``REVOKED`` are to be revoked."""

    issuer: x509.Certificate
    serials: Sequence[int]
    emaids: Sequence[str]

    def question(self, serial: int, *, nonce: bool) -> bytes:
        """Return a request for one certificate."""
        name = next((a, b) for algorithm, a, b in issuer_hashes(self.issuer) if algorithm == "sha256")
        builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(*name, serial, hashes.SHA256())
        if nonce:
            builder = builder.add_extension(x509.OCSPNonce(secrets.token_bytes(16)), critical=False)
        return builder.build().public_bytes(Encoding.DER)


async def fill(file: Path, issuer: x509.Certificate, count: int) -> Index:
    """Enter certificates into the index as if they had been issued."""
    now = datetime.now(UTC)
    database = Database(file)
    try:
        database.create(SCHEMAS)
        issuer_id = await database.write(lambda connection: store.add_issuer(connection, issuer))
        emaids = [str(new_emaid("DE", "PNC", f"{number:09}")) for number in range(count)]
        serials = [1 << 126 | secrets.randbits(126) for _ in range(count)]
        for start in range(0, count, 20_000):
            part = [
                store.NewEntry(issuer_id, serial, Kind.CONTRACT, emaid, None, now + timedelta(days=700))
                for serial, emaid in zip(serials[start : start + 20_000], emaids[start:], strict=False)
            ]
            await database.write(lambda connection, part=part: store.register(connection, part, now))  # type: ignore[misc]
    finally:
        database.close()
    return Index(issuer, serials, emaids)


class Asker:
    """One kept-alive connection, as lean as a client can be: the server is to be measured."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, question: bytes) -> bytes:
        """Return the answer to a request."""
        head = f"POST /ocsp HTTP/1.1\r\nHost: localhost\r\nContent-Type: {OCSP_REQUEST}\r\nContent-Length: {len(question)}\r\n\r\n"
        self._writer.write(head.encode() + question)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(answer.decode())
        length = next(line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        return await self._reader.readexactly(int(length.split(b":")[1]))

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used; NaN where the system does not tell it this way."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def some_serials(database: str, issuer: x509.Certificate, count: int) -> list[int]:
    """Return serial numbers of certificates of a CA that a market's index has."""
    index = Database(database)
    try:
        query = sa.text(
            "SELECT serial FROM authority_certificate JOIN authority_issuer ON id = issuer_id "
            "WHERE fingerprint = :fingerprint AND revoked_at IS NULL LIMIT :count"
        )
        chosen = {"fingerprint": fingerprint_sha256(issuer), "count": count}
        rows = await index.read(lambda connection: list(connection.execute(query, chosen).scalars()))
    finally:
        index.close()
    return [int(serial, 16) for serial in rows]


async def measure(
    server: Server,
    name: str,
    questions: Sequence[bytes],
    expected: OCSPCertStatus,
    say: Callable[[str], None] = print,
) -> float:
    """Ask all questions and say rate, times and the server's work; return the rate."""
    url = server.url
    place = urlsplit(url)
    waiting = list(enumerate(questions))
    times: list[float] = []
    samples: list[bytes] = []

    async def work() -> None:
        asker = Asker(*await asyncio.open_connection(place.hostname, place.port))
        try:
            while waiting:
                number, question = waiting.pop()
                started = time.perf_counter()
                answer = await asker.ask(question)
                times.append((time.perf_counter() - started) * 1000)
                if number % 100 == 0:
                    samples.append(answer)
        finally:
            asker.close()

    started, used = time.perf_counter(), cpu_seconds(server.pid)
    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(work())
    rate = len(questions) / (time.perf_counter() - started)
    cpu_ms = (cpu_seconds(server.pid) - used) / len(questions) * 1000
    for answer in samples:
        status = next(iter(ocsp.load_der_ocsp_response(answer).responses)).certificate_status
        if status is not expected:
            raise RuntimeError(f"{name}: {status}, expected {expected}")
    times.sort()
    say(
        f"{name:<44} {rate:8.0f} a second   median {statistics.median(times):5.2f} ms   "
        f"p99 {times[int(len(times) * 0.99)]:6.2f} ms   processor {cpu_ms:4.2f} ms each"
    )
    return rate


def revoke(url: str, emaids: Sequence[str]) -> None:
    """Revoke in one bulk call, and print how long it took."""
    body = {"emaids": list(emaids), "reason": "cessationOfOperation"}
    started = time.perf_counter()
    steps = 0
    last: dict[str, int] = {}
    with (
        httpx.Client(trust_env=False, timeout=60) as client,
        client.stream("POST", url + BULK_PATH, json=body) as answer,
    ):
        for line in answer.iter_lines():
            last = json.loads(line)
            steps += 1
    if not last.get("finished") or last["revoked"] != len(emaids):
        raise RuntimeError(f"bulk revocation: {last}")
    took_s = time.perf_counter() - started
    print(
        f"{'revoking ' + str(len(emaids)) + ' contracts, one call':<44} {took_s:8.1f} s   {steps} steps of progress"
    )


def fetch_list(url: str, issuer: x509.Certificate) -> None:
    """Fetch the CA's list, which has to be made first, and print size and time."""
    path = f"{url}/crl/{fingerprint_sha256(issuer)}.crl"
    for what in ("made", "kept"):
        started = time.perf_counter()
        content = httpx.get(path, trust_env=False, timeout=60).content
        took_ms = (time.perf_counter() - started) * 1000
        print(f"{'revocation list, ' + what:<44} {took_ms:8.0f} ms  {len(content) / 1e6:.1f} MB")


async def run(server: Server, index: Index, count: int) -> float:
    """Measure everything; return the lowest rate."""
    good, bad = OCSPCertStatus.GOOD, OCSPCertStatus.REVOKED

    def some(serials: Sequence[int], *, nonce: bool = False) -> list[bytes]:
        return [index.question(serial, nonce=nonce) for serial in random.sample(serials, count)]

    doomed, others = index.serials[:REVOKED], index.serials[REVOKED:]
    questions = some(doomed)
    rates = [
        await measure(server, "good, each asked about for the first time", questions, good),
        await measure(server, "good, asked again", questions, good),
        await measure(server, "good, with a nonce: signed for each", some(doomed, nonce=True), good),
    ]
    await asyncio.to_thread(revoke, server.url, index.emaids[:REVOKED])
    rates += [
        await measure(server, "revoked just now, signed again", questions, bad),
        await measure(server, "revoked, asked again", questions, bad),
        await measure(server, f"good, beside {REVOKED} revoked", some(others), good),
    ]
    await asyncio.to_thread(fetch_list, server.url, index.issuer)
    return min(rates)


def main(arguments: Sequence[str] | None = None) -> int:
    """Start a market with a large index, measure it over loopback, print; 1 when it is too slow."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ocsp", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    parser.add_argument(
        "--count", type=int, default=2000, help="questions of each kind (default: %(default)s)"
    )
    count = parser.parse_args(arguments).count
    with tempfile.TemporaryDirectory() as place:
        pki, file = Path(place) / "pki", Path(place) / "market.db"
        hierarchy = Hierarchy.create(now=datetime.now(UTC) - timedelta(hours=1), entropy=SystemEntropy())
        hierarchy.save(pki)
        started = time.perf_counter()
        index = asyncio.run(fill(file, hierarchy["mo_sub_ca2"].certificate, REVOKED + OTHERS))
        print(
            f"{'index of ' + str(len(index.serials)) + ' certificates':<44} {time.perf_counter() - started:8.1f} s"
        )
        options = ["--pki", str(pki), "--database", str(file), "--port", "0", "--json"]
        with subprocess.Popen([*COMMAND, "serve", *options], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                url = json.loads(process.stdout.readline())["address"]
                slowest = asyncio.run(run(Server(url, process.pid), index, count))
                peak = peak_rss_bytes(Path(f"/proc/{process.pid}/status"))
                print(f"{'peak resident memory':<44} {(peak or 0) / 2**20:8.1f} MiB")
            finally:
                process.terminate()
                process.wait()
    verdict = "reached" if slowest >= FLOOR else "MISSED"
    print(f"at least {FLOOR} a second: {verdict} (slowest {slowest:.0f})")
    return 0 if slowest >= FLOOR else 1


if __name__ == "__main__":
    sys.exit(main())
