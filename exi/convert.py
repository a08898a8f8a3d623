"""The commands ``exi decode`` and ``exi encode``: EXI to text and back."""

import argparse
import sys
from binascii import b2a_base64
from typing import TYPE_CHECKING

from exi.codec import encode, encode_fragment
from exi.command import (
    OK,
    UsageError,
    add_command,
    add_profile_argument,
    add_schema_arguments,
    known_profile,
    named_schema,
    naming,
    note,
)
from exi.detect import Sureness, decode_with_name, identify
from exi.errors import ExiError
from exi.inputs import Input, add_input_arguments, place_of, read_input, read_text
from exi.jsontext import INVISIBLE, item_from_json, json_translator_of, only_entry, to_json
from exi.jsontext import parse as parse_json
from exi.registry import message_sets
from exi.schema import Item, MessageSet
from exi.xmltext import item_from_xml, to_xml, translator_of
from exi.xmltree import QName, parse

if TYPE_CHECKING:
    from exi.command import Commands


def add_decode(commands: "Commands") -> None:
    """Add ``exi decode``."""
    command = add_command(
        commands,
        "decode",
        "EXI in, XML or JSON text out",
        "exi decode 8098020fc29c7096f53a259008",
        "exi decode --json --schema iso2 message.exi",
    )
    add_input_arguments(command)
    add_schema_arguments(command, "without it the payload type of a V2GTP frame says it, or all are tried")
    add_profile_argument(command)
    command.add_argument("--json", action="store_true", help="write JSON instead of XML")
    command.add_argument("--compact", action="store_true", help="write the text in one line")
    command.set_defaults(run=run_decode)


def add_encode(commands: "Commands") -> None:
    """Add ``exi encode``."""
    command = add_command(
        commands,
        "encode",
        "XML or JSON text in, EXI out",
        "exi encode --schema iso2 message.xml",
        "exi decode --json 8098020fc29c7096f53a259008 | exi encode --to base64",
    )
    command.add_argument(
        "file", nargs="?", default="-", metavar="FILE", help="XML or JSON text; - or nothing: standard input"
    )
    add_schema_arguments(command, "without it the set is found by the root element, or by trying")
    add_profile_argument(command)
    command.add_argument(
        "--to", choices=("hex", "base64", "raw"), default="hex", help="how to write the result (default: hex)"
    )
    command.set_defaults(run=run_encode)


def run_decode(options: argparse.Namespace) -> int:
    """Run ``exi decode`` and return its exit code."""
    source = read_input(options)
    schema = named_schema(options.schema)
    profile = known_profile(options.profile)
    with naming(source.name):
        mismatch = source.frame and source.frame.mismatch()
        if mismatch:
            raise ExiError(mismatch)
        if schema is None:
            schema, item = _identified(source, profile, fragment=options.fragment)
        else:
            warn_of_payload_type(source, schema)
            item = decode_with_name(source.data, schema, profile, fragment=options.fragment)
        indent = None if options.compact else 2
        if options.json:
            print(to_json(item, schema, indent=indent))
        else:
            text = to_xml(item, schema, indent=indent)
            print(INVISIBLE.sub(lambda found: f"&#{ord(found.group())};", text))
    return OK


def warn_of_payload_type(source: Input, schema: MessageSet) -> None:
    """Say so where a frame has the payload type of other message sets."""
    if source.frame is not None and source.frame.payload_type not in schema.payload_types:
        note(f"payload type 0x{source.frame.payload_type:04X} is not one of {schema.name}")


def _identified(source: Input, profile: str | None, *, fragment: bool) -> tuple[MessageSet, Item]:
    payload_type = source.frame.payload_type if source.frame else None
    found = identify(
        source.data,
        list(message_sets().values()),
        payload_type=payload_type,
        fragment=fragment or None,
        profile=profile,
    )
    if not found.candidates:
        refusals = "".join(f"\n  {refusal}" for refusal in found.refusals if refusal.fragment is fragment)
        raise ExiError(f"no installed message set fits:{refusals}")
    if found.sure is Sureness.AMBIGUOUS:
        candidates = "".join(f"\n  {candidate}" for candidate in found.candidates)
        raise UsageError(f"several message sets fit; choose one with --schema:{candidates}")
    best = found.candidates[0]
    kind = ", fragment" if best.fragment else ""
    note(f"schema {best.schema.name}{kind} ({found.sure}: {found.reason})")
    return best.schema, best.item


def run_encode(options: argparse.Namespace) -> int:
    """Run ``exi encode`` and return its exit code."""
    text = read_text(options.file)
    schema = named_schema(options.schema)
    profile = known_profile(options.profile)
    with naming(place_of(options.file)):
        match text.lstrip()[:1]:
            case "{" | "[":
                data = _encode_json(text, schema, profile, fragment=options.fragment)
            case "<":
                schema = schema or _schema_of_root(parse(text).name)
                data = _encode_item(item_from_xml(text, schema), schema, profile, fragment=options.fragment)
            case _:
                raise ExiError("neither XML nor JSON text: it starts with neither < nor {")
    match options.to:
        case "raw":
            sys.stdout.buffer.write(data)
        case "base64":
            print(b2a_base64(data, newline=False).decode("ascii"))
        case _:
            print(data.hex())
    return OK


def _encode_item(item: Item, schema: MessageSet, profile: str | None, *, fragment: bool) -> bytes:
    if fragment:
        return encode_fragment(item, schema, profile=profile)
    return encode(item, schema, profile)


def _schema_of_root(name: QName) -> MessageSet:
    """Return the set that a root element belongs to: the one of its namespace, or the only one with it."""
    fitting = [schema for schema in message_sets().values() if name in translator_of(schema).named_elements]
    if not fitting:
        raise ExiError(f"no installed message set has an element {name[0]} in {name[1] or 'no namespace'}")
    return _only([schema for schema in fitting if schema.namespace == name[1]] or fitting)


def _encode_json(text: str, schema: MessageSet | None, profile: str | None, *, fragment: bool) -> bytes:
    if schema is not None:
        return _encode_item(item_from_json(text, schema), schema, profile, fragment=fragment)
    tree = parse_json(text)
    key, _ = only_entry(tree)
    fitting: list[tuple[MessageSet, Item, bytes]] = []
    refusals: list[str] = []
    for tried in message_sets().values():
        translator = json_translator_of(tried)
        if not translator.knows(key):
            continue
        try:
            item = translator.read(tree)
            fitting.append((tried, item, _encode_item(item, tried, profile, fragment=fragment)))
        except ExiError as error:
            refusals.append(f"\n  {tried.name}: {error}")
    if not fitting:
        if not refusals:
            raise ExiError(f"no installed message set has an element {key:.80}")
        raise ExiError(f"no installed message set fits:{''.join(refusals)}")
    own = [entry for entry in fitting if entry[1].ns == entry[0].namespace] or fitting
    found = _only([schema for schema, _, _ in own])
    note(f"schema {found.name} (the only one that {own[0][1].name} fits)")
    return own[0][2]


def _only(schemas: list[MessageSet]) -> MessageSet:
    if len(schemas) > 1:
        names = ", ".join(schema.name for schema in schemas)
        raise UsageError(f"several message sets fit ({names}); choose one with --schema")
    return schemas[0]
