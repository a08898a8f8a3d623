import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exi.bits import BitWriter
from exi.codec import decode_item
from exi.decoder import Decoder
from exi.encoder import Encoder
from exi.errors import ExiError
from exi.registry import message_sets
from exi.schema import Item, MessageSet, XsdType
from exi.tables import tables_of
from exi.verify import first_differing_bit
from tests.exi.strategies import documents
from tests.exi.vectors import VECTORS, vector
from v2g.messages import iso2, xmldsig

ISO2 = Decoder(tables_of(iso2.SCHEMA))
DSIG = Decoder(tables_of(xmldsig.SCHEMA))
SETS = list(message_sets().values())
SAMPLES = [
    vector(name).exi
    for name in ("iso2_session_setup_req", "iso2_current_demand_req", "iso2_certificate_installation_req")
]


def refused(data: bytes, decoder: Decoder = ISO2) -> ExiError:
    with pytest.raises(ExiError) as caught:
        decoder.decode_document(data)
    return caught.value


def refusal(decode: Callable[[bytes], object], data: bytes) -> ExiError | None:
    try:
        decode(data)
    except ExiError as error:
        return error
    return None


def bits(text: str) -> bytes:
    """Turn groups of 0 and 1 into bytes, the last one padded with zeros."""
    digits = text.replace(" ", "")
    return int(digits.ljust((len(digits) + 7) // 8 * 8, "0"), 2).to_bytes((len(digits) + 7) // 8, "big")


HEADER = "10000000"
ROOT = HEADER + "1001100"  # V2G_Message = 76
SESSION_ID = "0 0 00000001 11111111 0"  # SE(SessionID) CH, one byte, EE


def test_every_prefix_of_a_message_is_refused_where_it_ends() -> None:
    for data in SAMPLES:
        for length in range(len(data)):
            error = refused(data[:length])
            assert error.bit_offset is not None
            assert error.bit_offset <= length * 8
            assert error.path.startswith("/V2G_Message") or length < 3


@settings(deadline=None)
@given(st.binary(max_size=300), st.sampled_from(SETS), st.booleans())
def test_any_bytes_give_a_value_or_an_exi_error(data: bytes, schema: MessageSet, header: bool) -> None:
    decoder = Decoder(tables_of(schema))
    stream = b"\x80" + data if header else data
    for decode in (decoder.decode_document, decoder.decode_fragment):
        error = refusal(decode, stream)
        if error is not None:
            assert error.bit_offset is not None
            assert 0 <= error.bit_offset <= len(stream) * 8
            assert error.reason


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_changed_message_gives_a_valid_value_or_an_exi_error(data: st.DataObject) -> None:
    """What is accepted fits the schema: it can be encoded, and decodes to itself again."""
    found = data.draw(st.sampled_from(VECTORS))
    schema = next(schema for schema in SETS if schema.namespace == found.schema)
    stream = bytearray(found.exi)
    for _ in range(data.draw(st.integers(1, 4))):
        bit = data.draw(st.integers(8, len(stream) * 8 - 1))
        stream[bit >> 3] ^= 0x80 >> (bit & 7)
    decoder, encoder = Decoder(tables_of(schema)), Encoder(tables_of(schema))
    decode = decoder.decode_document if found.kind == "document" else decoder.decode_fragment
    if refusal(decode, bytes(stream)) is not None:
        return
    if found.kind == "document":
        message = decoder.decode_document(bytes(stream))
        assert decoder.decode_document(encoder.encode_document(message)) == message
    else:
        item = decoder.decode_fragment(bytes(stream))
        assert decoder.decode_fragment(encoder.encode_fragment(item.value, item.name, item.ns)) == item


@pytest.mark.parametrize(
    ("data", "reason", "offset"),
    [
        (b"", "no data", 0),
        (b"\x00", "the header is 0x00 instead of 0x80", 0),
        (b"$EXI\x80", "the header is 0x24 instead of 0x80", 0),
        (b"\xa0\x98", "the header is 0xa0 instead of 0x80", 0),
        (b"\x80", "the data end inside a value of 7 bits", 8),
        (bits(HEADER + "1010000"), "the root element is not one of the schema", 8),
        (bits(HEADER + "1010001"), "event code 81 does not exist", 8),
    ],
)
def test_the_start_of_a_document(data: bytes, reason: str, offset: int) -> None:
    error = refused(data)
    assert (error.reason, error.bit_offset, error.path) == (reason, offset, "")


@pytest.mark.parametrize(
    ("text", "reason", "path", "offset"),
    [
        ("1 000", "the element ends before Header", "/V2G_Message", 15),
        ("1 001", "an event that the schema does not declare", "/V2G_Message", 15),
        ("0 1 000", "the element ends before SessionID", "/V2G_Message/Header", 16),
        ("0 0 1 011", "an event that the schema does not declare", "/V2G_Message/Header/SessionID", 17),
        ("0 0 0 00001001", "length 9 is above the maximum 8", "/V2G_Message/Header/SessionID", 18),
        (
            "0 0 0 00000010 11",
            "a value of 2 bytes is longer than the data",
            "/V2G_Message/Header/SessionID",
            26,
        ),
        (
            f"0 {SESSION_ID[:-1]} 1",
            "something other than the end of the element",
            "/V2G_Message/Header/SessionID",
            34,
        ),
        (f"0 {SESSION_ID} 11 11", "an event that the schema does not declare", "/V2G_Message/Header", 35),
        (f"0 {SESSION_ID} 10 1 000", "the element ends before Body", "/V2G_Message", 37),
        (f"0 {SESSION_ID} 10 0 100101", "event code 37 does not exist", "/V2G_Message/Body", 38),
        (
            f"0 {SESSION_ID} 10 0 000010",
            "the element or its type is abstract",
            "/V2G_Message/Body/BodyElement",
            44,
        ),
    ],
)
def test_errors_name_path_and_bit(text: str, reason: str, path: str, offset: int) -> None:
    error = refused(bits(ROOT + text))
    assert (error.reason, error.path, error.bit_offset) == (reason, path, offset)
    assert str(error) == f"{reason} at {path} (bit {offset})"


@pytest.mark.parametrize(("tail", "reason"), [("01", "the padding is not zero"), ("00", "2 bytes too many")])
def test_nothing_may_follow_the_root_element(tail: str, reason: str) -> None:
    data = vector("iso2_session_setup_res").exi
    error = refused(data[:-1] + bytes([data[-1] | int(tail, 16)]) + (b"\0\0" if tail == "00" else b""))
    assert error.reason == reason


def test_a_value_table_hit_is_refused() -> None:
    names = [ISO2.local(row[1]) for row in ISO2.states[ISO2.types[_kind(iso2.Body)][0]][0] if row[1] >= 0]
    for code in (0, 1):
        writer = BitWriter()
        writer.bits(int(ROOT, 2), 15)
        writer.bits(int(f"0{SESSION_ID}10".replace(" ", ""), 2), 22)
        writer.bits(0, 1)
        writer.bits(names.index("SessionSetupRes"), 6)
        writer.bits(0, 8)  # ResponseCode OK with its start, characters and end
        writer.bits(0, 2)  # SE(EVSEID) CH
        writer.unsigned(code)
        writer.bits(0, 64)
        error = refused(writer.finish())
        assert error.reason == "a hit in a string value table, but value tables are off"
        assert error.path == "/V2G_Message/Body/SessionSetupRes/EVSEID"


def _kind(cls: type[XsdType]) -> int:
    return next(index for index, row in enumerate(ISO2.types) if row[1] is cls)


def test_the_item_of_a_list_has_its_number_in_the_path() -> None:
    data = vector("iso2_certificate_installation_res").exi
    seen = {ISO2.path_at(data, bit, fragment=False) for bit in range(8, len(data) * 8, 40)}
    base = "/V2G_Message/Header/Signature/SignedInfo"
    assert f"{base}/Reference[4]/Transforms/Transform[1]/@Algorithm" in seen
    assert f"{base}/Reference[5]" not in seen


def test_the_path_of_a_bit() -> None:
    found = vector("iso2_current_demand_req")
    message = ISO2.decode_document(found.exi)
    assert isinstance(message, iso2.V2G_Message)
    demand = message.body.body_element
    assert isinstance(demand, iso2.CurrentDemandReq)
    demand.ev_target_voltage.value += 1
    bit = first_differing_bit(Encoder(tables_of(iso2.SCHEMA)).encode_document(message), found.exi)
    path = ISO2.path_at(found.exi, bit, fragment=False)
    assert path == "/V2G_Message/Body/CurrentDemandReq/EVTargetVoltage/Value"


def test_a_length_that_the_data_cannot_hold_allocates_nothing() -> None:
    writer = BitWriter()
    writer.bits(0x80, 8)
    writer.bits(32, 6)  # SignedInfo
    writer.bits(0, 2)  # Id
    writer.unsigned(2**34)
    tracemalloc.start()
    with pytest.raises(ExiError, match="longer than the data"):
        DSIG.decode_fragment(writer.finish())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000


def test_elements_nest_64_deep_and_no_deeper() -> None:
    def nested(depth: int) -> Item:
        value = xmldsig.Object()
        for _ in range(depth - 1):
            value = xmldsig.Object(content=[Item("Object", xmldsig.NAMESPACE, value)])
        return Item("Object", xmldsig.NAMESPACE, value)

    encoder = Encoder(tables_of(xmldsig.SCHEMA))
    data = encoder.encode_fragment(nested(64).value, "Object")
    assert DSIG.decode_fragment(data) == nested(64)
    with pytest.raises(ExiError, match="elements nest deeper than 64") as caught:
        encoder.encode_fragment(nested(65).value, "Object")
    assert caught.value.path.count("Object") == 65
    with pytest.raises(ExiError, match="elements nest deeper than 64"):
        DSIG.decode_fragment(_objects(encoder, 70))


def _objects(encoder: Encoder, depth: int) -> bytes:
    """Write the start tags of Objects in Objects."""
    writer = BitWriter()
    writer.bits(0x80, 8)
    writer.bits(list(encoder.named_elements).index(("Object", xmldsig.NAMESPACE)), 6)
    uri = encoder.tables.uris.index(xmldsig.NAMESPACE)
    names = encoder.tables.local_names[uri]
    for _ in range(depth):
        writer.bits(3, 3)  # of Encoding, Id, MimeType, SE(*), EE, CH: SE(*)
        writer.bits(uri + 1, 3)
        writer.unsigned(0)
        writer.bits(names.index("Object"), (len(names) - 1).bit_length())
    writer.bits(0, 64)
    return writer.finish()


def test_a_wildcard_admits_global_elements_of_other_namespaces_only() -> None:
    found = vector("iso2_frag_signature_object_wildcard")
    item = decode_item(found.exi, iso2.SCHEMA)
    assert isinstance(item.value, xmldsig.Signature)
    (inner,) = item.value.object[0].content
    assert isinstance(inner, Item)
    assert (inner.name, inner.ns) == ("AuthorizationReq", "urn:iso:15118:2:2013:MsgBody")
    assert isinstance(inner.value, iso2.AuthorizationReq)


def test_an_empty_value_may_be_written_either_way() -> None:
    found = vector("iso2_sessionid_empty")
    assert found.decode_also
    for also in (found.exi, *found.decode_also):
        message = ISO2.decode_document(also)
        assert isinstance(message, iso2.V2G_Message)
        assert message.header.session_id == b""


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_the_path_of_every_bit_can_be_told(data: st.DataObject) -> None:
    message = data.draw(documents(iso2.SCHEMA))
    stream = Encoder(tables_of(iso2.SCHEMA)).encode_document(message)
    bit = data.draw(st.integers(8, len(stream) * 8 - 1))
    path = ISO2.path_at(stream, bit, fragment=False)
    assert path.startswith("/") or bit < 15 or bit >= len(stream) * 8 - 8
