"""The certificate trust list: all roots of the pool in one signed document."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import jwt
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from backend_stub.certificates import der
from backend_stub.rcp.interface import Root, RootCertificatePool

LIFETIME = timedelta(hours=1)
"""For so long a list is given out as it was signed, unless the pool changes."""


@dataclass(frozen=True, slots=True)
class TrustList:
    """A signed list. ``signature`` is a JWS (ES256, ``x5c``) whose payload names the fingerprints and types."""

    signer: x509.Certificate
    made_at: datetime
    roots: Sequence[Root]
    signature: str


class TrustListSigner:
    """Signs the list of a pool with a leaf certificate of the market."""

    def __init__(
        self,
        pool: RootCertificatePool,
        chain: Sequence[x509.Certificate],
        key: ec.EllipticCurvePrivateKey,
        now: Callable[[], datetime],
    ) -> None:
        self._pool = pool
        self._chain = chain
        self._key = key
        self._now = now
        self._last: TrustList | None = None

    async def trust_list(self) -> TrustList:
        """Return the current list; the same document as before while nothing has changed."""
        roots = await self._pool.roots()
        now = self._now().replace(microsecond=0)
        last = self._last
        if last is None or last.roots != roots or not last.made_at <= now < last.made_at + LIFETIME:
            last = self._last = TrustList(self._chain[0], now, roots, self._sign(roots, now))
        return last

    def _sign(self, roots: Sequence[Root], now: datetime) -> str:
        payload = msgspec.json.encode(
            {
                "timeStamp": now,
                "rootCertificates": [
                    {"fingerprint": root.fingerprint, "rootType": root.root_type.upper()} for root in roots
                ],
            }
        )
        chain = [base64.b64encode(der(certificate)).decode() for certificate in self._chain]
        return jwt.PyJWS().encode(
            payload, self._key, algorithm="ES256", headers={"typ": "JOSE", "x5c": chain}
        )
