import json
from pathlib import Path
from typing import Any

import pytest

from exi.registry import message_sets
from exi.schema import Item
from exi.verify import Vector, VectorError, check, first_difference, first_differing_bit, read_vectors, verify
from tests.exi.vectors import FILES, VECTORS, vector
from v2g.messages import iso2

SETS = list(message_sets().values())


@pytest.mark.parametrize("found", VECTORS, ids=lambda found: found.name)
def test_vectors(found: Vector) -> None:
    """What two other codecs agree on: both directions, byte for byte, and other legal encodings."""
    schema = next(schema for schema in SETS if schema.namespace == found.schema)
    assert check(found, schema) == []


def test_the_vectors_of_the_first_three_sets_are_complete() -> None:
    counts: dict[tuple[str, str], int] = {}
    for found in VECTORS:
        counts[found.schema, found.kind] = counts.get((found.schema, found.kind), 0) + 1
    assert counts["urn:iso:15118:2:2010:AppProtocol", "document"] == 13
    assert counts["urn:iso:15118:2:2013:MsgDef", "document"] == 163
    assert counts["urn:iso:15118:2:2013:MsgDef", "fragment"] == 39
    assert counts["http://www.w3.org/2000/09/xmldsig#", "fragment"] == 9
    assert all(file.stat().st_size < 1_000_000 for file in FILES)


def changed(found: Vector, **fields: Any) -> Vector:
    known = {name: getattr(found, name) for name in found.__struct_fields__}
    return Vector(**known | fields)


DEMAND = vector("iso2_current_demand_req")


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (changed(DEMAND, xml="<a/>"), "the XML text is refused: iso2 has no element a in no namespace"),
        (changed(DEMAND, exi=DEMAND.exi[:-1]), "decoding: the data end inside"),
        (changed(DEMAND, exi=DEMAND.exi[:-1]), "encoding differs from bit"),
        (
            changed(DEMAND, exi=vector("iso2_session_setup_res").exi),
            "encoding differs from bit 95 on at /V2G_Message/Body: ",
        ),
        (changed(DEMAND, decode_also=(DEMAND.exi[:9],)), "decoding the alternative: "),
        (
            changed(DEMAND, xml=DEMAND.xml.replace("<v2gci_t:EVRESSSOC>", "<v2gci_t:EVRESSSOC>1")),
            "the XML text is refused: ",
        ),
    ],
)
def test_differences_are_told(found: Vector, reason: str) -> None:
    messages = check(found, iso2.SCHEMA)
    assert any(message.startswith(reason) for message in messages), messages


def test_the_first_differing_value_is_named() -> None:
    other = DEMAND.xml.replace("Multiplier>0<", "Multiplier>1<")
    assert other != DEMAND.xml
    encoding, decoding = check(changed(DEMAND, xml=other), iso2.SCHEMA)
    assert "/Multiplier: " in encoding
    assert decoding.startswith("decoding: 0 instead of 1 at /V2G_Message/body/body_element/")


def test_sets_that_are_not_installed_are_counted() -> None:
    summary = verify([DEMAND, changed(DEMAND, schema="urn:none"), changed(DEMAND, exi=b"\x80")], SETS)
    assert summary.passed == 1
    assert str(summary) == (
        f"1 passed, {len(summary.failures)} failed, 1 skipped (schema not installed: urn:none: 1)"
    )
    assert summary.failures[0].startswith("iso2_current_demand_req: encoding differs from bit 8 on")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "Expecting property name"),
        ("[]", "list indices must be integers"),
        ('{"kind": "document"}', "the key 'name' is missing"),
        ('{"kind": "other"}', "the kind 'other' is neither document nor fragment"),
        (
            json.dumps({"name": "", "schema": "", "kind": "document", "xml": "", "exi_hex": "8"}),
            "non-hexadecimal",
        ),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, line: str, reason: str) -> None:
    file = tmp_path / "broken.jsonl"
    file.write_text(f"\n{line}\n", encoding="utf-8")
    with pytest.raises(VectorError, match=reason) as caught:
        list(read_vectors(file))
    assert caught.value.place == f"{file}:2"


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(VectorError, match="No such file"):
        list(read_vectors(tmp_path / "none"))
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(VectorError, match="codec can't decode"):
        list(read_vectors(tmp_path / "binary"))


@pytest.mark.parametrize(
    ("first", "second", "bit"), [("80", "00", 0), ("8001", "8000", 15), ("80", "8000", 8)]
)
def test_first_differing_bit(first: str, second: str, bit: int) -> None:
    assert first_differing_bit(bytes.fromhex(first), bytes.fromhex(second)) == bit


def test_first_difference() -> None:
    one = iso2.PaymentOptionList(payment_option=[iso2.PaymentOption.Contract])
    other = iso2.PaymentOptionList(payment_option=[iso2.PaymentOption.ExternalPayment])
    assert first_difference(one, one) is None
    difference = first_difference(Item("a", "b", one), Item("a", "b", other))
    assert difference is not None
    assert difference.endswith("at /a/payment_option[1]")
    assert first_difference(Item("a", "b", 1), Item("a", "c", 1), "/x") is not None
    assert first_difference([1], [1, 2]) == "[1] instead of [1, 2] at /"
