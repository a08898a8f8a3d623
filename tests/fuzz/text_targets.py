"""XML and JSON text in every message set: what is accepted is a message like any other."""

from collections.abc import Iterable
from typing import Any

from exi import jsontext, xmltree
from exi.errors import ExiError
from exi.jsontext import json_translator_of, to_json
from exi.registry import message_sets
from exi.schema import Item, MessageSet
from exi.xmltext import item_from_xml, to_xml, translator_of
from tests.exi.vectors import VECTORS
from tests.fuzz.exi_targets import decoded, encode_everywhere, engines
from tests.fuzz.target import Features, Target, demand, error_features, value_features

SETS = list(message_sets().values())
BY_NAMESPACE = {schema.namespace: schema for schema in SETS}


def text_of(data: bytes) -> str:
    """Return any bytes as text; what is not UTF-8 becomes lone surrogates, which a caller may well pass."""
    return data.decode("utf-8", "surrogateescape")


def run_xml(data: bytes) -> Features:
    """Read XML text as an element of every message set that has one of its name."""
    text = text_of(data)
    try:
        node = xmltree.parse(text)
    except ExiError as error:
        return error_features(error)
    found: Features = set()
    for schema in SETS:
        if node.name in translator_of(schema).named_elements:
            try:
                item = item_from_xml(text, schema)
            except ExiError as error:
                found |= _refused(error)
            else:
                found |= check_item(schema, item)
    return found or {"no set has this root"}


def run_json(data: bytes) -> Features:
    """Read JSON text as an element of every message set."""
    try:
        tree = jsontext.parse(text_of(data))
    except ExiError as error:
        return error_features(error)
    found: Features = set()
    for schema in SETS:
        try:
            item = json_translator_of(schema).read(tree)
        except ExiError as error:
            found |= _refused(error)
        else:
            found |= check_item(schema, item)
    return found


def _refused(error: ExiError) -> Features:
    demand(error.reason, "the error says why", error)
    demand(not error.path or error.path.startswith("/"), "the path starts at the root", error)
    return error_features(error)


def check_item(schema: MessageSet, item: Item) -> Features:
    """Check that an accepted element can be encoded, and survives EXI, JSON and XML."""
    written, error = encode_everywhere(schema, item, fragment=True)
    demand(error is None, "what text gave can be encoded", error, item)
    read: Any = decoded(engines(schema).decoder, written, fragment=True)
    demand(read[0] == item, "EXI carries what text gave", read, item)
    from_json = jsontext.item_from_json(to_json(item, schema), schema)
    demand(from_json == item, "JSON carries what text gave", from_json, item)
    try:
        text = to_xml(item, schema)
    except ExiError as refusal:
        demand(refusal.reason.startswith("XML cannot hold"), "only characters keep a value from XML", refusal)
    else:
        from_xml = item_from_xml(text, schema)
        demand(from_xml == item, "XML carries what text gave", from_xml, item)
    return value_features(item)


def xml_seeds() -> Iterable[bytes]:
    """Yield the XML texts of the vectors."""
    for vector in VECTORS:
        yield vector.xml.encode()


def json_seeds() -> Iterable[bytes]:
    """Yield the vectors as JSON text."""
    for vector in VECTORS:
        schema = BY_NAMESPACE[vector.schema]
        yield to_json(item_from_xml(vector.xml, schema), schema).encode()


TARGETS = [
    Target("xml", "XML text", run_xml, xml_seeds, 6000),
    Target("json", "JSON text", run_json, json_seeds, 6000),
]
