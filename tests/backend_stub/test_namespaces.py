"""The spellings of namespaces."""

import pytest

from backend_stub.errors import Code, MarketError
from backend_stub.namespaces import SPELLINGS, Edition, edition, spelling
from v2g.messages import iso2


def test_three_spellings_are_one_edition() -> None:
    assert sum(found is Edition.ISO20 for found in SPELLINGS.values()) == 3
    assert edition(iso2.NAMESPACE) is Edition.ISO2
    for found in Edition:
        assert edition(spelling(found)) is found
    assert spelling(Edition.ISO20) == "urn:iso:15118:20:2022:MsgDef"  # what OPCP writes


@pytest.mark.parametrize("namespace", ["", "x", "urn:iso:15118:20:2021:MsgDef", iso2.NAMESPACE.upper()])
def test_unknown_ones(namespace: str) -> None:
    with pytest.raises(MarketError) as caught:
        edition(namespace)
    assert caught.value.code is Code.NAMESPACE
