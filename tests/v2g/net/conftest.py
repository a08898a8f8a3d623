"""Certificates, and the two kinds of network, for the tests of the transport."""

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pki.entropy import SeededEntropy
from pki.hierarchy import Hierarchy
from v2g.net.tls import ClientTls, ServerTls

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(scope="session")
def hierarchy() -> Hierarchy:
    """Certificates that are valid today."""
    return Hierarchy.create(now=datetime.now(UTC) - timedelta(days=1), entropy=SeededEntropy(1))


@pytest.fixture(scope="session")
def other_hierarchy() -> Hierarchy:
    """The certificates of a market that our EV does not know."""
    return Hierarchy.create(now=datetime.now(UTC) - timedelta(days=1), entropy=SeededEntropy(2))


@pytest.fixture
def ev_tls(hierarchy: Hierarchy) -> ClientTls:
    return ClientTls([hierarchy["v2g_root"].certificate])


@pytest.fixture
def charger_tls(hierarchy: Hierarchy) -> ServerTls:
    return ServerTls(hierarchy.chain("secc_leaf"), hierarchy["secc_leaf"].signing_key())
