"""The description of a market: one TOML file that every process of it reads.

It says which providers there are, where each listens and keeps its data, whose roots are believed, which car
makers and mobility providers trade at which of them, and the rules they follow. ``backend-stub market init``
writes one; docs/market/description.md tells every key.

The values stand here; :mod:`backend_stub.description_file` reads them from the file.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from backend_stub.roles import Role


class DescriptionError(Exception):
    """The description cannot be used: ``path`` is the file, ``key`` the place in it (empty: the whole file)."""

    def __init__(self, path: str | os.PathLike[str], key: str, reason: str) -> None:
        super().__init__(str(path), key, reason)
        self.path = str(path)
        self.key = key
        self.reason = reason

    def __str__(self) -> str:
        """Return file, key and reason on one line."""
        return ": ".join(part for part in (self.path, self.key, self.reason) if part)


class Entitlement(StrEnum):
    """Which proof a driver must give that he may have a contract for a car."""

    CODE = "code"
    """The one-time code that the maker gave out with the car, or the keeper's document by the register."""
    NONE = "none"
    """None: a market of one's own, on a desk."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a process listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The address as a base URL."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Pins:
    """SHA-256 fingerprints of the roots that are believed of a provider: nothing else is, whoever sends it."""

    v2g: frozenset[str] = frozenset()
    oem: frozenset[str] = frozenset()
    mo: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Maker:
    """A car maker: its world manufacturer identifier, and whose V2G roots its cars hold by sales region."""

    wmi: str
    regions: Mapping[str, Sequence[str]]
    """Region → names of providers. A car sold there trusts their V2G roots and no others."""
    default_region: str


@dataclass(frozen=True, slots=True)
class Msp:
    """A mobility service provider: its entry in the national registry of provider identifiers."""

    country: str
    provider_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider of the market. ``pki`` is None for one that others run elsewhere: a peer only."""

    name: str
    url: str
    pins: Pins
    peers: Sequence[str] = ()
    pki: Path | None = None
    database: str | Path = ""
    listen: Address | None = None
    roles: frozenset[Role] = frozenset(Role)
    role_listen: Mapping[Role, Address] = field(default_factory=dict)
    role_secret: Path | None = None
    operator_id: str = ""
    maker: Maker | None = None
    msp: Msp | None = None
    credentials: Mapping[str, Path] = field(default_factory=dict)
    """Peer → file with the client credentials by which it knows us, where its market is not open."""


@dataclass(frozen=True, slots=True)
class EventRules:
    """How events are kept and delivered."""

    keep_days: int = 90
    """Delivered events that are older are removed; 0: never."""
    webhook_hosts: frozenset[str] = frozenset()
    """Hosts that webhooks may call by plain HTTP and at private addresses, beside this machine."""
    webhook_retries_s: tuple[float, ...] = (3600.0,) * 3
    """Pauses before each further attempt at a webhook."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of the market."""

    peer_timeout_s: float = 3.0
    """How long a provider waits for its peers when the caller gave no deadline."""
    entitlement: Entitlement = Entitlement.CODE
    events: EventRules = field(default_factory=EventRules)
    remake_contracts: bool = False
    """Contracts of a car that gets another key are made anew for it; else they end."""


@dataclass(frozen=True, slots=True)
class Description:
    """A whole market. ``raw`` is the parsed file, for the sections that other modules read (``[[client]]``)."""

    path: Path
    name: str
    providers: Sequence[Provider]
    policy: Policy
    register_provider: str
    raw: Mapping[str, Any]

    def provider(self, name: str) -> Provider:
        """Return the provider of this name; raises DescriptionError naming those that there are."""
        for provider in self.providers:
            if provider.name == name:
                return provider
        names = ", ".join(provider.name for provider in self.providers)
        raise DescriptionError(self.path, "provider", f"no provider is called {name!r}; there are: {names}")

    def peers_of(self, provider: Provider) -> Sequence[Provider]:
        """Return the providers that ``provider`` is connected with."""
        return [self.provider(name) for name in provider.peers]

    def maker_pins(self) -> Mapping[str, frozenset[str]]:
        """Return for each maker's WMI the OEM roots that its cars' chains may end at."""
        return {p.maker.wmi: p.pins.oem for p in self.providers if p.maker is not None}
