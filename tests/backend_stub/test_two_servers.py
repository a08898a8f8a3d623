"""Two servers on one database: no number is given twice, whatever they do at the same time."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from pki.entropy import SystemEntropy
from pki.hierarchy import Hierarchy
from tests.backend_stub.material import open_world
from tests.backend_stub.server import serving
from tests.backend_stub.test_kill import build
from tests.backend_stub.test_msp import INSTANCE_BYTES, RiggedEntropy

DRAWS = [bytes([n]) * INSTANCE_BYTES for n in range(4)]


async def test_servers_that_draw_the_same_numbers(
    tmp_path: Path, hierarchy: Hierarchy, target: str | Path
) -> None:
    async with (
        open_world(tmp_path, hierarchy, entropy=RiggedEntropy(DRAWS), target=target) as first,
        open_world(tmp_path, hierarchy, entropy=RiggedEntropy(DRAWS), target=target) as second,
    ):
        cars = [await first.build() for _ in range(4)]
        contracts = await asyncio.gather(
            *(world.market.msp.onboard(car.pcid) for car in cars for world in (first, second))
        )
        assert len({contract.emaid for contract in contracts}) == len(contracts) == 8
        assert await first.market.msp.count() == await second.market.msp.count() == 8


@pytest.mark.system
def test_two_processes(tmp_path: Path, target: str | Path) -> None:
    pki = tmp_path / "pki"
    Hierarchy.create(now=datetime.now(UTC), entropy=SystemEntropy()).save(pki)
    with serving(pki, target) as first, serving(pki, target) as second:

        def onboard(url: str) -> list[str]:
            with httpx.Client(trust_env=False, timeout=30) as client:
                car = build(client, url)
                other = second.url if url == first.url else first.url
                # The car is known to the other server at once.
                answers = [
                    client.post(f"{at}/msp/v1/contracts", json={"pcid": car.pcid}) for at in (url, other)
                ]
                assert [answer.status_code for answer in answers] == [201, 201]
                return [answer.json()["emaid"] for answer in answers]

        with ThreadPoolExecutor(4) as threads:
            made = [emaid for pair in threads.map(onboard, [first.url, second.url] * 6) for emaid in pair]
        assert len(set(made)) == len(made) == 24
        for server in (first, second):
            overview = httpx.get(server.url + "/market/v1/overview", params={"limit": 100}, trust_env=False)
            assert {line["emaid"] for line in overview.json()["contracts"]} == set(made)
