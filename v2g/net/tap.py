"""A stream that writes what passes through it to a capture."""

from v2g.capture import Capture
from v2g.net.clock import Clock
from v2g.net.stream import Stream, TlsInfo


class TappedStream:
    """Sits directly on the wire, under TLS, and records both directions with their times."""

    def __init__(
        self, inner: Stream, capture: Capture, clock: Clock, *, outgoing: bool, comment: str | None = None
    ) -> None:
        self._inner = inner
        self._clock = clock
        self._capture = capture
        self._record = capture.open_tcp(
            inner.local, inner.peer, clock.now(), outgoing=outgoing, comment=comment
        )

    @property
    def local(self) -> str:
        """Our end, as ``[address]:port``."""
        return self._inner.local

    @property
    def peer(self) -> str:
        """The other end, as ``[address]:port``."""
        return self._inner.peer

    @property
    def tls(self) -> TlsInfo | None:
        """What the inner stream says."""
        return self._inner.tls

    async def read(self) -> bytes:
        """Read and record."""
        data = await self._inner.read()
        if data:
            self._record.received(data, self._clock.now())
        else:
            self._record.peer_closed(self._clock.now())
        return data

    async def write(self, data: bytes) -> None:
        """Record and write."""
        self._record.sent(data, self._clock.now())
        await self._inner.write(data)

    async def close(self) -> None:
        """Record our FIN and close."""
        self.release()
        self._record.closed(self._clock.now())
        await self._inner.close()

    def abort(self) -> None:
        """Record a reset and drop the connection."""
        self.release()
        self._record.reset(self._clock.now())
        self._inner.abort()

    def hold(self) -> None:
        """Keep packets back until :meth:`release`.

        Wireshark reads a capture once: the secrets must stand before the first packet that they decrypt,
        and that packet is here before TLS has made the keys of it.
        """
        self._record.hold()

    def release(self) -> None:
        """Write the packets that were kept back, with the times at which they passed."""
        self._record.release()
