"""Identifiers: published check digits, and everything that is not an identifier."""

import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from v2g.errors import V2GError
from v2g.identifiers import Emaid, Evccid, Evseid, IdentifierError, Pcid, emaid_check_digit, new_emaid

ALPHABET = string.digits + string.ascii_uppercase

# Pairs from the eMI3 and OCHP documents and from the test suites of public implementations.
PUBLISHED = (
    ("DE83DUIEN83QGZ", "D"),
    ("FRXYZ123456789", "2"),
    ("NN123ABCDEFGHI", "T"),
    ("ITA1B2C3E4F5G6", "4"),
    ("ESZU8WOX834H1D", "R"),
    ("PT73902837ABCZ", "Z"),
    ("DE83DUIEN83ZGQ", "M"),
    ("DE8AA001234567", "0"),
    ("DE8AACA2B3C4D5", "L"),
    ("DE83DCIEN83QGZ", "V"),
    ("NLTNM000122045", "U"),
    ("NLTNM000722345", "X"),
    ("NLTNMC00122045", "K"),
)

bodies = st.builds(
    "".join,
    st.tuples(
        st.text(string.ascii_uppercase, min_size=2, max_size=2), st.text(ALPHABET, min_size=12, max_size=12)
    ),
)


class TestCheckDigit:
    @pytest.mark.parametrize(("body", "digit"), PUBLISHED)
    def test_published_pairs(self, body: str, digit: str) -> None:
        assert emaid_check_digit(body) == digit

    @pytest.mark.parametrize(
        "body", ["", "DE8AA00123456", "DE8AA0012345678", "DE8AA-01234567", "de8aa001234567", "DE٨٣DUIEN٨٣QGZ"]
    )
    def test_only_of_fourteen_characters(self, body: str) -> None:
        with pytest.raises(IdentifierError):
            emaid_check_digit(body)

    @given(bodies, st.integers(0, 13), st.sampled_from(ALPHABET))
    def test_a_wrong_character_is_noticed(self, body: str, position: int, wrong: str) -> None:
        assume(body[position] != wrong)
        changed = body[:position] + wrong + body[position + 1 :]
        assert emaid_check_digit(changed) != emaid_check_digit(body)

    @given(bodies, st.integers(0, 12))
    def test_swapped_neighbours_are_noticed(self, body: str, position: int) -> None:
        first, second = body[position], body[position + 1]
        assume(first != second)
        changed = body[:position] + second + first + body[position + 2 :]
        assert emaid_check_digit(changed) != emaid_check_digit(body)


class TestEmaid:
    @pytest.mark.parametrize(
        "text",
        [
            "DE83DUIEN83QGZD",
            "DE83DUIEN83QGZ",
            "DE-83D-UIEN83QGZ-D",
            "DE-83D-UIEN83QGZ",
            "de-83d-uien83qgz-d",
            "de83duien83qgzd",
        ],
    )
    def test_every_way_to_write_it(self, text: str) -> None:
        emaid = Emaid.parse(text)
        assert (emaid.country, emaid.provider_id, emaid.instance) == ("DE", "83D", "UIEN83QGZ")
        assert emaid.check_digit == "D"
        assert str(emaid) == "DE83DUIEN83QGZD"
        assert emaid.pretty == "DE-83D-UIEN83QGZ-D"
        assert emaid.body == "DE83DUIEN83QGZ"
        assert Emaid.normalise(text) == "DE83DUIEN83QGZD"

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "DE83DUIEN83QG",
            "DE83DUIEN83QGZDD",
            "D183DUIEN83QGZ",
            "DE-83DUIEN83QGZ",
            "DE-83D-UIEN83QGZD",
            "DE*83D*UIEN83QGZ*D",
            "DE83DUIEN83QGZD ",
            "DE83DUIEN83QGZD\n",
            "DE83DUIEN\u017f3QGZD",
            "DE83DUIEN83QG\u0131",
        ],
    )
    def test_what_is_none(self, text: str) -> None:
        with pytest.raises(IdentifierError) as caught:
            Emaid.parse(text)
        assert caught.value.kind == "eMAID"
        assert caught.value.value == text

    def test_wrong_check_digit(self) -> None:
        with pytest.raises(IdentifierError, match="check digit E, expected D"):
            Emaid.parse("DE83DUIEN83QGZE")

    def test_wrong_check_digit_borne_with(self) -> None:
        assert Emaid.parse("DE83DUIEN83QGZE", check=False) == Emaid.parse("DE83DUIEN83QGZD")

    def test_made_from_parts(self) -> None:
        assert str(new_emaid("fr", "xyz", "123456789")) == "FRXYZ1234567892"

    @pytest.mark.parametrize(
        ("parts", "named"),
        [
            (("DEU", "83D", "UIEN83QGZ"), "country"),
            (("DE", "83", "UIEN83QGZ"), "provider"),
            (("DE", "83D", "1"), "instance"),
            (("DE", "83D", "UIEN-3QGZ"), "expected"),
        ],
    )
    def test_made_from_wrong_parts(self, parts: tuple[str, str, str], named: str) -> None:
        with pytest.raises(IdentifierError, match=named):
            new_emaid(*parts)

    @given(bodies, st.booleans(), st.booleans())
    def test_written_and_read_again(self, body: str, separators: bool, lower: bool) -> None:
        emaid = Emaid.parse(body)
        text = emaid.pretty if separators else str(emaid)
        assert Emaid.parse(text.lower() if lower else text) == emaid
        assert str(emaid)[:14] == body

    @given(st.text(max_size=20))
    def test_any_text_gives_an_emaid_or_the_one_error(self, text: str) -> None:
        try:
            emaid = Emaid.parse(text)
        except IdentifierError:
            return
        assert Emaid.parse(str(emaid)) == emaid


class TestPcid:
    @pytest.mark.parametrize(
        ("text", "wmi", "serial", "check"),
        [
            ("WMIKAT0123456789A", "WMI", "KAT0123456789A", ""),
            ("wmiKAT0123456789AB", "WMI", "KAT0123456789A", "B"),
            ("WMI-KAT0123456789A-B", "WMI", "KAT0123456789A", "B"),
        ],
    )
    def test_read(self, text: str, wmi: str, serial: str, check: str) -> None:
        pcid = Pcid.parse(text)
        assert (pcid.wmi, pcid.serial, pcid.check) == (wmi, serial, check)
        assert str(pcid) == f"{wmi}{serial}{check}"
        assert Pcid.parse(str(pcid)) == pcid

    @pytest.mark.parametrize("text", ["", "W" * 16, "W" * 19, "WMI_KAT0123456789A", "WMIKAT0123456789Ä"])
    def test_what_is_none(self, text: str) -> None:
        with pytest.raises(IdentifierError) as caught:
            Pcid.parse(text)
        assert caught.value.kind == "PCID"


class TestEvccid:
    @pytest.mark.parametrize("text", ["02004c4f4f50", "02:00:4C:4F:4F:50", "02-00-4c-4f-4f-50"])
    def test_read(self, text: str) -> None:
        assert Evccid.parse(text).mac == bytes.fromhex("02004c4f4f50")
        assert str(Evccid.parse(text)) == "02004C4F4F50"

    @pytest.mark.parametrize(
        "text", ["", "02004c4f4f5", "02004c4f4f5000", "02:00-4C:4F:4F:50", "02004c4f4fzz"]
    )
    def test_what_is_none(self, text: str) -> None:
        with pytest.raises(IdentifierError):
            Evccid.parse(text)

    @pytest.mark.parametrize("length", [0, 5, 7])
    def test_bytes_of_other_lengths(self, length: int) -> None:
        with pytest.raises(IdentifierError):
            Evccid(bytes(length))

    @given(st.binary(min_size=6, max_size=6))
    def test_written_and_read_again(self, mac: bytes) -> None:
        assert Evccid.parse(str(Evccid(mac))) == Evccid(mac)


class TestEvseid:
    @pytest.mark.parametrize(
        ("text", "country", "operator", "outlet", "written"),
        [
            ("DE*AB7*E840*6487", "DE", "AB7", "E840*6487", "DE*AB7*E840*6487"),
            ("deab7e8406487", "DE", "AB7", "E8406487", "DE*AB7*E8406487"),
            ("DEAB7E1", "DE", "AB7", "E1", "DE*AB7*E1"),
            ("+49*810*000*438", "+49", "810", "000*438", "+49*810*000*438"),
            ("49*810*000*438", "+49", "810", "000*438", "+49*810*000*438"),
            ("+49*810548*1234567890", "+49", "810548", "1234567890", "+49*810548*1234567890"),
        ],
    )
    def test_read(self, text: str, country: str, operator: str, outlet: str, written: str) -> None:
        evseid = Evseid.parse(text)
        assert (evseid.country, evseid.operator, evseid.outlet) == (country, operator, outlet)
        assert str(evseid) == written
        assert Evseid.parse(str(evseid)) == evseid

    def test_the_same_outlet_written_differently(self) -> None:
        assert Evseid.parse("DE*AB7*E840*6487").compact == Evseid.parse("DEAB7E8406487").compact

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "DEAB7",
            "DE*AB7*840*6487",
            "DE*AB7E840",
            "+49*AB7*840*6487",
            "+49*645*E840*6487",
            "DE*AB7*E**",
            "DE*AB7*E" + "7" * 32,
            "ÄE*AB7*E1",
        ],
    )
    def test_what_is_none(self, text: str) -> None:
        with pytest.raises(IdentifierError) as caught:
            Evseid.parse(text)
        assert caught.value.kind == "EVSEID"

    @given(st.text("DEAB7*+0123456789", max_size=40))
    def test_any_text_gives_an_evseid_or_the_one_error(self, text: str) -> None:
        try:
            evseid = Evseid.parse(text)
        except IdentifierError:
            return
        assert 7 <= len(str(evseid)) <= 37
        assert Evseid.parse(str(evseid)) == evseid


def test_the_error_is_one_of_the_session() -> None:
    error = IdentifierError("PCID", "x", "too short")
    assert isinstance(error, V2GError)
    assert str(error) == "PCID 'x': too short"
