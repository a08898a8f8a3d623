"""A whole path in virtual time: car, power line, charger, backhaul, and a market that speaks OPCP over HTTP."""

import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from lab.links.http import LinkTransport, Message, asgi_handler
from lab.links.presets import preset
from secc.sources import Bundles, Wanted
from secc.sources.opcp import OpcpSource
from tests.evcc.material import NOW
from tests.evcc.material20 import World20
from tests.interplay.meeting import Market, Meeting, meet
from v2g.net.clock import LoopClock
from v2g.net.link import Link
from v2g.net.simulated import SimulatedNetwork
from v2g.net.weight import steady
from v2g.timing import Deadline
from v2g.trace import Record, Tracer, null_tracer

HOST, PORT = "market.test", 80


@dataclass
class DistantMarket(Market):
    """Asks itself by HTTP over ``backhaul``, as the charger asks a market."""

    backhaul: Link = field(default_factory=Link)
    seed: int = 0
    network: SimulatedNetwork | None = None
    source: OpcpSource | None = None

    async def prepare(self, deadline: Deadline) -> None:
        await (await self._open()).prepare(deadline)

    async def fetch(self, wanted: Wanted, tracer: Tracer, deadline: Deadline) -> Bundles:
        return await (await self._open()).fetch(wanted, tracer, deadline)

    async def close(self) -> None:
        if self.source is not None:
            await self.source.close()

    async def _open(self) -> OpcpSource:
        if self.source is None:
            network = SimulatedNetwork(link=self.backhaul, seed=self.seed)
            await network.listen(HOST, PORT, asgi_handler(self.answer))
            self.network = network
            transport = LinkTransport(network)
            self.source = OpcpSource(f"http://{HOST}", clock=LoopClock(NOW), transport=transport)
        return self.source

    async def answer(self, scope: Message, receive: Any, send: Any) -> None:
        """The market's side: an ASGI application."""
        if scope["method"] == "HEAD":
            await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body"})
            return
        asked = msgspec.json.decode((await receive())["body"])
        wanted = Wanted(base64.b64decode(asked["certificateInstallationReq"]), asked["xsdMsgDefNamespace"])
        bundles = await super().fetch(wanted, null_tracer("backend"), Deadline(60.0))
        contents = [
            {"messageDef": {"certificateInstallationRes": base64.b64encode(one).decode()}} for one in bundles
        ]
        body = msgspec.json.encode({"CCPResponse": {"emaidContent": contents}})
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": body})


def install_over(folder: Path, backhaul: str, *, plc: str = "homeplug-gp", seed: int = 0) -> Meeting:
    """Let a new car install its contract over two presets, both with ``seed``."""
    world = World20()
    return meet(
        folder,
        world,
        car={"protocols": ("iso2",)},
        market=DistantMarket(world, backhaul=preset(backhaul), seed=seed),
        network=SimulatedNetwork(link=preset(plc), seed=seed, weigh=steady),
    )


def told(records: list[Record]) -> list[Record]:
    """A trace without what the machine's own speed is in, and OpenSSL's random bytes."""
    return [
        {key: value for key, value in record.items() if key not in {"codec_s", "peak_rss_bytes", "pid"}}
        for record in records
    ]
