"""The spellings of message namespaces, and which edition of ISO 15118 each means.

ISO 15118-20 goes by three names: OPNC and EST write 2020, OPCP and its webhooks 2022, OCPP the namespace
of the schema file. All are taken wherever a namespace is read, and an answer repeats the caller's.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from backend_stub.errors import Code, MarketError
from v2g.messages.iso2 import NAMESPACE as ISO2_NAMESPACE


class Edition(StrEnum):
    """An edition of the standard; the value is how OPNC and EST name it."""

    ISO2 = "ISO15118-2"
    ISO20 = "ISO15118-20"


SPELLINGS: Mapping[str, Edition] = MappingProxyType(
    {
        ISO2_NAMESPACE: Edition.ISO2,
        "urn:iso:15118:20:2022:MsgDef": Edition.ISO20,
        "urn:iso:15118:20:2020:MsgDef": Edition.ISO20,
        "urn:iso:std:iso:15118:-20:CommonMessages": Edition.ISO20,
    }
)
"""Every spelling; the first of an edition is the one to write where nobody asked for another."""


def spelling(of: Edition) -> str:
    """Return how this market writes an edition where nobody asked for another spelling."""
    return next(text for text, found in SPELLINGS.items() if found is of)


def edition(namespace: str) -> Edition:
    """Return the edition that a spelling means; raises MarketError(NAMESPACE) for an unknown one."""
    try:
        return SPELLINGS[namespace]
    except KeyError:
        known = ", ".join(SPELLINGS)
        raise MarketError(Code.NAMESPACE, f"no message namespace that is known here: {known}") from None
