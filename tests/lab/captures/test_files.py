"""pcap and pcapng in all their forms, and in none."""

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.captures.files import CaptureFileError, Item, Packet, Remark, Secrets, read_items
from tests.lab.captures import files as made

T = 1_700_000_000.123456


def read(data: bytes) -> list[Item]:
    return list(read_items(io.BytesIO(data)))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nano", [False, True])
def test_pcap(order: str, nano: bool) -> None:
    items = read(made.pcap([(T, b"one"), (T + 1, b"two")], order, nano=nano, link=113))
    assert [(item.link_type, item.data) for item in items if isinstance(item, Packet)] == [
        (113, b"one"),
        (113, b"two"),
    ]
    assert isinstance(items[0], Packet)
    assert items[0].t == pytest.approx(T, abs=1e-6)


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_with_several_interfaces_sections_and_secrets(order: str) -> None:
    other = "<" if order == ">" else ">"
    data = (
        made.section(order)
        + made.interface(order)
        + made.interface(order, link=101, resolution=9, offset=1_700_000_000)
        + made.secrets(b"CLIENT_RANDOM aa bb\n", order)
        + made.enhanced(round(T * 1e6), b"one", order)
        + made.enhanced(123_456_789, b"two", order, number=1)
        + made.block(5, b"statistics of an interface", order)
        + made.section(other)
        + made.interface(other, link=276, resolution=0x80 | 10)
        + made.enhanced(1024, b"three", other)
        + made.block(3, struct.pack(f"{other}I", 6) + b"simple", other)
    )
    secrets, *packets = read(data)
    assert secrets == Secrets(b"CLIENT_RANDOM aa bb\n")
    found = [(item.link_type, item.data, item.t) for item in packets if isinstance(item, Packet)]
    assert [item[:2] for item in found] == [(1, b"one"), (101, b"two"), (276, b"three"), (276, b"simple")]
    assert [item[2] for item in found] == pytest.approx([T, 1_700_000_000.123457, 1.0, 1.0], abs=1e-6)


@pytest.mark.parametrize("ng", [False, True])
def test_a_file_that_ends_in_the_middle_is_read_as_far_as_it_goes(ng: bool) -> None:
    whole = (
        made.section() + made.interface() + made.enhanced(1, b"one") + made.enhanced(2, b"second")
        if ng
        else made.pcap([(T, b"one"), (T, b"second")])
    )
    items = read(whole[:-5])
    assert items[0] == (Packet(1e-6, 1, b"one") if ng else Packet(items[0].t, 1, b"one"))  # type: ignore[union-attr]
    remark = items[-1]
    assert isinstance(remark, Remark)
    assert "ends inside" in remark.text


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"\x1f\x8b\x08\x00rest", "gzip"),
        (b"hello, I am a text", "neither pcap nor pcapng"),
        (b"\xd4\xc3\xb2\xa1\x02\x00", "ends inside its header"),
        (b"\x0a\x0d\x0d\x0a\x1c\x00\x00\x00nope", "section header"),
        (made.section()[:-6], "ends inside its header"),
    ],
)
def test_what_is_no_capture_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(CaptureFileError, match=reason):
        read(data)


@pytest.mark.parametrize(
    "damage",
    [
        struct.pack("<II", 6, 0xFFFFFFF0),
        struct.pack("<II", 10, 0x7FFFFFFC),
        struct.pack("<II", 6, 7),
        made.enhanced(1, b"one", number=9),
        made.block(6, struct.pack("<IIIII", 0, 0, 0, 4000, 4000)),
        made.block(6, b"short"),
    ],
)
def test_impossible_lengths_allocate_nothing_and_end_the_reading(damage: bytes) -> None:
    items = read(made.section() + made.interface() + made.enhanced(1, b"one") + damage + bytes(64))
    assert [type(item) for item in items] == [Packet, Remark]


def test_a_packet_of_a_terabyte_ends_the_reading() -> None:
    claim = struct.pack("<IIII", 0, 0, 0xFFFFFFFF, 0xFFFFFFFF)
    assert [type(item) for item in read(made.pcap([(T, b"one")]) + claim)] == [Packet, Remark]


_STARTS = st.sampled_from(
    [b"", made.pcap([]), made.section(), made.section(">"), made.section() + made.interface()]
)


@given(_STARTS, st.binary(max_size=400))
def test_any_bytes_give_items_or_the_one_error(start: bytes, rest: bytes) -> None:
    try:
        items = read(start + rest)
    except CaptureFileError:
        return
    assert all(isinstance(item, Packet | Secrets | Remark) for item in items)
