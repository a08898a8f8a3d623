"""The first thing a TLS client says, read before OpenSSL sees it.

A charger serves cars of ISO 15118-2 (TLS 1.2) and -20 (TLS 1.3) on one port. Certificate, client
authentication and groups depend on the version, and OpenSSL's callbacks come when the version has been
chosen. So the ClientHello is looked at here, in the bytes on their way to OpenSSL, which then gets all of
them: nothing is consumed or changed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

TLS12 = 0x0303
TLS13 = 0x0304

GROUPS = {
    0x0017: "secp256r1",
    0x0018: "secp384r1",
    0x0019: "secp521r1",
    0x001D: "x25519",
    0x001E: "x448",
}
"""Names of the groups that are likely to be seen, by number (RFC 8446 4.2.7)."""
SUITES = {
    0x1301: "TLS_AES_128_GCM_SHA256",
    0x1302: "TLS_AES_256_GCM_SHA384",
    0x1303: "TLS_CHACHA20_POLY1305_SHA256",
}
"""Names of the suites of TLS 1.3, by number (RFC 8446 B.4)."""

MAX_HELLO = 20 * 1024
"""Far more than any ClientHello; whoever sends more is not waited for."""

_HANDSHAKE = 0x16
_CLIENT_HELLO = 1
_SUPPORTED_GROUPS = 10
_SUPPORTED_VERSIONS = 43


@dataclass(frozen=True, slots=True)
class ClientHello:
    """What a client offers: versions, cipher suites and groups as numbers, in its order of preference.

    ``extensions`` holds the body of every extension by its number.
    """

    versions: tuple[int, ...]
    suites: tuple[int, ...]
    groups: tuple[int, ...]
    extensions: Mapping[int, bytes] = field(repr=False)

    @property
    def group_names(self) -> tuple[str, ...]:
        """The groups by name; those without one as ``0x....``."""
        return tuple(GROUPS.get(number, f"0x{number:04x}") for number in self.groups)

    @property
    def suite_names(self) -> tuple[str, ...]:
        """The suites of TLS 1.3 by name; others as ``0x....``."""
        return tuple(SUITES.get(number, f"0x{number:04x}") for number in self.suites)


class HelloReader:
    """Collects bytes until the ClientHello is whole, or until it is clear that there will be none.

    Feed it what arrives; :attr:`done` says when to stop. :attr:`hello` is the result, None for bytes that
    are no ClientHello: OpenSSL is to say what is wrong with them. :attr:`data` is everything that was fed.
    """

    def __init__(self) -> None:
        self.data = b""
        self.done = False
        self.hello: ClientHello | None = None

    def feed(self, data: bytes) -> None:
        """Take the next bytes; none at all means that the stream has ended."""
        self.data += data
        try:
            message = _handshake_message(self.data)
            if message is not None:
                self.hello = _parse(message)
                self.done = True
        except _NoHelloError:
            self.done = True
        if not data or len(self.data) > MAX_HELLO:
            self.done = True


class _NoHelloError(ValueError):
    """The bytes are no ClientHello, whatever may follow."""


class _Cursor:
    """Reads numbers and length-prefixed parts, and never beyond the end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise _NoHelloError
        part = self._data[self._at : self._at + count]
        self._at += count
        return part

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> bytes:
        return self.take(self.number(size))

    def numbers(self) -> Iterator[int]:
        while self.left:
            yield self.number(2)


def _handshake_message(data: bytes) -> bytes | None:
    """Return the body of the first handshake message, which may span records; None when more must come."""
    body, at = b"", 0
    while True:
        if data[at : at + 1] not in (b"", bytes([_HANDSHAKE])) or data[at + 1 : at + 2] not in (b"", b"\x03"):
            raise _NoHelloError
        if len(body) >= 1 and body[0] != _CLIENT_HELLO:
            raise _NoHelloError
        if len(body) >= 4 and len(body) >= 4 + int.from_bytes(body[1:4], "big"):
            return body[4 : 4 + int.from_bytes(body[1:4], "big")]
        if len(data) < at + 5:
            return None
        length = int.from_bytes(data[at + 3 : at + 5], "big")
        if not length:
            raise _NoHelloError
        if len(data) < at + 5 + length:
            return None
        body += data[at + 5 : at + 5 + length]
        at += 5 + length


def _parse(message: bytes) -> ClientHello:
    """Read a ClientHello (RFC 8446 4.1.2)."""
    cursor = _Cursor(message)
    legacy_version = cursor.number(2)
    cursor.take(32)  # random
    cursor.vector(1)  # session id
    suites = tuple(_Cursor(cursor.vector(2)).numbers())
    cursor.vector(1)  # compression methods
    extensions: dict[int, bytes] = {}
    if cursor.left:
        listed = _Cursor(cursor.vector(2))
        while listed.left:
            number = listed.number(2)
            extensions[number] = listed.vector(2)
    versions: tuple[int, ...] = (legacy_version,)
    if (announced := extensions.get(_SUPPORTED_VERSIONS)) is not None:
        versions = tuple(_Cursor(_Cursor(announced).vector(1)).numbers())
    groups: tuple[int, ...] = ()
    if (offered := extensions.get(_SUPPORTED_GROUPS)) is not None:
        groups = tuple(_Cursor(_Cursor(offered).vector(2)).numbers())
    return ClientHello(versions, suites, groups, extensions)
