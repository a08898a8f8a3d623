"""Revocation lists and OCSP are for everybody, as often as they like: certificates point there."""

from typing import Any

import pytest

from backend_stub.access.gate import Gate, Rates
from backend_stub.access.limits import Rate
from backend_stub.access.tokens import Tokens
from backend_stub.errors import Code, MarketError

FEW = Rates(client=Rate(per_s=1, burst=2), stranger=Rate(per_s=1, burst=2))


class NoTokens(Tokens):
    """The tokens of a closed market that nobody has."""

    def __init__(self) -> None:
        """Need nothing: no token is ever looked at."""


def scope(path: str) -> dict[str, Any]:
    return {"type": "http", "path": path, "headers": [], "client": ("192.0.2.1", 1)}


@pytest.mark.parametrize("path", ["/ocsp", "/ocsp/MEIwQDA+", "/crl/" + "0" * 64 + ".crl"])
def test_status_is_never_limited(path: str) -> None:
    gate = Gate(NoTokens(), FEW, lambda: 0.0)
    for _ in range(50):
        assert gate.admit(scope(path)).scopes == frozenset()


def test_other_public_pages_are() -> None:
    gate = Gate(NoTokens(), FEW, lambda: 0.0)
    for _ in range(2):
        gate.admit(scope("/docs"))
    with pytest.raises(MarketError) as caught:
        gate.admit(scope("/docs"))
    assert caught.value.code is Code.TOO_MANY
