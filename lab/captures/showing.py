"""What ``pnclab decode`` does: read keys and roots, decode the capture, show it as table, JSON lines or report."""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

from rich.console import Console
from rich.text import Text

from exi.command import UsageError
from lab import table
from lab.captures.checks import Anchors
from lab.captures.files import CaptureFileError, open_items, open_secrets
from lab.captures.keylog import KeyRing
from lab.captures.sessions import Decoder, Summary
from lab.decode_cli import EXIT_BAD_INPUT, EXIT_INCOMPLETE, EXIT_NO_SESSION, EXIT_OK
from lab.explain.source import read_trust
from lab.model import Session
from lab.report import write_report
from lab.runs import build, failure_words
from lab.trace_file import Event, Trace, encode_event, write_trace
from v2g.trace import plain

_KEY_LOG_LIMIT = 64 << 20
_SHOWN_HEX = 64


def run(options: argparse.Namespace) -> int:
    """Decode, show, and return the exit code."""
    show: Callable[[Decoder, Iterable[Event], argparse.Namespace], None] = _show_table
    if options.json:
        show = _show_json
    elif options.report is not None:
        show = _write_report
    try:
        decoder = Decoder(_keys(options), Anchors(*read_trust(options.roots)))
        events = _chosen(decoder.run(open_items(options.capture)), options.session)
        show(decoder, events, options)
    except CaptureFileError as error:
        return _bad_input(f"{options.capture}: {error.reason}")
    except UsageError as error:
        return _bad_input(str(error))
    except OSError as error:
        return _bad_input(f"{error.filename or options.capture}: {error.strerror or error}")
    for line in summary_lines(decoder.summary):
        print(line, file=sys.stderr)
    return exit_code(decoder.summary)


def exit_code(summary: Summary) -> int:
    """Return the exit code for what was found."""
    if not summary.sessions:
        return EXIT_NO_SESSION
    return EXIT_OK if summary.complete else EXIT_INCOMPLETE


def summary_lines(summary: Summary) -> Iterator[str]:
    """Say in words what was found, and what could not be read and why."""
    counted = f"{summary.packets:,} packets, {summary.sessions:,} V2G sessions, {summary.messages:,} messages decoded"
    trouble = [
        f"{count:,} {what}"
        for count, what in (
            (summary.locked, "sessions not decrypted"),
            (summary.undecoded, "frames or pieces not decoded"),
            (summary.rejected, "signatures or chains that do not hold"),
        )
        if count
    ]
    yield ", ".join([counted, *trouble])
    yield from summary.remarks
    if summary.strangers_count:
        yield (
            f"not decrypted: {_counted(summary.strangers_count, 'TLS connection')} that no SDP response names "
            "and that may be anything:"
        )
        yield from (f"  {stranger}" for stranger in summary.strangers)
        if summary.strangers_count > len(summary.strangers):
            yield f"  and {summary.strangers_count - len(summary.strangers):,} more"


def _counted(count: int, what: str) -> str:
    plural = " or ".join(f"{word}s" for word in what.split(" or "))
    return f"{count:,} {what if count == 1 else plural}"


def _keys(options: argparse.Namespace) -> KeyRing:
    keys = KeyRing()
    path: Path
    for path in options.key_log:
        if path.stat().st_size > _KEY_LOG_LIMIT:
            raise UsageError(f"{path}: {path.stat().st_size:,} bytes are no key log")
        keys.add(path.read_bytes())
        if not len(keys):
            raise UsageError(f"{path}: no line of a TLS key log in it")
    for secrets in open_secrets(options.capture):
        keys.add(secrets.lines)
    return keys


def _chosen(events: Iterable[Event], wanted: int | None) -> Iterator[Event]:
    """Give the events of one session only, counted by their beginnings; all without a number."""
    numbers: dict[str, int] = {}
    for event in events:
        if event.connection is None and wanted is not None:
            continue
        number = numbers.setdefault(_key(event), len(numbers) + 1)
        if wanted in {None, number}:
            yield event


def _key(event: Event) -> str:
    """Return what the events of one session have in common."""
    return event.process if event.connection is None else str(event.connection)


def _show_json(decoder: Decoder, events: Iterable[Event], _options: argparse.Namespace) -> None:
    last_t = 0.0
    for event in events:
        last_t = event.t
        sys.stdout.write(encode_event(event).decode())
    fields = {name: plain(value) for name, value in asdict(decoder.summary).items()}
    sys.stdout.write(encode_event(Event(last_t, "demo", "capture.summary", fields=fields)).decode())


def _write_report(_decoder: Decoder, events: Iterable[Event], options: argparse.Namespace) -> None:
    directory: Path = options.report
    directory.mkdir(parents=True, exist_ok=True)
    write_trace(directory / "trace.jsonl", sorted(events, key=lambda event: event.t))
    print(write_report(directory))


def _show_table(_decoder: Decoder, events: Iterable[Event], _options: argparse.Namespace) -> None:
    """Print every session as soon as it is over, so that no more than the open ones are held."""
    console = Console(highlight=False)
    open_sessions: dict[str, list[Event]] = {}
    numbers: dict[str, int] = {}
    for event in events:
        key = _key(event)
        numbers.setdefault(key, len(numbers) + 1)
        open_sessions.setdefault(key, []).append(event)
        if event.kind == "session.ended":
            _print_session(console, open_sessions.pop(key), numbers[key])
    for key, rest in open_sessions.items():
        _print_session(console, rest, numbers[key])


def _print_session(console: Console, events: list[Event], number: int) -> None:
    run = build(Trace(tuple(sorted(events, key=lambda event: event.t))))
    sessions = tuple(replace(session, number=number) for session in run.sessions)
    if not sessions:
        return
    ascii_only = table.is_ascii(console)
    console.print(
        table.run_table(replace(run, sessions=sessions), width=console.width, ascii_only=ascii_only)
    )
    for session in sessions:
        for line, style in _details(session):
            console.print(Text(line, style=style))
    console.print()


def _details(session: Session) -> Iterator[tuple[str, str]]:
    """Say what the table does not: the ends, TLS, what was verified, what went wrong."""
    connected = next((event for event in session.events if event.kind == "tcp.connected"), None)
    if connected is not None:
        tls = session.tls
        secured = (
            f"{tls.text('version')} {tls.text('cipher')}, charger {tls.text('peer_subject') or 'unnamed'}"
            if tls is not None
            else "no TLS"
            if session.exchanges
            else "TLS, closed"
        )
        yield f"{connected.text('local')} to {connected.text('peer')}, {secured}", "bright_black"
    held = [event for event in session.events if event.kind in {"signature.verified", "certificate.verified"}]
    if held:
        names = dict.fromkeys(event.text("what") or event.text("subject") or "" for event in held)
        yield f"holds: {', '.join(names)}", "green"
    for event in session.failures:
        what = event.text("what")
        yield f"{event.kind}: {f'{what}: ' if what else ''}{failure_words(event)}", "red"
        if event.kind == "message.rejected" and (exi := event.text("exi")):
            place = f"{event.text('path') or '/'} at bit {event.integer('bit_offset')}"
            yield f"  {place}: {exi[:_SHOWN_HEX]}{'…' if len(exi) > _SHOWN_HEX else ''}", "red"


def _bad_input(reason: str) -> int:
    print(f"pnclab decode: {reason}", file=sys.stderr)
    return EXIT_BAD_INPUT
