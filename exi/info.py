"""The command ``exi info``: which engine runs and why, which message sets are installed, what they cost."""

import argparse
import os
import platform
import sys
from array import array
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from textwrap import fill
from typing import TYPE_CHECKING, Any

import msgspec

from exi.choice import NATIVE_MODULE, VARIABLE
from exi.codec import engine_name
from exi.command import OK, add_command
from exi.jsontext import dump
from exi.registry import message_sets, profiles
from exi.schema import MessageSet
from exi.tables import STATE, Tables, tables_of
from exi.walk import Walker

if TYPE_CHECKING:
    from exi.command import Commands


class SetInfo(msgspec.Struct, frozen=True):
    """One installed message set.

    ``documents`` and ``fragments`` count the event codes that a document or fragment may start with, all
    others included; their ``bits`` are the width of such a code. ``table_bytes`` is what the tables take in
    memory, ``row_bytes`` the rows that the Python engine cuts them into.
    """

    name: str
    namespace: str
    payload_types: tuple[int, ...]
    types: int
    states: int
    documents: int
    document_bits: int
    fragments: int
    fragment_bits: int
    table_bytes: int
    row_bytes: int


class Info(msgspec.Struct, frozen=True):
    """All that ``exi info`` tells."""

    engine: str
    reason: str
    python: str
    msgspec: str
    pnclab: str
    sets: tuple[SetInfo, ...]


def gather() -> Info:
    """Gather it; this makes the tables of all sets."""
    return Info(
        engine_name(),
        engine_reason(),
        f"{platform.python_implementation()} {platform.python_version()}",
        _version("msgspec"),
        _version("pnclab"),
        tuple(map(describe, message_sets().values())),
    )


def engine_reason() -> str:
    """Say why this engine runs."""
    choice = os.environ.get(VARIABLE)
    if choice in {"native", "python"}:
        return f"{VARIABLE} chooses it"
    try:
        native = import_module(NATIVE_MODULE)
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == NATIVE_MODULE
        return "the native engine is not built" if missing else f"the native engine cannot be loaded: {error}"
    place = getattr(native, "__file__", None) or NATIVE_MODULE
    return f"built: {place}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed as a package"


def describe(schema: MessageSet) -> SetInfo:
    """Describe one message set."""
    tables = tables_of(schema)
    walker = Walker(tables)
    documents, document_bits, *_ = walker.states[tables.document_state]
    fragments, fragment_bits, *_ = walker.states[tables.fragment_state]
    seen: set[int] = set()
    table_bytes = size_of([getattr(tables, field) for field in Tables.__struct_fields__], seen)
    parts = (walker.states, walker.counters, walker.elements, walker.attributes, walker.relaxed, walker.types)
    return SetInfo(
        name=schema.name,
        namespace=schema.namespace,
        payload_types=schema.payload_types,
        types=len(tables.classes),
        states=len(tables.states) // STATE,
        documents=len(documents),
        document_bits=document_bits,
        fragments=len(fragments),
        fragment_bits=fragment_bits,
        table_bytes=table_bytes,
        row_bytes=sum(size_of(part, seen) for part in parts),
    )


def size_of(value: Any, seen: set[int]) -> int:
    """Return the bytes that plain data take in memory; what is in ``seen`` has been counted before.

    Classes and enumeration members belong to the message modules and are not counted.
    """
    if (
        id(value) in seen
        or not isinstance(value, tuple | list | array | str | int)
        or isinstance(value, bool)
    ):
        return 0
    seen.add(id(value))
    size = sys.getsizeof(value)
    if isinstance(value, tuple | list):
        size += sum(size_of(entry, seen) for entry in value)
    return size


def add_parser(commands: "Commands") -> None:
    """Add the command to those of ``exi``."""
    command = add_command(
        commands,
        "info",
        "tell which engine runs and why, and which message sets are installed",
        "exi info --json",
        "exi info --profiles",
    )
    command.add_argument("--json", action="store_true", help="write one JSON object instead of text")
    command.add_argument(
        "--profiles",
        action="store_true",
        help="list the profiles instead: public codecs whose departures from the schema can be reproduced",
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command and return its exit code."""
    if options.profiles:
        return _list_profiles(as_json=options.json)
    info = gather()
    if options.json:
        print(dump(msgspec.to_builtins(info), indent=2))
        return OK
    print(f"engine   {info.engine}: {info.reason}")
    print(f"python   {info.python}, msgspec {info.msgspec}, pnclab {info.pnclab}")
    print(f"sets     {len(info.sets)}, tables {_kilobytes(sum(found.table_bytes for found in info.sets))}")
    rows = [_COLUMNS, *map(_row, info.sets)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    print()
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    return OK


def _list_profiles(*, as_json: bool) -> int:
    """Tell what each profile changes, and how it is known."""
    known = profiles().values()
    if as_json:
        fields = ("name", "codec", "changes")
        print(
            dump(
                [{field: msgspec.to_builtins(getattr(one, field)) for field in fields} for one in known],
                indent=2,
            )
        )
        return OK
    for profile in known:
        print(f"{profile.name}: {profile.codec}")
        for change in profile.changes:
            print(fill(change.what, 100, initial_indent="  - ", subsequent_indent="    "))
            print(fill(f"known by: {change.evidence}", 100, initial_indent="    ", subsequent_indent="    "))
    return OK


_COLUMNS = ("set", "types", "states", "document codes", "fragment codes", "tables", "frames", "namespace")


def _row(found: SetInfo) -> tuple[str, ...]:
    return (
        found.name,
        str(found.types),
        str(found.states),
        f"{found.documents} ({found.document_bits} bits)",
        f"{found.fragments} ({found.fragment_bits} bits)",
        _kilobytes(found.table_bytes),
        " ".join(f"{number:04X}" for number in found.payload_types) or "-",
        found.namespace,
    )


def _kilobytes(size: int) -> str:
    return f"{size / 1024:.0f} KiB"
