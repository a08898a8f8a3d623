"""The fast path against the walk: the same bytes, the same values, the same errors."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exi.codec import tables_for
from exi.engine import Engine
from exi.errors import ExiError
from exi.plan_decode import block, decode_source, varint
from exi.plan_encode import encode_source, groups
from exi.plan_layout import Layouts, Unplannable
from exi.plan_source import Slow
from exi.plans import WARM_UP, DecodePlans, EncodePlans
from exi.registry import message_sets, profiles
from exi.schema import Item, MessageSet, XsdType
from exi.tables import tables_of
from exi.walk import Walker
from tests.exi.strategies import documents, fragments
from tests.exi.vectors import VECTORS, vector
from v2g.messages import iso2

SETS = list(message_sets().values())
PLANNED = {schema.namespace: Engine(tables_of(schema), warm_up=0) for schema in SETS}

# Types whose content is a repeated choice, which ISO 15118 leaves empty or out: they are walked.
WALKED = {
    "DSAKeyValue",
    "KeyInfo",
    "KeyValue",
    "Object",
    "PGPData",
    "SPKIData",
    "SignatureProperty",
    "X509Data",
}


def outcome(action: Callable[[], Any]) -> Any:
    """Return what an action gives: its value, or its error's facts."""
    try:
        return action()
    except ExiError as error:
        return (error.reason, error.path, error.bit_offset)


def compare_documents(engine: Engine, data: bytes) -> Any:
    walked = outcome(lambda: engine.decoder.decode_document(data))
    assert outcome(lambda: engine.decode_document(data)) == walked
    return walked


def compare_messages(engine: Engine, message: XsdType | Item) -> Any:
    walked = outcome(lambda: engine.encoder.encode_document(message))
    assert outcome(lambda: engine.encode_document(message)) == walked
    return walked


@pytest.mark.parametrize("schema", SETS, ids=lambda schema: schema.name)
def test_every_other_type_has_a_plan(schema: MessageSet) -> None:
    layouts = Layouts(Walker(tables_of(schema)))
    for kind, (_, cls, *_) in enumerate(layouts.walker.types):
        for source in (decode_source, encode_source):
            try:
                lines = source(layouts, kind).lines
            except Unplannable:
                assert cls.__name__ in WALKED
            else:
                assert len(lines) < 800


@settings(deadline=None)
@given(st.data())
@pytest.mark.parametrize("schema", SETS, ids=lambda schema: schema.name)
def test_documents(schema: MessageSet, data: st.DataObject) -> None:
    engine = PLANNED[schema.namespace]
    message = data.draw(documents(schema))
    assert compare_documents(engine, compare_messages(engine, message)) == message


@settings(deadline=None)
@given(st.data())
@pytest.mark.parametrize("schema", SETS, ids=lambda schema: schema.name)
def test_fragments(schema: MessageSet, data: st.DataObject) -> None:
    engine = PLANNED[schema.namespace]
    item = data.draw(fragments(schema))
    stream = engine.encode_fragment(item.value, item.name, item.ns)
    assert stream == engine.encoder.encode_fragment(item.value, item.name, item.ns)
    assert engine.decode_fragment(stream) == engine.decoder.decode_fragment(stream) == item
    for name, uri in ((None, None), (item.name, None), (None, item.ns)):
        walked = outcome(lambda name=name, uri=uri: engine.encoder.encode_fragment(item.value, name, uri))  # type: ignore[misc]
        assert outcome(lambda name=name, uri=uri: engine.encode_fragment(item.value, name, uri)) == walked  # type: ignore[misc]


@settings(deadline=None, max_examples=600)
@given(st.data())
def test_changed_bytes(data: st.DataObject) -> None:
    """Bits flipped, bytes cut off, bytes added: value or error are those of the walk."""
    found = data.draw(st.sampled_from(VECTORS))
    engine = PLANNED[found.schema]
    stream = bytearray(found.exi)
    for _ in range(data.draw(st.integers(0, 3))):
        bit = data.draw(st.integers(0, len(stream) * 8 - 1))
        stream[bit >> 3] ^= 0x80 >> (bit & 7)
    stream = stream[: data.draw(st.integers(0, len(stream)))] if data.draw(st.booleans()) else stream
    changed = bytes(stream) + data.draw(st.binary(max_size=2))
    compare_documents(engine, changed)
    walked = outcome(lambda: engine.decoder.decode_fragment(changed))
    assert outcome(lambda: engine.decode_fragment(changed)) == walked


@settings(deadline=None)
@given(st.binary(max_size=120), st.sampled_from(SETS))
def test_random_bytes(data: bytes, schema: MessageSet) -> None:
    compare_documents(PLANNED[schema.namespace], b"\x80" + data)


WRONG: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        1,
        -1,
        2**70,
        1.0,
        "",
        "x",
        "x" * 200,
        "é",
        b"",
        b"x",
        bytes(900),
        bytearray(3),
        [],
        [None],
        (),
        {},
    ]
)


@settings(deadline=None, max_examples=600)
@given(st.data())
def test_changed_messages(data: st.DataObject) -> None:
    """One field anywhere in a message holds something else: bytes or error are those of the walk."""
    found = data.draw(st.sampled_from([found for found in VECTORS if found.kind == "document"]))
    engine = PLANNED[found.schema]
    message = engine.decoder.decode_document(found.exi)
    holder = data.draw(st.sampled_from(list(_structs(message))))
    if holder.__struct_fields__:
        field = data.draw(st.sampled_from(holder.__struct_fields__))
        others = st.sampled_from(list(_structs(message)))
        setattr(holder, field, data.draw(st.one_of(WRONG, others)))
    if not _is_cyclic(message):
        compare_messages(engine, message)


def _structs(value: Any) -> Any:
    if isinstance(value, XsdType):
        yield value
        for field in value.__struct_fields__:
            yield from _structs(getattr(value, field))
    elif isinstance(value, list):
        for entry in value:
            yield from _structs(entry)
    elif isinstance(value, Item):
        yield from _structs(value.value)


def _is_cyclic(value: Any, above: tuple[int, ...] = ()) -> bool:
    if isinstance(value, list):
        return any(_is_cyclic(entry, above) for entry in value)
    if isinstance(value, Item):
        return _is_cyclic(value.value, above)
    if not isinstance(value, XsdType):
        return False
    inner = (*above, id(value))
    return id(value) in above or any(
        _is_cyclic(getattr(value, field), inner) for field in value.__struct_fields__
    )


def test_what_a_session_sends_takes_the_fast_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the unusual leaves the plans: what the standard sends every day does not."""
    engine = PLANNED[iso2.SCHEMA.namespace]

    def refuse(*_: object) -> None:
        pytest.fail("this message was walked")

    monkeypatch.setattr(engine.decoder, "decode_document", refuse)
    monkeypatch.setattr(engine.encoder, "encode_document", refuse)
    usual = [
        v
        for v in VECTORS
        if v.schema == iso2.SCHEMA.namespace and v.kind == "document" and v.name.startswith("iso2_")
    ]
    unusual = {"iso2_certificate_installation_res_nosub", "iso2_sessionid_empty"}
    for found in usual:
        if found.name not in unusual:
            assert engine.encode_document(engine.decode_document(found.exi)) == found.exi
    assert len(usual) > 40


def test_a_type_is_walked_until_it_is_in_use() -> None:
    engine = Engine(tables_of(iso2.SCHEMA))
    data = vector("iso2_current_demand_req").exi
    kind = next(index for index, row in enumerate(engine.decoder.types) if row[1] is iso2.V2G_Message)
    plans: DecodePlans = engine._decode
    walk = plans[kind]
    for _ in range(WARM_UP):
        engine.decode_document(data)
        assert plans[kind] is walk
    engine.decode_document(data)
    assert plans[kind] is not walk


@given(st.binary(min_size=1, max_size=80), st.integers(0, 200), st.integers(0, 60))
def test_blocks_are_shifted_copies(data: bytes, position: int, count: int) -> None:
    bits = f"{int.from_bytes(data, 'big'):0{len(data) * 8}b}"
    wanted = bits[position : position + count * 8]
    if len(data) <= (position >> 3) + count:
        with pytest.raises(Slow):
            block(data, position, count)
    else:
        assert block(data, position, count) == int(wanted or "0", 2).to_bytes(count, "big")


@given(st.integers(0, 2**300), st.integers(0, 7))
def test_integers_in_groups(value: int, shift: int) -> None:
    bits, width = groups(value)
    data = (bits << (-(width + shift) & 7)).to_bytes((width + shift + 7) // 8, "big") + bytes(64)
    assert varint(data, shift, 586) == (value, shift + width)


def test_an_integer_longer_than_its_type_allows_is_left_to_the_walk() -> None:
    with pytest.raises(Slow):
        varint(b"\xff" * 100, 0, 5)


@pytest.mark.parametrize("profile", [None, *profiles()])
def test_every_type_has_a_plan_or_none(profile: str | None) -> None:
    """A type that is given up halfway leaves nothing behind in the plan of the type that holds it."""
    engine = Engine(tables_for(message_sets()["iso20-wpt"], profile), warm_up=0)
    for kind in range(len(engine.tables.classes)):
        DecodePlans(engine.decoder).make(kind)
        EncodePlans(engine.encoder).make(kind)
