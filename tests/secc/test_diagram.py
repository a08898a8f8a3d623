from pathlib import Path

import pytest

from secc.diagram import mermaid, page
from secc.iso2.states import State as Iso2State
from secc.iso20.states import State as Iso20State
from secc.protocol import Protocol
from secc.protocols import ALL

PAGES = Path(__file__).parents[2] / "docs" / "diagrams"

by_key = pytest.mark.parametrize("protocol", ALL.values(), ids=ALL)


@by_key
def test_the_page_in_the_documentation_is_up_to_date(protocol: Protocol) -> None:
    file = PAGES / f"secc_{protocol.key}.md"
    assert file.read_text(encoding="utf-8") == page(protocol), (
        f"run: secc diagram --protocol {protocol.key} --page > {file}"
    )


@by_key
def test_every_row_is_drawn(protocol: Protocol) -> None:
    lines = mermaid(protocol).splitlines()
    for row in protocol.table:
        for to in row.to:
            target = "[*]" if to.state is None else str(to.state)
            (line,) = (line for line in lines if line.strip().startswith(f"{row.state} --> {target}:"))
            assert row.request.__name__ in line


@by_key
def test_every_state_can_be_reached_and_left(protocol: Protocol) -> None:
    rows = list(protocol.table)
    reached = {to.state for row in rows for to in row.to} | {protocol.table.start}
    left = {row.state for row in rows}
    if protocol.key in {"iso20-wpt", "iso20-acdp"}:
        # There is no service to select here, so nothing follows the selection.
        reached -= {Iso20State.CHARGE_PARAMETERS}
    assert reached - {None} == left


def test_every_state_is_in_a_table() -> None:
    assert {row.state for row in ALL["iso2"].table} == set(Iso2State)
    states = {row.state for key in ("iso20-ac", "iso20-dc") for row in ALL[key].table}
    assert states == set(Iso20State)
