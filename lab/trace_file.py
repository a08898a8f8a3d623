"""Trace files: one JSON object a line, as every process of PnC Lab writes them.

Reading is strict about whole lines and kind about the last one: a process that was killed leaves a
half-written line behind, which is skipped with a notice, while a garbled line anywhere else is an
error that names file and line. Merging puts the traces of several processes into one file in the
order of time and marks each event with the process it came from.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec


class TraceFileError(Exception):
    """A trace cannot be read: ``path``, ``line`` (1-based; None for the file as a whole) and ``reason``."""

    def __init__(self, path: Path, line: int | None, reason: str) -> None:
        self.path = path
        self.line = line
        self.reason = reason
        super().__init__(f"{path}:{line}: {reason}" if line is not None else f"{path}: {reason}")


def _finite(value: object) -> float | None:
    """Return a JSON number as a finite float, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a trace.

    ``t`` is seconds since the epoch, ``role`` who wrote it (evcc, secc, backend, demo), ``process`` a
    name that tells several processes of one role apart ("" where the trace does not say). ``fields``
    holds whatever else the line says; :meth:`text`, :meth:`number` and :meth:`integer` read it without trusting it.
    """

    t: float
    role: str
    kind: str
    connection: int | None = None
    session: str | None = None
    process: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)

    def text(self, name: str) -> str | None:
        """Return a field as text, None where it is absent or null."""
        value = self.fields.get(name)
        if value is None:
            return None
        return value if isinstance(value, str) else msgspec.json.encode(value).decode()

    def number(self, name: str) -> float | None:
        """Return a field as a number, None where it is absent or something else."""
        value = self.fields.get(name)
        return _finite(value)

    def integer(self, name: str) -> int | None:
        """Return a field as a whole number, None where it is absent or something else."""
        value = self.fields.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def flag(self, name: str) -> bool:
        """Return whether a field is exactly true."""
        return self.fields.get(name) is True


@dataclass(frozen=True, slots=True)
class Trace:
    """The events of a file and what had to be left out of it, in words."""

    events: tuple[Event, ...]
    notices: tuple[str, ...] = ()


_FIXED = ("t", "role", "kind", "connection", "session", "process")


def _event(line: bytes) -> Event:
    """Return the event of a line; raises ValueError with the reason."""
    try:
        raw = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(raw, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004  one error type says "this line is no event"
    t, role, kind = _finite(raw.get("t")), raw.get("role"), raw.get("kind")
    if t is None:
        raise ValueError("field t is not a number of seconds")
    if not isinstance(role, str) or not isinstance(kind, str):
        raise ValueError("fields role and kind must be text")  # noqa: TRY004  as above
    connection, session, process = raw.get("connection"), raw.get("session"), raw.get("process")
    return Event(
        t=t,
        role=role,
        kind=kind,
        connection=connection if isinstance(connection, int) else None,
        session=session if isinstance(session, str) else None,
        process=process if isinstance(process, str) else "",
        fields={name: value for name, value in raw.items() if name not in _FIXED},
    )


def read_trace(path: Path) -> Trace:
    """Return the events of a trace file in the order of its lines.

    Raises TraceFileError when the file cannot be read or a whole line is not an event. A last line
    without its line end that cannot be read is left out and named in the notices.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TraceFileError(path, None, error.strerror or str(error)) from error
    events: list[Event] = []
    notices: list[str] = []
    lines = data.split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            events.append(_event(line))
        except ValueError as error:
            if number < len(lines):
                raise TraceFileError(path, number, str(error)) from error
            notices.append(f"{path}:{number}: the last line is half-written and was left out")
    return Trace(tuple(events), tuple(notices))


def encode_event(event: Event) -> bytes:
    """Return the event as one line of a trace, with its line end."""
    raw: dict[str, Any] = {
        "t": event.t,
        "role": event.role,
        "connection": event.connection,
        "session": event.session,
        "kind": event.kind,
    }
    if event.process:
        raw["process"] = event.process
    return msgspec.json.encode(raw | dict(event.fields)) + b"\n"


def write_trace(path: Path, events: Iterable[Event]) -> None:
    """Write the events as a trace file; raises OSError."""
    path.write_bytes(b"".join(encode_event(event) for event in events))


def merge(parts: Sequence[tuple[str, Path]]) -> Trace:
    """Return the events of several processes in the order of time.

    ``parts`` are pairs of a process name and its trace file; a file that does not exist stands for a
    process that wrote nothing. Raises TraceFileError as :func:`read_trace`.
    """
    events: list[Event] = []
    notices: list[str] = []
    for process, path in parts:
        if not path.exists():
            continue
        part = read_trace(path)
        notices += part.notices
        events += [
            Event(e.t, e.role, e.kind, e.connection, e.session, e.process or process, e.fields)
            for e in part.events
        ]
    # sorted() keeps the order of lines with equal times, so each process's own order stays as it was.
    return Trace(tuple(sorted(events, key=lambda event: event.t)), tuple(notices))
