"""The names of contracts, cars and chargers: eMAID, PCID, EVCCID and EVSEID.

Each is a frozen value with ``parse``, which accepts what people and peers write (lower case, optional
separators) and raises :class:`IdentifierError` for everything else, and a ``str`` in the one normal form
that certificates and messages carry.
"""

import re
from dataclasses import dataclass
from functools import cache

from v2g.errors import IdentifierError

__all__ = ["Emaid", "Evccid", "Evseid", "IdentifierError", "Pcid", "emaid_check_digit", "new_emaid"]

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_EMAID = re.compile(r"([A-Z]{2})(-?)([0-9A-Z]{3})\2([0-9A-Z]{9})(?:\2([0-9A-Z]))?")
_PCID = re.compile(r"([0-9A-Z]{3})-?([0-9A-Z]{14})-?([0-9A-Z])?")
_MAC = re.compile(r"[0-9A-F]{2}([:-]?)(?:[0-9A-F]{2}\1){4}[0-9A-F]{2}")
_EVSEID_ISO = re.compile(r"([A-Z]{2})(\*?)([0-9A-Z]{3})\2(E[0-9A-Z*]{1,31})")
_EVSEID_DIN = re.compile(r"\+?([0-9]{1,3})\*([0-9]{3,6})\*([0-9*]{1,32})")

_EMAID_BODY = 14
_MAC_BYTES = 6
_EVSEID_MIN, _EVSEID_MAX = 7, 37

_Pair = tuple[int, int]
_Matrix = tuple[_Pair, _Pair]

# The two companion matrices of the check digit, over bits (period 3) and over trits (period 8).
_BIT_MATRIX: _Matrix = ((0, 1), (1, 1))
_TRIT_MATRIX: _Matrix = ((0, 1), (1, 2))


def emaid_check_digit(body: str) -> str:
    """Return the check character of the first 14 characters of an eMAID (upper case, no separators).

    Each character has a value v from 0 to 35 that splits into two bits and two trits,
    v = 18·b1 + 9·b2 + 3·t1 + t2. The check character is the one that makes two sums over all 15
    positions vanish: (b1, b2)·B^i modulo 2 and (t1, t2)·T^i modulo 3, where B and T are matrices of
    period 3 and 8 and i counts from 1 (ISO 15118-2 Annex H; eMI3 part 2). It catches every single wrong
    character, every swap of neighbours and most of what else fingers do.

    Raises :class:`IdentifierError` for a body that is not 14 characters of 0-9 and A-Z.
    """
    if len(body) != _EMAID_BODY or any(character not in _ALPHABET for character in body):
        raise IdentifierError("eMAID", body, "the check digit needs 14 characters of 0-9 and A-Z")
    bits = trits = (0, 0)
    for position, character in enumerate(body, start=1):
        value = _ALPHABET.index(character)
        bits = _add(bits, _times((value // 18, value // 9 % 2), _power(2, position)), 2)
        trits = _add(trits, _times((value // 3 % 3, value % 3), _power(3, position)), 3)
    # Position 15 must cancel the sums. Both matrices have periods that make the inverse of their 15th
    # power a small power: B^-15 = B^3 = identity, T^-15 = T^1.
    b1, b2 = _reduce(_times((-bits[0], -bits[1]), _power(2, 3)), 2)
    t1, t2 = _reduce(_times((-trits[0], -trits[1]), _power(3, 1)), 3)
    return _ALPHABET[18 * b1 + 9 * b2 + 3 * t1 + t2]


@dataclass(frozen=True, slots=True, order=True)
class Emaid:
    """An e-mobility account identifier: the name of a contract.

    ``country`` (2 letters), ``provider_id`` (3) and ``instance`` (9 characters) identify it; the check
    digit follows from them. Build it with :meth:`parse` or :func:`new_emaid`, which check the parts.
    """

    country: str
    provider_id: str
    instance: str

    @classmethod
    def parse(cls, text: str, *, check: bool = True) -> "Emaid":
        """Read an eMAID of 14 or 15 characters, with or without ``-``, in upper or lower case.

        A check digit that is there must be right, unless ``check`` is False: contracts with a wrong one
        exist in the field, and a peer may choose to bear with them.
        """
        match = _EMAID.fullmatch(_upper("eMAID", text))
        if match is None:
            raise IdentifierError("eMAID", text, "expected CC-PPP-IIIIIIIII and an optional check digit")
        country, _, provider_id, instance, digit = match.groups()
        emaid = cls(country, provider_id, instance)
        if check and digit is not None and digit != emaid.check_digit:
            raise IdentifierError("eMAID", text, f"check digit {digit}, expected {emaid.check_digit}")
        return emaid

    @classmethod
    def normalise(cls, text: str) -> str:
        """Return the 15-character form of ``text``: upper case, no separators, with check digit."""
        return str(cls.parse(text))

    @property
    def check_digit(self) -> str:
        """The check character that belongs to this eMAID."""
        return emaid_check_digit(self.body)

    @property
    def body(self) -> str:
        """The 14 characters before the check digit."""
        return f"{self.country}{self.provider_id}{self.instance}"

    @property
    def pretty(self) -> str:
        """The form with separators, for people."""
        return f"{self.country}-{self.provider_id}-{self.instance}-{self.check_digit}"

    def __str__(self) -> str:
        """Return the 15 characters that certificates and messages carry."""
        return f"{self.body}{self.check_digit}"


def new_emaid(country: str, provider_id: str, instance: str) -> Emaid:
    """Return the eMAID with these parts; raises :class:`IdentifierError` when one has the wrong form."""
    for name, value, length in (
        ("country", country, 2),
        ("provider", provider_id, 3),
        ("instance", instance, 9),
    ):
        if len(value) != length:
            raise IdentifierError("eMAID", value, f"the {name} must have {length} characters")
    return Emaid.parse(f"{country}{provider_id}{instance}")


@dataclass(frozen=True, slots=True, order=True)
class Pcid:
    """A provisioning certificate identifier: the name of a car towards the contract market.

    ``wmi`` is the car maker's world manufacturer identifier (3 characters), ``serial`` its own 14
    characters, ``check`` an optional 18th character whose making is left to the car maker.
    """

    wmi: str
    serial: str
    check: str = ""

    @classmethod
    def parse(cls, text: str) -> "Pcid":
        """Read 17 or 18 letters and digits; ``-`` after the WMI and before the check are dropped."""
        match = _PCID.fullmatch(_upper("PCID", text))
        if match is None:
            raise IdentifierError("PCID", text, "expected 17 or 18 letters and digits")
        wmi, serial, check = match.groups()
        return cls(wmi, serial, check or "")

    def __str__(self) -> str:
        """Return the 17 or 18 characters without separators."""
        return f"{self.wmi}{self.serial}{self.check}"


@dataclass(frozen=True, slots=True, order=True)
class Evccid:
    """The EVCCID of ISO 15118-2: the MAC address of the car's controller, 6 bytes."""

    mac: bytes

    def __post_init__(self) -> None:
        if len(self.mac) != _MAC_BYTES:
            raise IdentifierError("EVCCID", self.mac.hex(), f"{len(self.mac)} bytes, expected {_MAC_BYTES}")

    @classmethod
    def parse(cls, text: str) -> "Evccid":
        """Read 12 hex digits, plain or in pairs separated by ``:`` or ``-``."""
        upper = _upper("EVCCID", text)
        if _MAC.fullmatch(upper) is None:
            raise IdentifierError("EVCCID", text, "expected 6 pairs of hex digits")
        return cls(bytes.fromhex(upper.replace(":", "").replace("-", "")))

    def __str__(self) -> str:
        """Return 12 upper-case hex digits."""
        return self.mac.hex().upper()


@dataclass(frozen=True, slots=True, order=True)
class Evseid:
    """An EVSEID: the name of a charging outlet, 7 to 37 characters.

    ISO form: ``country`` two letters, ``operator`` three characters, ``outlet`` begins with E.
    DIN form: ``country`` a dialling code with +, ``operator`` and ``outlet`` digits only.
    """

    country: str
    operator: str
    outlet: str

    @classmethod
    def parse(cls, text: str) -> "Evseid":
        """Read ``CC*OOO*E...`` (separators optional) or ``+CC*OOO*...`` (the + optional)."""
        upper = _upper("EVSEID", text)
        if match := _EVSEID_ISO.fullmatch(upper):
            country, _, operator, outlet = match.groups()
        elif match := _EVSEID_DIN.fullmatch(upper):
            country, operator, outlet = f"+{match[1]}", match[2], match[3]
        else:
            raise IdentifierError("EVSEID", text, "expected CC*OOO*E... or +CC*OOO*...")
        evseid = cls(country, operator, outlet)
        if not any(character != "*" for character in outlet.removeprefix("E")):
            raise IdentifierError("EVSEID", text, "the outlet has no characters")
        if not _EVSEID_MIN <= len(str(evseid)) <= _EVSEID_MAX:
            raise IdentifierError("EVSEID", text, f"not {_EVSEID_MIN} to {_EVSEID_MAX} characters")
        return evseid

    @property
    def compact(self) -> str:
        """The form without separators; two EVSEIDs name the same outlet when these are equal."""
        return f"{self.country}{self.operator}{self.outlet}".replace("*", "")

    def __str__(self) -> str:
        """Return the form with separators, which messages carry."""
        return f"{self.country}*{self.operator}*{self.outlet}"


def _upper(kind: str, text: str) -> str:
    """Return ``text`` in upper case; only ASCII, since some letters elsewhere have ASCII upper cases."""
    if not text.isascii():
        raise IdentifierError(kind, text, "only ASCII letters and digits are allowed")
    return text.upper()


@cache
def _power(modulus: int, exponent: int) -> _Matrix:
    base = _BIT_MATRIX if modulus == 2 else _TRIT_MATRIX
    if exponent == 1:
        return base
    first, second = _power(modulus, exponent - 1)
    return _reduce(_times(first, base), modulus), _reduce(_times(second, base), modulus)


def _times(row: _Pair, matrix: _Matrix) -> _Pair:
    (a, b), (c, d) = matrix
    return row[0] * a + row[1] * c, row[0] * b + row[1] * d


def _add(left: _Pair, right: _Pair, modulus: int) -> _Pair:
    return _reduce((left[0] + right[0], left[1] + right[1]), modulus)


def _reduce(pair: _Pair, modulus: int) -> _Pair:
    return pair[0] % modulus, pair[1] % modulus
