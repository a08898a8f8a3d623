from pathlib import Path

from secc.diagram import mermaid, page
from secc.iso2 import PROTOCOL
from secc.iso2.states import State

PAGE = Path(__file__).parents[2] / "docs" / "diagrams" / "secc_iso2.md"


def test_the_page_in_the_documentation_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(PROTOCOL), (
        "run: python -m secc.diagram > docs/diagrams/secc_iso2.md"
    )


def test_every_row_is_drawn() -> None:
    lines = mermaid(PROTOCOL).splitlines()
    for row in PROTOCOL.table:
        for to in row.to:
            target = "[*]" if to.state is None else str(to.state)
            (line,) = (line for line in lines if line.strip().startswith(f"{row.state} --> {target}:"))
            assert row.request.__name__ in line


def test_every_state_can_be_reached_and_left() -> None:
    rows = list(PROTOCOL.table)
    reached = {to.state for row in rows for to in row.to} | {PROTOCOL.table.start}
    assert reached == {None, *State}
    assert {row.state for row in rows} == set(State)
