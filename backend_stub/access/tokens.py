"""Access tokens: JWTs after RFC 9068, signed ES256 with a key that the store keeps."""

import contextlib
import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy.exc import IntegrityError

from backend_stub.access import store
from backend_stub.access.clients import Client, ClientFile
from backend_stub.access.interface import Party, Scope
from backend_stub.database import Database
from pki.entropy import Entropy

_ALGORITHM = "ES256"
_TYPE = "at+jwt"
_ISSUER = "pnclab-market"
_CLAIMS = ("iss", "sub", "aud", "exp", "iat", "jti", "scope")


class TokenError(Exception):
    """A token that is not good here; the text says why, and holds nothing of the token."""


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new access token."""

    text: str
    expires_in_s: int
    scopes: Sequence[Scope]

    def __repr__(self) -> str:
        """Return what it is good for: never the token."""
        return f"<IssuedToken for {' '.join(self.scopes)}>"


class Tokens:
    """Issues tokens, and says which party a token stands for.

    A token names the client; what the client may do is looked up in the clients file each time, so that a
    client that was removed or restricted is so at once, and not when its token runs out.
    """

    def __init__(
        self,
        key: ec.EllipticCurvePrivateKey,
        clients: ClientFile,
        *,
        now: Callable[[], datetime],
        lifetime_s: int,
        audiences: Set[str] = frozenset(),
    ) -> None:
        self._key = key
        self._public_key = key.public_key()
        der = self._public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self._key_id = hashlib.sha256(der).hexdigest()[:16]
        self._clients = clients
        self._now = now
        self._lifetime_s = lifetime_s
        self.audiences = audiences

    def __repr__(self) -> str:
        """Return which key signs: never the key."""
        return f"<Tokens of key {self._key_id}>"

    @property
    def clients(self) -> Mapping[str, Client]:
        """The clients as they are now."""
        return self._clients.current()

    def issue(self, client: Client, audience: str, scopes: Sequence[Scope]) -> IssuedToken:
        """Return a token for a client that has proven who it is."""
        now = int(self._now().timestamp())
        claims = {
            "iss": _ISSUER,
            "sub": client.client_id,
            "aud": audience,
            "iat": now,
            "exp": now + self._lifetime_s,
            "jti": str(uuid.uuid4()),
            "client_id": client.client_id,
            "scope": " ".join(scopes),
            "role": str(client.role),
            "party": client.id,
        }
        headers = {"kid": self._key_id, "typ": _TYPE}
        text = jwt.encode(claims, self._key, algorithm=_ALGORITHM, headers=headers)
        return IssuedToken(text, self._lifetime_s, scopes)

    def party(self, text: str) -> Party:
        """Return the party that a token stands for now; raises TokenError."""
        try:
            decoded = jwt.decode_complete(
                text,
                self._public_key,
                algorithms=[_ALGORITHM],
                issuer=_ISSUER,
                audience=list(self.audiences) or None,
                options={
                    "require": list(_CLAIMS),
                    "verify_aud": bool(self.audiences),
                    # Against our own clock, below.
                    "verify_exp": False,
                    "verify_iat": False,
                },
            )
        except jwt.PyJWTError as error:
            raise TokenError(f"not a token of this market: {error}") from None
        claims = decoded["payload"]
        if decoded["header"].get("typ") != _TYPE:
            raise TokenError("not an access token")
        if self._now().timestamp() >= claims["exp"]:
            raise TokenError("the token has expired")
        client = self.clients.get(claims["sub"])
        if client is None:
            raise TokenError("the client of this token was removed")
        granted = set(claims["scope"].split())
        return Party(
            client.role,
            client.id,
            frozenset(scope for scope in client.scopes if scope in granted),
            client.client_id,
        )


async def signing_key(
    database: Database, now: Callable[[], datetime], entropy: Entropy
) -> ec.EllipticCurvePrivateKey:
    """Return the key of this store; the first who asks makes it."""
    known = await database.read(store.signing_key)
    if known is not None:
        return known
    key = entropy.ec_key(ec.SECP256R1())
    with contextlib.suppress(IntegrityError):  # another server was first
        await database.write(lambda connection: store.insert_signing_key(connection, key, now()))
    stored = await database.read(store.signing_key)
    assert stored is not None
    return stored
