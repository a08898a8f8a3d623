"""A telematics backend in a few lines, which a test scripts: what the car finds, and what it says to it."""

import asyncio
import base64
import hashlib
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

import exi
from evcc import config, vehicle
from evcc.contracts import ContractStore
from evcc.ota import Receiver
from evcc.ota_door import CHALLENGE_HEADER, SIGNATURE_HEADER, TelematicsDoor
from tests.evcc.bundle import Bundle, usual
from tests.evcc.material import EMAIDS, NOW, World
from tests.evcc.scenario import build_vehicle
from v2g.messages import iso2
from v2g.net.clock import LoopClock
from v2g.net.virtual import run_virtual
from v2g.trace import ListSink, Tracer

URL = "http://telematics.test"

T = TypeVar("T")
Handler = Callable[[httpx.Request], httpx.Response | None]


def install(document: bytes, emaid: str = EMAIDS[0], **changes: Any) -> dict[str, Any]:
    """Return an item with a bundle."""
    return {
        "id": "11111111-1111-1111-1111-111111111111",
        "action": "install",
        "emaid": emaid,
        "xsdMsgDefNamespace": iso2.NAMESPACE,
        "certificateInstallationRes": base64.b64encode(document).decode(),
    } | changes


def remove(emaid: str) -> dict[str, Any]:
    """Return an item that ends a contract."""
    return install(b"", emaid) | {"action": "remove", "certificateInstallationRes": None}


def bundle_for(world: World, number: int = 0, **changes: Any) -> Bundle:
    """Return a good bundle of contract ``number``."""
    return replace(usual(world), contract=world.contract(EMAIDS[number]), **changes)


def document(bundle: Bundle) -> bytes:
    return exi.encode(bundle.message(), iso2.SCHEMA)


@dataclass
class Backend:
    """Answers a car; ``before`` may answer in its place."""

    world: World
    items: list[dict[str, Any]] = field(default_factory=list)
    default: str | None = None
    known: list[str] = field(default_factory=list)
    before: Handler = lambda _request: None
    said: list[dict[str, Any]] = field(default_factory=list)
    chosen: list[str] = field(default_factory=list)
    resets: int = 0
    targets: list[str] = field(default_factory=list)
    on_acknowledgement: Callable[[], None] = lambda: None
    _challenges: int = 0

    async def handle(self, request: httpx.Request) -> httpx.Response:
        target = request.url.raw_path.decode()
        self.targets.append(f"{request.method} {target}")
        early = self.before(request)
        if early is not None:
            return early
        if target.endswith("/challenge"):
            return httpx.Response(200, json={"challenge": self._next()})
        self._check_proof(request, target)
        headers = {CHALLENGE_HEADER: self._next()}
        if "/acknowledgement" in target:
            self.on_acknowledgement()
            said = json.loads(request.content)
            self.said.append(said)
            self.items = self.items[1:]
            return httpx.Response(200, json={}, headers=headers)
        if target.endswith("/reset"):
            self.resets += 1
            return httpx.Response(200, json={"pcid": "", "removed": []}, headers=headers)
        if target.endswith("/default"):
            self.chosen.append(json.loads(request.content)["emaid"])
            self.default = self.chosen[-1]
            return httpx.Response(200, json={}, headers=headers)
        if not self.items:
            await asyncio.sleep(float(request.url.params["waitS"]))
        lines = [
            {"emaid": emaid, "state": "installed", "defaultContract": emaid == self.default}
            for emaid in {*self.known, *([self.default] if self.default else [])}
        ]
        return httpx.Response(200, json={"items": self.items, "contracts": lines}, headers=headers)

    def _next(self) -> str:
        self._challenges += 1
        return f"challenge-{self._challenges}"

    def _check_proof(self, request: httpx.Request, target: str) -> None:
        """The signature is the car's, over the newest challenge and this very request."""
        challenge = request.headers[CHALLENGE_HEADER]
        assert challenge == f"challenge-{self._challenges}"
        digest = hashlib.sha256(request.content).hexdigest()
        lines = ("pnclab-telematics-v1", challenge, request.method, target, digest)
        text = "".join(f"{line}\n" for line in lines).encode()
        key = self.world.oem.leaf.certificate.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        key.verify(base64.b64decode(request.headers[SIGNATURE_HEADER]), text, ec.ECDSA(hashes.SHA256()))


@dataclass
class Scene:
    """A car before a backend, on virtual time."""

    backend: Backend
    receiver: Receiver
    door: TelematicsDoor
    sink: ListSink

    @property
    def store(self) -> ContractStore:
        return self.receiver.store

    @property
    def stored(self) -> list[str]:
        """The contracts on the disk, whatever the object in hand believes."""
        return [contract.emaid for contract in ContractStore.open(self.store.directory).contracts]

    def keep(self, *numbers: int) -> None:
        """Have contracts stored before anything begins."""
        for number in numbers:
            self.store.install(self.backend.world.contract(EMAIDS[number]), NOW)


def on_air(
    folder: Path, world: World, backend: Backend, work: Callable[[Scene], Coroutine[Any, Any, T]]
) -> T:
    """Run ``work`` on virtual time with the car in ``folder``."""

    async def run() -> T:
        car = vehicle.load(build_vehicle(folder, world))
        clock = LoopClock(NOW)
        sink = ListSink()
        tracer = Tracer("evcc", sink, clock.now)
        receiver = Receiver(
            car, ContractStore.open(car.contracts_directory), config.load(None, {}), clock, tracer
        )
        transport = httpx.MockTransport(backend.handle)
        async with TelematicsDoor(URL, car.pcid, car.provisioning_key, transport=transport) as door:
            return await work(Scene(backend, receiver, door, sink))

    return run_virtual(run())
