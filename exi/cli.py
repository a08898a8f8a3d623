"""The command ``exi``: decode, encode and verify from the command line."""

import argparse
import sys
from binascii import a2b_base64, b2a_base64
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from exi.codec import decode, decode_item, encode, encode_fragment
from exi.errors import ExiError
from exi.registry import message_sets
from exi.schema import Item, MessageSet, XsdType
from exi.verify import Summary, VectorError, read_vectors, verify
from exi.xmltext import item_from_xml, to_xml, translator_of
from exi.xmltree import QName, parse

OK: Final = 0
REFUSED: Final = 1
USAGE: Final = 2

_EXITS = "exit codes: 0 done, 1 the data do not fit the schema or differ, 2 wrong usage or an unreadable file"


class UsageError(Exception):
    """Wrong arguments or an unreadable file."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except ExiError as error:
        print(f"exi: {error}", file=sys.stderr)
        return REFUSED
    except (UsageError, VectorError) as error:
        print(f"exi: {error}", file=sys.stderr)
        return USAGE
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="exi", description="Schema-informed EXI as ISO 15118 uses it.", epilog=_EXITS
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_decode(commands)
    _add_encode(commands)
    _add_verify(commands)
    return parser


if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - argparse names it so


def _add(commands: "Commands", name: str, text: str, example: str) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=f"example:\n  {example}\n\n{_EXITS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_decode(commands: "Commands") -> None:
    command = _add(
        commands,
        "decode",
        "EXI in, XML text out",
        "exi decode --schema iso2 --hex 8098020fc29c7096f53a259008",
    )
    source = command.add_mutually_exclusive_group()
    source.add_argument(
        "file",
        nargs="?",
        default="-",
        metavar="FILE",
        help="raw, hex or base64, told apart by the EXI header; - or nothing: standard input",
    )
    source.add_argument("--hex", metavar="TEXT", help="the data as hexadecimal text")
    source.add_argument("--base64", metavar="TEXT", help="the data as base64 text")
    _add_schema(command, "without it every installed message set is tried")
    command.add_argument("--compact", action="store_true", help="write the XML text in one line")
    command.set_defaults(run=_decode)


def _add_encode(commands: "Commands") -> None:
    command = _add(commands, "encode", "XML text in, EXI out", "exi encode --schema iso2 message.xml")
    command.add_argument(
        "file", nargs="?", default="-", metavar="FILE", help="XML text; - or nothing: standard input"
    )
    _add_schema(command, "without it the set is found by the root element")
    command.add_argument(
        "--to", choices=("hex", "base64", "raw"), default="hex", help="how to write the result (default: hex)"
    )
    command.set_defaults(run=_encode)


def _add_verify(commands: "Commands") -> None:
    command = _add(
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


def _add_schema(command: argparse.ArgumentParser, otherwise: str) -> None:
    command.add_argument(
        "--schema", metavar="NAME", help=f"short name or namespace of the message set; {otherwise}"
    )
    command.add_argument(
        "--fragment", action="store_true", help="a fragment, as signatures cover it, instead of a document"
    )


def _decode(options: argparse.Namespace) -> int:
    data = _read_exi(options)
    schema = _named_schema(options.schema)
    item: XsdType | Item
    if schema is not None:
        item = _decode_with(data, schema, fragment=options.fragment)
    else:
        schema, item = _try_all(data, fragment=options.fragment)
        print(f"exi: schema {schema.name} (the only one that fits)", file=sys.stderr)
    print(to_xml(item, schema, indent=None if options.compact else 2))
    return OK


def _decode_with(data: bytes, schema: MessageSet, *, fragment: bool) -> XsdType | Item:
    return decode_item(data, schema) if fragment else decode(data, schema)


def _try_all(data: bytes, *, fragment: bool) -> tuple[MessageSet, XsdType | Item]:
    fitting: list[tuple[MessageSet, XsdType | Item]] = []
    refusals: list[str] = []
    for schema in message_sets().values():
        try:
            fitting.append((schema, _decode_with(data, schema, fragment=fragment)))
        except ExiError as error:
            refusals.append(f"{schema.name}: {error}")
    if not fitting:
        raise ExiError("no installed message set fits: " + "; ".join(refusals))
    return _only([schema for schema, _ in fitting]), fitting[0][1]


def _encode(options: argparse.Namespace) -> int:
    try:
        text = _read_file(options.file).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{options.file}: {error}") from error
    schema = _named_schema(options.schema)
    if schema is None:
        schema = _schema_of_root(parse(text).name)
    item = item_from_xml(text, schema)
    data = encode_fragment(item, schema) if options.fragment else encode(item.value, schema)
    match options.to:
        case "raw":
            sys.stdout.buffer.write(data)
        case "base64":
            print(b2a_base64(data, newline=False).decode("ascii"))
        case _:
            print(data.hex())
    return OK


def _schema_of_root(name: QName) -> MessageSet:
    """Return the set that a root element belongs to: the one of its namespace, or the only one with it."""
    fitting = [schema for schema in message_sets().values() if name in translator_of(schema).named_elements]
    if not fitting:
        raise ExiError(f"no installed message set has an element {name[0]} in {name[1] or 'no namespace'}")
    return _only([schema for schema in fitting if schema.namespace == name[1]] or fitting)


def _only(schemas: list[MessageSet]) -> MessageSet:
    if len(schemas) > 1:
        names = ", ".join(schema.name for schema in schemas)
        raise UsageError(f"several message sets fit ({names}); choose one with --schema")
    return schemas[0]


def _verify(options: argparse.Namespace) -> int:
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


def _named_schema(key: str | None) -> MessageSet | None:
    if key is None:
        return None
    known = message_sets()
    for name, schema in known.items():
        if key in {name, schema.namespace}:
            return schema
    raise UsageError(f"there is no message set {key}; installed: {', '.join(known) or 'none'}")


def _read_exi(options: argparse.Namespace) -> bytes:
    if options.hex is not None:
        return _from_hex(options.hex)
    if options.base64 is not None:
        return _from_base64(options.base64)
    data = _read_file(options.file)
    # Every EXI stream starts with 0x80, which no text does; its hex text starts with 8, its base64 text with g.
    head = data.lstrip()[:1]
    if head == b"8":
        return _from_hex(data.decode("ascii", errors="replace"))
    if head == b"g":
        return _from_base64(data.decode("ascii", errors="replace"))
    return data


def _from_hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise UsageError(f"not hexadecimal: {error}") from error


def _from_base64(text: str) -> bytes:
    try:
        return a2b_base64("".join(text.split()), strict_mode=True)
    except ValueError as error:
        raise UsageError(f"not base64: {error}") from error


def _read_file(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise UsageError(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
