"""The account covers every bit once, and says what the decoder says."""

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import exi
from exi.bits import BitReader, BitWriter
from exi.codec import decode_item
from exi.decoder import Decoder
from exi.explain import (
    END,
    END_FRAGMENT,
    ESCAPE,
    HEADER,
    LENGTH,
    NAME,
    NAMESPACE,
    PADDING,
    REST,
    START_ANY,
    TEXT,
    UNFINISHED,
    VALUE,
    Explanation,
    Piece,
    explain,
)
from exi.registry import message_sets
from exi.schema import Item, MessageSet
from exi.tables import tables_of
from tests.exi import small
from tests.exi.strategies import documents, fragments
from tests.exi.vectors import VECTORS, vector
from v2g.messages import iso2, xmldsig

SETS = {schema.namespace: schema for schema in message_sets().values()}
DS = xmldsig.NAMESPACE


def told(data: bytes, schema: MessageSet, *, fragment: bool = False) -> Explanation:
    """Explain, and check what holds for any data."""
    found = explain(data, schema, fragment=fragment)
    assert "".join(piece.bits for piece in found.pieces) == "".join(f"{byte:08b}" for byte in data)
    at = 0
    for piece in found.pieces:
        assert (piece.offset, piece.width) == (at, len(piece.bits))
        assert piece.width > 0
        at += piece.width
    decoder = Decoder(tables_of(schema))
    expected: Any = None
    fault: exi.ExiError | None = None
    try:
        expected = decoder.decode_fragment(data) if fragment else decoder.decode_document(data)
    except exi.ExiError as error:
        fault = error
    assert found.message == expected
    assert str(found.fault) == str(fault)
    if fault is None:
        assert not {REST, UNFINISHED} & {piece.event for piece in found.pieces}
    else:
        assert fault.bit_offset is not None
        ends = [piece for piece in found.pieces if piece.event == REST]
        assert [piece.offset for piece in ends] == [fault.bit_offset] * (fault.bit_offset < len(data) * 8)
    return found


def codes(pieces: tuple[Piece, ...]) -> list[tuple[str, str, int | None, int | None]]:
    """Return the events with their codes."""
    return [(piece.event, piece.path, piece.code, piece.codes) for piece in pieces if piece.code is not None]


def test_every_bit_of_every_vector_is_told_once() -> None:
    for found in VECTORS:
        for data in (found.exi, *found.decode_also):
            explanation = told(data, SETS[found.schema], fragment=found.kind == "fragment")
            assert explanation.fault is None, found.name


def test_every_event_code_fits_its_width() -> None:
    for found in VECTORS:
        for piece in explain(found.exi, SETS[found.schema], fragment=found.kind == "fragment").pieces:
            if piece.codes is not None:
                assert piece.code is not None
                assert piece.code < piece.codes
                assert piece.width == (piece.codes - 1).bit_length()


def test_damaged_vectors_are_told_up_to_the_fault() -> None:
    random = Random(15118)
    events: Counter[str] = Counter()
    for found in VECTORS:
        schema, fragment = SETS[found.schema], found.kind == "fragment"
        for _ in range(4):
            data = bytearray(found.exi)
            data[random.randrange(len(data))] ^= 1 << random.randrange(8)
            events.update(piece.event for piece in told(bytes(data), schema, fragment=fragment).pieces)
        cut = found.exi[: random.randrange(len(found.exi))]
        assert told(cut, schema, fragment=fragment).fault is not None
        assert told(found.exi + b"\0", schema, fragment=fragment).pieces[-1].event == REST
    assert events[REST] > 100
    assert events[UNFINISHED] > 0


@settings(deadline=None, max_examples=30)
@given(st.data())
@pytest.mark.parametrize("schema", SETS.values(), ids=lambda schema: schema.name)
def test_any_message_is_told(schema: MessageSet, data: st.DataObject) -> None:
    message = data.draw(documents(schema))
    told(exi.encode(message, schema), schema)
    told(exi.encode_fragment(data.draw(fragments(schema)), schema), schema, fragment=True)


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=60), st.booleans())
@pytest.mark.parametrize("schema", SETS.values(), ids=lambda schema: schema.name)
def test_any_bytes_are_told(schema: MessageSet, data: bytes, fragment: bool) -> None:
    told(data, schema, fragment=fragment)
    told(b"\x80" + data, schema, fragment=fragment)


def test_a_document() -> None:
    found = told(bytes.fromhex("8098020fc29c7096f53a259008"), iso2.SCHEMA)
    assert [(piece.offset, piece.width, piece.event, piece.value) for piece in found.pieces[:3]] == [
        (0, 2, HEADER, "distinguishing bits"),
        (2, 1, HEADER, "no options"),
        (3, 5, HEADER, "final version 1"),
    ]
    session = "/V2G_Message/Header/SessionID"
    assert codes(found.pieces) == [
        ("SE", "/V2G_Message", 76, 81),
        ("SE", "/V2G_Message/Header", 0, 2),
        ("SE", session, 0, 2),
        ("CH", session, 0, 2),
        ("EE", session, 0, 2),
        ("EE", "/V2G_Message/Header", 2, 4),
        ("SE", "/V2G_Message/Body", 0, 2),
        ("SE", "/V2G_Message/Body/AuthorizationReq", 0, 37),
        ("EE", "/V2G_Message/Body/AuthorizationReq", 2, 4),
        ("EE", "/V2G_Message/Body", 0, 2),
        ("EE", "/V2G_Message", 0, 2),
    ]
    assert [piece for piece in found.pieces if piece.event in {LENGTH, VALUE}] == [
        Piece(18, 8, "00001000", LENGTH, session, value=8, datatype="unsigned integer"),
        Piece(26, 64, f"{0x3F0A71C25BD4E896:064b}", VALUE, session, value="3F0A71C25BD4E896", datatype="hexBinary, length at most 8"),
    ]  # fmt: skip
    assert found.message == exi.decode(found.data, iso2.SCHEMA)


def test_the_element_fragment_grammar() -> None:
    found = told(vector("iso2_frag_eMAID").exi, iso2.SCHEMA, fragment=True)
    assert codes(found.pieces) == [
        ("SE", "/eMAID", 236, 245),
        ("AT", "/eMAID/@Id", 4, 258),
        ("CH", "/eMAID", 256, 258),
        ("EE", "/eMAID", 244, 247),
        ("ED", "", 244, 245),
    ]
    values = [(piece.path, piece.value) for piece in found.pieces if piece.event == VALUE]
    assert values == [("/eMAID/@Id", "id4"), ("/eMAID", "NLQUAC7K4D2M9P5")]
    assert found.pieces[-1].event == PADDING
    assert found.message == decode_item(found.data, iso2.SCHEMA)


def test_an_empty_value_is_an_escape_and_an_end() -> None:
    data = exi.encode_fragment(Item("KeyName", DS, ""), xmldsig.SCHEMA)
    escape, end = (
        piece for piece in told(data, xmldsig.SCHEMA, fragment=True).pieces if piece.event in {ESCAPE, END}
    )
    assert (escape.bits, escape.code, escape.codes) == ("1", 1, 2)
    assert (end.bits, end.code, end.codes, end.value) == ("000", 0, None, "")


def test_a_wildcards_element_is_named_through_the_string_tables() -> None:
    value = xmldsig.Object(content=["a", Item("KeyName", DS, "b"), Item("Object", DS, xmldsig.Object())])
    data = exi.encode(value, xmldsig.SCHEMA)
    pieces = told(data, xmldsig.SCHEMA).pieces
    named = [
        (piece.event, piece.path, piece.value)
        for piece in pieces
        if piece.event in {START_ANY, NAMESPACE, NAME}
    ]
    assert named == [
        (START_ANY, "/Object/*", None),
        (NAMESPACE, "/Object/KeyName[1]", DS),
        (NAME, "/Object/KeyName[1]", 0),
        (NAME, "/Object/KeyName[1]", "KeyName"),
        (START_ANY, "/Object/*", None),
        (NAMESPACE, "/Object/Object[1]", DS),
        (NAME, "/Object/Object[1]", 0),
        (NAME, "/Object/Object[1]", "Object"),
    ]


def test_list_items_are_numbered_by_their_names() -> None:
    key = xmldsig.KeyInfo(
        content=[Item("KeyName", DS, "a"), "b", Item("MgmtData", DS, "c"), Item("KeyName", DS, "d")]
    )
    pieces = told(exi.encode(key, xmldsig.SCHEMA), xmldsig.SCHEMA).pieces
    assert [(piece.path, piece.value) for piece in pieces if piece.event == VALUE] == [
        ("/KeyInfo/KeyName[1]", "a"),
        ("/KeyInfo", "b"),
        ("/KeyInfo/MgmtData[1]", "c"),
        ("/KeyInfo/KeyName[2]", "d"),
    ]


def test_datatypes_in_words() -> None:
    words = set()
    for found in VECTORS:
        for piece in explain(found.exi, SETS[found.schema], fragment=found.kind == "fragment").pieces:
            if piece.event == VALUE:
                words.add(piece.datatype)
    assert {
        "boolean",
        "EnergyTransferMode, 6 values",
        "integer, -3 to 3",
        "unsigned integer, 0 to 4294967295",
        "integer, -32768 to 32767",
        "integer",
        "string, length at most 32",
        "string, length 14 to 15",
        "hexBinary, length at most 8",
        "base64Binary, length 16",
        "base64Binary",
    } <= words


def test_bounds_in_words() -> None:
    message = small.Holder(head=[small.Left()], large=10, small=-10, text="ab", data=b"")
    pieces = told(exi.encode(message, small.SCHEMA), small.SCHEMA).pieces
    words = {piece.path: (piece.value, piece.datatype) for piece in pieces if piece.event == VALUE}
    assert words == {
        "/Holder/Large": (10, "unsigned integer, at least 10"),
        "/Holder/Small": (-10, "integer, at most -10"),
        "/Holder/Text": ("ab", "string, length at least 2"),
    }
    assert ("EE", "/Holder/Data", 0, None) in codes(pieces)


@pytest.mark.parametrize(
    ("data", "reason", "offset", "events"),
    [
        ("", "no data", 0, []),
        ("40", "the header is 0x40", 0, [REST]),
        ("80", "the data end inside a value of 7 bits", 8, [HEADER, HEADER, HEADER]),
        ("80ff", "event code 127 does not exist", 8, [HEADER, HEADER, HEADER, REST]),
        ("8098024f", "length 9 is above the maximum 8", 18, ["SE", "SE", "SE", TEXT, REST]),
        ("8098020fc2", "a value of 8 bytes is longer than the data", 26, ["SE", "SE", "SE", TEXT, LENGTH, REST]),
        ("8098020fc29c7096f53a25900800", "1 bytes too many", 104, [END, END, END, REST]),
    ],
)  # fmt: skip
def test_faults(data: str, reason: str, offset: int, events: list[str]) -> None:
    found = told(bytes.fromhex(data), iso2.SCHEMA)
    assert found.fault is not None
    assert found.fault.reason.startswith(reason)
    assert found.fault.bit_offset == offset
    assert [piece.event for piece in found.pieces][-len(events) :] == events if events else not found.pieces


def test_a_fault_inside_a_value_keeps_what_came_before() -> None:
    good = exi.encode_fragment(Item("KeyName", DS, "abc"), xmldsig.SCHEMA)
    reader = BitReader(good, 8)
    writer = BitWriter()
    writer.bits(0x80, 8)
    writer.bits(reader.bits(7), 7)  # KeyName, characters
    for value in (5, ord("a"), 0xD800):
        writer.unsigned(value)
    found = told(writer.finish(), xmldsig.SCHEMA, fragment=True)
    assert str(found.fault) == "0xd800 is not a character at /KeyName (bit 31)"
    assert [(piece.event, piece.path) for piece in found.pieces[5:]] == [
        (LENGTH, "/KeyName"),
        (UNFINISHED, "/KeyName"),
        (REST, ""),
    ]
    cut = told(b"\x80" + bytes([0b0011_0110, 0b0000_0011]), xmldsig.SCHEMA, fragment=True)
    assert cut.fault is not None


def test_padding_that_is_not_zero() -> None:
    data = vector("iso2_frag_eMAID").exi
    found = told(data[:-1] + bytes([data[-1] | 1]), iso2.SCHEMA, fragment=True)
    assert str(found.fault) == "the padding is not zero (bit 210)"
    assert [piece.event for piece in found.pieces[-2:]] == [END_FRAGMENT, REST]
