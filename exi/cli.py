"""The command ``exi``: decode, encode, explain and verify EXI from the command line."""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from exi import choice
from exi.command import EXITS, OK, REFUSED, USAGE, UsageError, add_command, note
from exi.errors import EngineError, ExiError

if TYPE_CHECKING:
    from exi.command import Commands

READER_LEFT: Final = 141
"""Exit code where nobody reads the output any more: what a shell reports for SIGPIPE."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    try:
        choice.check()
    except EngineError as error:
        note(str(error))
        return USAGE
    from exi.verify import VectorError  # noqa: PLC0415 - the codec is loaded once it is known which engine

    options = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # XML and JSON are UTF-8, whatever the terminal's encoding is.
        sys.stdout.reconfigure(encoding="utf-8")
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except ExiError as error:
        note(str(error))
        return REFUSED
    except (UsageError, VectorError) as error:
        note(str(error))
        return USAGE
    except BrokenPipeError:
        # Whoever reads has had enough, as in "exi explain … | head"; the interpreter must not flush again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_LEFT
    return code


def _parser() -> argparse.ArgumentParser:
    from exi import check_schema, explain_command, info  # noqa: PLC0415 - see main
    from exi.convert import add_decode, add_encode  # noqa: PLC0415

    parser = argparse.ArgumentParser(
        prog="exi", description="Schema-informed EXI as ISO 15118 uses it.", epilog=EXITS
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_decode(commands)
    add_encode(commands)
    explain_command.add_parser(commands)
    _add_verify(commands)
    check_schema.add_parser(commands)
    info.add_parser(commands)
    return parser


def _add_verify(commands: "Commands") -> None:
    command = add_command(
        commands,
        "verify",
        "check the codec against vectors, both directions, byte for byte",
        "exi verify tests/vectors/exi_iso2.jsonl",
    )
    command.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="JSON lines with name, schema, kind, xml, exi_hex, decode_also",
    )
    command.set_defaults(run=_verify)


def _verify(options: argparse.Namespace) -> int:
    from exi.registry import message_sets  # noqa: PLC0415 - see main
    from exi.verify import Summary, read_vectors, verify  # noqa: PLC0415

    schemas = message_sets().values()
    total = Summary()
    for path in options.files:
        found = verify(read_vectors(path), schemas)
        total.passed += found.passed
        total.failures += found.failures
        total.skipped += found.skipped
        for failure in found.failures:
            print(f"FAIL {failure}")
    print(total)
    return REFUSED if total.failures else OK


if __name__ == "__main__":
    sys.exit(main())
