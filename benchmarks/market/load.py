"""The client, a process of its own: real requests of many cars at a fixed rate, whatever the server does.

Run by :func:`ask` as ``python -m benchmarks.market.load``. The time of an answer runs from the moment at which its request was due, so
that a server which stalls is charged for everybody who had to wait (no "coordinated omission").
"""

import asyncio
import base64
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import exi
from backend_stub.certificates import der
from backend_stub.database import Database
from backend_stub.oem import store as oem_store
from backend_stub.oem.interface import Vehicle
from backend_stub.reading import read_bundle
from backend_stub.seeding.fleet import CarKeys, Emaids, Fleet
from pki.hierarchy import Hierarchy
from pki.names import issuer_serial
from v2g.messages import iso2
from v2g.messages.xmldsig import X509IssuerSerial
from v2g.security.signature import sign_certificate_installation_req

PATH = "/v1/ccp/signedContractData"
_JUDGED = 20
"""Answers whose CPS signature is verified; the eMAID of each is compared."""


@dataclass(frozen=True)
class Job:
    """What to ask. ``numbers`` are those of the cars; ``expected`` is the status of every answer.

    ``maker_pki`` is the folder whose maker built the cars. ``rate`` 0: one after the other.
    """

    url: str
    database: str
    maker_pki: str
    wmi: str
    country: str
    provider_id: str
    seed: int
    numbers: list[int]
    rate: float
    expected: int = 200
    broadcast: bool = False
    warm_up: int = 20


@dataclass(frozen=True)
class Result:
    """Milliseconds from due to done, in the order of the questions, and how late the client itself was."""

    times_ms: list[float]
    client_late_ms: list[float] = field(default_factory=list)

    def quantile(self, share: float) -> float:
        """Return the time that this share of the answers took at most."""
        ordered = sorted(self.times_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def ask(job: Job) -> Result:
    """Have a process of its own do a job."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.market.load"],
        input=json.dumps(asdict(job)),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Result(**json.loads(done.stdout))


@dataclass(frozen=True)
class Question:
    """One HTTP request, ready to be sent, and the contract that must come back."""

    content: bytes
    emaid: str


def questions(job: Job) -> list[Question]:
    """Return the signed requests of the job's cars."""
    hierarchy = Hierarchy.load(Path(job.maker_pki))
    keys, fleet = CarKeys(job.seed, hierarchy["oem_sub_ca2"]), Fleet(job.seed, job.wmi)
    emaids = Emaids(job.seed, job.country, job.provider_id)
    name, serial = issuer_serial(hierarchy["v2g_root"].certificate)
    held = iso2.ListOfRootCertificateIDs(
        root_certificate_id=[X509IssuerSerial(x509_issuer_name=name, x509_serial_number=serial)]
    )
    vehicles = _vehicles(job, fleet)
    made = []
    for number in job.numbers:
        body = iso2.CertificateInstallationReq(
            id="id1",
            oem_provisioning_cert=der(vehicles[number].certificate),
            list_of_root_certificate_ids=held,
        )
        signature = sign_certificate_installation_req(body, keys.key(number))
        header = iso2.MessageHeader(session_id=number.to_bytes(8, "big"), signature=signature)
        message = iso2.V2G_Message(header=header, body=iso2.Body(body_element=body))
        made.append(Question(_http(job, exi.encode(message, iso2.SCHEMA)), emaids.emaid(number, 0)))
    return made


def _vehicles(job: Job, fleet: Fleet) -> dict[int, Vehicle]:
    async def read() -> dict[int, Vehicle]:
        found = {}
        with closing(Database(job.database)) as database:
            for number in job.numbers:
                pcid = fleet.car(number).pcid
                vehicle = await database.read(partial(oem_store.by_pcid, pcid=pcid))
                assert vehicle is not None, pcid
                found[number] = vehicle
        return found

    return asyncio.run(read())


def _http(job: Job, request: bytes) -> bytes:
    body = json.dumps(
        {
            "certificateInstallationReq": base64.b64encode(request).decode(),
            "xsdMsgDefNamespace": iso2.NAMESPACE,
        }
    ).encode()
    flag = "broadcast: true\r\n" if job.broadcast else ""
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{flag}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Client:
    """Kept-alive connections, as lean as a client can be; one more is opened when all are busy."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self._host, self._port = place.hostname, place.port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, content: bytes) -> tuple[int, bytes]:
        """Send a request; return status and body."""
        connection = self._idle.pop() if self._idle else None
        reader, writer = connection or await asyncio.open_connection(self._host, self._port)
        writer.write(content)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        body = await reader.readexactly(int(length.split(b":")[1]))
        self._idle.append((reader, writer))
        return int(head.split(b" ", 2)[1]), body

    def close(self) -> None:
        """Close every connection."""
        for _, writer in self._idle:
            writer.close()


async def run(job: Job, asked: Sequence[Question]) -> Result:
    """Ask everything and check the answers. Raises RuntimeError for a wrong one."""
    client = Client(job.url)
    answers: list[tuple[int, bytes]] = [(0, b"")] * len(asked)
    times = [0.0] * len(asked)
    late = [0.0] * len(asked)
    loop = asyncio.get_running_loop()

    async def one(number: int, due: float) -> None:
        late[number] = (loop.time() - due) * 1000
        answers[number] = await client.ask(asked[number].content)
        times[number] = (loop.time() - due) * 1000

    try:
        for question in asked[: job.warm_up]:
            await client.ask(question.content)
        if job.rate:
            begin = loop.time() + 0.1
            async with asyncio.TaskGroup() as group:
                for number in range(len(asked)):
                    due = begin + number / job.rate
                    await asyncio.sleep(max(0.0, due - loop.time()))
                    group.create_task(one(number, due))
        else:
            for number in range(len(asked)):
                await one(number, loop.time())
    finally:
        client.close()
    _check(job, asked, answers)
    return Result(times, late)


def _check(job: Job, asked: Sequence[Question], answers: Sequence[tuple[int, bytes]]) -> None:
    for number, (question, (status, body)) in enumerate(zip(asked, answers, strict=True)):
        if status != job.expected:
            raise RuntimeError(f"{status}, expected {job.expected}: {body.decode()}")
        if status != 200:
            continue
        answer: dict[str, Any] = json.loads(body)["CCPResponse"]["emaidContent"][0]["messageDef"]
        if answer["emaid"] != question.emaid:
            raise RuntimeError(f"contract {answer['emaid']}, expected {question.emaid}")
        if number < _JUDGED:
            read_bundle(base64.b64decode(answer["certificateInstallationRes"])).verify_signature()


def main() -> None:
    """Do the job on the standard input."""
    job = Job(**json.load(sys.stdin))
    made = questions(job)
    time.sleep(0.2)  # the server's last work ends before the clock starts
    print(json.dumps(asdict(asyncio.run(run(job, made)))))


if __name__ == "__main__":
    main()
