"""Fixtures of this package: a closed market beside the open one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backend_stub.access import clients
from pki.hierarchy import Hierarchy
from tests.backend_stub.access.material import ClosedWorld, open_closed_world


@pytest.fixture
async def closed(
    tmp_path: Path, hierarchy: Hierarchy, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ClosedWorld]:
    monkeypatch.setattr(clients, "_SCRYPT_N", 2**4)
    async with open_closed_world(tmp_path, hierarchy) as opened:
        yield opened
