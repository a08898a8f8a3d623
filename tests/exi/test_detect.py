from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import exi
from exi.detect import Sureness, identify
from exi.registry import message_sets
from exi.schema import Item, MessageSet
from tests.exi import small
from tests.exi.strategies import documents, fragments
from tests.exi.vectors import VECTORS, vector
from v2g.messages import appprotocol, iso2, iso20, xmldsig

SETS = list(message_sets().values())


def test_every_vector_is_found_and_never_with_false_certainty() -> None:
    found: Counter[str] = Counter()
    for each in VECTORS:
        answer = identify(each.exi, SETS)
        best = answer.candidates[0]
        right = (best.schema.namespace, best.fragment) == (each.schema, each.kind == "fragment")
        found[answer.sure] += 1
        if answer.sure is Sureness.AMBIGUOUS:
            assert each.schema in {candidate.schema.namespace for candidate in answer.candidates}
        else:
            assert right, each.name
    assert found[Sureness.CERTAIN] >= len(VECTORS) - 10


@settings(deadline=None, max_examples=20)
@given(st.data())
@pytest.mark.parametrize("schema", SETS, ids=lambda schema: schema.name)
def test_the_right_set_is_always_among_the_candidates(schema: MessageSet, data: st.DataObject) -> None:
    answer = identify(exi.encode(data.draw(documents(schema)), schema), SETS)
    assert schema in [candidate.schema for candidate in answer.candidates]
    answer = identify(exi.encode_fragment(data.draw(fragments(schema)), schema), SETS, fragment=True)
    assert schema in [candidate.schema for candidate in answer.candidates]


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=30))
def test_any_bytes_give_an_answer(data: bytes) -> None:
    for fragment in (None, False, True):
        answer = identify(data, SETS, fragment=fragment, payload_type=0x8001)
        assert (answer.sure is Sureness.NONE) is (not answer.candidates)
        assert answer.reason


def test_certain_likely_ambiguous() -> None:
    answer = identify(vector("iso2_authorization_req_eim").exi, SETS)
    assert (answer.sure, answer.reason) == (Sureness.CERTAIN, "the only one of 9 that fits")
    assert str(answer.candidates[0]) == "iso2: V2G_Message"
    assert len(answer.refusals) == len(SETS) - 1

    answer = identify(vector("sap_res_0").exi, SETS)
    assert answer.sure is Sureness.LIKELY
    assert answer.reason.startswith(
        "2 fit, this one best; iso20-wpt: SPKIData, but it would be written differently and "
    )
    assert [candidate.schema.name for candidate in answer.candidates] == ["appprotocol", "iso20-wpt"]

    answer = identify(vector("cm_authorization_req_eim").exi, SETS)
    assert (answer.sure, answer.reason) == (Sureness.AMBIGUOUS, "2 fit equally well")
    assert list(map(str, answer.candidates)) == [
        "iso20-acdp: ACDP_ConnectReq",
        "iso20-common: AuthorizationReq",
    ]


def test_the_payload_type_narrows_the_choice() -> None:
    data = vector("cm_authorization_req_eim").exi
    answer = identify(data, SETS, payload_type=0x8002)
    assert (answer.sure, answer.reason) == (Sureness.CERTAIN, "the set of payload type 0x8002, and it fits")
    assert answer.candidates[0].schema is iso20.COMMON_MESSAGES
    answer = identify(vector("sap_res_0").exi, SETS, payload_type=0x8001)
    assert answer.reason == "the only one of 3 of payload type 0x8001 that fits"
    assert answer.candidates[0].schema is appprotocol.SCHEMA


def test_a_wrong_payload_type_is_not_believed() -> None:
    """Some peers send ISO 15118-20 messages as if they were of ISO 15118-2."""
    answer = identify(vector("dc_cable_check_req").exi, SETS, payload_type=0x8001)
    assert answer.sure is Sureness.LIKELY
    assert answer.reason.startswith(
        "no set of payload type 0x8001 fits; among the others the only one of 6 that fits"
    )
    assert answer.candidates[0].schema is iso20.DC
    # One that no set has says nothing.
    assert identify(vector("dc_cable_check_req").exi, SETS, payload_type=0x9000).sure is Sureness.CERTAIN


def test_what_speaks_against_a_candidate() -> None:
    names = "the only one of 9 that fits, but"
    gibberish = exi.encode(iso2.SAScheduleList(sa_schedule_tuple=[_tuple()]), iso2.SCHEMA)
    answer = identify(gibberish, [iso2.SCHEMA])
    assert answer.sure is Sureness.LIKELY
    assert answer.reason == (
        "the set, and it fits, but SAScheduleList usually stands inside other elements and "
        "SAScheduleList belongs to a namespace that the set imports"
    )
    item = Item("KeyName", xmldsig.NAMESPACE, "\0\1")
    answer = identify(exi.encode_fragment(item, xmldsig.SCHEMA), SETS, fragment=True)
    assert answer.reason.startswith(names)
    assert answer.candidates[0].doubts == ("there are unprintable characters",)
    long_way = vector("sap_res_0")
    assert identify(long_way.exi, [appprotocol.SCHEMA]).candidates[0].doubts == ()


def _tuple() -> iso2.SAScheduleTuple:
    entry = iso2.PMaxScheduleEntry(
        time_interval=iso2.RelativeTimeInterval(start=0),
        p_max=iso2.PhysicalValue(multiplier=0, unit=iso2.UnitSymbol.W, value=1),
    )
    return iso2.SAScheduleTuple(
        sa_schedule_tuple_id=1, p_max_schedule=iso2.PMaxSchedule(p_max_schedule_entry=[entry])
    )


def test_a_document_may_be_a_simple_value() -> None:
    data = bytes.fromhex("80") + (0b100_0_00000111_0_000).to_bytes(2, "big")
    answer = identify(data, [small.SCHEMA])
    assert answer.candidates[0].item == Item("Number", small.NAMESPACE, 7)
    assert answer.reason == "the set, and it fits"


def test_fragments_are_found_where_no_document_fits() -> None:
    data = vector("iso2_frag_eMAID").exi
    answer = identify(data, SETS)
    assert (answer.sure, answer.candidates[0].fragment) == (Sureness.CERTAIN, True)
    assert str(answer.candidates[0]) == "iso2: fragment eMAID"
    assert identify(data, SETS, fragment=False).sure is Sureness.NONE


def test_where_nothing_fits_the_likeliest_set_comes_first() -> None:
    random = Random(70121)
    right = total = 0
    for each in VECTORS:
        if each.kind == "document" and len(each.exi) > 12:
            answer = identify(each.exi[: random.randrange(10, len(each.exi) - 1)], SETS, fragment=False)
            if answer.refusals and not answer.candidates:
                total += 1
                right += answer.refusals[0].schema.namespace == each.schema
                assert answer.reason == "none of 9 message sets fits"
    assert right / total > 0.85
    refusal = identify(b"", SETS).refusals[0]
    assert (refusal.reached, str(refusal)) == ((False, 0), "appprotocol: no data (bit 0)")
