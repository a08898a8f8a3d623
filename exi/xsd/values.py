"""How EXI writes the values of a simple type of an XSD [EXI 7.1]: the datatype rows that tables should have."""

from collections.abc import Sequence
from typing import Final

from exi.schema import Kind
from exi.tables import HAS_MAXIMUM, HAS_MINIMUM, Representation
from exi.xsd.model import SimpleType

UNTYPED: Final = (Representation.STRING, 0, 0, 0, 0, 0, -1)
"""The row of a value whose type the schema does not say."""

_LARGEST_OFFSET_RANGE: Final = 4096


def datatype_row(simple: SimpleType) -> tuple[int, ...]:
    """Return how values of a type are written: the columns of a datatype row but the last, the enumeration."""
    facets = simple.datatype
    if simple.values is not None:
        highest = len(simple.values) - 1
        return (Representation.ENUMERATION, highest.bit_length(), 0, 0, highest, 0, -1)
    low, high = facets.minimum, facets.maximum
    representation, width = _representation(facets.kind, facets.xsd, low, high)
    flags = (low is not None) * HAS_MINIMUM | (high is not None) * HAS_MAXIMUM
    longest = -1 if facets.max_length is None else facets.max_length
    return (representation, width, flags, low or 0, high or 0, facets.min_length, longest)


def _representation(kind: Kind, xsd: str, low: int | None, high: int | None) -> tuple[Representation, int]:
    match kind:
        case Kind.BOOLEAN:
            return Representation.BOOLEAN, 1
        case Kind.STRING:
            return Representation.STRING, 0
        case Kind.BINARY:
            return Representation.BINARY, {"hexBinary": 16, "base64Binary": 64}[xsd]
        case Kind.INTEGER:
            if low is not None and high is not None and high - low + 1 <= _LARGEST_OFFSET_RANGE:
                return Representation.OFFSET, (high - low).bit_length()
            if low is not None and low >= 0:
                return Representation.UNSIGNED, 0
            return Representation.SIGNED, 0


def datatype_text(row: Sequence[int]) -> str:
    """Put such a row into words."""
    representation, width, flags, low, high, shortest, longest = row
    text = Representation(representation).name.lower()
    if representation == Representation.ENUMERATION:
        return f"{text}, {width} bits, {high + 1} values"
    if width:
        text += f", {width} {'radix' if representation == Representation.BINARY else 'bits'}"
    if flags:
        bounds = (low if flags & HAS_MINIMUM else "any", high if flags & HAS_MAXIMUM else "any")
        text += f", {bounds[0]} to {bounds[1]}"
    if shortest or longest >= 0:
        text += f", length {shortest} to {longest if longest >= 0 else 'any'}"
    return text
