import pytest
from hypothesis import given
from hypothesis import strategies as st

from exi.bits import BitReader, BitWriter
from exi.errors import ExiError

FIELD = st.one_of(
    st.tuples(
        st.just("bits"), st.integers(0, 80).flatmap(lambda w: st.tuples(st.integers(0, 2**w - 1), st.just(w)))
    ),
    st.tuples(st.just("unsigned"), st.integers(0, 2**200)),
    st.tuples(st.just("octets"), st.binary(max_size=700)),
    st.tuples(st.just("characters"), st.text(st.characters(exclude_categories=["Cs"]))),
)


@given(st.lists(FIELD))
def test_reading_gives_what_was_written_at_any_offset(fields: list[tuple[str, object]]) -> None:
    writer = BitWriter()
    width = 0
    for kind, value in fields:
        if kind == "bits":
            assert isinstance(value, tuple)
            writer.bits(*value)
            width += value[1]
        else:
            getattr(writer, kind)(value)
    taken = writer.taken()
    data = writer.finish()
    assert len(data) == (taken.bit_length() + 6) // 8
    reader = BitReader(data)
    for kind, value in fields:
        if kind == "bits":
            assert isinstance(value, tuple)
            assert reader.bits(value[1]) == value[0]
        elif kind == "unsigned":
            assert reader.unsigned() == value
        else:
            assert isinstance(value, str | bytes)
            assert getattr(reader, kind)(len(value)) == value
    assert reader.position == taken.bit_length() - 1
    assert reader.bits(-reader.position & 7) == 0


@pytest.mark.parametrize(("value", "expected"), [(0, "00"), (127, "7f"), (128, "8001"), (16384, "808001")])
def test_unsigned_integers_have_their_low_groups_first(value: int, expected: str) -> None:
    writer = BitWriter()
    writer.unsigned(value)
    assert writer.finish().hex() == expected


def test_a_long_way_of_writing_a_number_is_read() -> None:
    assert BitReader(bytes.fromhex("818000")).unsigned() == 1


@pytest.mark.parametrize(
    ("data", "reason"),
    [("80", "the data end inside a value of 8 bits"), ("80" * 3, "an integer longer than 21 bits")],
)
def test_an_integer_without_end_is_refused(data: str, reason: str) -> None:
    with pytest.raises(ExiError, match=reason) as caught:
        BitReader(bytes.fromhex(data)).unsigned(3)
    assert caught.value.bit_offset in {0, 8}


@pytest.mark.parametrize("code", [0xD800, 0xDFFF, 0x110000, 0x1FFFFF])
def test_what_is_no_character_is_refused(code: int) -> None:
    writer = BitWriter()
    writer.unsigned(65)
    writer.unsigned(code)
    writer.bits(0, 32)
    with pytest.raises(ExiError, match="is not a character") as caught:
        BitReader(writer.finish()).characters(2)
    assert caught.value.bit_offset == 8


def test_lengths_are_held_against_the_data_before_anything_is_read() -> None:
    reader = BitReader(bytes(4))
    with pytest.raises(ExiError, match="longer than the data"):
        reader.octets(2**34)
    with pytest.raises(ExiError, match="longer than the data"):
        reader.characters(2**34)
    assert reader.position == 0
