"""Where randomness comes from: the system, or a seed when a run is to be repeated exactly.

Everything that needs random bytes, serial numbers or keys takes an :class:`Entropy` as an argument, so
that a seeded run gives the same certificates, session ids and challenges every time.
"""

import builtins
import hashlib
import secrets
from functools import cache
from typing import Protocol

from cryptography.hazmat.backends.openssl import backend
from cryptography.hazmat.primitives.asymmetric import ec

_RATE = 64  # bytes from one SHA-512 block
_EXCESS = (
    8  # bytes drawn beyond the order's length make the bias of the reduction negligible (FIPS 186-5 A.2.1)
)


class Entropy(Protocol):
    """A source of random bytes and keys."""

    def bytes(self, count: int) -> builtins.bytes:
        """Return ``count`` random bytes."""
        ...

    def ec_key(self, curve: ec.EllipticCurve) -> ec.EllipticCurvePrivateKey:
        """Return a new private key on ``curve``."""
        ...


class SystemEntropy:
    """The operating system's generator; the only one for keys that guard anything."""

    def bytes(self, count: int) -> builtins.bytes:
        """Return ``count`` random bytes."""
        return secrets.token_bytes(count)

    def ec_key(self, curve: ec.EllipticCurve) -> ec.EllipticCurvePrivateKey:
        """Return a new private key on ``curve``."""
        return ec.generate_private_key(curve)


class SeededEntropy:
    """A repeatable stream: SHA-512 over seed and block counter. For tests and experiments only.

    The same seed and the same sequence of calls give the same values on every machine. ``seed`` is an
    int of any size or bytes; an int and bytes never give the same stream.
    """

    def __init__(self, seed: int | builtins.bytes) -> None:
        text = b"int:%d" % seed if isinstance(seed, int) else b"bytes:" + seed
        self._key = hashlib.sha512(b"pnclab entropy\0" + text).digest()
        self._counter = 0
        self._buffer = b""

    def bytes(self, count: int) -> builtins.bytes:
        """Return the next ``count`` bytes of the stream."""
        if count < 0:
            raise ValueError(f"cannot draw {count} bytes")
        parts = [self._buffer]
        have = len(self._buffer)
        while have < count:
            parts.append(hashlib.sha512(self._key + self._counter.to_bytes(8, "big")).digest())
            self._counter += 1
            have += _RATE
        stream = b"".join(parts)
        self._buffer = stream[count:]
        return stream[:count]

    def ec_key(self, curve: ec.EllipticCurve) -> ec.EllipticCurvePrivateKey:
        """Return the private key on ``curve`` that the next bytes of the stream stand for."""
        order = curve.group_order
        drawn = int.from_bytes(self.bytes((order.bit_length() + 7) // 8 + _EXCESS), "big")
        return ec.derive_private_key(drawn % (order - 1) + 1, curve)


@cache
def deterministic_ecdsa() -> bool:
    """Say whether the linked OpenSSL (3.2 or newer) derives ECDSA nonces as RFC 6979 does."""
    return backend.ecdsa_deterministic_supported()
