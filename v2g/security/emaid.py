"""The eMAID of -2 as one known stack encodes it before hashing: a dialect, see :mod:`v2g.security.dialects`.

The schema declares the element eMAID twice, with two types, so as a fragment it takes the grammar that EXI has
for such elements. libcbv2g takes the grammar of the type that the contract bundle uses; its fragment is
shorter, and so its digest differs.
"""

from v2g.messages import iso2

_HEADER = f"{0x80:08b}"
_ELEMENT = f"{236:08b}"
_END = f"{244:08b}"


def short_emaid_fragment(emaid: iso2.EMAID) -> bytes:
    """Return header, element code, attribute Id, text, end of element and end of fragment, bit by bit."""
    bits = _HEADER + _ELEMENT + "0" + _string(emaid.id or "") + "0" + _string(emaid.value) + "0" + _END
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def _string(text: str) -> str:
    """Return a string that is in no string table: its length plus two, then each code point."""
    return "".join(map(_unsigned, (len(text) + 2, *map(ord, text))))


def _unsigned(number: int) -> str:
    """Return groups of seven bits, the lowest first, each after a bit that says whether more follow."""
    bits = ""
    while number > 0x7F:
        bits += f"{number & 0x7F | 0x80:08b}"
        number >>= 7
    return bits + f"{number:08b}"
