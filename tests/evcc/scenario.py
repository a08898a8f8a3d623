"""Puts a car before a scripted charger, on virtual time, and returns how it went."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509

from evcc import vehicle
from evcc.config import Config, Payment, load
from evcc.contracts import ContractStore
from evcc.drive import Visit, drive_up
from evcc.protocols import offered, tls_of
from evcc.report import Report
from pki import vehicle_files
from pki.store import write_certificates, write_key
from tests.evcc.charger import USUAL, Charger
from tests.evcc.charger20 import USUAL20
from tests.evcc.material import NOW, World
from tests.evcc.material20 import World20
from v2g.capture import Capture
from v2g.net.clock import LoopClock
from v2g.net.keylog import KeyLog
from v2g.net.sdp import Answer, SdpServer
from v2g.net.simulated import Fault, SimulatedNetwork
from v2g.net.tls import Iso20Server, ServerTls
from v2g.net.virtual import run_virtual
from v2g.trace import ListSink, Tracer, null_tracer

ISO20_TOML = """
[dc]
max_power_w = 80000.0

[bidirectional]
max_discharge_power_w = 10000.0
max_discharge_current_a = 30.0
"""
VEHICLE_TOML = """\
pcid = "{pcid}"
evccid = "0200005E1001"

[battery]
capacity_wh = 60000.0
energy_wh = 30000.0
max_power_w = 11000.0
"""


@dataclass
class Run:
    """One session and everything that can be known of it."""

    report: Report
    charger: Charger
    trace: ListSink
    store: ContractStore
    took_s: float
    vehicle: vehicle.Vehicle

    def events(self, kind: str) -> list[Mapping[str, Any]]:
        return self.trace.of(kind)


def build_vehicle(folder: Path, world: World) -> Path:
    """Write the folder of a car whose maker is ``world``'s; a folder that is there stays as it is."""
    if folder.exists():
        return folder
    (folder / "oem").mkdir(parents=True)
    (folder / "roots" / "v2g").mkdir(parents=True)
    name = world.oem.leaf.certificate.subject.rfc4514_string().partition("CN=")[2]
    (folder / "vehicle.toml").write_text(VEHICLE_TOML.format(pcid=name.partition(",")[0]))
    write_certificates(folder / "oem" / "provisioning.pem", [world.oem.leaf.certificate])
    write_certificates(folder / "oem" / "chain.pem", world.oem.wire[1:])
    write_key(folder / "oem" / "provisioning.key", world.oem.leaf.signing_key())
    write_certificates(folder / "roots" / "v2g" / "root.pem", [world.v2g_root.certificate])
    if isinstance(world, World20):
        vehicle_files.save(world.car, folder)
        settings = folder / "vehicle.toml"
        settings.write_text(settings.read_text() + ISO20_TOML)
    return folder


def settings(overrides: Mapping[str, Any] | None = None, *, payment: Payment, tls: bool) -> Config:
    """A configuration; contract payment over plain TCP, which none may configure, included."""
    quick = {"charging.rounds": 2, "network.interface": "sim0", "network.connect": "[fe80::1]:61341"}
    loaded = load(None, quick | dict(overrides or {}) | {"payment": "external"})
    return replace(loaded, payment=payment, tls=tls)


def server_tls_of(world: World, clock: LoopClock) -> ServerTls:
    """The charger's end of TLS: that of -2, and of -20 in a market that has it."""
    iso20 = None
    if isinstance(world, World20):
        pki = world.pki
        iso20 = Iso20Server(pki.chain("secc_leaf"), pki["secc_leaf"].signer(), [pki["oem_root"].certificate])
    own = world.cpo
    return ServerTls(own.wire, own.leaf.signing_key(), iso20=iso20, now=clock.now)


def visit(
    folder: Path,
    world: World,
    answers: Mapping[str, Any] | None = None,
    *,
    overrides: Mapping[str, Any] | None = None,
    payment: Payment = Payment.CONTRACT,
    secured: bool = False,
    iso20: bool = False,
    trusted: Sequence[x509.Certificate] = (),
    fault: Fault | None = None,
    chunk_size: int | None = None,
    delay_s: float = 0.0,
    at: datetime = NOW,
    leave_after_s: float | None = None,
    capture: Path | None = None,
    listening: bool = True,
    discovery: Answer | None = None,
    prepare: Callable[[Charger], object] | None = None,
    cancel_after_s: float | None = None,
    on_trace: Callable[[ListSink], object] | None = None,
) -> Run:
    """Run one session on virtual time.

    With ``iso20`` the charger gives the usual answers of -20, if it is that which the car speaks.
    ``world`` makes car and charger; ``trusted`` are roots that the car holds instead. ``leave_after_s`` is
    when the driver comes back. ``discovery`` answers SDP requests, which the car then sends.
    ``prepare`` changes the charger before the car comes, ``cancel_after_s`` breaks the session off,
    ``on_trace`` is given the trace when the session begins.
    """
    build_vehicle(folder, world)
    if trusted:
        write_certificates(folder / "roots" / "v2g" / "root.pem", trusted)

    async def scenario() -> Run:
        clock = LoopClock(at)
        network = SimulatedNetwork(fault=fault, chunk_size=chunk_size, delay_s=delay_s)
        charger = Charger(world, clock, dict(answers or {}), usual=USUAL20 if iso20 else USUAL)
        if secured:
            charger.tls = server_tls_of(world, clock)
        if prepare is not None:
            prepare(charger)
        trace = ListSink()
        if on_trace is not None:
            on_trace(trace)
        car = vehicle.load(folder)
        stores = {name: ContractStore.open(place) for name, place in car.contract_folders.items()}
        config = settings(overrides, payment=payment, tls=secured)
        protocols = offered(config, car)
        report, stopping = Report(), asyncio.Event()
        if leave_after_s is not None:
            asyncio.get_running_loop().call_later(leave_after_s, stopping.set)
        recorder = Capture(capture) if capture is not None else None
        keylog = KeyLog(reader=recorder.add_secrets) if recorder is not None else None
        listener = await network.listen("fe80::1", 61341, charger.serve) if listening else None
        server = None
        if discovery is not None:
            server = SdpServer(network, "sim0", discovery, tracer=null_tracer("secc"), clock=clock)
            await server.open()
        try:
            visit = Visit(
                network=network,
                clock=clock,
                tracer=Tracer("evcc", trace, clock.now),
                vehicle=car,
                stores=stores,
                protocols=protocols,
                config=config,
                tls=tls_of(car, protocols, keylog=keylog, now=clock.now),
                stopping=stopping,
                capture=recorder,
            )
            async with asyncio.TaskGroup() as tasks:
                driving = tasks.create_task(drive_up(visit, report))
                if cancel_after_s is not None:
                    asyncio.get_running_loop().call_later(cancel_after_s, driving.cancel)
            took_s = clock.monotonic()
            await asyncio.sleep(1)  # what the car sent last arrives
        finally:
            if server is not None:
                await server.close()
            if listener is not None:
                await listener.close()
            if keylog is not None and recorder is not None:
                keylog.close()
                recorder.close()
        return Run(report, charger, trace, stores["iso20" if iso20 else "iso2"], took_s, car)

    return run_virtual(scenario())
