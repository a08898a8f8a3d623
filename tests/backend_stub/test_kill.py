"""kill -9 of the real process in the middle of its work: what was acknowledged stays, whole."""

import base64
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from backend_stub.engines import open_engine
from pki.chain import parse
from pki.entropy import SystemEntropy
from pki.hierarchy import Hierarchy
from tests.backend_stub.material import (
    DOOR,
    Car,
    door_body,
    encode,
    open_contract_key,
    response_of,
    signing_request,
)
from tests.backend_stub.server import Server, serving

WRITERS = 4
ACKNOWLEDGED_BEFORE_KILL = (1, 3, 7, 12, 20)


@dataclass
class Acknowledged:
    """What the market has promised so far."""

    cars: dict[str, Car] = field(default_factory=dict)
    contracts: dict[str, str] = field(default_factory=dict)
    """eMAID → PCID."""


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki") / "pki"
    Hierarchy.create(now=datetime.now(UTC), entropy=SystemEntropy()).save(folder)
    return folder


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=30) as opened:
        yield opened


def build(client: httpx.Client, url: str) -> Car:
    key = SystemEntropy().ec_key(ec.SECP256R1())
    request = base64.b64encode(signing_request(key).public_bytes(Encoding.DER)).decode()
    answer = client.post(url + "/oem/v1/vehicles", json={"certificationRequest": request})
    assert answer.status_code == 201
    built = answer.json()
    roots = tuple(parse(base64.b64decode(text)) for text in built["v2gRootCertificates"])
    return Car(built["pcid"], key, parse(base64.b64decode(built["vehicleCertificate"])), roots)


def work_until_killed(server: Server, promised: Acknowledged, limit: int) -> None:
    """Build cars and onboard contracts on several connections; kill after ``limit`` contracts."""
    enough = threading.Event()
    ended = threading.Event()
    lock = threading.Lock()
    done = 0

    def writer() -> None:
        nonlocal done
        with httpx.Client(trust_env=False, timeout=30) as client:
            try:
                while not ended.is_set():
                    car = build(client, server.url)
                    with lock:
                        promised.cars[car.pcid] = car
                    for _ in range(2):
                        answer = client.post(server.url + "/msp/v1/contracts", json={"pcid": car.pcid})
                        assert answer.status_code == 201
                        with lock:
                            promised.contracts[answer.json()["emaid"]] = car.pcid
                            done += 1
                            if done >= limit:
                                enough.set()
            except httpx.HTTPError:
                return  # the server is gone: nothing was promised

    threads = [threading.Thread(target=writer) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    assert enough.wait(timeout=60)
    server.kill()
    ended.set()
    for thread in threads:
        thread.join(timeout=60)


def check_store(target: str | Path) -> None:
    """Look into the database, past the market: it is sound, and no contract is there by halves."""
    engine = open_engine(target)
    try:
        with engine.reading() as connection:
            if connection.dialect.name == "sqlite":
                assert connection.exec_driver_sql("PRAGMA integrity_check").scalars().all() == ["ok"]
                assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
            without_bundle = (
                "SELECT emaid FROM ccp_contract WHERE emaid NOT IN (SELECT emaid FROM ccp_bundle)"
            )
            assert connection.exec_driver_sql(without_bundle).all() == []
            without_contract = (
                "SELECT emaid FROM msp_contract WHERE onboarded_at IS NOT NULL"
                " AND emaid NOT IN (SELECT emaid FROM ccp_contract)"
            )
            assert connection.exec_driver_sql(without_contract).all() == []
            # Nothing was issued that could not be revoked.
            for table, name in (("oem_vehicle", "pcid"), ("ccp_contract", "emaid")):
                unregistered = (
                    f"SELECT {name} FROM {table} WHERE {name} NOT IN (SELECT name FROM authority_certificate)"
                )
                assert connection.exec_driver_sql(unregistered).all() == []
    finally:
        engine.close()


def check_promises(client: httpx.Client, url: str, promised: Acknowledged) -> None:
    for pcid, car in promised.cars.items():
        assert client.get(f"{url}/v1/oem/provCerts/{pcid}").status_code == 200
        listed = client.get(f"{url}{DOOR}/{pcid}").json()["XMLContracts"]
        assert {emaid for emaid, owner in promised.contracts.items() if owner == pcid} <= {
            entry["emaid"] for entry in listed
        }
        answer = client.post(url + DOOR, json=door_body(encode(car.request())))
        if listed:
            definition = answer.json()["CCPResponse"]["emaidContent"][0]["messageDef"]
            _, body = response_of(base64.b64decode(definition["certificateInstallationRes"]))
            open_contract_key(car, body)
        else:
            assert answer.status_code == 404


@pytest.mark.system
def test_kill_during_onboarding(pki: Path, target: str | Path, client: httpx.Client) -> None:
    promised = Acknowledged()
    for limit in ACKNOWLEDGED_BEFORE_KILL:
        with serving(pki, target) as server:
            check_promises(client, server.url, promised)
            work_until_killed(server, promised, limit)
        check_store(target)
    assert len(promised.contracts) >= sum(ACKNOWLEDGED_BEFORE_KILL)
    with serving(pki, target) as server:
        check_promises(client, server.url, promised)
        overview = client.get(server.url + "/market/v1/overview", params={"limit": 1000}).json()
        assert set(promised.contracts) <= {line["emaid"] for line in overview["contracts"]}
