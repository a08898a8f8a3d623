"""Fixtures that every test may use."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from v2g.net.virtual import run_virtual

VirtualTime = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture
def virtual_time() -> VirtualTime:
    """Run a coroutine on virtual time: ``virtual_time(scenario())`` in a plain test function."""
    return run_virtual
