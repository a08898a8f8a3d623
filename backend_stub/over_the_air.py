"""Path A of one provider: the event log with its webhooks, and the car maker's telematics backend that hears them.

Made with the market, set going with its server: deliveries begin once there is an address to deliver to.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from backend_stub.background import Work, every
from backend_stub.ccp.interface import ContractPool
from backend_stub.database import Database
from backend_stub.description import EventRules
from backend_stub.events import pruning
from backend_stub.events.bell import Bell
from backend_stub.events.courier import Courier, HttpCourier
from backend_stub.events.dispatcher import Dispatcher, RetryPolicy
from backend_stub.events.interface import Audience, EndpointSettings
from backend_stub.events.pruning import Pruning
from backend_stub.events.service import EventDesk
from backend_stub.events.targets import TargetPolicy
from backend_stub.pcp.interface import ProvisioningPool
from backend_stub.rcp.interface import RootCertificatePool
from backend_stub.telematics.following import Feed, poll
from backend_stub.telematics.interface import MarketSide
from backend_stub.telematics.market_side import Pools
from backend_stub.telematics.proof import CarDoor
from backend_stub.telematics.routes import WEBHOOK_PATH
from backend_stub.telematics.service import SUBSCRIBED, MailOffice
from pki.entropy import Entropy
from v2g.trace import Tracer

_DOOR_KEY = "door_key"
_DOOR_KEY_BYTES = 32
_SUBSCRIBER = "subscriber"
_ASK_PEERS_S = 2.0


@dataclass(frozen=True, slots=True)
class TelematicsDesk:
    """The telematics backend with its door for cars. ``name`` tells its webhook endpoint from others'."""

    office: MailOffice
    cars: CarDoor
    name: str


async def open_telematics(
    database: Database,
    market: MarketSide,
    bell: Bell,
    *,
    now: Callable[[], datetime],
    entropy: Entropy,
    tracer: Tracer,
    wmi: str = "",
) -> TelematicsDesk:
    """Make the telematics backend on tables that are there, with a key and a name that outlive the process."""
    office = MailOffice(database, market, bell, now, entropy, tracer, wmi=wmi)
    await office.tidy()
    key = await office.setting(_DOOR_KEY, lambda: entropy.bytes(_DOOR_KEY_BYTES).hex())
    name = await office.setting(_SUBSCRIBER, lambda: str(uuid.uuid4()))
    return TelematicsDesk(office, CarDoor(database, market, bytes.fromhex(key), now, entropy), name)


@dataclass(frozen=True, slots=True)
class OverTheAir:
    """Events and telematics of one provider."""

    events: EventDesk
    telematics: TelematicsDesk
    dispatcher: Dispatcher
    courier: Courier
    audience: Audience
    feeds: Mapping[str, Feed]
    """Peers by name: contracts for our cars may be in their pools."""
    wmi: str
    pruning: Work | None = None
    """What keeps the event log from growing for ever."""

    @asynccontextmanager
    async def delivering(self, url: str) -> AsyncIterator[None]:
        """Deliver events while the body runs; ``url`` is where this process takes its own webhooks."""
        await self._subscribe(url + WEBHOOK_PATH)
        try:
            async with asyncio.TaskGroup() as group:
                running = [group.create_task(self.dispatcher.run(), name="webhooks")]
                if self.pruning is not None:
                    running.append(group.create_task(self.pruning(), name="old events"))
                for name, feed in self.feeds.items():
                    asking = poll(self.telematics.office, feed, _ASK_PEERS_S, feed=name, wmi=self.wmi)
                    running.append(group.create_task(asking, name=f"events of {name}"))
                try:
                    yield
                finally:
                    self.events.close()
                    for task in running:
                        task.cancel()
        finally:
            await self.courier.close()

    async def _subscribe(self, url: str) -> None:
        """Have the events about cars sent to ``url``; an endpoint of an earlier process moves there."""
        desk = self.telematics
        wanted = EndpointSettings(
            url=url,
            enabled_events=SUBSCRIBED,
            description="telematics backend of this provider",
            metadata={"subscriber": desk.name},
        )
        for endpoint in await self.events.list(self.audience):
            if endpoint.settings.metadata.get("subscriber") == desk.name:
                await self.events.replace(endpoint.id, wanted, self.audience)
                return
        await self.events.add(wanted, self.audience, secret=await desk.office.webhook_secret())


async def open_over_the_air(
    database: Database,
    *,
    ccp: ContractPool,
    pcp: ProvisioningPool,
    rcp: RootCertificatePool,
    now: Callable[[], datetime],
    entropy: Entropy,
    tracer: Tracer,
    wmi: str,
    rules: EventRules | None = None,
    courier: Courier | None = None,
    feeds: Mapping[str, Feed] | None = None,
) -> OverTheAir:
    """Wire path A on tables that are there; nothing is delivered yet.

    ``rules`` say how events are kept and delivered. ``courier`` replaces HTTP in tests. ``feeds`` are connected providers by name, whose events about our cars are
    asked for.
    """
    bell = Bell()
    database.on_commit(bell.ring)
    rules = rules or EventRules()
    policy = TargetPolicy(rules.webhook_hosts)
    retries = RetryPolicy(tuple(timedelta(seconds=delay_s) for delay_s in rules.webhook_retries_s))
    carrier = courier or HttpCourier(policy)
    return OverTheAir(
        events=EventDesk(database, bell, now, entropy, policy),
        telematics=await open_telematics(
            database, Pools(ccp, pcp, rcp), bell, now=now, entropy=entropy, tracer=tracer, wmi=wmi
        ),
        dispatcher=Dispatcher(database, carrier, bell, now, tracer, retries),
        courier=carrier,
        audience=Audience(owner=f"oem {wmi}", wmi=wmi),
        feeds=feeds or {},
        wmi=wmi,
        pruning=_pruning(database, now, rules),
    )


def _pruning(database: Database, now: Callable[[], datetime], rules: EventRules) -> Work | None:
    if not rules.keep_days:
        return None
    keeper = Pruning(database, now, timedelta(days=rules.keep_days))
    return every(pruning.EVERY_S, keeper.sweep, "old events were not removed")
