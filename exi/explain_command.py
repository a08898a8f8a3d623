"""The command ``exi explain``: the account of :mod:`exi.explain` as a table, or as JSON."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

import msgspec

from exi.command import (
    OK,
    REFUSED,
    add_command,
    add_profile_argument,
    add_schema_arguments,
    known_profile,
    named_schema,
    printable,
)
from exi.detect import Identification, Sureness, identify
from exi.explain import (
    ATTRIBUTE,
    END,
    END_FRAGMENT,
    ESCAPE,
    HEADER,
    PADDING,
    REST,
    START,
    START_ANY,
    UNFINISHED,
    VALUE,
    Explanation,
    Piece,
    explain,
)
from exi.inputs import Input, add_input_arguments, read_input
from exi.jsontext import dump
from exi.registry import message_sets
from exi.schema import MessageSet

if TYPE_CHECKING:
    from exi.command import Commands

_COLUMNS: Final = ("byte.bit", "width", "bits", "event", "code", "path", "value", "datatype")
_RIGHT: Final = frozenset({1})
_MOST_BITS: Final = 24
_MOST_VALUE: Final = 40
_WRAP: Final = 64
_MOST_REST: Final = 256

_COLOURS: Final = {
    START: "32",
    START_ANY: "32",
    ATTRIBUTE: "33",
    VALUE: "36",
    ESCAPE: "35",
    HEADER: "2",
    END: "2",
    END_FRAGMENT: "2",
    PADDING: "2",
    UNFINISHED: "31",
    REST: "31",
}

Paint = Callable[[str, str], str]
"""Gives a line the colour of an event."""


class Choice(msgspec.Struct, frozen=True):
    """The message set that data are told with, and how it was found: None, it was given."""

    schema: MessageSet
    fragment: bool
    found: Identification | None
    sure: str
    reason: str


def add_parser(commands: "Commands") -> None:
    """Add the command to those of ``exi``."""
    command = add_command(
        commands,
        "explain",
        "tell EXI bit by bit: what each bit says, where in the message, by which datatype",
        "exi explain 8098020fc29c7096f53a259008",
        "exi explain --json --schema iso2 message.exi",
    )
    add_input_arguments(command)
    add_schema_arguments(command, "without it the payload type of a V2GTP frame says it, or all are tried")
    add_profile_argument(command)
    command.add_argument(
        "--full", action="store_true", help="shorten nothing: whole paths, all bits, all of each value"
    )
    command.add_argument("--json", action="store_true", help="write one JSON object instead of a table")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command and return its exit code."""
    source = read_input(options)
    profile = known_profile(options.profile)
    choice = choose(source, named_schema(options.schema), profile, fragment=options.fragment)
    explanation = explain(source.data, choice.schema, fragment=choice.fragment, profile=profile)
    if options.json:
        print(dump(as_data(explanation, choice, source), indent=2))
    else:
        for line in as_text(explanation, choice, source, full=options.full, paint=_painter()):
            print(line)
    broken = explanation.fault is not None or (source.frame is not None and source.frame.mismatch())
    return REFUSED if broken else OK


def choose(source: Input, schema: MessageSet | None, profile: str | None = None, *, fragment: bool) -> Choice:
    """Return the given message set, or the one that fits best; if none fits, the one that comes furthest."""
    if schema is not None:
        return Choice(schema, fragment, None, "given", "")
    payload_type = source.frame.payload_type if source.frame else None
    schemas = list(message_sets().values())
    found = identify(
        source.data, schemas, payload_type=payload_type, fragment=fragment or None, profile=profile
    )
    if found.candidates:
        best = found.candidates[0]
        return Choice(best.schema, best.fragment, found, found.sure, found.reason)
    refusals = [refusal for refusal in found.refusals if refusal.fragment is fragment]
    furthest = refusals[0]
    equal = [refusal.schema.name for refusal in refusals if refusal.reached == furthest.reached]
    if len(equal) == 1:
        reason = f"{found.reason}, this one comes furthest"
        return Choice(furthest.schema, fragment, found, Sureness.LIKELY, reason)
    reason = f"{found.reason}; {', '.join(equal)} come equally far"
    return Choice(furthest.schema, fragment, found, Sureness.AMBIGUOUS, reason)


# As JSON


def as_data(explanation: Explanation, choice: Choice, source: Input) -> dict[str, Any]:
    """Return an account as plain data, for scripts."""
    schema = explanation.schema
    fault = explanation.fault
    return {
        "schema": schema.name,
        "namespace": schema.namespace,
        "kind": "fragment" if explanation.fragment else "document",
        "sure": choice.sure,
        "reason": choice.reason,
        "candidates": [
            {
                "schema": candidate.schema.name,
                "kind": "fragment" if candidate.fragment else "document",
                "root": candidate.item.name,
                "doubts": list(candidate.doubts),
            }
            for candidate in (choice.found.candidates if choice.found else ())
        ],
        "input": {
            "name": source.name,
            "form": source.form,
            "frame": None if source.frame is None else msgspec.structs.asdict(source.frame),
        },
        "bytes": len(explanation.data),
        "bits": len(explanation.data) * 8,
        "pieces": [_piece_as_data(piece) for piece in explanation.pieces],
        "fault": None
        if fault is None
        else {"reason": fault.reason, "path": fault.path, "bit_offset": fault.bit_offset},
    }


def _piece_as_data(piece: Piece) -> dict[str, Any]:
    place = {"offset": piece.offset, "byte": piece.offset // 8, "bit": piece.offset % 8}
    return place | msgspec.structs.asdict(piece)


# As text


def as_text(
    explanation: Explanation, choice: Choice, source: Input, *, full: bool, paint: Paint
) -> Iterator[str]:
    """Yield the lines of an account: where the data are from, the table, and what is wrong."""
    yield from _head(explanation, choice, source)
    yield ""
    yield from table(explanation.pieces, full=full, paint=paint)
    if explanation.fault is not None:
        yield ""
        yield from _fault(explanation, full=full, paint=paint)


def _head(explanation: Explanation, choice: Choice, source: Input) -> Iterator[str]:
    size = len(explanation.data)
    origin = f" from {source.name}" if source.name else ""
    yield printable(f"data    {size} byte{'s' * (size != 1)}{origin}, read as {source.form}")
    if source.frame is not None:
        frame = source.frame
        yield f"frame   V2GTP, payload type 0x{frame.payload_type:04X}; {frame.mismatch() or 'length as announced'}"
    kind = "fragment" if explanation.fragment else "document"
    yield f"schema  {choice.schema.name}, {kind}, {choice.sure}{choice.reason and f': {choice.reason}'}"
    if choice.found is not None and choice.sure is Sureness.AMBIGUOUS:
        for candidate in choice.found.candidates:
            yield f"        {candidate}"


def table(pieces: tuple[Piece, ...], *, full: bool, paint: Paint) -> Iterator[str]:
    """Yield the lines of a table with a row for each piece, its heads first."""
    cells = [_cells(piece, full=full) for piece in pieces]
    widths = [
        max(len(line) for row in (_COLUMNS, *cells) for line in row[column].split("\n"))
        for column in range(len(_COLUMNS))
    ]
    for event, row in (("", _COLUMNS), *zip((piece.event for piece in pieces), cells, strict=True)):
        for line in zip_longest(*(cell.split("\n") for cell in row), fillvalue=""):
            padded = (
                text.rjust(width) if column in _RIGHT else text.ljust(width)
                for column, (text, width) in enumerate(zip(line, widths, strict=True))
            )
            yield paint(event, "  ".join(padded).rstrip())


def _cells(piece: Piece, *, full: bool) -> tuple[str, ...]:
    code = "" if piece.code is None else str(piece.code)
    if piece.codes is not None:
        code += f" of {piece.codes}"
    value = "" if piece.value is None else _value_text(piece.value)
    return (
        f"{piece.offset // 8}.{piece.offset % 8}",
        str(piece.width),
        _wrapped(piece.bits) if full else _shortened(piece.bits, _MOST_BITS),
        piece.event,
        code,
        printable(piece.path) if full else _step(piece.path),
        _wrapped(value) if full else _shortened(value, _MOST_VALUE),
        piece.datatype,
    )


def _value_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value == "":
        return '""'
    return printable(str(value)).replace("\n", "\\n")


def _step(path: str) -> str:
    """Return the last step of a path, indented by its depth."""
    return " " * (path.count("/") - 1) + path.rpartition("/")[2]


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _wrapped(text: str) -> str:
    return "\n".join(text[start : start + _WRAP] for start in range(0, len(text), _WRAP))


def _fault(explanation: Explanation, *, full: bool, paint: Paint) -> Iterator[str]:
    fault = explanation.fault
    assert fault is not None
    yield paint(REST, printable(f"fault   {fault.reason}"))
    if fault.path:
        yield f"path    {printable(fault.path)}"
    if fault.bit_offset is not None:
        yield f"bit     {fault.bit_offset} (byte {fault.bit_offset // 8}, bit {fault.bit_offset % 8})"
    rest = explanation.pieces[-1] if explanation.pieces else None
    if rest is None or rest.event != REST:
        yield "rest    nothing"
        return
    shown = rest.bits if full else rest.bits[:_MOST_REST]
    yield f"rest    {rest.width} bit{'s' * (rest.width != 1)}"
    first = -rest.offset % 8
    octets = [shown[:first], *(shown[start : start + 8] for start in range(first, len(shown), 8))]
    octets = [octet for octet in octets if octet]
    for start in range(0, len(octets), 8):
        yield f"        {' '.join(octets[start : start + 8])}"
    if len(shown) < rest.width:
        yield f"        ... and {rest.width - len(shown)} bits more (--full)"


def _painter() -> Paint:
    """Return what colours lines: on a terminal, and where NO_COLOR does not forbid it."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return lambda _, line: line

    def paint(event: str, line: str) -> str:
        colour = _COLOURS.get(event)
        return line if colour is None else f"\x1b[{colour}m{line}\x1b[0m"

    return paint
