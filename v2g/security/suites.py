"""The signature suites of both editions: what is hashed how, and with which key it is signed."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes

from pki.keys import KeyType
from v2g.security.dialects import ED448_METHOD


@dataclass(frozen=True, slots=True)
class Suite:
    """A signature method with its digest method, as URIs and as algorithms, and the keys that it is for."""

    signature_method: str
    digest_method: str
    key_type: KeyType
    digest: Callable[[bytes], bytes]
    hash: hashes.HashAlgorithm | None
    value_bytes: int

    @property
    def number_bytes(self) -> int:
        """The length of each of r and s; half of the value."""
        return self.value_bytes // 2


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _sha512(data: bytes) -> bytes:
    return hashlib.sha512(data).digest()


def _shake256(data: bytes) -> bytes:
    """Return 512 bits of SHAKE256, as long as the other digest of -20."""
    return hashlib.shake_256(data).digest(64)


ISO2 = Suite(
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
    "http://www.w3.org/2001/04/xmlenc#sha256",
    KeyType.SECP256R1,
    _sha256,
    hashes.SHA256(),
    64,
)
ISO20_SECP521 = Suite(
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512",
    "http://www.w3.org/2001/04/xmlenc#sha512",
    KeyType.SECP521R1,
    _sha512,
    hashes.SHA512(),
    132,
)
ISO20_ED448 = Suite(
    ED448_METHOD,
    "urn:iso:std:iso:15118:-20:Security:xmlenc#SHAKE256",
    KeyType.ED448,
    _shake256,
    None,
    114,
)
