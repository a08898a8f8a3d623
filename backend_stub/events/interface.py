"""Events, who may see them, and what may be asked of the event log and the webhook endpoints."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from v2g.messages.iso2 import NAMESPACE


class EventType(StrEnum):
    """What happened; spelled as in OPCP. The first word says whom it is for: car makers, operators, all."""

    ROOT_ADDED = "root.cert.added"
    ROOT_EXPIRED = "root.cert.expired"
    ROOT_REVOKED = "root.cert.revoked"

    PROVISIONING_UPDATED = "mo.prov.cert.updated"
    PROVISIONING_DELETED = "mo.prov.cert.deleted"
    FACTORY_RESET = "mo.prov.cert.factory.reset"

    CREATED_SENT = "mo.contract.created.sent.to.oem"
    UPDATED_SENT = "mo.contract.updated.sent.to.oem"
    DELETED_SENT = "mo.contract.deleted.sent.to.oem"
    DELIVERED = "mo.contract.delivered.to.oem"
    REJECTED = "mo.contract.rejected.by.oem"
    QUEUED = "mo.contract.queued.to.oem"

    OEM_CONTRACT_CREATED = "oem.contract.created"
    OEM_CONTRACT_UPDATED = "oem.contract.updated"
    OEM_CONTRACT_DELETED = "oem.contract.deleted"


SENT = {
    EventType.OEM_CONTRACT_CREATED: EventType.CREATED_SENT,
    EventType.OEM_CONTRACT_UPDATED: EventType.UPDATED_SENT,
    EventType.OEM_CONTRACT_DELETED: EventType.DELETED_SENT,
}
"""What the operator is told when an event of its contract has been sent to the car maker."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. ``facts`` are further fields of the payload, as on the wire; never a secret."""

    type: EventType
    at: datetime
    emaid: str | None = None
    pcid: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    namespace: str = NAMESPACE


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event in the log.

    ``sequence`` grows in the order of commits: who has read up to a number has missed nothing before it.
    """

    sequence: int
    id: str
    type: EventType
    at: datetime
    namespace: str
    payload: Mapping[str, Any]

    @property
    def emaid(self) -> str | None:
        """The contract it is about, if any."""
        return self.payload.get("emaid")

    @property
    def pcid(self) -> str | None:
        """The car it is about, if any."""
        return self.payload.get("pcid")

    def body(self, *, timestamp: datetime | None = None) -> dict[str, Any]:
        """Return the event as it travels; ``timestamp`` is the moment of sending, else that of the event."""
        return {
            "timestamp": (timestamp or self.at).isoformat(),
            "eventId": self.id,
            "eventType": str(self.type),
            "xsdMsgDefNamespace": self.namespace,
            "payload": dict(self.payload),
        }


@dataclass(frozen=True, slots=True)
class Audience:
    """Who listens, and so which events and endpoints it may see. Without an ``owner``: all of them.

    A car maker (``wmi``) sees ``oem.*`` events of the cars whose PCID begins with it; a mobility operator
    (``provider``, country and provider id) sees ``mo.*`` events of contracts whose eMAID begins with it, and
    those that name a car only. Everybody sees ``root.*``. ``ANY_MAKER`` as ``wmi`` stands for every car maker: a
    provider passes on to its own makers what concerns them.
    """

    owner: str = ""
    wmi: str = ""
    provider: str = ""


ANY_MAKER = "*"
EVERYBODY = Audience()


class EndpointStatus(StrEnum):
    """Whether an endpoint is served."""

    ENABLED = "enabled"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """What a subscriber decides about its endpoint."""

    url: str
    enabled_events: tuple[EventType, ...]
    """Empty: all that the audience may see."""
    description: str = ""
    api_version: str = "1.0"
    metadata: Mapping[str, Any] = field(default_factory=dict)
    status: EndpointStatus = EndpointStatus.ENABLED


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A webhook endpoint. ``position`` is the sequence number up to which it has been dealt with."""

    id: str
    settings: EndpointSettings
    audience: Audience
    position: int
    attempts: int
    """Failed attempts at the event after ``position``."""
    next_attempt_at: datetime | None
    undelivered: int
    """Events given up in a row."""
    reason: str
    """Why the last attempt failed, or why the endpoint was disabled."""
    created_at: datetime


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that an endpoint never took: given up after the last retry, or refused."""

    event: RecordedEvent
    reason: str
    at: datetime


class EventLog(Protocol):
    """The log, for those who ask for events instead of being told."""

    async def events(
        self, after: int, limit: int, *, types: Sequence[EventType] = (), audience: Audience = EVERYBODY
    ) -> Sequence[RecordedEvent]:
        """Return at most ``limit`` events after a sequence number, oldest first; no ``types``: of any type."""
        ...

    async def latest(
        self,
        limit: int,
        *,
        before: int | None = None,
        emaid: str = "",
        pcid: str = "",
        audience: Audience = EVERYBODY,
    ) -> Sequence[RecordedEvent]:
        """Return at most ``limit`` events, newest first: before a sequence number, of one contract, of one car."""
        ...

    async def head(self) -> int:
        """Return the sequence number of the newest event, 0 when there is none."""
        ...

    def follow(
        self,
        after: int,
        *,
        types: Sequence[EventType] = (),
        audience: Audience = EVERYBODY,
        heartbeat_s: float = 15.0,
    ) -> AsyncGenerator[RecordedEvent | None, None]:
        """Yield events after a sequence number, and then those to come; None after each idle ``heartbeat_s``.

        Ends when the log is closed.
        """
        ...


class WebhookEndpoints(Protocol):
    """The endpoints. Given an audience, a subscriber sees and changes its own only.

    All but :meth:`add` and :meth:`list` raise MarketError(UNKNOWN) for an endpoint that is not there or another's;
    those that take settings raise MarketError(REQUEST) for a URL that events must not be sent to.
    """

    async def add(
        self, settings: EndpointSettings, audience: Audience = EVERYBODY, *, secret: str | None = None
    ) -> tuple[Endpoint, str]:
        """Add an endpoint, which is told of events from now on; return it with its secret, shown only here.

        A subscriber may bring its own ``secret``, and so know it before the endpoint exists.
        """
        ...

    async def list(self, audience: Audience = EVERYBODY) -> Sequence[Endpoint]:
        """Return the endpoints, oldest first."""
        ...

    async def get(self, endpoint_id: str, audience: Audience = EVERYBODY) -> Endpoint:
        """Return one endpoint."""
        ...

    async def replace(
        self, endpoint_id: str, settings: EndpointSettings, audience: Audience = EVERYBODY
    ) -> Endpoint:
        """Change an endpoint. Enabling one goes on where it stopped, at once."""
        ...

    async def remove(self, endpoint_id: str, audience: Audience = EVERYBODY) -> None:
        """Remove an endpoint with its dead letters."""
        ...

    async def dead_letters(
        self, endpoint_id: str, limit: int, audience: Audience = EVERYBODY
    ) -> Sequence[DeadLetter]:
        """Return what the endpoint never took, newest first."""
        ...
