"""V2GTP framing: any bytes, in any pieces, give the same events."""

import contextlib
import itertools
import struct
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2g.errors import FramingError
from v2g.v2gtp import (
    DEFAULT_LIMIT,
    HEADER_LENGTH,
    Frame,
    FrameDecoder,
    PayloadType,
    RejectedFrame,
    decode_frame,
    encode_frame,
)

GOOD = encode_frame(PayloadType.EXI, b"\x80\x98")


def header(version: int = 1, inverse: int = 0xFE, kind: int = 0x8001, length: int = 2) -> bytes:
    return struct.pack(">BBHL", version, inverse, kind, length)


def outcome(events: Iterable[Frame | RejectedFrame]) -> list[tuple[object, ...]]:
    """What a test compares: errors have no equality of their own."""
    return [
        (event.payload_type, event.payload)
        if isinstance(event, Frame)
        else (event.error.field, event.error.reason, event.header, event.fatal)
        for event in events
    ]


def fed(pieces: Iterable[bytes], limit: int = DEFAULT_LIMIT) -> tuple[list[tuple[object, ...]], int, bool]:
    decoder = FrameDecoder(limit)
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return outcome(events), decoder.missing, decoder.broken


frames = st.builds(encode_frame, st.sampled_from(PayloadType), st.binary(min_size=1, max_size=40))
faults = st.builds(
    lambda head, payload: head + payload,
    st.builds(
        header,
        version=st.integers(0, 3),
        inverse=st.sampled_from([0xFE, 0xFD, 0x00]),
        kind=st.sampled_from([0x8001, 0x8002, 0x9000, 0x0000, 0xFFFF]),
        length=st.sampled_from([0, 1, 5, 64, 65, 2**32 - 1]),
    ),
    st.binary(max_size=20),
)
streams = st.lists(st.one_of(frames, faults, st.binary(max_size=12)), max_size=6).map(b"".join)


@given(streams, st.lists(st.integers(0, 200), max_size=12))
def test_every_way_of_cutting_gives_the_same_events(stream: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[start:end] for start, end in itertools.pairwise(places)]
    assert fed(pieces, limit=64) == fed([stream], limit=64)


@given(streams)
def test_byte_by_byte_gives_the_same_events(stream: bytes) -> None:
    assert fed((bytes([byte]) for byte in stream), limit=64) == fed([stream], limit=64)


@given(st.sampled_from(PayloadType), st.binary(min_size=1, max_size=2000))
def test_decoding_undoes_encoding(kind: PayloadType, payload: bytes) -> None:
    encoded = encode_frame(kind, payload)
    assert FrameDecoder().feed(encoded) == [Frame(kind, payload)]
    assert decode_frame(encoded) == Frame(kind, payload)
    assert decode_frame(encoded).wire_length == len(encoded)


@given(st.binary(max_size=200))
def test_any_datagram_gives_a_frame_or_a_framing_error(datagram: bytes) -> None:
    with contextlib.suppress(FramingError):
        frame = decode_frame(datagram)
        assert encode_frame(frame.payload_type, frame.payload) == datagram


@pytest.mark.parametrize(
    ("head", "field"),
    [
        (header(version=2), "version"),
        (header(inverse=0xFF), "inverse"),
        (header(version=2, inverse=0xFD), "version"),
        (header(kind=0x8000), "payload_type"),
        (header(length=0), "length"),
    ],
)
def test_one_wrong_field_is_ignored_with_its_payload(head: bytes, field: str) -> None:
    length = struct.unpack(">L", head[4:])[0]
    decoder = FrameDecoder()
    events = decoder.feed(head + b"x" * length + GOOD)
    rejected, frame = events
    assert isinstance(rejected, RejectedFrame)
    assert (rejected.error.field, rejected.fatal, rejected.announced_length) == (field, False, length)
    assert frame == Frame(PayloadType.EXI, b"\x80\x98")
    assert decoder.missing == 0


@pytest.mark.parametrize(
    ("head", "field"),
    [
        (b"GET / HT", "version"),
        (b"\x16\x03\x01\x00\xa5\x01\x00\x00", "version"),
        (header(length=DEFAULT_LIMIT + 1), "length"),
        (header(length=2**32 - 1), "length"),
        (header(version=9, length=DEFAULT_LIMIT + 1), "length"),
    ],
)
def test_what_has_no_end_is_fatal(head: bytes, field: str) -> None:
    decoder = FrameDecoder()
    (rejected,) = decoder.feed(head + GOOD)
    assert isinstance(rejected, RejectedFrame)
    assert (rejected.error.field, rejected.fatal) == (field, True)
    assert decoder.broken
    assert decoder.feed(GOOD) == []


def test_the_length_is_judged_before_the_payload_is_kept() -> None:
    decoder = FrameDecoder(limit=10)
    (rejected,) = decoder.feed(header(length=11))
    assert isinstance(rejected, RejectedFrame)
    assert rejected.error.field == "length"
    assert str(rejected.error) == "V2GTP length: 11 bytes announced, at most 10 are taken"


def test_a_payload_type_may_have_its_own_limit() -> None:
    decoder = FrameDecoder(limit=100, limits={PayloadType.SDP_REQUEST: 2})
    (fine,) = decoder.feed(encode_frame(PayloadType.EXI, bytes(100)))
    assert isinstance(fine, Frame)
    (rejected,) = decoder.feed(encode_frame(PayloadType.SDP_REQUEST, bytes(3)))
    assert isinstance(rejected, RejectedFrame)
    assert rejected.fatal


def test_missing_counts_down_to_the_end_of_the_message() -> None:
    decoder = FrameDecoder()
    seen = []
    for byte in GOOD:
        decoder.feed(bytes([byte]))
        seen.append(decoder.missing)
    assert seen == [7, 6, 5, 4, 3, 2, 1, 2, 1, 0]


@pytest.mark.parametrize(
    "datagram", [b"", GOOD[: HEADER_LENGTH - 1], GOOD[:-1], GOOD + b"x", header(length=0)]
)
def test_a_datagram_holds_exactly_one_frame(datagram: bytes) -> None:
    with pytest.raises(FramingError) as caught:
        decode_frame(datagram)
    assert caught.value.field == "length"
