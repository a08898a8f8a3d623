from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exi.grammar import Grammars
from exi.tables import (
    ATTRIBUTE,
    COUNTER,
    DATATYPE,
    ELEMENT,
    NO_STATE,
    PRODUCTION,
    RELAXED,
    STATE,
    TYPE,
    Tables,
    tables_of,
)
from exi.xsd.declarations import Declarations
from exi.xsd.differences import Difference
from exi.xsd.reader import read_set
from exi.xsd.roots import RootCheck
from exi.xsd.tables import TypeCheck
from tests.exi.xsd import mini
from tests.exi.xsd.mini_main import SCHEMA
from tests.exi.xsd.mini_types import Key

TABLES = tables_of(SCHEMA)


class Check:
    def __init__(self, directory: Path) -> None:
        self.xsd = read_set(mini.write(directory), SCHEMA.namespace)
        self.classes = Declarations(Grammars(SCHEMA), self.xsd).classes

    def __call__(self, tables: Tables) -> list[Difference]:
        checks = (TypeCheck(tables, self.xsd, self.classes), RootCheck(tables, self.xsd, self.classes))
        return [difference for check in checks for difference in check.differences]

    def changed(self, **columns: Any) -> list[Difference]:
        return self(msgspec.structs.replace(TABLES, **columns))


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> Check:
    return Check(tmp_path_factory.mktemp("mini"))


def reached() -> set[int]:
    """Return the states that some stream leads to; a counter may have states that none does."""
    counters = [TABLES.counters[start : start + COUNTER] for start in range(0, len(TABLES.counters), COUNTER)]
    queue = [
        *TABLES.types[::TYPE],
        TABLES.document_state,
        TABLES.fragment_state,
        TABLES.relaxed_start_state,
        TABLES.relaxed_content_state,
    ]
    found: set[int] = set()
    while queue:
        state = queue.pop()
        if state in found:
            continue
        found.add(state)
        for production in productions_of(state):
            following = TABLES.productions[production * PRODUCTION + 3]
            if following < NO_STATE:
                minimum, maximum, below, within, full = counters[-2 - following]
                used = ((below, minimum > 1), (within, maximum != minimum), (full, maximum > 0))
                queue += (target for target, is_used in used if is_used)
            elif following != NO_STATE:
                queue.append(following)
    return found


def productions_of(state: int) -> range:
    first, count = TABLES.states[state * STATE : state * STATE + 2]
    return range(first, first + count)


def wrong_numbers(table: str, length: int) -> Iterator[tuple[int, int]]:
    """Yield an index of a table and another number for it, for each number that decides about bits."""
    states = reached()
    full = {state * STATE for state in TABLES.counters[4::COUNTER]}  # There no item can follow.
    rows = {
        "states": states,
        "productions": {row for state in states for row in productions_of(state)},
    }
    for index, number in enumerate(getattr(TABLES, table)):
        row, column = divmod(index, length)
        if row not in rows.get(table, {row}):
            continue
        match table, column:
            case "states", 0 | 3:
                pass  # The first production may equal the next one; few second levels are used.
            case "states", 4 if number == -1 or index - 4 in full:
                pass
            case "productions", 1 if number == -1:
                pass
            case "productions", 2:
                pass  # The field of the class says nothing about bits.
            case "productions", 3:
                yield index, NO_STATE if number != NO_STATE else 0
            case "counters", 1 if number == -1:
                yield index, 9
            case "counters", 0 if number == 0:
                pass  # One item is there before a counter is asked.
            case "counters", 2 | 3 | 4 if number not in states:
                pass
            case "elements", 3:
                yield index, 1 - number
            case "types", column if column not in {0, 5}:
                pass
            case _:
                yield index, number + 1


@pytest.mark.parametrize(
    ("table", "length"),
    [
        ("states", STATE),
        ("productions", PRODUCTION),
        ("counters", COUNTER),
        ("elements", ELEMENT),
        ("attributes", ATTRIBUTE),
        ("datatypes", DATATYPE),
        ("types", TYPE),
        ("relaxed", RELAXED),
        ("candidates", 1),
    ],
)
def test_every_number_that_decides_about_bits_is_compared(check: Check, table: str, length: int) -> None:
    """A wrong number in the tables is reported, or the comparison stumbles over it."""
    numbers = list(getattr(TABLES, table))
    unnoticed: list[tuple[int, int, int]] = []
    for index, number in wrong_numbers(table, length):
        changed = [*numbers[:index], number, *numbers[index + 1 :]]
        column = tuple(changed) if table == "datatypes" else array("i", changed)
        try:
            found = check.changed(**{table: column})
        except (IndexError, ValueError, KeyError):
            continue
        if not found:
            unnoticed.append((*divmod(index, length), number))
    assert not unnoticed


def test_the_code_of_an_empty_value_is_compared(check: Check) -> None:
    """Its width depends on whether attributes could still follow; it is used in simple content only."""
    (kind,) = (index for index, cls in enumerate(TABLES.classes) if cls is Key)
    start = TABLES.types[kind * TYPE]
    (production,) = productions_of(start)
    content = TABLES.productions[production * PRODUCTION + 3]
    states = array("i", TABLES.states)
    assert states[content * STATE + 3] == 3
    states[content * STATE + 3] = 2
    (difference,) = check.changed(states=states)
    assert difference == Difference("type KeyType, after @Id", "bits of a second-level code", "2", "3")


@pytest.mark.parametrize(
    ("table", "where", "what"),
    [
        ("uris", "string tables", "URIs"),
        ("local_names", "string tables, local names of no namespace", "names from code 0 on"),
        ("enumerations", "type LeftType, after Number, element Colour", "values from code 0 on"),
    ],
)
def test_strings_and_values_are_compared(check: Check, table: str, where: str, what: str) -> None:
    entries = getattr(TABLES, table)
    if table == "uris":
        changed = (*entries[:-2], entries[-1], entries[-2])
    else:
        changed = (entries[0][::-1], *entries[1:])
    found = [(entry.where, entry.what) for entry in check.changed(**{table: changed})]
    assert (where, what) in found
