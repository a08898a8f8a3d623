"""What the market, the cars and the maker's staff may ask of the telematics backend, and what it asks of the market."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Protocol

import msgspec
from cryptography import x509

from backend_stub.ccp.interface import Collection, Installation
from backend_stub.events import EventType

MAX_CONTRACTS = 5
"""As many as a car stores."""


class State(StrEnum):
    """How far a contract has come on its way into, or out of, the car."""

    QUEUED = "queued"
    """Checked and waiting for the car."""
    DELIVERED = "delivered"
    """The car has fetched it and not yet said what became of it."""
    INSTALLED = "installed"
    REJECTED = "rejected"
    """The car turned it down; ``reason`` says why."""
    REMOVING = "removing"
    """It has ended; the car may still have it."""


class Result(StrEnum):
    """What a car says became of an item."""

    INSTALLED = "installed"
    REJECTED = "rejected"
    REMOVED = "removed"


class Action(StrEnum):
    """What a car is to do with an item."""

    INSTALL = "install"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Notice:
    """An event as it arrived, from a webhook, a poll or the stream."""

    id: str
    type: EventType
    namespace: str
    emaid: str
    pcid: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Position:
    """How far the log of one market has been read; remembered with the outcome of its event."""

    feed: str
    sequence: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an event: ``status`` as a webhook is answered, ``reason`` a word and a sentence."""

    status: HTTPStatus
    reason: str

    @property
    def taken(self) -> bool:
        """Say whether the event was accepted."""
        return self.status is HTTPStatus.OK


@dataclass(frozen=True, slots=True)
class CarContract:
    """A contract of a car as the backend knows it."""

    emaid: str
    pcid: str
    state: State
    is_default: bool
    valid_until: datetime
    v2g_root_fingerprint: str
    reason: str
    queued_at: datetime
    delivered_at: datetime | None
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Item:
    """Something in a car's mailbox. A later change to the same contract replaces it, under another id."""

    id: str
    action: Action
    emaid: str
    namespace: str
    document: bytes = b""
    """EXI of the signed CertificateInstallationRes; empty for a removal."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """What a car finds: what to do, oldest first, and all its contracts."""

    items: Sequence[Item]
    contracts: Sequence[CarContract]


@dataclass(frozen=True, slots=True)
class CarLine:
    """A car with contracts, for the maker's staff."""

    pcid: str
    contracts: int
    waiting: int
    """Items that the car has not settled yet."""


@dataclass(frozen=True, slots=True)
class KnownCar:
    """A car of this maker, as the provisioning pool has it."""

    pcid: str
    certificate: x509.Certificate
    v2g_root_key_ids: Sequence[bytes]
    """Of the V2G roots that the car holds; empty: nobody says."""


class EventMessage(msgspec.Struct):
    """An event as the market tells it; ``sequence`` is its place in the log."""

    eventId: str  # noqa: N815 - as on the wire
    eventType: str  # noqa: N815 - as on the wire
    xsdMsgDefNamespace: str  # noqa: N815 - as on the wire
    payload: dict[str, Any]
    sequence: int = 0


class EventPage(msgspec.Struct):
    """Events, and the sequence number to go on after."""

    events: list[EventMessage]
    next: int


class MarketSide(Protocol):
    """What the telematics backend needs of the market, in this process or another."""

    async def car(self, pcid: str) -> KnownCar | None:
        """Return a car, None when nobody registered it."""
        ...

    async def collect(self, wanted: Collection, namespace: str) -> Installation:
        """Return a signed bundle; raises as :meth:`backend_stub.ccp.interface.ContractPool.collect`."""
        ...

    async def set_default(self, pcid: str, emaid: str) -> None:
        """Make a contract the one that the car is given at a charger; raises MarketError(NO_CONTRACT)."""
        ...

    async def factory_reset(self, pcid: str) -> Sequence[str]:
        """Remove a car's contracts from every pool and tell their operators; return the eMAIDs.

        Raises MarketError(PEER) when a pool could not be asked: the call is then to be repeated.
        """
        ...

    async def v2g_roots(self) -> Sequence[x509.Certificate]:
        """Return the V2G roots of the root pool."""
        ...


class Telematics(Protocol):
    """The role. Calls of a car come from a door that has made sure of the car."""

    async def receive(self, body: bytes, signature: str) -> Outcome:
        """Take a webhook: check who sent it, that it is fresh, and act on it once however often it comes.

        Raises MarketError: SIGNATURE for a wrong HMAC, REQUEST for a body that is no event or not fresh, and STORE,
        PEER or DEADLINE when trying again later may help.
        """
        ...

    async def take(self, notice: Notice, *, read: Position | None = None) -> Outcome:
        """Act on an event whose origin is beyond doubt. ``read`` is remembered with the outcome.

        Raises MarketError(STORE, PEER or DEADLINE).
        """
        ...

    async def mailbox(self, pcid: str, *, wait_s: float = 0.0, again: bool = False) -> Mailbox:
        """Return what is there for a car, waiting up to ``wait_s`` for something to come.

        ``again``: the car has lost its contracts and wants all that it should have.
        """
        ...

    async def settle(
        self, pcid: str, item_id: str, result: Result, reason: str = "", replaced: Sequence[str] = ()
    ) -> None:
        """Note what a car did with an item, and which contracts had to make room. Repeating it is harmless.

        Raises MarketError(CONFLICT) for an item that was replaced meanwhile or a result that does not fit it.
        """
        ...

    async def choose(self, pcid: str, emaid: str) -> None:
        """Make a contract of a car its default, here and in the contract pool.

        Raises MarketError(NO_CONTRACT) and what the pool raises.
        """
        ...

    async def factory_reset(self, pcid: str) -> Sequence[str]:
        """Empty a car for its next driver: its contracts are gone from pools and mailbox; return their eMAIDs.

        Repeating it is harmless. Raises what the pool raises.
        """
        ...

    async def contracts(self, pcid: str) -> Sequence[CarContract]:
        """Return a car's contracts, oldest first."""
        ...

    async def cars(self, limit: int) -> Sequence[CarLine]:
        """Return the cars that something happened to last."""
        ...
