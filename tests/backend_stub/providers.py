"""Several providers in one test, each with its own database and roots, connected without a socket."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI

from backend_stub.access import clients
from backend_stub.access.interface import Role
from backend_stub.access.settings import AccessSettings, open_gate
from backend_stub.ccp.interface import Installation
from backend_stub.database import Database
from backend_stub.description import Pins
from backend_stub.federation.peer import Party, Peer
from backend_stub.market import Market, open_market
from backend_stub.msp.interface import Proof, Rule
from backend_stub.oem.interface import BuiltVehicle
from backend_stub.place import Place
from backend_stub.web.app import create_app
from pki.entropy import SeededEntropy, SystemEntropy
from pki.hierarchy import Hierarchy
from pki.names import fingerprint_sha256
from tests.backend_stub.material import START, Car, SetClock, encode, signing_request
from v2g.net.oauth import ClientCredentials, Credentials
from v2g.trace import ListSink, Tracer

NAMES = ("a", "b", "c")
TIMEOUT_S = 5.0


@cache
def hierarchy_of(name: str) -> Hierarchy:
    """Return the certificates of a provider; no two have a root in common."""
    return Hierarchy.create(
        now=START, entropy=SeededEntropy(f"provider {name}".encode()), organization=f"Provider {name}"
    )


def pins_of(hierarchy: Hierarchy) -> Pins:
    """Return what a description pins of a provider."""

    def one(root: str) -> frozenset[str]:
        return frozenset({fingerprint_sha256(hierarchy[root].certificate)})

    return Pins(one("v2g_root"), one("oem_root"), one("mo_root"))


@dataclass
class Wires(httpx.AsyncBaseTransport):
    """The network between the providers, which a test may cut; it counts what passes."""

    apps: dict[str, FastAPI] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)
    hanging: set[str] = field(default_factory=set)
    passed: list[tuple[str, str, str, bool]] = field(default_factory=list)
    """From, to, method and path, and whether it was marked as a broadcast."""

    def asked(self, name: str, path: str) -> int:
        """Return how often a provider was asked for paths that begin so."""
        return sum(to == name and what.split(" ")[1].startswith(path) for _, to, what, _ in self.passed)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        name = request.url.host
        sender = request.headers.get("OPNC-from-party-id", "")[:6]
        flagged = request.headers.get("broadcast") == "true"
        self.passed.append((sender, name, f"{request.method} {request.url.path}", flagged))
        if name in self.dead:
            raise httpx.ConnectError("refused", request=request)
        if name in self.hanging:
            await asyncio.Event().wait()
        return await httpx.ASGITransport(app=self.apps[name]).handle_async_request(request)


@dataclass
class Standing:
    """One of the providers."""

    name: str
    hierarchy: Hierarchy
    database: Database
    market: Market
    app: FastAPI
    http: httpx.AsyncClient
    place: Place
    clients: Path | None = None
    """Who may use it, where it is closed."""


@dataclass
class Providers(Mapping[str, Standing]):
    """All of them, by name."""

    clock: SetClock
    wires: Wires
    standing: dict[str, Standing]

    def __getitem__(self, name: str) -> Standing:
        return self.standing[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.standing)

    def __len__(self) -> int:
        return len(self.standing)

    async def build(self, maker: str, region: str) -> tuple[Car, str]:
        """Build a car at one provider; return it with its one-time code."""
        key = SystemEntropy().ec_key(ec.SECP256R1())
        built: BuiltVehicle = await self[maker].market.oem.build(signing_request(key), region=region)
        car = Car(built.vehicle.pcid, key, built.vehicle.certificate, tuple(built.v2g_roots))
        return car, built.code

    async def onboard(self, msp: str, car: Car, code: str) -> str:
        """Make a contract at a provider; return its eMAID."""
        contract = await self[msp].market.msp.onboard(car.pcid, Proof(Rule.MAKER_CODE, code))
        return contract.emaid

    async def install(self, charger_at: str, car: Car) -> Installation:
        """Ask as a charger does that is attached to this provider."""
        return await self[charger_at].market.ccp.answer(encode(car.request()))


@asynccontextmanager
async def open_providers(
    directory: Path, *, names: Sequence[str] = NAMES, proof_required: bool = True, closed: bool = False
) -> AsyncIterator[Providers]:
    """Open providers that know each other's addresses and pins, and nothing else.

    ``closed``: each wants a token, and its peers have one for each other provider.
    """
    clock, wires = SetClock(), Wires()
    tracer = Tracer("backend", ListSink(), clock.now)
    standing: dict[str, Standing] = {}
    files = {name: directory / f"{name}.json" for name in names} if closed else {}
    credentials = {(name, to): _account(files[to], name) for name in names for to in files if name != to}
    async with AsyncExitStack() as stack:
        for name in names:
            hierarchy = hierarchy_of(name)
            own = fingerprint_sha256(hierarchy["v2g_root"].certificate)
            peers = {
                other: Peer(
                    other,
                    f"http://{other}",
                    pins_of(hierarchy_of(other)),
                    asking=Party(name, own),
                    timeout_s=TIMEOUT_S,
                    auth=_tokens(credentials.get((name, other)), f"http://{other}", clock),
                    transport=wires,
                )
                for other in names
                if other != name
            }
            for peer in peers.values():
                stack.push_async_callback(peer.close)
            database = Database(directory / f"{name}.db")
            stack.callback(database.close)
            place = Place(
                name=name,
                wmi=f"W{name.upper()}1",
                regions={other: pins_of(hierarchy_of(other)).v2g for other in names},
                default_region=name,
                provider_id=f"PN{name.upper()}",
                proof_required=proof_required,
                peers=list(peers.values()),
                peer_timeout_s=TIMEOUT_S,
                maker_pins={f"W{other.upper()}1": pins_of(hierarchy_of(other)).oem for other in names},
                makers={f"W{other.upper()}1": peer for other, peer in peers.items()},
                register_keeper=peers.get(names[0]),
            )
            market = await open_market(
                hierarchy, database, now=clock.now, entropy=SystemEntropy(), tracer=tracer, place=place
            )
            gate = await open_gate(
                AccessSettings(clients=files.get(name)),
                database,
                now=clock.now,
                monotonic=clock.monotonic,
                entropy=SystemEntropy(),
            )
            app = create_app(market, tracer=tracer, monotonic=clock.monotonic, gate=gate)
            wires.apps[name] = app
            client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=f"http://{name}")
            await stack.enter_async_context(client)
            standing[name] = Standing(name, hierarchy, database, market, app, client, place, files.get(name))
        yield Providers(clock, wires, standing)


def _account(clients_file: Path, name: str) -> Credentials:
    """Make a provider a client of another one."""
    root = fingerprint_sha256(hierarchy_of(name)["v2g_root"].certificate)
    client, secret = clients.add(clients_file, Role.PEER, root, client_id=f"pool-of-{name}")
    return Credentials(client.client_id, secret)


def _tokens(credentials: Credentials | None, url: str, clock: SetClock) -> ClientCredentials | None:
    return None if credentials is None else ClientCredentials(credentials, url, clock.monotonic)
