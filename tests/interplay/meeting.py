"""Puts the real car before the real charger: simulated links, virtual time, real TLS and real certificates."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

import exi
from evcc import config as car_config
from evcc import vehicle
from evcc.contracts import ContractStore
from evcc.drive import Visit, drive_up
from evcc.protocols import offered, tls_of
from evcc.report import Report
from pki.chain import parse, public_key
from secc.charger import Charger, Trust
from secc.config import Config, override
from secc.errors import BundleError
from secc.protocols import chosen
from secc.run import station_of
from secc.server import Server
from secc.sources import Bundles, Wanted
from tests.evcc.bundle import usual
from tests.evcc.bundle20 import Bundle20, usual20
from tests.evcc.charger import wrapped
from tests.evcc.material import EMAIDS, NOW
from tests.evcc.material20 import World20
from tests.evcc.scenario import build_vehicle, server_tls_of
from v2g.messages import iso2, iso20
from v2g.net.clock import LoopClock
from v2g.net.simulated import SimulatedNetwork
from v2g.net.virtual import run_virtual
from v2g.protocols import ISO20_DC
from v2g.timing import Deadline
from v2g.trace import ListSink, Record, Tracer

HOST, PORT = "fe80::1", 50_000


@dataclass
class Market:
    """What stands behind the charger: after ``delay_s`` it delivers ``count`` contracts."""

    world: World20
    count: int = 1
    delay_s: float = 0.0
    failure: BundleError | None = None
    """How it refuses updates."""
    wanted: list[Wanted] = field(default_factory=list)

    async def fetch(self, wanted: Wanted, tracer: Tracer, deadline: Deadline) -> Bundles:
        self.wanted.append(wanted)
        await asyncio.sleep(self.delay_s)
        if wanted.namespace == iso2.NAMESPACE:
            request = exi.decode(wanted.request_exi, iso2.SCHEMA)
            assert isinstance(request, iso2.V2G_Message)
            wished = request.body.body_element
            message = usual(self.world).message()
            if isinstance(wished, iso2.CertificateUpdateReq):
                if self.failure is not None:
                    raise self.failure
                message = updated(self.world, wished)
            message.header.session_id = request.header.session_id
            return (exi.encode(message, iso2.SCHEMA),)
        emaids = [*wanted.emaids, *(emaid for emaid in EMAIDS if emaid not in wanted.emaids)]
        return tuple(encoded(usual20(self.world, emaid)) for emaid in emaids[: self.count])

    async def prepare(self, deadline: Deadline) -> None:
        return

    async def close(self) -> None:
        return


def updated(world: World20, request: iso2.CertificateUpdateReq) -> iso2.V2G_Message:
    """The successor of a contract, sealed for the contract's own key."""
    old = parse(request.contract_signature_cert_chain.certificate)
    bundle = replace(usual(world), contract=world.contract(), receiver=public_key(old))
    body = bundle.body()
    fields = {name: getattr(body, name) for name in body.__struct_fields__}
    return wrapped(iso2.CertificateUpdateRes(**fields, retry_counter=0), signature=bundle.sign(body))


def encoded(bundle: Bundle20) -> bytes:
    """A signed bundle as the backend sends it."""
    signed = bundle.signed()
    message = ISO20_DC.wrap(bytes(8), signed.body, signed.signature, int(NOW.timestamp()))
    return exi.encode(message, iso20.COMMON_MESSAGES)


@dataclass
class Meeting:
    """How it went, from both sides."""

    report: Report
    car: ListSink
    charger: ListSink
    market: Market
    store: ContractStore
    store_iso2: ContractStore
    battery_wh: float

    def messages(self, kind: str = "message.sent") -> list[str]:
        """The names of the car's messages, runs of the same one shortened to one."""
        names = [str(event["name"]) for event in self.car.of(kind)]
        return [name for number, name in enumerate(names) if number == 0 or names[number - 1] != name]

    def sent(self, name: str) -> list[Record]:
        """The car's messages of one name."""
        return [event for event in self.car.of("message.sent") if event["name"] == name]


def meet(
    folder: Path,
    world: World20,
    *,
    car: Mapping[str, Any] | None = None,
    charger: Mapping[str, Any] | None = None,
    market: Market | None = None,
    protocols: Sequence[str] = ("iso2", "iso20-ac", "iso20-dc"),
    delay_s: float = 0.0,
    network: SimulatedNetwork | None = None,
    tariff_key: ec.EllipticCurvePrivateKey | None = None,
) -> Meeting:
    """Let the car of ``folder`` (made if it is not there) charge once at a charger of ``world``.

    ``car`` and ``charger`` are dotted keys of their configurations, ``delay_s`` is that of the link;
    ``network`` stands in its place. ``tariff_key`` signs sales tariffs.
    """
    market = market or Market(world)
    build_vehicle(folder, world)

    async def scenario() -> Meeting:
        clock = LoopClock(NOW)
        link = network or SimulatedNetwork(delay_s=delay_s)
        car_trace, charger_trace = ListSink(), ListSink()
        quick = {"charging.rounds": 4, "charging.interval_s": 0.25, "network.connect": f"[{HOST}]:{PORT}"}
        settings = car_config.load(None, quick | dict(car or {}))
        loaded = vehicle.load(folder)
        spoken = offered(settings, loaded)
        stores = {name: ContractStore.open(place) for name, place in loaded.contract_folders.items()}
        report = Report()
        changes = {"network.listen": f"[{HOST}]:{PORT}"} | dict(charger or {})
        place = make_charger(world, clock, market, changes)
        place.tariff_key = tariff_key
        server = Server(
            place,
            chosen(protocols),
            link,
            Tracer("secc", charger_trace, clock.now),
            tls=server_tls_of(world, clock) if place.config.network.tls else None,
        )
        await server.start()
        try:
            await drive_up(
                Visit(
                    network=link,
                    clock=clock,
                    tracer=Tracer("evcc", car_trace, clock.now),
                    vehicle=loaded,
                    stores=stores,
                    protocols=spoken,
                    config=settings,
                    tls=tls_of(loaded, spoken, now=clock.now),
                    stopping=asyncio.Event(),
                ),
                report,
            )
        finally:
            await server.stop()
        return Meeting(
            report,
            car_trace,
            charger_trace,
            market,
            stores["iso20"],
            stores["iso2"],
            loaded.battery.energy_wh,
        )

    return run_virtual(scenario())


def make_charger(world: World20, clock: LoopClock, market: Market, changes: Mapping[str, Any]) -> Charger:
    """A charger that trusts ``world`` and asks ``market`` for contracts."""
    config = override(Config(), {"network.sdp": False} | dict(changes))
    pki = world.pki
    mo_root, v2g_root, oem_root = (pki[name].certificate for name in ("mo_root", "v2g_root", "oem_root"))
    return Charger(
        config=config,
        station=station_of(config, clock),
        clock=clock,
        entropy=world.entropy,
        source=market,
        trust=Trust(mo=(world.mo_root.certificate,), v2g=(world.v2g_root.certificate,)),
        trust20=Trust(mo=(mo_root,), v2g=(v2g_root,), oem=(oem_root,)),
    )


__all__ = ["Market", "Meeting", "meet"]
