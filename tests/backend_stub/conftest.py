"""Fixtures of this package: one world of certificates, a market in an empty database."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from pki.hierarchy import Hierarchy
from tests.backend_stub.material import World, make_hierarchy, open_world
from tests.backend_stub.stores import ENGINES, VARIABLE, fresh_target


def pytest_report_header() -> str:
    tried = ", ".join(ENGINES)
    return f"market databases: {tried}" + ("" if len(ENGINES) > 1 else f" ({VARIABLE} names no server)")


@pytest.fixture(scope="session")
def hierarchy() -> Hierarchy:
    return make_hierarchy()


@pytest.fixture(params=ENGINES)
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str | Path]:
    """What to open an empty database with; tests that use it run once for each engine."""
    with fresh_target(request.param, tmp_path) as fresh:
        yield fresh


@pytest.fixture
async def world(tmp_path: Path, hierarchy: Hierarchy, target: str | Path) -> AsyncIterator[World]:
    async with open_world(tmp_path, hierarchy, target=target) as opened:
        yield opened
