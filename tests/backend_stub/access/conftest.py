"""Fixtures of these tests: a closed market."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backend_stub.access import clients
from pki.hierarchy import Hierarchy
from tests.backend_stub.access.material import ClosedWorld, open_closed_world


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make new hashes cost next to nothing; a stored hash says itself what it costs."""
    monkeypatch.setattr(clients, "_SCRYPT_N", 2**4)


@pytest.fixture
async def closed(tmp_path: Path, hierarchy: Hierarchy) -> AsyncIterator[ClosedWorld]:
    async with open_closed_world(tmp_path, hierarchy) as opened:
        yield opened


@pytest.fixture
async def limited(tmp_path: Path, hierarchy: Hierarchy) -> AsyncIterator[ClosedWorld]:
    async with open_closed_world(tmp_path, hierarchy, limited=True) as opened:
        yield opened
