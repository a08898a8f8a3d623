"""The native engine against the walk of the Python engine: the same values, the same bytes, the same errors."""

import copy
from array import array
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exi.decoder import Decoder
from exi.encoder import Encoder
from exi.errors import ExiError
from exi.registry import message_sets
from exi.schema import Item, MessageSet, XsdType
from exi.tables import Tables, tables_of
from tests.exi.strategies import documents, fragments
from tests.exi.vectors import VECTORS
from v2g.messages import appprotocol, iso2, xmldsig

native = pytest.importorskip("exi._native", reason="the native engine is not built")

SETS = list(message_sets().values())
BY_NAMESPACE = {schema.namespace: schema for schema in SETS}

every_set = pytest.mark.parametrize("schema", SETS, ids=lambda schema: schema.name)


class Walk:
    """The Python engine without its plans: what both engines are held against."""

    def __init__(self, tables: Tables) -> None:
        self.decode_document = Decoder(tables).decode_document
        self.decode_fragment = Decoder(tables).decode_fragment
        self.encode_document = Encoder(tables).encode_document
        self.encode_fragment = Encoder(tables).encode_fragment


@cache
def engines(schema: MessageSet) -> tuple[Any, Walk]:
    tables = tables_of(schema)
    return native.Engine(tables), Walk(tables)


def outcome(action: Callable[..., Any], *arguments: Any) -> tuple[Any, ...]:
    """Return what an engine makes of something, such that equal outcomes compare equal."""
    try:
        value = action(*arguments)
    except ExiError as error:
        return ("refused", error.path, error.bit_offset, error.reason)
    return ("accepted", type(value), repr(value))


def alike(schema: MessageSet, method: str, *arguments: Any) -> tuple[Any, ...]:
    """Check that both engines do the same, and return what they do."""
    ours, walk = engines(schema)
    found = outcome(getattr(ours, method), *arguments)
    assert found == outcome(getattr(walk, method), *arguments)
    return found


def encode_alike(schema: MessageSet, value: Any) -> tuple[Any, ...]:
    if isinstance(value, Item):
        return alike(schema, "encode_fragment", value.value, value.name, value.ns)
    return alike(schema, "encode_document", value)


@pytest.mark.parametrize("kind", ["document", "fragment"])
def test_vectors_in_both_directions(kind: str) -> None:
    for vector in VECTORS:
        if vector.kind != kind:
            continue
        ours, walk = engines(BY_NAMESPACE[vector.schema])
        value = getattr(ours, f"decode_{kind}")(vector.exi)
        assert value == getattr(walk, f"decode_{kind}")(vector.exi), vector.name
        for other in vector.decode_also:
            assert getattr(ours, f"decode_{kind}")(other) == value, vector.name
        encoded = (
            ours.encode_document(value)
            if kind == "document"
            else ours.encode_fragment(value.value, value.name, value.ns)
        )
        assert encoded == vector.exi, vector.name


@settings(deadline=None)
@given(st.data())
@every_set
def test_any_document(schema: MessageSet, data: st.DataObject) -> None:
    message = data.draw(documents(schema))
    assert encode_alike(schema, message)[0] == "accepted"
    ours, _ = engines(schema)
    assert ours.decode_document(ours.encode_document(message)) == message


@settings(deadline=None)
@given(st.data())
@every_set
def test_any_fragment(schema: MessageSet, data: st.DataObject) -> None:
    item = data.draw(fragments(schema))
    assert encode_alike(schema, item)[0] == "accepted"
    ours, _ = engines(schema)
    assert ours.decode_fragment(ours.encode_fragment(item.value, item.name, item.ns)) == item


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_changed_bytes(data: st.DataObject) -> None:
    found = data.draw(st.sampled_from(VECTORS))
    schema = BY_NAMESPACE[found.schema]
    stream = bytearray(found.exi)
    for _ in range(data.draw(st.integers(1, 5))):
        bit = data.draw(st.integers(0, len(stream) * 8 - 1))
        stream[bit >> 3] ^= 0x80 >> (bit & 7)
    if data.draw(st.booleans()):
        del stream[data.draw(st.integers(0, len(stream))) :]
    if data.draw(st.booleans()):
        stream += data.draw(st.binary(max_size=12))
    method = f"decode_{found.kind}"
    if alike(schema, method, bytes(stream))[0] == "accepted":
        assert encode_alike(schema, getattr(engines(schema)[0], method)(bytes(stream)))[0] == "accepted"


@settings(deadline=None)
@given(
    st.binary(max_size=200), st.sampled_from(SETS), st.sampled_from(["decode_document", "decode_fragment"])
)
def test_any_bytes(data: bytes, schema: MessageSet, method: str) -> None:
    alike(schema, method, data)
    alike(schema, method, b"\x80" + data)


def test_every_prefix_of_every_vector() -> None:
    for vector in VECTORS[::9]:
        schema = BY_NAMESPACE[vector.schema]
        for length in range(min(len(vector.exi), 90)):
            assert alike(schema, f"decode_{vector.kind}", vector.exi[:length])[0] == "refused"


class Number(int):
    """An integer of a class of its own."""


class Mode(iso2.SessionSetupReq):
    """A class that no message set knows."""


WRONG: list[Any] = [
    None,
    True,
    0,
    -1,
    1,
    300,
    -(2**63) - 1,
    2**64,
    2**127,
    -(2**127) - 1,
    2**5000,
    Number(3),
    1.0,
    "",
    "A",
    "OK",
    "\ud800",
    "é€😀",
    "x" * 3000,
    b"",
    b"\x01",
    bytes(5000),
    bytearray(b"\x01\x02"),
    memoryview(b"\x01"),
    UUID(int=7),
    Decimal(1),
    {1},
    [],
    [None],
    [1],
    ["text"],
    (),
    (b"\x01",),
    {},
    object,
    iso2.UnitSymbol.W,
    iso2.ResponseCode.FAILED,
    iso2.PhysicalValue(multiplier=0, unit=iso2.UnitSymbol.A, value=1),
    Mode(evcc_id=b"\x01"),
    Item("KeyName", xmldsig.NAMESPACE, "k"),
    [Item("KeyName", xmldsig.NAMESPACE, "k")],
    [Item("nothing", "", None)],
    iso2.BodyBase(),
]


def places(value: Any) -> list[tuple[Any, Any]]:
    """List every field of a message and every item of its lists as (holder, field or index)."""
    found: list[tuple[Any, Any]] = []
    if isinstance(value, XsdType | Item):
        for field in value.__struct_fields__:
            found += [(value, field), *places(getattr(value, field))]
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found += [(value, index), *places(item)]
    return found


@settings(deadline=None, max_examples=400)
@given(st.data())
def test_wrong_values_in_messages(data: st.DataObject) -> None:
    found = data.draw(st.sampled_from(VECTORS))
    schema = BY_NAMESPACE[found.schema]
    value = copy.deepcopy(getattr(engines(schema)[0], f"decode_{found.kind}")(found.exi))
    holder, place = data.draw(st.sampled_from(places(value) or [(value, "value")]))
    wrong = data.draw(st.sampled_from(WRONG))
    if isinstance(holder, Item) and place in {"name", "ns"}:
        wrong = str(wrong)[:5].replace("\ud800", "?")
    if isinstance(holder, list):
        holder[place] = wrong
    else:
        setattr(holder, place, wrong)
    encode_alike(schema, value)


def test_a_message_that_is_none() -> None:
    for value in (None, 1, "text", iso2.Body(), Mode(evcc_id=b"\x01"), xmldsig.KeyInfo):
        for schema in (iso2.SCHEMA, appprotocol.SCHEMA):
            assert alike(schema, "encode_document", value)[0] == "refused"
            alike(schema, "encode_fragment", value)
            alike(schema, "encode_fragment", value, "SessionID")
            alike(schema, "encode_fragment", value, "eMAID")
            assert alike(schema, "encode_fragment", value, "Nonsense")[0] == "refused"
            assert alike(schema, "encode_fragment", value, "SessionID", "urn:nonsense")[0] == "refused"


def nested(depth: int) -> xmldsig.Object:
    """Return objects that hold each other, as only a wildcard allows it."""
    inner = xmldsig.Object()
    for _ in range(depth):
        inner = xmldsig.Object(content=[Item("Object", xmldsig.NAMESPACE, inner)])
    return inner


def test_depth_is_bounded() -> None:
    assert encode_alike(xmldsig.SCHEMA, nested(60))[0] == "accepted"
    assert "deeper" in encode_alike(xmldsig.SCHEMA, nested(70))[3]
    data = bytearray(engines(xmldsig.SCHEMA)[0].encode_document(nested(3)))
    alike(xmldsig.SCHEMA, "decode_document", bytes(data) + bytes(data[2:]) * 50)
    loop = xmldsig.Object()
    loop.content.append(Item("Object", xmldsig.NAMESPACE, loop))
    assert "deeper" in encode_alike(xmldsig.SCHEMA, loop)[3]


def test_an_integer_without_end_is_refused() -> None:
    serial = xmldsig.X509IssuerSerial(x509_issuer_name="CN=x", x509_serial_number=1)
    for number in (2**4101, 2**4102 - 1, -(2**4102), 2**4102, -(2**4102) - 1, 2**126, 2**127, -(2**128)):
        serial.x509_serial_number = number
        encode_alike(xmldsig.SCHEMA, Item("X509IssuerSerial", xmldsig.NAMESPACE, serial))
    serial.x509_serial_number = 2**4000
    data = engines(xmldsig.SCHEMA)[0].encode_fragment(serial)
    assert alike(xmldsig.SCHEMA, "decode_fragment", data)[0] == "accepted"
    alike(xmldsig.SCHEMA, "decode_fragment", data[:30] + b"\xff" * 900)


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_any_buffer_can_be_decoded(kind: Callable[[bytes], Any]) -> None:
    ours, _ = engines(iso2.SCHEMA)
    vector = next(found for found in VECTORS if found.name == "iso2_session_setup_req")
    assert ours.decode_document(kind(vector.exi)) == ours.decode_document(vector.exi)
    with pytest.raises(TypeError):
        ours.decode_document("text")


ROWS = (
    "states",
    "productions",
    "counters",
    "elements",
    "attributes",
    "types",
    "fields",
    "order",
    "relaxed",
    "candidates",
)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_corrupt_tables_are_refused_or_harmless(data: st.DataObject) -> None:
    """No index leads out of a table: what cannot be checked in advance ends as an ExiError at worst."""
    tables = tables_of(appprotocol.SCHEMA)
    name = data.draw(st.sampled_from([name for name in ROWS if len(getattr(tables, name))]))
    changed = array("i", getattr(tables, name))
    changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(
        st.one_of(st.integers(-5, 40), st.sampled_from([2**31 - 1, -(2**31)]))
    )
    try:
        engine = native.Engine(msgspec.structs.replace(tables, **{name: changed}))
    except ValueError:
        return
    for vector in VECTORS:
        if vector.schema != appprotocol.SCHEMA.namespace:
            continue
        outcome(engine.decode_document, vector.exi)
        outcome(engine.encode_document, engines(appprotocol.SCHEMA)[0].decode_document(vector.exi))
    outcome(engine.decode_fragment, b"\x80" + bytes(range(60)))


def test_tables_of_another_shape_are_refused() -> None:
    tables = tables_of(appprotocol.SCHEMA)
    for name in ("states", "productions", "datatypes"):
        with pytest.raises(ValueError, match="corrupt"):
            native.Engine(msgspec.structs.replace(tables, **{name: getattr(tables, name)[:-1]}))
    with pytest.raises(AttributeError):
        native.Engine(object())
