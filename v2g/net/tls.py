"""TLS over any stream, by memory buffers.

OpenSSL sees no socket: the records go through a :class:`v2g.net.stream.Stream`, so the same TLS runs over
TCP, over a simulated link, and over a tap that records the wire.

ISO 15118-2 [V2G2-067][V2G2-602]: TLS 1.2, server authentication only, ECDHE-ECDSA-AES128-SHA256 on
secp256r1. The standard's second suite, static ECDH, is gone from OpenSSL. The client checks the chain up to
its V2G roots with OpenSSL (signatures, validity, path length, purpose) and no host name, because the
certificate names a charge point. What only the standard asks for (DC=CPO and the like) is the caller's
check, on :attr:`v2g.net.stream.TlsInfo.peer_chain`.

ISO 15118-20: TLS 1.3, both sides show certificates, and each is held to the rules of :mod:`pki.chain` as well.
A server that has both editions reads the ClientHello first (:mod:`v2g.net.tls_hello`) and takes the context
that fits. There is no session resumption in either edition: every session authenticates anew.
"""

import asyncio
import contextlib
import ssl
from datetime import datetime

from cryptography import x509

from v2g.errors import ConnectionClosedError, TlsError
from v2g.net.clock import Clock, SystemClock
from v2g.net.keylog import KeyLog
from v2g.net.stream import Stream, TlsInfo
from v2g.net.tap import TappedStream
from v2g.net.tls_config import (
    ISO2,
    ISO20,
    ISO20_P256,
    ISO20_X448,
    Choice,
    ClientTls,
    Iso20Client,
    Iso20Server,
    ServerTls,
    TlsProfile,
)
from v2g.net.tls_hello import HelloReader
from v2g.net.tls_peer import broken_rule, judge
from v2g.net.tls_words import NOT_ACCEPTED, explain
from v2g.trace import Tracer, null_tracer

__all__ = [
    "ISO2",
    "ISO20",
    "ISO20_P256",
    "ISO20_X448",
    "ClientTls",
    "Iso20Client",
    "Iso20Server",
    "ServerTls",
    "TlsProfile",
    "TlsStream",
    "client_tls",
    "server_tls",
]

HANDSHAKE_TIMEOUT_S = 10.0
"""How long a handshake may take unless told otherwise."""
CLOSE_TIMEOUT_S = 1.0
_READ_SIZE = 64 * 1024
_HANDSHAKE_FAILURE = bytes.fromhex("15030300020228")
"""A record with the alert handshake_failure, for what is refused before OpenSSL is asked."""


class TlsStream:
    """An established TLS connection; :func:`client_tls` and :func:`server_tls` make one."""

    def __init__(self, inner: Stream, engine: "_Engine", info: TlsInfo) -> None:
        self._inner = inner
        self._engine = engine
        self._info = info
        self._closed = False

    @property
    def local(self) -> str:
        """Our end, as ``[address]:port``."""
        return self._inner.local

    @property
    def peer(self) -> str:
        """The other end, as ``[address]:port``."""
        return self._inner.peer

    @property
    def tls(self) -> TlsInfo:
        """What the handshake agreed on."""
        return self._info

    async def read(self) -> bytes:
        """Wait for decrypted bytes; ``b""`` after close_notify or the end of the inner stream."""
        ssl_object = self._engine.ssl_object
        while True:
            try:
                data = ssl_object.read(_READ_SIZE)
            except ssl.SSLWantReadError:
                await self._engine.receive()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""  # V2GTP lengths tell whether something was cut off
            except ssl.SSLError as error:
                await self._engine.send_alert()
                raise ConnectionClosedError(f"TLS: {explain(error)}", clean=False) from error
            else:
                return data

    async def write(self, data: bytes) -> None:
        """Encrypt ``data`` and send its records in one piece."""
        if self._closed:
            raise ConnectionClosedError("the connection is closed", by="us")
        try:
            self._engine.ssl_object.write(data)
        except ssl.SSLError as error:
            raise ConnectionClosedError(f"TLS: {explain(error)}", clean=False) from error
        await self._engine.send()

    async def close(self) -> None:
        """Send close_notify, then close the inner stream; does not wait for the peer's close_notify."""
        if not self._closed:
            self._closed = True
            try:
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await self._engine.shut_down()
            except TimeoutError:
                self._inner.abort()
        await self._inner.close()

    def abort(self) -> None:
        """Drop the connection without close_notify."""
        self._closed = True
        self._inner.abort()


class _Engine:
    """OpenSSL between two memory buffers, and the stream that feeds them."""

    def __init__(
        self, stream: Stream, context: ssl.SSLContext, *, server_side: bool, received: bytes = b""
    ) -> None:
        self._stream = stream
        self._incoming = ssl.MemoryBIO()
        self._incoming.write(received)
        self._outgoing = ssl.MemoryBIO()
        self.ssl_object = context.wrap_bio(self._incoming, self._outgoing, server_side=server_side)

    async def receive(self) -> None:
        """Send what is due, then wait for records; the inner stream's end becomes OpenSSL's."""
        await self.send()
        data = await self._stream.read()
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    async def send(self) -> None:
        """Send what OpenSSL has produced."""
        if self._outgoing.pending:
            await self._stream.write(self._outgoing.read())

    async def send_alert(self) -> None:
        """Send the alert that OpenSSL left behind an error, if the peer still listens."""
        with contextlib.suppress(TimeoutError, ConnectionClosedError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self.send()

    async def shut_down(self) -> None:
        """Send close_notify."""
        # unwrap() fails because it wants the peer's close_notify; ours is written by then.
        with contextlib.suppress(ssl.SSLError):
            self.ssl_object.unwrap()
        with contextlib.suppress(ConnectionClosedError):
            await self.send()

    async def handshake(self, keylog: KeyLog | None) -> None:
        while True:
            try:
                self.ssl_object.do_handshake()
            except ssl.SSLWantReadError:
                finished = False
            else:
                finished = True
            finally:
                if keylog is not None:
                    keylog.poll()
            if finished:
                await self.send()
                return
            await self.receive()

    def peer_chain(self) -> tuple[bytes, ...]:
        """Return the peer's certificates in DER, leaf first, as far as it has sent them."""
        try:
            leaf = self.ssl_object.getpeercert(binary_form=True)
        except ValueError:  # the handshake is not done
            leaf = None
        chain = self._chain("get_unverified_chain") or ((leaf,) if leaf else ())
        # A server is not given the client's own certificate with the rest of the chain.
        return chain if leaf is None or leaf in chain else (leaf, *chain)

    def verified_chain(self) -> tuple[bytes, ...]:
        """Return the path that OpenSSL verified in DER, leaf to root; empty where the library does not tell."""
        return self._chain("get_verified_chain")

    def check_validity(self, now: datetime) -> None:
        """Judge the path that OpenSSL verified, leaf to root, at ``now``; TlsError names the certificate."""
        for der in self.verified_chain():
            certificate = x509.load_der_x509_certificate(der)
            subject = certificate.subject.rfc4514_string()
            if now > certificate.not_valid_after_utc:
                raise TlsError(f"{NOT_ACCEPTED}: {subject} has expired", "CERTIFICATE_EXPIRED")
            if now < certificate.not_valid_before_utc:
                raise TlsError(f"{NOT_ACCEPTED}: {subject} is not yet valid", "CERTIFICATE_NOT_YET_VALID")

    def _chain(self, method: str) -> tuple[bytes, ...]:
        # Public from Python 3.13 on; before, the same method sits on the inner object.
        public = getattr(self.ssl_object, method, None)
        if public is not None:
            return tuple(public())
        inner = getattr(getattr(self.ssl_object, "_sslobj", None), method, None)
        if inner is None:
            return ()
        return tuple(ssl.PEM_cert_to_DER_cert(item.public_bytes()) for item in inner() or ())


async def client_tls(
    stream: Stream,
    config: ClientTls,
    *,
    handshake_timeout_s: float = HANDSHAKE_TIMEOUT_S,
    clock: Clock | None = None,
    tracer: Tracer | None = None,
) -> TlsStream:
    """Run the EV's side of the handshake over ``stream``; see :func:`server_tls`."""
    return await _establish(stream, config, handshake_timeout_s, clock, tracer, server_side=False)


async def server_tls(
    stream: Stream,
    config: ServerTls,
    *,
    handshake_timeout_s: float = HANDSHAKE_TIMEOUT_S,
    clock: Clock | None = None,
    tracer: Tracer | None = None,
) -> TlsStream:
    """Run the charger's side of the handshake over ``stream``.

    On failure the peer gets its alert, ``stream`` is closed, and TlsError says why in plain words. Writes
    ``tls.established`` or ``tls.failed`` to the trace. When ``stream`` is a :class:`TappedStream` and the
    configuration has a key log, the capture gets the keys before the packets that they decrypt.
    """
    return await _establish(stream, config, handshake_timeout_s, clock, tracer, server_side=True)


async def _establish(
    stream: Stream,
    config: ClientTls | ServerTls,
    timeout_s: float,
    clock: Clock | None,
    tracer: Tracer | None,
    *,
    server_side: bool,
) -> TlsStream:
    clock = clock or SystemClock()
    tracer = tracer or null_tracer("secc" if server_side else "evcc")
    started = clock.monotonic()
    engine: _Engine | None = None
    tap = stream if isinstance(stream, TappedStream) and config.keylog is not None else None
    if tap is not None:
        tap.hold()
    try:
        async with asyncio.timeout(timeout_s):
            choice, received = await _choice(stream, config)
            engine = _Engine(stream, choice.context, server_side=server_side, received=received)
            await engine.handshake(config.keylog)
        info = _outcome(engine, config, choice, clock.monotonic() - started)
    except BaseException as error:
        failure = _failure(error, timeout_s, engine, config)
        if engine is not None and isinstance(error, ssl.SSLError):
            await engine.send_alert()
        if failure is None:
            stream.abort()
            raise
        tracer.event("tls.failed", reason=failure.reason)
        await stream.close()
        if failure is error:
            raise
        raise failure from error
    finally:
        if tap is not None:
            tap.release()
    fields = {"peer_subject": _subject(info.peer_chain[0])} if info.peer_chain else {}
    tracer.event(
        "tls.established", version=info.version, cipher=info.cipher, elapsed_s=info.elapsed_s, **fields
    )
    return TlsStream(stream, engine, info)


async def _choice(stream: Stream, config: ClientTls | ServerTls) -> tuple[Choice, bytes]:
    """Return how the handshake goes, and the bytes that had to be read to know."""
    if isinstance(config, ClientTls):
        return config.choose(), b""
    if not config.reads_hello:
        return config.choose(None), b""
    reader = HelloReader()
    while not reader.done:
        reader.feed(await stream.read())
    try:
        return config.choose(reader.hello), reader.data
    except TlsError:
        with contextlib.suppress(ConnectionClosedError):
            await stream.write(_HANDSHAKE_FAILURE)
        raise


def _outcome(engine: _Engine, config: ClientTls | ServerTls, choice: Choice, elapsed_s: float) -> TlsInfo:
    """Return what the handshake agreed on, once that is what the edition allows and the peer is in order."""
    cipher = engine.ssl_object.cipher()
    info = TlsInfo(
        version=engine.ssl_object.version() or "",
        cipher=cipher[0] if cipher else "",
        elapsed_s=elapsed_s,
        peer_chain=engine.peer_chain(),
    )
    iso20 = info.version == "TLSv1.3" if choice.profile is None else bool(choice.profile.suites)
    if iso20:
        allowed = ISO20.suites if choice.profile is None else choice.profile.suites
        if info.cipher not in allowed:
            raise TlsError(
                f"the peer chose {info.cipher}; ISO 15118-20 allows {', '.join(allowed)}", "CIPHER"
            )
        if config.strict:
            judge(info.peer_chain, engine.verified_chain(), config)
    if config.now is not None and info.peer_chain:
        engine.check_validity(config.now())
    return info


def _failure(
    error: BaseException, timeout_s: float, engine: _Engine | None, config: ClientTls | ServerTls
) -> TlsError | None:
    if isinstance(error, TlsError):
        return error
    if isinstance(error, ssl.SSLCertVerificationError) and engine is not None:
        rule = broken_rule(engine.peer_chain(), config)
        return TlsError(f"{explain(error)}{f' ({rule})' if rule else ''}", error.reason or "")
    if isinstance(error, TimeoutError):
        return TlsError(f"the handshake did not finish within {timeout_s:g} s", "TIMEOUT")
    if isinstance(error, ssl.SSLError):
        return TlsError(explain(error), error.reason or "")
    if isinstance(error, ConnectionClosedError):
        return TlsError(f"the peer went away during the handshake: {error.reason}", "CLOSED")
    return None


def _subject(der: bytes) -> str:
    try:
        return x509.load_der_x509_certificate(der).subject.rfc4514_string()
    except ValueError:
        return "unreadable"
