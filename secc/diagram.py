"""The state diagram of a protocol, drawn from its table: ``secc diagram --protocol iso20-dc``.

The output is Mermaid text. ``docs/diagrams/`` holds the pages; a test compares the two.
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
        f"Drawn from the table by `secc diagram --protocol {protocol.key} --page`; do not edit. A request that a\n"
        "state has no arrow for is answered FAILED_SequenceError. Every FAILED response ends the session, from any\n"
        "state.\n\n"
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
