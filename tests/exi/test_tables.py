from array import array

import pytest

from exi.errors import SchemaError
from exi.grammar import Grammars
from exi.registry import message_sets
from exi.schema import MessageSet
from exi.tables import (
    ATTRIBUTE,
    COUNTER,
    DATATYPE,
    ELEMENT,
    FIELD,
    NO_STATE,
    PRODUCTION,
    RELAXED,
    RELAXED_START,
    STATE,
    TYPE,
    Representation,
    tables_of,
    width_of,
)
from exi.walk import EV_ATTRIBUTE, EV_END, EV_START, EV_START_ANY, EV_TEXT, cut
from v2g.messages.iso2 import body, datatypes

SETS = list(message_sets().values())

ROW_LENGTHS = {
    "states": STATE,
    "productions": PRODUCTION,
    "counters": COUNTER,
    "elements": ELEMENT,
    "attributes": ATTRIBUTE,
    "datatypes": DATATYPE,
    "types": TYPE,
    "fields": FIELD,
    "relaxed": RELAXED,
}


@pytest.mark.parametrize("schema", SETS, ids=lambda schema: schema.name)
def test_every_index_leads_somewhere(schema: MessageSet) -> None:
    tables = tables_of(schema)
    rows = {name: cut(getattr(tables, name), length) for name, length in ROW_LENGTHS.items()}
    sizes = {name: len(found) for name, found in rows.items()}
    assert all(len(row) == ROW_LENGTHS[name] for name, found in rows.items() for row in found)
    tops = {tables.document_state, tables.fragment_state}
    covered = 0
    for index, (first, count, width, second, counter) in enumerate(rows["states"]):
        assert first == covered
        covered += count
        assert width == width_of(count if index in tops else count + 1)
        assert second in {0, 2, 3}
        assert -1 <= counter < sizes["counters"]
    assert covered == sizes["productions"]
    limits = {
        EV_ATTRIBUTE: sizes["attributes"],
        EV_START: sizes["elements"],
        EV_START_ANY: 2,
        EV_END: 0,
        EV_TEXT: sizes["datatypes"],
        RELAXED_START: sizes["relaxed"],
    }
    for event, subject, field, following in rows["productions"]:
        assert -1 <= subject < limits[event] or event == EV_END
        assert field >= -1
        assert following < sizes["states"]
        assert -2 - following < sizes["counters"]
        assert (event == EV_END) <= (following == NO_STATE)
    for _, maximum, *states in rows["counters"]:
        assert maximum == -1 or maximum > 0
        assert all(0 <= state < sizes["states"] for state in states)
    for local, uri, kind, abstract in rows["elements"]:
        assert local < len(tables.strings)
        assert uri < len(tables.uris)
        assert -sizes["datatypes"] <= kind < sizes["types"]
        assert abstract in {0, 1}
    for start, field, fields, order, places, uri in rows["types"]:
        assert 0 <= start < sizes["states"]
        assert field + fields <= sizes["fields"]
        assert sorted(tables.order[order : order + places]) == list(range(fields))
        assert uri < len(tables.uris)
    assert sizes["types"] == len(tables.classes) == len(tables.field_names)
    for first, count in rows["relaxed"]:
        assert first + count <= len(tables.candidates)


@pytest.mark.parametrize("schema", SETS, ids=lambda schema: schema.name)
def test_datatypes(schema: MessageSet) -> None:
    tables = tables_of(schema)
    for representation, width, flags, minimum, maximum, shortest, longest, enumeration in cut(
        tables.datatypes, DATATYPE
    ):
        assert shortest >= 0
        assert longest == -1 or longest >= shortest
        if representation == Representation.ENUMERATION:
            assert maximum == len(tables.enumerations[enumeration]) - 1
            assert width == width_of(maximum + 1)
        elif representation == Representation.OFFSET:
            assert flags == 3
            assert width == width_of(maximum - minimum + 1) <= 12
        elif representation == Representation.UNSIGNED:
            assert flags & 1
            assert minimum >= 0
        elif representation == Representation.BINARY:
            assert width in {16, 64}
        else:
            assert representation in {
                Representation.BOOLEAN,
                Representation.SIGNED,
                Representation.STRING,
            }


@pytest.mark.parametrize("schema", SETS, ids=lambda schema: schema.name)
def test_rows_do_not_repeat(schema: MessageSet) -> None:
    """An attribute is the same whether a type requires it or not; the element fragment grammar relies on it."""
    tables = tables_of(schema)
    for name in ("elements", "attributes"):
        found = cut(getattr(tables, name), ROW_LENGTHS[name])
        assert len(set(found)) == len(found)
    assert len(set(tables.strings)) == len(tables.strings)


def test_tables_are_made_once() -> None:
    assert tables_of(SETS[0]) is tables_of(SETS[0])
    assert isinstance(tables_of(SETS[0]).states, array)


def test_a_set_must_hold_all_modules_that_it_refers_to() -> None:
    with pytest.raises(SchemaError, match="no module of MessageSet\\('part'\\) declares it"):
        Grammars(MessageSet("part", body.NAMESPACE, (body,)))
    with pytest.raises(SchemaError, match="is not a class of MessageSet\\('part'\\)"):
        tables_of(MessageSet("part", datatypes.NAMESPACE, (datatypes,)))
