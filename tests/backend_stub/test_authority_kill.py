"""kill -9 in the middle of a bulk revocation: what was told is done, and the same call goes on."""

import json
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from backend_stub.authority import store
from backend_stub.authority.interface import Kind
from backend_stub.authority.routes import BULK_PATH
from backend_stub.database import Database
from backend_stub.market import SCHEMAS
from pki.crl import parse_crl
from pki.entropy import SystemEntropy
from pki.hierarchy import Hierarchy
from pki.names import fingerprint_sha256
from tests.backend_stub.server import Server, serving

CONTRACTS = 6000
EMAIDS = [f"DEPNCK{number:08}X" for number in range(CONTRACTS)]
KILL_AFTER_LINES = (1, 2, 4)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki") / "pki"
    Hierarchy.create(now=datetime.now(UTC) - timedelta(hours=1), entropy=SystemEntropy()).save(folder)
    return folder


async def fill(file: Path, pki: Path) -> None:
    """Enter contracts into the index as if they had been issued: their certificates play no part here."""
    issuer = Hierarchy.load(pki)["mo_sub_ca2"].certificate
    now = datetime.now(UTC)
    database = Database(file)
    try:
        database.create(SCHEMAS)
        issuer_id = await database.write(lambda connection: store.add_issuer(connection, issuer))
        entries = [
            store.NewEntry(
                issuer_id, secrets.randbits(126), Kind.CONTRACT, emaid, None, now + timedelta(days=700)
            )
            for emaid in EMAIDS
        ]
        await database.write(lambda connection: store.register(connection, entries, now))
    finally:
        database.close()


def lines_until(server: Server, count: int) -> list[dict[str, int]]:
    """Start a bulk revocation and read some lines of its progress."""
    body = {"emaids": EMAIDS, "reason": "cessationOfOperation"}
    lines: list[dict[str, int]] = []
    with (
        httpx.Client(trust_env=False, timeout=30) as client,
        client.stream("POST", server.url + BULK_PATH, json=body) as answer,
    ):
        assert answer.status_code == 200
        for line in answer.iter_lines():
            lines.append(json.loads(line))
            if len(lines) == count:
                server.kill()
                break
    return lines


def revoked_in(file: Path) -> Iterator[str]:
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute("SELECT name FROM authority_certificate WHERE revoked_at IS NOT NULL")
        yield from (name for (name,) in rows)


def entries_of_list(url: str) -> int:
    with httpx.Client(trust_env=False, timeout=30) as client:
        return len(parse_crl(client.get(url).content))


@pytest.mark.system
async def test_what_was_told_is_done_and_the_same_call_goes_on(tmp_path: Path, pki: Path) -> None:
    file = tmp_path / "market.db"
    await fill(file, pki)
    before = 0
    for count in KILL_AFTER_LINES:
        with serving(pki, file) as server:
            told = lines_until(server, count)[-1]
        done = set(revoked_in(file))
        assert done.issuperset(EMAIDS[: told["done"]])
        assert told["revoked"] + told["alreadyRevoked"] == told["done"]
        assert len(done) >= before
        before = len(done)
    with serving(pki, file) as server:
        last = lines_until(server, CONTRACTS)[-1]
        assert (last["finished"], last["missing"]) == (True, 0)
        assert last["revoked"] + last["alreadyRevoked"] == CONTRACTS
        assert last["alreadyRevoked"] >= before
        issuer = fingerprint_sha256(Hierarchy.load(pki)["mo_sub_ca2"].certificate)
        assert entries_of_list(f"{server.url}/crl/{issuer}.crl") == CONTRACTS
    assert set(revoked_in(file)) == set(EMAIDS)
