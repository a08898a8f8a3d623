"""Vehicle identification numbers (ISO 3779), with the check digit at the ninth place that North America wants."""

import re

from backend_stub.errors import Code, MarketError
from backend_stub.numbering import WITHOUT_LOOKALIKES, draw
from pki.entropy import Entropy

_VIN = re.compile(r"[0-9A-HJ-NPR-Z]{17}")
_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
_VALUES = {digit: int(digit) for digit in "0123456789"}
_VALUES |= zip(_LETTERS, (*range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True)
_CHECK = 8
_DESCRIPTION_LENGTH = 5
_REST_LENGTH = 8
_TEN = 10


def new_vin(wmi: str, entropy: Entropy) -> str:
    """Return a new number of the maker ``wmi``."""
    drawn = draw(entropy, WITHOUT_LOOKALIKES, _DESCRIPTION_LENGTH + _REST_LENGTH)
    body = f"{wmi}{drawn[:_DESCRIPTION_LENGTH]}0{drawn[_DESCRIPTION_LENGTH:]}"
    return f"{body[:_CHECK]}{check_digit(body)}{body[_CHECK + 1 :]}"


def check_digit(vin: str) -> str:
    """Return the check digit of 17 characters; the one at its place is not looked at."""
    total = sum(
        _VALUES.get(character, 0) * weight for character, weight in zip(vin, _WEIGHTS, strict=True)
    ) % (_TEN + 1)
    return "X" if total == _TEN else str(total)


def check_vin(text: str) -> str:
    """Return the normal form of a VIN; raises MarketError(REQUEST).

    Its check digit is not judged: outside North America makers put what they like there.
    """
    vin = text.strip().upper()
    if _VIN.fullmatch(vin) is None:
        raise MarketError(Code.REQUEST, f"{text!r} is no VIN: 17 digits and letters without I, O and Q")
    return vin
