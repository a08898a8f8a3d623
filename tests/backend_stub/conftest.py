"""Fixtures of this package: one world of certificates, a market in an empty database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pki.hierarchy import Hierarchy
from tests.backend_stub.material import World, make_hierarchy, open_world


@pytest.fixture(scope="session")
def hierarchy() -> Hierarchy:
    return make_hierarchy()


@pytest.fixture
async def world(tmp_path: Path, hierarchy: Hierarchy) -> AsyncIterator[World]:
    async with open_world(tmp_path, hierarchy) as opened:
        yield opened
