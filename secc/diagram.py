"""The state diagram of a protocol, drawn from its table: ``python -m secc.diagram``.

The output is Mermaid text. ``docs/diagrams/secc_iso2.md`` holds it; a test compares the two.
"""

from collections.abc import Iterator

from secc.protocol import Protocol
from secc.table import Row, Table, To


def mermaid(protocol: Protocol) -> str:
    """Return the table of a protocol as a Mermaid state diagram."""
    return "\n".join(["stateDiagram-v2", *(f"    {line}" for line in _lines(protocol.table))])


def page(protocol: Protocol) -> str:
    """Return the Markdown page of the diagram."""
    return (
        f"# States of the charger: {protocol}\n\n"
        "Drawn from `secc/iso2/table.py` by `python -m secc.diagram`; do not edit. A request that a state has no\n"
        "arrow for is answered FAILED_SequenceError. Every FAILED response ends the session, from any state.\n\n"
        f"```mermaid\n{mermaid(protocol)}\n```\n"
    )


def _lines(table: Table) -> Iterator[str]:
    yield f"[*] --> {table.start}: SupportedAppProtocolReq"
    labels: dict[tuple[str, str], list[str]] = {}
    for row in table:
        for to in row.to:
            target = "[*]" if to.state is None else str(to.state)
            labels.setdefault((str(row.state), target), []).append(_label(row, to))
    for (state, target), requests in labels.items():
        yield f"{state} --> {target}: {', '.join(requests)}"


def _label(row: Row, to: To) -> str:
    name = row.request.__name__
    return f"{name} ({to.when})" if to.when else name


if __name__ == "__main__":
    from secc.iso2 import PROTOCOL

    print(page(PROTOCOL), end="")
