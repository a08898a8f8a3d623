"""How a car proves at the door who it is: a signature with its provisioning key over a challenge and the request.

The challenge is made without storing anything: a random number and an end of validity under a key of this
backend. Only a challenge that came back with a good signature is remembered, until it ends, so that a proof
serves once. Who floods the door with questions fills no table.

The car signs, with ECDSA on P-256 and SHA-256, these lines, each ended by a line feed::

    pnclab-telematics-v1
    <challenge>
    <METHOD>
    <path and query as sent>
    <SHA-256 of the body in hex>

The first line keeps the signature from being taken for one over any other message. Every answer to a car
brings the challenge for its next request.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy.exc import IntegrityError

from backend_stub.database import Database
from backend_stub.errors import Code, MarketError
from backend_stub.telematics import store
from backend_stub.telematics.interface import MarketSide
from pki.chain import public_key
from pki.entropy import Entropy

CHALLENGE_HEADER = "X-Telematics-Challenge"
SIGNATURE_HEADER = "X-Telematics-Signature"

LIFETIME = timedelta(minutes=2)
"""From a challenge to the request that uses it."""

_DOMAIN = "pnclab-telematics-v1"
_NONCE_BYTES = 16
_END_BYTES = 8
_MAC_BYTES = 16
_CHALLENGE_BYTES = _NONCE_BYTES + _END_BYTES + _MAC_BYTES
_MAX_TEXT = 200


def signed_text(challenge: str, method: str, target: str, body: bytes) -> bytes:
    """Return what the car signs."""
    lines = (_DOMAIN, challenge, method, target, hashlib.sha256(body).hexdigest())
    return "".join(f"{line}\n" for line in lines).encode()


class CarDoor:
    """Makes challenges and judges proofs. ``key`` is this backend's own, the same after a restart."""

    def __init__(
        self,
        database: Database,
        market: MarketSide,
        key: bytes,
        now: Callable[[], datetime],
        entropy: Entropy,
    ) -> None:
        self._database = database
        self._market = market
        self._key = key
        self._now = now
        self._entropy = entropy

    def challenge(self, pcid: str) -> str:
        """Return a challenge for one request of this car."""
        end = int((self._now() + LIFETIME).timestamp())
        head = self._entropy.bytes(_NONCE_BYTES) + end.to_bytes(_END_BYTES, "big")
        return base64.urlsafe_b64encode(head + self._mac(head, pcid)).decode()

    async def admit(
        self, pcid: str, challenge: str, signature: str, *, method: str, target: str, body: bytes
    ) -> None:
        """Return when the request is this car's; raises MarketError(UNAUTHENTICATED)."""
        nonce, end = self._read(challenge, pcid)
        car = await self._market.car(pcid)
        if car is None:
            raise _refused("nobody registered this PCID")
        try:
            public_key(car.certificate).verify(
                base64.b64decode(signature[:_MAX_TEXT], validate=True),
                signed_text(challenge, method, target, body),
                ec.ECDSA(hashes.SHA256()),
            )
        except (InvalidSignature, binascii.Error, ValueError):
            raise _refused("the signature is not that of the car's provisioning key") from None
        now = self._now()
        try:
            await self._database.write(lambda connection: store.use_nonce(connection, nonce.hex(), end, now))
        except IntegrityError:
            raise _refused("the challenge was used before") from None

    def _read(self, challenge: str, pcid: str) -> tuple[bytes, datetime]:
        """Return number and end of a challenge of ours that has not run out."""
        try:
            data = base64.urlsafe_b64decode(challenge[:_MAX_TEXT].encode("ascii"))
        except (binascii.Error, ValueError):
            raise _refused("no challenge of this backend") from None
        head, mac = data[: _NONCE_BYTES + _END_BYTES], data[_NONCE_BYTES + _END_BYTES :]
        if len(data) != _CHALLENGE_BYTES or not hmac.compare_digest(mac, self._mac(head, pcid)):
            raise _refused("no challenge of this backend for this car")
        end = datetime.fromtimestamp(int.from_bytes(head[_NONCE_BYTES:], "big"), UTC)
        if self._now() > end:
            raise _refused("the challenge has run out")
        return head[:_NONCE_BYTES], end

    def _mac(self, head: bytes, pcid: str) -> bytes:
        return hmac.new(self._key, head + pcid.encode(), hashlib.sha256).digest()[:_MAC_BYTES]


def _refused(why: str) -> MarketError:
    return MarketError(Code.UNAUTHENTICATED, why)
