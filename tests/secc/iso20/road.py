"""Cars of ISO 15118-20 at a charger on a simulated network, in virtual time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from exi.schema import XsdType
from pki.keys import SigningKey
from secc.charger import Charger
from secc.iso20 import AC
from secc.protocol import Protocol
from secc.protocols import ALL
from secc.server import Server
from secc.sources import BundleSource
from tests.secc.iso20 import messages
from tests.secc.iso20.kit import SERVICES, make_charger
from tests.secc.iso20.market import market20
from tests.secc.kit import HOST, PLAIN_PORT, TLS_PORT, app_protocol
from tests.secc.market import NOW, market
from v2g.messages import appprotocol
from v2g.messages.iso20 import common_types as ct
from v2g.messages.iso20.common_types import Processing
from v2g.net.channel import MessageChannel
from v2g.net.clock import Clock, LoopClock
from v2g.net.simulated import SimulatedNetwork
from v2g.net.stream import Stream
from v2g.net.tls import ClientTls, Iso20Client, Iso20Server, ServerTls, client_tls
from v2g.timing import Deadline
from v2g.trace import ListSink, NullSink, Tracer


class Car:
    """A scripted car over a message channel: sends what it is told, and gives back what came."""

    def __init__(self, stream: Stream, clock: Clock, protocol: Protocol = AC) -> None:
        self.clock = clock
        self.protocol = protocol
        self.channel = MessageChannel(stream, Tracer("evcc", NullSink(), clock.now), clock, initiator=True)
        self.session_id = bytes(8)

    async def negotiate(self, *protocols: Protocol) -> appprotocol.SupportedAppProtocolRes:
        offered = [
            app_protocol(p.edition.namespace, p.edition.major, p.edition.minor, number, number)
            for number, p in enumerate(protocols or (self.protocol,), start=1)
        ]
        await self.channel.send(appprotocol.SupportedAppProtocolReq(app_protocol=offered))
        received = await self.channel.receive(Deadline.after(30, self.clock.monotonic()))
        assert isinstance(received.message, appprotocol.SupportedAppProtocolRes)
        if received.message.schema_id is not None:
            self.protocol = (protocols or (self.protocol,))[received.message.schema_id - 1]
            self.channel.use(self.protocol.edition.schemas)
        return received.message

    async def send(
        self, body: XsdType, *, key: SigningKey | None = None, session_id: bytes | None = None
    ) -> None:
        own = self.session_id if session_id is None else session_id
        message = messages.message_of(own, body, key, int(self.clock.now().timestamp()))
        await self.channel.send(message, payload_type=self.protocol.edition.payload_type(message))

    async def ask(self, body: XsdType, **options: Any) -> Any:
        """Send a request, and return the response."""
        await self.send(body, **options)
        self.last = await self.channel.receive(
            Deadline.after(90, self.clock.monotonic(), "the test's patience")
        )
        assert isinstance(self.last.message, ct.V2GMessage)
        self.session_id = self.last.message.header.session_id
        return self.last.message

    async def close_time(self) -> float:
        """Wait until the charger closes; return how long that took."""
        started = self.clock.monotonic()
        with contextlib.suppress(Exception):
            while True:
                await self.channel.receive()
        return self.clock.monotonic() - started


@dataclass
class Site:
    """A charger on a simulated network, in virtual time, and the cars that come."""

    charger: Charger
    network: SimulatedNetwork
    sink: ListSink
    server: Server

    async def plain(self, protocol: Protocol = AC) -> Car:
        return Car(await self.network.connect(HOST, PLAIN_PORT), self.charger.clock, protocol)

    async def car(self, protocol: Protocol = AC) -> Car:
        """Bring a car of ISO 15118-20, over TLS 1.3 with its vehicle certificate."""
        pki, vehicle = market20().pki, market20().car
        client = ClientTls(
            now=self.charger.clock.now,
            iso20=Iso20Client([pki["v2g_root"].certificate], vehicle.vehicle_chain, vehicle.vehicle.signer()),
        )
        return await self._tls(client, protocol)

    async def old_car(self, protocol: Protocol = AC) -> Car:
        """Bring a car that knows TLS 1.2 only."""
        root = market().pki["v2g_root"].certificate
        return await self._tls(ClientTls([root], now=self.charger.clock.now), protocol)

    async def _tls(self, client: ClientTls, protocol: Protocol) -> Car:
        stream = await self.network.connect(HOST, TLS_PORT)
        secured = await client_tls(stream, client, clock=self.charger.clock)
        return Car(secured, self.charger.clock, protocol)

    def of(self, kind: str) -> list[Any]:
        return self.sink.of(kind)


@contextlib.asynccontextmanager
async def site(
    changes: dict[str, Any] | None = None, *, source: BundleSource | None = None
) -> AsyncIterator[Site]:
    """Run a charger with a TLS port for both editions and a plain one until the block ends."""
    clock = LoopClock(NOW)
    plain = {
        "network.listen_plain": f"[{HOST}]:{PLAIN_PORT}",
        "network.sdp": False,
        "network.iso20_plain": True,
    }
    charger = make_charger(plain | (changes or {}), clock=clock, source=source)
    network = SimulatedNetwork(delay_s=0.001)
    sink = ListSink()
    pki, pki20 = market().pki, market20().pki
    server = Server(
        charger,
        tuple(ALL[key] for key in charger.config.network.protocols),
        network,
        Tracer("secc", sink, clock.now),
        tls=ServerTls(
            pki.chain("secc_leaf"),
            pki["secc_leaf"].signer(),
            now=clock.now,
            iso20=Iso20Server(
                pki20.chain("secc_leaf"),
                pki20["secc_leaf"].signer(),
                [pki20["oem_root"].certificate],
            ),
        ),
    )
    await server.start()
    try:
        yield Site(charger, network, sink, server)
    finally:
        await server.stop()


async def start_session(car: Car) -> None:
    """Take a car to the end of authorisation, by its contract over TLS, else externally."""
    await car.negotiate()
    await car.ask(messages.setup())
    offered = await car.ask(messages.authorization_setup())
    if offered.pnc_as_res_authorization_mode is not None:
        challenge = offered.pnc_as_res_authorization_mode.gen_challenge
        response = await car.ask(messages.by_contract(challenge), key=market20().contract.signer())
    else:
        response = await car.ask(messages.externally())
    assert response.evse_processing is Processing.Finished


async def start_charging(car: Car) -> None:
    """Take a car to its first round of the charge loop."""
    await start_session(car)
    await car.ask(messages.discovery())
    await car.ask(messages.selection(int(SERVICES[car.protocol.key, False])))
    if car.protocol.key == AC.key:
        await car.ask(messages.ac_parameters())
        await car.ask(messages.schedule())
    else:
        await car.ask(messages.dc_parameters())
        await car.ask(messages.schedule())
        await car.ask(messages.cable_check())
        await asyncio.sleep(3)
        await car.ask(messages.cable_check())
        await car.ask(messages.pre_charge())
        await asyncio.sleep(1)
    await car.ask(messages.delivery(given=messages.profile()))
    await car.ask(messages.loop_of(car.protocol))
