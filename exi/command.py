"""What the commands of ``exi`` share: exit codes, errors, help pages, common arguments, safe printing."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from exi.errors import ExiError
from exi.registry import message_sets, profile_named
from exi.schema import MessageSet

OK: Final = 0
REFUSED: Final = 1
USAGE: Final = 2

EXITS: Final = (
    "exit codes: 0 done, 1 the data do not fit the schema or differ, 2 wrong usage or an unreadable file"
)

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - argparse names it so


class UsageError(Exception):
    """Wrong arguments or an unreadable file: exit code 2."""


def add_command(commands: "Commands", name: str, text: str, *examples: str) -> argparse.ArgumentParser:
    """Add a command whose help says what it is for, shows examples, and lists the exit codes."""
    shown = "\n".join(f"  {example}" for example in examples)
    return commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=f"example:\n{shown}\n\n{EXITS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_schema_arguments(command: argparse.ArgumentParser, otherwise: str) -> None:
    """Add the arguments that say which message set it is, and whether a document or a fragment."""
    command.add_argument(
        "--schema", metavar="NAME", help=f"short name or namespace of the message set; {otherwise}"
    )
    command.add_argument(
        "--fragment", action="store_true", help="a fragment, as signatures cover it, instead of a document"
    )


def add_profile_argument(command: argparse.ArgumentParser) -> None:
    """Add the argument that names a codec whose departures are reproduced."""
    command.add_argument(
        "--profile",
        metavar="NAME",
        help="read or write as a public codec does that departs from the schema; exi info --profiles lists them",
    )


def known_profile(name: str | None) -> str | None:
    """Return the name of a profile if there is one of it. Raises UsageError."""
    try:
        return None if name is None else profile_named(name).name
    except ValueError as error:
        raise UsageError(str(error)) from None


def named_schema(key: str | None) -> MessageSet | None:
    """Return the set of a short name or namespace, None without one. Raises UsageError."""
    if key is None:
        return None
    known = message_sets()
    for name, schema in known.items():
        if key in {name, schema.namespace}:
            return schema
    raise UsageError(f"there is no message set {key}; installed: {', '.join(known) or 'none'}")


@contextmanager
def naming(place: str) -> Iterator[None]:
    """Put the name of a file in front of what is wrong with its content."""
    try:
        yield
    except ExiError as error:
        if not place:
            raise
        raise ExiError(f"{place}: {error.reason}", error.path, error.bit_offset) from None


def note(text: str) -> None:
    """Say something about the work on standard error, where it does not disturb the result."""
    print(f"exi: {printable(text)}", file=sys.stderr)


def printable(text: str) -> str:
    """Return a text in which nothing steers a terminal: what is not printable is escaped; lines stay."""
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable() or character == "\n"
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )
