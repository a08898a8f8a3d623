"""A telematics backend beside a market in the same process, and webhooks as the market would send them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import httpx
from cryptography import x509

from backend_stub.ccp.interface import Collection, Installation
from backend_stub.errors import MarketError
from backend_stub.events.interface import RecordedEvent
from backend_stub.events.signing import sign
from backend_stub.telematics.interface import KnownCar, MarketSide, Outcome
from backend_stub.telematics.market_side import Pools
from backend_stub.telematics.service import SUBSCRIBED, MailOffice
from tests.backend_stub.material import World

WEBHOOK = "/telematics/v1/webhook"


@dataclass
class TamperedMarket:
    """The market, except where a test says otherwise."""

    real: MarketSide
    failure: MarketError | None = None
    bundle: bytes | None = None
    roots: Sequence[x509.Certificate] | None = None
    held: Sequence[bytes] | None = None
    chosen: list[tuple[str, str]] = field(default_factory=list)

    async def car(self, pcid: str) -> KnownCar | None:
        car = await self.real.car(pcid)
        return car if car is None or self.held is None else replace(car, v2g_root_key_ids=self.held)

    async def collect(self, wanted: Collection, namespace: str) -> Installation:
        if self.failure is not None:
            raise self.failure
        found = await self.real.collect(wanted, namespace)
        return found if self.bundle is None else replace(found, response=self.bundle)

    async def set_default(self, pcid: str, emaid: str) -> None:
        if self.failure is not None:
            raise self.failure
        self.chosen.append((pcid, emaid))
        await self.real.set_default(pcid, emaid)

    async def factory_reset(self, pcid: str) -> Sequence[str]:
        return await self.real.factory_reset(pcid)

    async def v2g_roots(self) -> Sequence[x509.Certificate]:
        return self.roots if self.roots is not None else await self.real.v2g_roots()


@dataclass
class Office:
    """The telematics backend of a world, on the same database."""

    world: World
    market: TamperedMarket
    office: MailOffice
    after: int = 0

    @classmethod
    def of(cls, world: World, *, wmi: str = "") -> "Office":
        air = world.market.over_the_air
        market = TamperedMarket(Pools(world.market.ccp, world.market.pcp, world.market.rcp))
        office = replace_market(air.telematics.office, market, wmi)
        return cls(world, market, office)

    async def news(self) -> Sequence[RecordedEvent]:
        """Return the events about cars since the last time."""
        found = await self.world.market.over_the_air.events.events(self.after, 1000, types=SUBSCRIBED)
        if found:
            self.after = found[-1].sequence
        return found

    async def deliver(self) -> list[Outcome]:
        """Deliver what is new, as the dispatcher would."""
        return [await self.receive(event) for event in await self.news()]

    async def receive(self, event: RecordedEvent) -> Outcome:
        body, signature = await self.webhook(event)
        return await self.office.receive(body, signature)

    async def webhook(self, event: RecordedEvent, at: datetime | None = None) -> tuple[bytes, str]:
        body = json.dumps(event.body(timestamp=at or self.world.clock.now())).encode()
        return body, sign(body, await self.office.webhook_secret())

    async def post(self, body: bytes, **headers: str) -> httpx.Response:
        return await self.world.http.post(WEBHOOK, content=body, headers=headers)

    async def states(self, pcid: str) -> dict[str, str]:
        return {contract.emaid: str(contract.state) for contract in await self.office.contracts(pcid)}


def replace_market(office: MailOffice, market: MarketSide, wmi: str) -> MailOffice:
    """Return an office on the same tables that sees the market through ``market``."""
    made = MailOffice.__new__(MailOffice)
    made.__dict__.update(office.__dict__ | {"_market": market, "_wmi": wmi})
    return made
