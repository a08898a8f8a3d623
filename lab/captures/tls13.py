"""Opening the records of TLS 1.3 with the traffic secrets [RFC 8446 5.2, 7.1, 7.2]."""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from lab.captures.tls12 import RecordError, mixed

_IV_SIZE = 12
_Aead = AESGCM | AESCCM | ChaCha20Poly1305


@dataclass(frozen=True, slots=True)
class Suite:
    """A cipher suite: the hash of its key schedule, and what makes its cipher of a key."""

    name: str
    hash: type[SHA256] | type[SHA384]
    key_size: int
    cipher: Callable[[bytes], _Aead]
    tag_size: int = 16


SUITES = {
    0x1301: Suite("TLS_AES_128_GCM_SHA256", SHA256, 16, AESGCM),
    0x1302: Suite("TLS_AES_256_GCM_SHA384", SHA384, 32, AESGCM),
    0x1303: Suite("TLS_CHACHA20_POLY1305_SHA256", SHA256, 32, ChaCha20Poly1305),
    0x1304: Suite("TLS_AES_128_CCM_SHA256", SHA256, 16, AESCCM),
    0x1305: Suite("TLS_AES_128_CCM_8_SHA256", SHA256, 16, lambda key: AESCCM(key, 8), 8),
}
"""The suites of TLS 1.3, by their numbers."""


def expand_label(secret: bytes, label: bytes, length: int, algorithm: type[SHA256] | type[SHA384]) -> bytes:
    """Return HKDF-Expand-Label with an empty context [RFC 8446 7.1]."""
    full = b"tls13 " + label
    info = struct.pack(">HB", length, len(full)) + full + b"\x00"
    return HKDFExpand(algorithm(), length, info).derive(secret)


class Opener:
    """Opens the records of one direction under one traffic secret, in their order."""

    def __init__(self, suite: Suite, secret: bytes) -> None:
        self._suite, self._secret = suite, secret
        self._cipher = suite.cipher(expand_label(secret, b"key", suite.key_size, suite.hash))
        self._iv = expand_label(secret, b"iv", _IV_SIZE, suite.hash)
        self._sequence = 0

    def open(self, header: bytes, fragment: bytes) -> tuple[int, bytes]:
        """Return the true content type of a record and what is in it; raises :class:`RecordError`."""
        if len(fragment) < self._suite.tag_size:
            raise RecordError("the record is too short for its tag")
        try:
            inner = self._cipher.decrypt(mixed(self._iv, self._sequence), fragment, header)
        except InvalidTag as error:
            raise RecordError("the tag is wrong") from error
        self._sequence += 1
        content = inner.rstrip(b"\x00")
        if not content:
            raise RecordError("there is nothing but padding in the record")
        return content[-1], content[:-1]

    def updated(self) -> "Opener":
        """Return the opener after a KeyUpdate [RFC 8446 7.2]."""
        size = self._suite.hash.digest_size
        return Opener(self._suite, expand_label(self._secret, b"traffic upd", size, self._suite.hash))
