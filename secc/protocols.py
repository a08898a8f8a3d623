"""All protocols that the charger can speak, and which of them a configuration chooses."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from secc import din, iso2, iso20
from secc.protocol import Protocol

ALL: Mapping[str, Protocol] = MappingProxyType(
    {
        protocol.key: protocol
        for protocol in (iso2.PROTOCOL, din.PROTOCOL, iso20.AC, iso20.DC, iso20.WPT, iso20.ACDP)
    }
)
"""Every protocol by its key."""


def chosen(keys: Sequence[str]) -> tuple[Protocol, ...]:
    """Return protocols by their keys; raises KeyError for one that there is not."""
    return tuple(ALL[key] for key in keys)
