"""A closed market with a client for each kind of party."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from backend_stub.access import clients
from backend_stub.access.clients import Client
from backend_stub.access.guard import TOKEN_PATH
from backend_stub.access.interface import Role
from backend_stub.access.settings import AccessSettings, from_options
from pki.hierarchy import Hierarchy
from pki.names import fingerprint_sha256
from tests.backend_stub.material import World, open_world

OTHER_ROOT = "ab" * 32


@dataclass(frozen=True)
class Account:
    """A client and what it proves itself with."""

    client: Client
    secret: str

    @property
    def request(self) -> dict[str, str]:
        """What OPCP has in the body of a request for a token."""
        return {
            "client_id": self.client.client_id,
            "client_secret": self.secret,
            "audience": "https://market.example",
            "grant_type": "client_credentials",
        }


@dataclass(frozen=True)
class ClosedWorld:
    """A closed market. ``tokens`` are by the names of the accounts."""

    world: World
    clients_file: Path
    accounts: Mapping[str, Account]
    tokens: Mapping[str, str]

    def headers(self, name: str) -> dict[str, str]:
        """Return the headers with which a party calls; a peer's say ``broadcast``."""
        if name == "nobody":
            return {}
        broadcast = {"broadcast": "true"} if name == "peer" else {}
        return {"Authorization": f"Bearer {self.tokens[name.removesuffix(' aloud')]}"} | broadcast


def make_accounts(path: Path, hierarchy: Hierarchy) -> dict[str, Account]:
    """Write a clients file with two operators, two car makers and one of each other role."""
    root = fingerprint_sha256(hierarchy["v2g_root"].certificate)
    wanted = {
        "own msp": (Role.MSP, "DEPNC"),
        "other msp": (Role.MSP, "FRXYZ"),
        "own oem": (Role.OEM, "PNC"),
        "other oem": (Role.OEM, "WVW"),
        "cpo": (Role.CPO, "DEABC"),
        "cps": (Role.CPS, root),
        "peer": (Role.PEER, OTHER_ROOT),
        "admin": (Role.ADMIN, "boss"),
    }
    return {
        name: Account(*clients.add(path, role, identifier)) for name, (role, identifier) in wanted.items()
    }


async def get_token(http: httpx.AsyncClient, account: Account) -> str:
    """Fetch a token as OPCP has it."""
    answer = await http.post(TOKEN_PATH, json=account.request)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


@asynccontextmanager
async def open_closed_world(
    directory: Path, hierarchy: Hierarchy, target: str | Path | None = None, *, limited: bool = False
) -> AsyncIterator[ClosedWorld]:
    """Open a closed market on an empty database, with a token for each account; ``limited``: with its usual rates."""
    path = directory / "clients.json"
    accounts = make_accounts(path, hierarchy)
    access = from_options(path, None, strict_opnc=False) if limited else AccessSettings(clients=path)
    async with open_world(directory, hierarchy, target=target, access=access) as world:
        tokens = {name: await get_token(world.http, account) for name, account in accounts.items()}
        yield ClosedWorld(world, path, accounts, tokens)
