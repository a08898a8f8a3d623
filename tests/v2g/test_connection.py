"""The connection without I/O: frames, schemas and times."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exi import ExiError
from v2g.connection import (
    ConnectionBroken,
    FrameIgnored,
    FrameReceived,
    V2GConnection,
    content,
    message_name,
    response_code,
)
from v2g.errors import FramingError, MessageError
from v2g.messages import appprotocol, iso2
from v2g.v2gtp import Frame, PayloadType, encode_frame

REQUEST = appprotocol.SupportedAppProtocolReq(
    app_protocol=[
        appprotocol.AppProtocol(
            protocol_namespace="urn:iso:15118:2:2013:MsgDef",
            version_number_major=2,
            version_number_minor=0,
            schema_id=1,
            priority=1,
        )
    ]
)
SETUP = iso2.V2G_Message(
    header=iso2.MessageHeader(session_id=b"\0"),
    body=iso2.Body(body_element=iso2.SessionSetupReq(evcc_id=b"\x01\x02\x03\x04\x05\x06")),
)


def test_it_begins_with_the_negotiation() -> None:
    here, there = V2GConnection(), V2GConnection()
    encoded = here.encode(REQUEST)
    (event,) = there.receive_data(encoded.frame, 1.0)
    assert isinstance(event, FrameReceived)
    assert event.frame.payload == encoded.payload
    assert there.decode(event.frame) == REQUEST


def test_a_schema_replaces_the_one_before() -> None:
    connection = V2GConnection()
    connection.use(iso2.SCHEMA)
    encoded = connection.encode(SETUP)
    assert connection.decode(Frame(PayloadType.EXI, encoded.payload)) == SETUP
    with pytest.raises(ExiError):
        connection.encode(REQUEST)


def test_payload_types_choose_among_several_schemas() -> None:
    connection = V2GConnection()
    connection.use({PayloadType.EXI: appprotocol.SCHEMA, PayloadType.ISO20_MAIN: iso2.SCHEMA})
    assert connection.encode(SETUP, iso2.SCHEMA).payload_type is PayloadType.ISO20_MAIN
    assert connection.encode(REQUEST, payload_type=PayloadType.EXI).payload_type is PayloadType.EXI
    with pytest.raises(ValueError, match="say which payload type"):
        connection.encode(SETUP)
    with pytest.raises(FramingError, match="0x8003 is not in use here, but 0x8001, 0x8002"):
        connection.decode(Frame(PayloadType.ISO20_AC, b"\x80"))


def test_exi_made_elsewhere_goes_out_as_it_is() -> None:
    encoded = V2GConnection().encode(REQUEST, payload=b"\x80\x01")
    assert encoded.frame == encode_frame(PayloadType.EXI, b"\x80\x01")


@given(st.binary(min_size=1, max_size=60))
def test_any_payload_gives_a_message_or_a_message_error(payload: bytes) -> None:
    connection = V2GConnection()
    connection.use(iso2.SCHEMA)
    try:
        connection.decode(Frame(PayloadType.EXI, payload))
    except MessageError as error:
        assert error.payload == payload  # noqa: PT017 - either outcome is fine
        assert error.reason  # noqa: PT017 - either outcome is fine


def test_an_undecodable_payload_says_where() -> None:
    good = V2GConnection().encode(REQUEST).payload
    with pytest.raises(MessageError) as caught:
        V2GConnection().decode(Frame(PayloadType.EXI, good[:-4]))
    assert caught.value.path.startswith("/supportedAppProtocolReq")
    assert caught.value.bit_offset is not None
    assert caught.value.payload_type is PayloadType.EXI


def test_a_root_that_holds_a_mere_value_is_no_message() -> None:
    """The set of a message includes DigestValue, KeyName and MgmtData of its signature."""
    connection = V2GConnection()
    connection.use(iso2.SCHEMA)
    digest = bytes.fromhex("803402123400")
    with pytest.raises(MessageError, match="no message") as caught:
        connection.decode(Frame(PayloadType.EXI, digest))
    assert caught.value.bit_offset == 8


@given(st.lists(st.integers(1, 30), max_size=20))
def test_times_are_those_of_the_first_and_the_last_byte(sizes: list[int]) -> None:
    """Byte n arrives at time n."""
    stream = b"".join(encode_frame(PayloadType.EXI, bytes(size)) for size in sizes)
    connection = V2GConnection()
    times = [
        (event.began_at, event.arrived_at)
        for now, byte in enumerate(stream)
        for event in connection.receive_data(bytes([byte]), float(now))
        if isinstance(event, FrameReceived)
    ]
    expected, start = [], 0
    for size in sizes:
        expected.append((float(start), float(start + size + 7)))
        start += size + 8
    assert times == expected
    assert connection.missing == 0


def test_faults_become_events() -> None:
    connection = V2GConnection(limit=100)
    bad = bytes.fromhex("01fe800000000001ff")
    huge = bytes.fromhex("01fe8001ffffffff")
    ignored, good, broken = connection.receive_data(bad + encode_frame(PayloadType.EXI, b"x") + huge, 3.0)
    assert isinstance(ignored, FrameIgnored)
    assert (ignored.error.field, ignored.announced_length, ignored.at) == ("payload_type", 1, 3.0)
    assert isinstance(good, FrameReceived)
    assert isinstance(broken, ConnectionBroken)
    assert broken.error.field == "length"
    assert connection.receive_data(b"more", 4.0) == []


def test_what_a_message_is_about() -> None:
    assert message_name(REQUEST) == "SupportedAppProtocolReq"
    assert message_name(SETUP) == "SessionSetupReq"
    assert content(SETUP) is SETUP.body.body_element
    assert response_code(SETUP) is None
    refusal = appprotocol.SupportedAppProtocolRes(response_code=appprotocol.ResponseCode.Failed_NoNegotiation)
    assert response_code(refusal) == "Failed_NoNegotiation"
