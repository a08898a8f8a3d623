"""What every message module must state, whatever its schema."""

from enum import Enum
from types import ModuleType
from typing import get_args

import pytest

from exi.grammar import Grammars
from exi.registry import message_sets
from exi.schema import Datatype, Element, MessageSet, XsdType
from exi.tables import tables_of
from v2g.messages import iso2

SETS = message_sets()
MODULES = list({module.__name__: module for schema in SETS.values() for module in schema.modules}.values())


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_modules_state_their_schema(module: ModuleType) -> None:
    assert module.NAMESPACE
    assert module.PREFIX
    assert module.__doc__
    names = getattr(module, "TYPES", "").split()
    assert names == sorted(set(names))
    classes = [
        held
        for held in vars(module).values()
        if isinstance(held, type) and issubclass(held, XsdType | Enum) and held.__module__ == module.__name__
    ]
    assert all(held.__doc__ for held in classes)
    for element in getattr(module, "ELEMENTS", ()):
        assert isinstance(element.type, Datatype) or issubclass(element.type, XsdType | Enum)


@pytest.mark.parametrize("schema", SETS.values(), ids=lambda schema: schema.name)
def test_prefixes_and_type_names_are_unambiguous(schema: MessageSet) -> None:
    prefixes = [module.PREFIX for module in schema.modules]
    assert len(set(prefixes)) == len(prefixes)
    tables = tables_of(schema)
    for uri, names in zip(tables.uris, tables.local_names, strict=True):
        assert list(names) == sorted(names), uri


@pytest.mark.parametrize("schema", SETS.values(), ids=lambda schema: schema.name)
def test_a_datatype_is_stated_where_the_annotation_does_not_say_it(schema: MessageSet) -> None:
    """A class under an element marker with a datatype would be taken for that datatype."""
    for grammar in Grammars(schema).types.values():
        for field in grammar.fields:
            if isinstance(field.marker, Element) and field.marker.datatype is not None:
                assert isinstance(field.marker.datatype, Datatype), (grammar.cls, field.attribute)


@pytest.mark.parametrize("schema", SETS.values(), ids=lambda schema: schema.name)
def test_tables_stay_small(schema: MessageSet) -> None:
    tables = tables_of(schema)
    flat = (
        tables.states,
        tables.productions,
        tables.counters,
        tables.elements,
        tables.attributes,
        tables.types,
    )
    assert sum(table.itemsize * len(table) for table in flat) < 100_000


def test_fields_are_given_by_name() -> None:
    value = iso2.PhysicalValue(multiplier=0, unit=iso2.UnitSymbol.A, value=16)
    assert (value.multiplier, value.unit, value.value) == (0, "A", 16)
    with pytest.raises(TypeError, match="unit"):
        iso2.PhysicalValue(multiplier=0, value=16)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="charging_complete"):
        iso2.CurrentDemandReq(dc_ev_status=None, ev_target_current=value, ev_target_voltage=value)  # type: ignore[call-arg, arg-type]


def test_absent_optional_fields_are_none_and_absent_lists_empty() -> None:
    entry = iso2.SalesTariffEntry(time_interval=iso2.RelativeTimeInterval(start=0))
    assert entry.e_price_level is None
    assert entry.consumption_cost == []
    other = iso2.SalesTariffEntry(time_interval=iso2.RelativeTimeInterval(start=0))
    assert entry.consumption_cost is not other.consumption_cost


def test_all_classes_of_iso2_can_be_had_from_the_package() -> None:
    for cls in Grammars(iso2.SCHEMA).types:
        if cls.__module__.startswith("v2g.messages.iso2."):
            assert getattr(iso2, cls.__name__) is cls
            assert cls.__name__ in iso2.__all__
    assert get_args(iso2.Body.__annotations__["body_element"])
