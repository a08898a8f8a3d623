"""The trace: one JSON object a line, from which reports, experiments and captures are made.

A :class:`Tracer` belongs to one role of a run and writes events to a sink. :meth:`Tracer.bind` gives a
child with fixed fields (connection, session). A trace never stops a session: a sink that cannot write
says so once in the log and keeps quiet.

Durations are in seconds, times in seconds since the epoch; floats are rounded to microseconds, bytes are
written in hex.
"""

import logging
import os
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

import msgspec

_log = logging.getLogger(__name__)

Record = Mapping[str, Any]


class Sink(Protocol):
    """Where trace records go. Neither method raises for want of space or of a reader."""

    def write(self, record: Record) -> None:
        """Take one record; a caller does not change it afterwards."""

    def close(self) -> None:
        """Release what the sink holds; further records are dropped."""


class NullSink:
    """Forgets everything."""

    def write(self, record: Record) -> None:
        """Drop the record."""

    def close(self) -> None:
        """Do nothing."""


class ListSink:
    """Keeps the records in :attr:`records`, for tests and experiments."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def write(self, record: Record) -> None:
        """Append the record."""
        self.records.append(record)

    def close(self) -> None:
        """Do nothing; the records stay."""

    def of(self, kind: str) -> list[Record]:
        """Return the records of one kind, in order."""
        return [record for record in self.records if record["kind"] == kind]


class FanOut:
    """Passes every record to several sinks."""

    def __init__(self, *sinks: Sink) -> None:
        self._sinks = sinks

    def write(self, record: Record) -> None:
        """Pass the record to each sink."""
        for sink in self._sinks:
            sink.write(record)

    def close(self) -> None:
        """Close each sink."""
        for sink in self._sinks:
            sink.close()


class JsonlSink:
    """Appends to a JSONL file, one system call an event.

    The file is opened for appending, so that several tracers and even several processes may share it,
    and a reader or a kill sees whole lines. OSError is raised on opening only. When writing fails (disk
    full), the event is dropped and the log says so once.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._torn = False
        self._warned = False
        self._fd: int | None = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def write(self, record: Record) -> None:
        """Append the record as one line."""
        line = encode_record(record) + b"\n"
        with self._lock:
            if self._fd is None:
                return
            if self._torn:  # the last write stopped half-way: keep its rest away from this line
                line = b"\n" + line
            try:
                written = os.write(self._fd, line)
            except OSError as error:
                self._warn(str(error))
                return
            self._torn = written < len(line)
            if self._torn:
                self._warn(f"only {written} of {len(line)} bytes were taken")

    def _warn(self, reason: str) -> None:
        if not self._warned:
            self._warned = True
            _log.warning("trace %s loses events: %s", self.path, reason)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._fd is not None:
                os.close(self._fd)
                self._fd = None


class Tracer:
    """Writes the events of one role.

    ``clock_now`` gives the current time as an aware datetime; ``fields`` are written with every event.
    """

    def __init__(
        self,
        role: str,
        sink: Sink,
        clock_now: Callable[[], datetime],
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        self.role = role
        self.sink = sink
        self._clock_now = clock_now
        self._fields: dict[str, Any] = {"connection": None, "session": None} | dict(fields or {})

    @property
    def fields(self) -> Mapping[str, Any]:
        """The fields written with every event."""
        return self._fields

    def event(self, kind: str, /, **fields: Any) -> None:
        """Write one event. A trailing underscore makes a keyword usable as a field: ``from_=…``."""
        record: dict[str, Any] = {"t": self._clock_now().timestamp(), "role": self.role}
        record |= self._fields
        record["kind"] = kind
        for name, value in fields.items():
            record[name.removesuffix("_")] = value
        self.sink.write(plain(record))

    def bind(self, **fields: Any) -> "Tracer":
        """Return a tracer that writes these fields too with each of its events."""
        return Tracer(self.role, self.sink, self._clock_now, self._fields | fields)


def null_tracer(role: str = "evcc") -> Tracer:
    """Return a tracer that writes nowhere."""
    return Tracer(role, NullSink(), lambda: datetime.now(UTC))


def plain(value: Any) -> Any:
    """Return ``value`` as the plain data that the trace holds: rounded floats, bytes in hex, enum values."""
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, str | int) or value is None:
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return str(value)


def encode_record(record: Record) -> bytes:
    """Return one record as JSON without a line break."""
    return msgspec.json.encode(record)
