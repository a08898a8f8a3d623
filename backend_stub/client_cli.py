"""``backend-stub client``: who may use a market. The commands; their options stand in :mod:`backend_stub.cli`."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from backend_stub.access import clients
from backend_stub.access.clients import AccessError, Client
from backend_stub.access.interface import Role, Scope

_OWNER_ONLY = 0o600


@dataclass(frozen=True, slots=True)
class NewClient:
    """What the command line says of a client to be added."""

    role: str
    identifier: str
    client_id: str | None
    scopes: tuple[str, ...]
    credentials: Path | None
    """Write id and secret here as JSON, instead of showing the secret."""
    secret_file: Path | None
    """Write the bare secret here."""


def add(path: Path, new: NewClient, *, as_json: bool) -> None:
    """Add a client; its secret is shown or written now, and never again. Raises AccessError."""
    try:
        role, scopes = Role(new.role), [Scope(scope) for scope in new.scopes]
    except ValueError as error:
        raise AccessError("client", str(error)) from error
    # Before the client is there: a client whose secret nobody has is of no use.
    files = [_new_file(target) for target in (new.credentials, new.secret_file) if target is not None]
    try:
        client, secret = clients.add(path, role, new.identifier, client_id=new.client_id, scopes=scopes)
    except AccessError:
        for target in files:
            target.unlink()
        raise
    if new.credentials is not None:
        content = {"client_id": client.client_id, "client_secret": secret}
        new.credentials.write_text(json.dumps(content) + "\n")
    if new.secret_file is not None:
        new.secret_file.write_text(secret + "\n")
    shown = not files
    if as_json:
        print(json.dumps(_facts(client) | ({"client_secret": secret} if shown else {})))
        return
    print(f"client {client.client_id}: {client.role} {client.id}")
    if shown:
        print(f"secret {secret}")
        print("The secret is not kept: this is the only time that it is shown.")
    for target in files:
        print(f"secret written to {target}")


def show(path: Path, *, as_json: bool) -> None:
    """List the clients, without secrets. Raises AccessError."""
    found = clients.read(path)
    if as_json:
        print(json.dumps([_facts(client) for client in found.values()]))
        return
    table = Table(title=f"Clients ({len(found)})", title_justify="left")
    for name in ("client", "role", "identifier", "added", "scopes"):
        table.add_column(name, no_wrap=name != "scopes")
    for client in found.values():
        added = client.created.date().isoformat()
        table.add_row(client.client_id, client.role, client.id, added, " ".join(client.scopes))
    console = Console()
    console.width = max(console.width, 110)
    console.print(table)


def remove(path: Path, client_id: str, *, as_json: bool) -> None:
    """Remove a client; its tokens are of no use from then on. Raises AccessError."""
    removed = clients.remove(path, client_id)
    if as_json:
        print(json.dumps({"removed": removed.client_id}))
    else:
        print(f"client {removed.client_id} is removed; a running market notices with the next request")


def _facts(client: Client) -> dict[str, object]:
    return {
        "client_id": client.client_id,
        "role": str(client.role),
        "id": client.id,
        "scopes": [str(scope) for scope in client.scopes],
        "created": msgspec.to_builtins(client.created),
    }


def _new_file(path: Path) -> Path:
    """Make an empty file that only its owner can read; one that is there is not touched."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _OWNER_ONLY))
    except FileExistsError:
        raise AccessError(str(path), "is there already; a secret does not overwrite a file") from None
    except OSError as error:
        raise AccessError(str(path), error.strerror or str(error)) from error
    return path
