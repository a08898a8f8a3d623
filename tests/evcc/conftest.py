"""Fixtures of the car's tests."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.evcc.material import World
from tests.evcc.scenario import Run, visit


@pytest.fixture(scope="session")
def world() -> World:
    """The market that car, charger and contracts come from."""
    return World()


@pytest.fixture(scope="session")
def foreign() -> World:
    """Another market that the car knows nothing of."""
    return World(seed=2)


Drive = Callable[..., Run]


@pytest.fixture
def drive(tmp_path: Path, world: World) -> Drive:
    """Run one session of the car in ``tmp_path`` with a scripted charger; see ``scenario.visit``."""
    return partial(visit, tmp_path / "car", world)
