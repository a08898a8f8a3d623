"""The server's connection, with a limit on how long a request's header may take.

uvicorn waits for the rest of a header for ever, and then a few sleepy or hostile clients are enough to use up
the connections. The body's time limit is kept by :mod:`backend_stub.web.envelope`.
"""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_TIMEOUT_S = 10.0
"""From the first byte of a request, or from the connect when none comes, to the end of its header."""

_TOO_SLOW = (
    b"HTTP/1.1 408 Request Timeout\r\n"
    b"content-type: application/json\r\n"
    b"connection: close\r\n"
    b"content-length: %d\r\n\r\n%b"
)
_REASON = b'{"errorMessages":["[SLOW] the header did not arrive in time"],"traceId":"-"}'


class GuardedProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 connection that ends when a header stalls.

    A client that has said nothing yet is closed without a word: it may have connected ahead of need. Between
    two requests the keep-alive limit holds, as uvicorn has it.
    """

    header_timeout_s = HEADER_TIMEOUT_S

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time for the first header."""
        super().connection_made(transport)
        self._start_header_timer()

    def data_received(self, data: bytes) -> None:
        """Take bytes in; the time runs from the first byte of a header to its last."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Go on to the next request; the beginning of it may have been received already."""
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the time."""
        self._stop_header_timer()
        super().connection_lost(exc)

    def _watch(self) -> None:
        pending, _ = self.conn.trailing_data
        if self.conn.their_state is h11.IDLE and pending:
            self._start_header_timer()
        else:
            self._stop_header_timer()

    def _start_header_timer(self) -> None:
        if self._header_timer is None:
            self._header_timer = self.loop.call_later(self.header_timeout_s, self._header_stalled)

    def _stop_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _header_stalled(self) -> None:
        self._header_timer = None
        if self.transport.is_closing():
            return
        pending, _ = self.conn.trailing_data
        if pending:
            self.transport.write(_TOO_SLOW % (len(_REASON), _REASON))
        self.transport.close()
