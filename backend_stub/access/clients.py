"""The clients of a closed market: a JSON file, made and changed by ``backend-stub client``.

Secrets stand in it as scrypt hashes only. The file is replaced as a whole, so that a reader sees the old
state or the new one; a running market notices the change with the next request.
"""

import base64
import binascii
import hashlib
import hmac
import logging
import os
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import msgspec

from backend_stub.access.interface import SCOPES, Party, Role, Scope, check_identifier

_SECRET_BYTES = 32
_SALT_BYTES = 16
_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 2**14, 8, 1  # 16 MiB and about 50 ms
_SCRYPT_MEMORY = 64 * 1024 * 1024
_OWNER_ONLY = 0o600

_log = logging.getLogger(__name__)


class AccessError(Exception):
    """The clients file cannot be used, or a client cannot be added or removed; ``place`` names where."""

    def __init__(self, place: str, detail: str) -> None:
        super().__init__(place, detail)
        self.place = place
        self.detail = detail

    def __str__(self) -> str:
        """Return place and detail on one line."""
        return f"{self.place}: {self.detail}"


class Client(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One client as the file has it."""

    client_id: str
    role: Role
    id: str
    secret: str
    """``scrypt$n$r$p$salt$hash``, the last two in base64."""
    scopes: list[Scope]
    created: datetime

    def __repr__(self) -> str:
        """Return who it is, without the hash."""
        return f"<Client {self.client_id}: {self.role} {self.id}>"

    @property
    def party(self) -> Party:
        """The party that this client speaks for."""
        return Party(self.role, self.id, frozenset(self.scopes), self.client_id)


class _File(msgspec.Struct, forbid_unknown_fields=True):
    clients: list[Client]


def hash_secret(secret: str) -> str:
    """Return the scrypt hash of a secret, with a salt of its own."""
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = _scrypt(secret, salt, _SCRYPT_N, _SCRYPT_R, _SCRYPT_P)
    parts = (_SCRYPT_N, _SCRYPT_R, _SCRYPT_P, *(base64.b64encode(data).decode() for data in (salt, digest)))
    return "scrypt$" + "$".join(map(str, parts))


@cache
def _nobody() -> str:
    """Return what is compared with when a client is unknown, so that the time of an answer does not tell."""
    return hash_secret(secrets.token_hex(_SECRET_BYTES))


def secret_matches(secret: str, stored: str | None) -> bool:
    """Compare a secret with a stored hash (None: there is no such client) in the same time for any input."""
    n, r, p, salt, digest = _parse_hash(stored or _nobody())
    same = hmac.compare_digest(_scrypt(secret, salt, n, r, p), digest)
    return same and stored is not None


def _scrypt(secret: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    encoded = secret.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(encoded, salt=salt, n=n, r=r, p=p, maxmem=_SCRYPT_MEMORY, dklen=32)


def _parse_hash(stored: str) -> tuple[int, int, int, bytes, bytes]:
    kind, n, r, p, salt, digest = stored.split("$")
    if kind != "scrypt":
        raise ValueError(kind)
    return (
        int(n),
        int(r),
        int(p),
        base64.b64decode(salt, validate=True),
        base64.b64decode(digest, validate=True),
    )


class ClientFile:
    """The clients of a market; read again when the file has changed."""

    def __init__(self, path: Path) -> None:
        """Read the file. Raises AccessError when it is missing or not as it should be."""
        self._path = path
        self._stamp = self._look()
        self._clients = read(path)

    def current(self) -> Mapping[str, Client]:
        """Return the clients by ``client_id`` as the file has them now.

        A file that was broken or removed meanwhile changes nothing but the log: who runs the market puts it
        right, and nobody is locked out or let in.
        """
        stamp = self._look()
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._clients = read(self._path)
                _log.info("clients read again: %d", len(self._clients))
            except AccessError as error:
                _log.error("clients stay as they were: %s", error)
        return self._clients

    def _look(self) -> tuple[int, int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None  # reading it says why
        return status.st_ino, status.st_mtime_ns, status.st_size


def read(path: Path) -> dict[str, Client]:
    """Return the clients of a file by ``client_id``.

    Raises AccessError naming the file and what is wrong in it, never a hash.
    """
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_File).clients
    except OSError as error:
        raise AccessError(str(path), _words(error)) from error
    except msgspec.MsgspecError as error:
        raise AccessError(str(path), f"not a clients file: {error}") from error
    clients: dict[str, Client] = {}
    for client in found:
        place = f"{path}: client {client.client_id}"
        if client.client_id in clients:
            raise AccessError(place, "stands there twice")
        try:
            normal = check_identifier(client.role, client.id)
            _scopes(client.role, client.scopes)
        except ValueError as error:
            raise AccessError(place, str(error)) from error
        if normal != client.id:
            raise AccessError(place, f"its id must be written {normal}")
        try:
            _parse_hash(client.secret)
        except (ValueError, binascii.Error):
            raise AccessError(place, "its secret is not a scrypt hash") from None
        clients[client.client_id] = client
    return clients


def add(
    path: Path, role: Role, identifier: str, *, client_id: str | None = None, scopes: Sequence[Scope] = ()
) -> tuple[Client, str]:
    """Add a client and return it with its secret, which is not kept and cannot be had again.

    The file is made when it is not there, readable for its owner only. Without ``scopes`` the client gets all that its role may have.
    Raises AccessError.
    """
    clients = read(path) if path.exists() else {}
    try:
        own = check_identifier(role, identifier)
        rights = _scopes(role, scopes or sorted(SCOPES[role]))
    except ValueError as error:
        raise AccessError("client", str(error)) from error
    name = client_id or f"{role}-{own[:12].lower()}-{secrets.token_hex(3)}"
    if name in clients:
        raise AccessError(str(path), f"there is a client {name} already")
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    client = Client(
        client_id=name,
        role=role,
        id=own,
        secret=hash_secret(secret),
        scopes=rights,
        created=datetime.now(UTC).replace(microsecond=0),
    )
    _replace(path, [*clients.values(), client])
    return client, secret


def remove(path: Path, client_id: str) -> Client:
    """Remove a client; its tokens are of no use from then on. Raises AccessError when it is not there."""
    clients = read(path)
    removed = clients.pop(client_id, None)
    if removed is None:
        raise AccessError(str(path), f"there is no client {client_id}")
    _replace(path, list(clients.values()))
    return removed


def _scopes(role: Role, wanted: Sequence[Scope]) -> list[Scope]:
    if excess := sorted(set(wanted) - SCOPES[role]):
        raise ValueError(
            f"role {role} cannot have {', '.join(excess)}; it can have {', '.join(sorted(SCOPES[role]))}"
        )
    return list(dict.fromkeys(wanted))


def _replace(path: Path, clients: list[Client]) -> None:
    """Write the whole file anew beside the old one and put it in its place; durable when this returns."""
    content = msgspec.json.format(msgspec.json.encode(_File(clients)), indent=2) + b"\n"
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                os.fchmod(file.fileno(), _OWNER_ONLY)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise AccessError(str(path), _words(error)) from error


def _words(error: OSError) -> str:
    return error.strerror or str(error)
