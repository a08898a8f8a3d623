"""Opening the records of TLS 1.2 with the master secret [RFC 5246, 5288, 7366, 7905].

Extended master secrets need nothing here: a key log holds the master secret however it was made.
"""

import hashlib
import hmac
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

_SCOPE = struct.Struct(">QBHH")
_BLOCK = 16


class RecordError(Exception):
    """A record cannot be opened with these keys."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A cipher suite: ``mac`` is the hash of the MAC where records are enciphered with CBC, else empty."""

    name: str
    cipher: str
    key_size: int
    iv_size: int
    mac: str = ""
    prf: str = "sha256"


def _cbc(name: str, key_size: int, mac: str) -> Suite:
    return Suite(name, "CBC", key_size, 0, mac, "sha384" if mac == "sha384" else "sha256")


SUITES = {
    0x003C: _cbc("AES128-SHA256", 16, "sha256"),
    0xC009: _cbc("ECDHE-ECDSA-AES128-SHA", 16, "sha1"),
    0xC00A: _cbc("ECDHE-ECDSA-AES256-SHA", 32, "sha1"),
    0xC023: _cbc("ECDHE-ECDSA-AES128-SHA256", 16, "sha256"),
    0xC024: _cbc("ECDHE-ECDSA-AES256-SHA384", 32, "sha384"),
    0xC025: _cbc("ECDH-ECDSA-AES128-SHA256", 16, "sha256"),
    0xC027: _cbc("ECDHE-RSA-AES128-SHA256", 16, "sha256"),
    0xC02B: Suite("ECDHE-ECDSA-AES128-GCM-SHA256", "GCM", 16, 4),
    0xC02C: Suite("ECDHE-ECDSA-AES256-GCM-SHA384", "GCM", 32, 4, prf="sha384"),
    0xC02F: Suite("ECDHE-RSA-AES128-GCM-SHA256", "GCM", 16, 4),
    0xC030: Suite("ECDHE-RSA-AES256-GCM-SHA384", "GCM", 32, 4, prf="sha384"),
    0xCCA8: Suite("ECDHE-RSA-CHACHA20-POLY1305", "ChaCha20", 32, 12),
    0xCCA9: Suite("ECDHE-ECDSA-CHACHA20-POLY1305", "ChaCha20", 32, 12),
}
"""The suites that are understood, by their numbers; named as OpenSSL names them."""


class Opener(Protocol):
    """Opens the records of one direction, in their order."""

    def open(self, kind: int, version: int, fragment: bytes) -> bytes:
        """Return what is in a record; raises :class:`RecordError`."""


def prf(secret: bytes, label: bytes, seed: bytes, length: int, digest: str) -> bytes:
    """Return ``length`` bytes of the pseudorandom function of TLS 1.2 [RFC 5246 5]."""
    seed, output = label + seed, b""
    block = seed
    while len(output) < length:
        block = hmac.digest(secret, block, digest)
        output += hmac.digest(secret, block + seed, digest)
    return output[:length]


def openers(
    suite: Suite, master: bytes, client_random: bytes, server_random: bytes, *, encrypt_then_mac: bool
) -> tuple[Opener, Opener]:
    """Return what opens the records of client and server."""
    mac_size = hashlib.new(suite.mac).digest_size if suite.mac else 0
    sizes = (mac_size, mac_size, suite.key_size, suite.key_size, suite.iv_size, suite.iv_size)
    block = prf(master, b"key expansion", server_random + client_random, sum(sizes), suite.prf)
    parts: list[bytes] = []
    for size in sizes:
        parts.append(block[:size])
        block = block[size:]
    make: Callable[[bytes, bytes, bytes], Opener]
    if suite.cipher == "CBC":

        def make(mac: bytes, key: bytes, _iv: bytes) -> Opener:
            return _CbcOpener(key, mac, suite.mac, encrypt_then_mac=encrypt_then_mac)

    else:

        def make(_mac: bytes, key: bytes, iv: bytes) -> Opener:
            return _AeadOpener(AESGCM(key) if suite.cipher == "GCM" else ChaCha20Poly1305(key), iv)

    return make(*parts[0::2]), make(*parts[1::2])


class _CbcOpener:
    def __init__(self, key: bytes, mac_key: bytes, digest: str, *, encrypt_then_mac: bool) -> None:
        self._key = algorithms.AES(key)
        self._mac_key, self._digest = mac_key, digest
        self._mac_size = hashlib.new(digest).digest_size
        self._encrypt_then_mac = encrypt_then_mac
        self._sequence = 0

    def open(self, kind: int, version: int, fragment: bytes) -> bytes:
        if self._encrypt_then_mac:
            fragment, mac = fragment[: -self._mac_size], fragment[-self._mac_size :]
            self._check(kind, version, fragment, mac)
            content = self._decrypt(fragment)
        else:
            content = self._decrypt(fragment)
            if len(content) < self._mac_size:
                raise RecordError("the record is too short for its MAC")
            content, mac = content[: -self._mac_size], content[-self._mac_size :]
            self._check(kind, version, content, mac)
        self._sequence += 1
        return content

    def _decrypt(self, fragment: bytes) -> bytes:
        """Decrypt and take the padding off."""
        if len(fragment) < 2 * _BLOCK or len(fragment) % _BLOCK:
            raise RecordError(f"{len(fragment)} bytes are no record of whole blocks")
        decryptor = Cipher(self._key, modes.CBC(fragment[:_BLOCK])).decryptor()
        padded = decryptor.update(fragment[_BLOCK:]) + decryptor.finalize()
        length = padded[-1] + 1
        if length > len(padded) or set(padded[-length:]) != {padded[-1]}:
            raise RecordError("the padding is wrong")
        return padded[:-length]

    def _check(self, kind: int, version: int, content: bytes, mac: bytes) -> None:
        scope = _SCOPE.pack(self._sequence, kind, version, len(content))
        if not hmac.compare_digest(hmac.digest(self._mac_key, scope + content, self._digest), mac):
            raise RecordError("the MAC is wrong")


class _AeadOpener:
    """GCM carries eight bytes of its nonce in each record; ChaCha20 makes all of it from the record's number."""

    def __init__(self, cipher: AESGCM | ChaCha20Poly1305, iv: bytes) -> None:
        self._cipher, self._iv = cipher, iv
        self._explicit = 8 if isinstance(cipher, AESGCM) else 0
        self._sequence = 0

    def open(self, kind: int, version: int, fragment: bytes) -> bytes:
        length = len(fragment) - self._explicit - 16
        if length < 0:
            raise RecordError("the record is too short for its tag")
        nonce = self._iv + fragment[:8] if self._explicit else mixed(self._iv, self._sequence)
        scope = _SCOPE.pack(self._sequence, kind, version, length)
        try:
            content = self._cipher.decrypt(nonce, fragment[self._explicit :], scope)
        except InvalidTag as error:
            raise RecordError("the tag is wrong") from error
        self._sequence += 1
        return content


def mixed(iv: bytes, sequence: int) -> bytes:
    """Return the nonce of a record: its number XORed into the IV."""
    return (int.from_bytes(iv) ^ sequence).to_bytes(len(iv))
