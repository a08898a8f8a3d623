"""Log lines of the backend process: to stderr, each with the trace id of the request it belongs to."""

import logging
import sys

from backend_stub.web.answers import TRACE_ID

_FORMAT = "%(asctime)s %(levelname)s %(name)s [%(trace_id)s] %(message)s"


def configure(level: int) -> None:
    """Send log records of ``level`` and above to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine(_FORMAT))
    handler.addFilter(_add_trace_id)
    logging.captureWarnings(capture=True)  # cryptography warns of odd certificates: a log line, not raw text
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # Its start and end messages say nothing that the ready line and the exit code do not.
    logging.getLogger("uvicorn").setLevel(max(level, logging.WARNING))
    # Each call that goes out would be a line; those that fail are told by whoever made them.
    logging.getLogger("httpx").setLevel(max(level, logging.WARNING))


class _OneLine(logging.Formatter):
    """Keeps what a caller sent from beginning a log line of its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        return super().formatMessage(record).replace("\r", "\\r").replace("\n", "\\n")


def _add_trace_id(record: logging.LogRecord) -> bool:
    record.trace_id = TRACE_ID.get()
    return True
