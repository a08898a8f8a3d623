"""What a comparison of message classes with XSD files finds."""

from pathlib import Path

import msgspec

from exi.xsd.source import Place


class Difference(msgspec.Struct, frozen=True):
    """One difference: ``where`` names type, element or state, ``what`` the property that differs there.

    ``place`` is the line of the XSD, None where no line says it.
    """

    where: str
    what: str
    ours: str
    theirs: str
    place: Place | None = None

    def __str__(self) -> str:
        place = "" if self.place is None else f" ({self.place})"
        return f"{self.where}: {self.what}\n    ours  {self.ours}\n    XSD   {self.theirs}{place}"


class Counts(msgspec.Struct):
    """How much was compared.

    ``types`` counts simple and complex types, anonymous ones too; ``elements`` and ``attributes`` declarations,
    local ones too; ``facets`` with each value of an enumeration; ``productions`` those of all states, bounded
    repetition unrolled. ``document_codes`` and ``fragment_codes`` are the alternatives of the first event code.
    """

    files: int = 0
    types: int = 0
    elements: int = 0
    attributes: int = 0
    facets: int = 0
    productions: int = 0
    document_codes: int = 0
    fragment_codes: int = 0


class Comparison(msgspec.Struct):
    """What the comparison of one message set found; ``files`` are those that were read."""

    differences: list[Difference]
    counts: Counts
    files: list[Path]
