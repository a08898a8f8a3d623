"""What every layer of a connection looks like: TCP, TLS, a tap and a simulated link alike."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class TlsInfo:
    """The outcome of a TLS handshake.

    ``version`` and ``cipher`` are OpenSSL's names, ``elapsed_s`` is the handshake's duration in seconds.
    ``peer_chain`` holds the peer's certificates as it sent them, leaf first, in DER; empty when it sent none.
    """

    version: str
    cipher: str
    elapsed_s: float
    peer_chain: tuple[bytes, ...] = ()


class Stream(Protocol):
    """A reliable byte stream with a peer.

    Reading and writing may be cancelled at any time without losing a byte: ``write`` takes its data before
    it first waits, and ``read`` hands over what it took. The connection's end by the peer is ``b""``; a
    reset raises :class:`v2g.errors.ConnectionClosedError`.
    """

    @property
    def local(self) -> str:
        """Our end, as ``[address]:port``."""

    @property
    def peer(self) -> str:
        """The other end, as ``[address]:port``."""

    @property
    def tls(self) -> TlsInfo | None:
        """What TLS agreed on; None on a plain connection."""

    async def read(self) -> bytes:
        """Wait for bytes and return what is there, or ``b""`` when the peer has ended the stream."""

    async def write(self, data: bytes) -> None:
        """Send ``data`` in one piece; wait while the peer is slow. ConnectionClosedError if it is gone."""

    async def close(self) -> None:
        """End the stream: what was written still arrives; bounded in time, never raises."""

    def abort(self) -> None:
        """Drop the connection at once (a reset)."""
