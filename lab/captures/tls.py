"""A TLS connection as a bystander with the keys reads it: bytes of both directions in, what was said out.

:class:`TlsReader` follows the handshake of TLS 1.2 or 1.3, takes the secrets for its client random from a
:class:`lab.captures.keylog.KeyRing`, and opens record after record. Every record is authenticated; what cannot be
opened is given up with one :class:`Locked` that says why, and nothing more is taken from that connection.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from lab.captures import tls12, tls13
from lab.captures.handshake import (
    ALERTS,
    CERTIFICATE,
    CLIENT_HELLO,
    FINISHED,
    KEY_UPDATE,
    SERVER_HELLO,
    TLS12,
    TLS13,
    VERSIONS,
    HandshakeError,
    ServerHello,
    certificates,
    client_random,
    server_hello,
)
from lab.captures.keylog import TLS12_LABEL, KeyRing
from lab.captures.tls12 import RecordError

CLIENT, SERVER = 0, 1
RECORD_LIMIT = (1 << 14) + 2048
HANDSHAKE_LIMIT = 1 << 18
_BLOCKED_LIMIT = 1 << 20

_CHANGE_CIPHER, _ALERT, _HANDSHAKE, _APPLICATION = 20, 21, 22, 23
_WHO = ("client", "server")
_HANDSHAKE_LABELS = ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET")
_TRAFFIC_LABELS = ("CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0")


@dataclass(frozen=True, slots=True)
class Plaintext:
    """Application data of one record."""

    side: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Chosen:
    """Version and suite that the server chose, by name."""

    version: str
    cipher: str


@dataclass(frozen=True, slots=True)
class Established:
    """Both sides have finished the handshake."""


@dataclass(frozen=True, slots=True)
class Presented:
    """The certificates (DER, leaf first) that a side showed."""

    side: int
    chain: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert, by its name."""

    side: int
    name: str
    fatal: bool


@dataclass(frozen=True, slots=True)
class Locked:
    """The rest of the connection stays closed; ``reason`` says why. ``damaged``: this is broken, not only secret."""

    reason: str
    damaged: bool = False


TlsEvent = Plaintext | Chosen | Established | Presented | Alert | Locked


@dataclass(slots=True)
class _Direction:
    buffer: bytearray = field(default_factory=bytearray)
    handshake: bytearray = field(default_factory=bytearray)
    opener12: tls12.Opener | None = None
    opener13: tls13.Opener | None = None
    finished: bool = False


class TlsReader:
    """Reads one connection; side 0 is the client."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys
        self._sides = (_Direction(), _Direction())
        self._random: bytes | None = None
        self._hello: ServerHello | None = None
        self._retried = False
        self._reading = CLIENT
        self.locked = False

    def feed(self, side: int, data: bytes) -> Iterator[TlsEvent]:
        """Take the next bytes of a side."""
        if self.locked:
            return
        self._sides[side].buffer += data
        try:
            yield from self._records(side)
            # What the client sent may have waited for what the server chose.
            yield from self._records(1 - side)
        except (RecordError, HandshakeError) as error:
            yield self._lock(f"a record of the {_WHO[self._reading]} cannot be opened: {error}", damaged=True)
        except _LockedError as error:
            yield self._lock(str(error))

    def lost(self, side: int, length: int) -> Iterator[TlsEvent]:
        """Give up, because bytes are missing: no record behind them can be opened."""
        if not self.locked:
            reason = (
                f"{length} bytes of the {_WHO[side]} are missing in the capture, "
                "and records behind them cannot be opened"
            )
            yield self._lock(reason, damaged=True)

    def _lock(self, reason: str, *, damaged: bool = False) -> Locked:
        self.locked = True
        for direction in self._sides:
            direction.buffer.clear()
            direction.handshake.clear()
        return Locked(reason, damaged)

    def _records(self, side: int) -> Iterator[TlsEvent]:
        direction, self._reading = self._sides[side], side
        while len(direction.buffer) >= 5 and not self._must_wait(side):
            header = bytes(direction.buffer[:5])
            length = int.from_bytes(header[3:])
            if not _CHANGE_CIPHER <= header[0] <= _APPLICATION or header[1] != 3 or length > RECORD_LIMIT:
                raise RecordError(f"{header.hex(' ')} is no record header")
            if len(direction.buffer) < 5 + length:
                return
            fragment = bytes(direction.buffer[5 : 5 + length])
            del direction.buffer[: 5 + length]
            yield from self._record(side, header, fragment)
        if len(direction.buffer) > _BLOCKED_LIMIT:
            raise RecordError("the client goes on and on without an answer of the server")

    def _must_wait(self, side: int) -> bool:
        """Say whether a side's records mean nothing before the server's hello has been seen."""
        return side == CLIENT and self._random is not None and self._hello is None

    def _record(self, side: int, header: bytes, fragment: bytes) -> Iterator[TlsEvent]:
        direction, kind = self._sides[side], header[0]
        if kind == _CHANGE_CIPHER and not self._is13:
            if not self._retried:
                self._change_cipher(side)
            return
        if direction.opener13 is not None:
            if kind == _CHANGE_CIPHER:
                return  # means nothing in TLS 1.3
            if kind == _APPLICATION:
                kind, fragment = direction.opener13.open(header, fragment)
            elif kind == _HANDSHAKE:
                raise RecordError("a handshake message is not encrypted where it must be")
        elif direction.opener12 is not None:
            fragment = direction.opener12.open(kind, int.from_bytes(header[1:3]), fragment)
        elif kind == _APPLICATION:
            raise _LockedError("the beginning of this TLS connection is not in the capture")
        if kind == _HANDSHAKE:
            direction.handshake += fragment
            yield from self._messages(side)
        elif kind == _ALERT and len(fragment) == 2:
            yield Alert(side, ALERTS.get(fragment[1], f"number {fragment[1]}"), fragment[0] == 2)
        elif kind == _APPLICATION and fragment:
            yield Plaintext(side, fragment)

    def _messages(self, side: int) -> Iterator[TlsEvent]:
        buffer = self._sides[side].handshake
        while len(buffer) >= 4:
            length = int.from_bytes(buffer[1:4])
            if length > HANDSHAKE_LIMIT:
                raise HandshakeError(f"a handshake message claims {length} bytes")
            if len(buffer) < 4 + length:
                return
            kind, body = buffer[0], bytes(buffer[4 : 4 + length])
            del buffer[: 4 + length]
            yield from self._message(side, kind, body)

    def _message(self, side: int, kind: int, body: bytes) -> Iterator[TlsEvent]:
        if kind == CLIENT_HELLO and side == CLIENT:
            self._random, self._hello = client_random(body), None
            for direction in self._sides:
                direction.finished = False
        elif kind == SERVER_HELLO and side == SERVER:
            hello = server_hello(body)
            if hello.retry:
                # The client says hello again, with the same random.
                self._random, self._retried = None, True
            else:
                yield from self._choose(hello)
        elif kind == CERTIFICATE and self._hello is not None:
            chain = certificates(body, self._hello.version)
            if chain:
                yield Presented(side, tuple(chain))
        elif kind == FINISHED:
            self._sides[side].finished = True
            if self._is13:
                self._sides[side].opener13 = self._opener13(side, _TRAFFIC_LABELS)
            if all(direction.finished for direction in self._sides):
                yield Established()
        elif kind == KEY_UPDATE and self._is13:
            opener = self._sides[side].opener13
            if opener is not None:
                self._sides[side].opener13 = opener.updated()

    def _choose(self, hello: ServerHello) -> Iterator[TlsEvent]:
        """Take what the server chose, and the keys for it."""
        self._hello = hello
        version = VERSIONS.get(hello.version, f"version 0x{hello.version:04X}")
        suites = tls13.SUITES if hello.version == TLS13 else tls12.SUITES
        suite = suites.get(hello.suite)
        yield Chosen(version, suite.name if suite is not None else f"0x{hello.suite:04X}")
        if hello.version not in {TLS12, TLS13}:
            raise _LockedError(f"{version} is not supported, only TLS 1.2 and 1.3")
        if suite is None:
            raise _LockedError(f"cipher suite 0x{hello.suite:04X} is not supported")
        if hello.compressed:
            raise _LockedError("compression is not supported")
        if hello.version == TLS13:
            for side in (CLIENT, SERVER):
                self._sides[side].opener13 = self._opener13(side, _HANDSHAKE_LABELS)

    def _change_cipher(self, side: int) -> None:
        if self._hello is None or self._random is None:
            raise _LockedError("the beginning of this TLS connection is not in the capture")
        suite = tls12.SUITES[self._hello.suite]
        both = tls12.openers(
            suite,
            self._secret(TLS12_LABEL),
            self._random,
            self._hello.random,
            encrypt_then_mac=self._hello.encrypt_then_mac,
        )
        self._sides[side].opener12 = both[side]

    def _opener13(self, side: int, labels: tuple[str, str]) -> tls13.Opener:
        assert self._hello is not None
        return tls13.Opener(tls13.SUITES[self._hello.suite], self._secret(labels[side]))

    def _secret(self, label: str) -> bytes:
        if self._random is None:
            raise _LockedError("the beginning of this TLS connection is not in the capture")
        known = self._keys.of(self._random)
        if label not in known:
            what = f"no {label} among the keys" if known else "no keys"
            raise _LockedError(f"{what} for client random {self._random.hex()}")
        return known[label]

    @property
    def _is13(self) -> bool:
        return self._hello is not None and self._hello.version == TLS13


class _LockedError(Exception):
    """The connection stays closed; the message says why."""
