"""Fixtures of the car's tests."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.evcc.material import World
from tests.evcc.material20 import World20
from tests.evcc.scenario import Run, visit

Drive = Callable[..., Run]


@pytest.fixture(scope="session")
def world() -> World:
    """The market that car, charger and contracts come from."""
    return World()


@pytest.fixture(scope="session")
def world20() -> World20:
    """A market of both generations."""
    return World20()


@pytest.fixture
def drive20(tmp_path: Path, world20: World20) -> Drive:
    """As ``drive``, over TLS 1.3 with a scripted charger of -20; the car prefers DC."""
    return partial(visit, tmp_path / "car20", world20, secured=True, iso20=True)


@pytest.fixture(scope="session")
def foreign() -> World:
    """Another market that the car knows nothing of."""
    return World(seed=2)


@pytest.fixture
def drive(tmp_path: Path, world: World) -> Drive:
    """Run one session of the car in ``tmp_path`` with a scripted charger; see ``scenario.visit``."""
    return partial(visit, tmp_path / "car", world)
