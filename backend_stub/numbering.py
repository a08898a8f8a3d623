"""Letters and digits drawn for new identifiers."""

from pki.entropy import Entropy

DIGITS_AND_CAPITALS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
WITHOUT_LOOKALIKES = DIGITS_AND_CAPITALS.translate({ord(letter): None for letter in "IOQ"})
"""What a vehicle identification number may hold, so that nobody misreads a 0 or a 1."""

ATTEMPTS = 8
"""Draws before giving up. Two in a row that are taken already mean a broken source of randomness."""


def check_character(text: str) -> str:
    """Return the character that makes ``text`` of digits and capitals fit ISO 7064, MOD 37,36.

    It shows every single wrong character and every two that changed places.
    """
    size = len(DIGITS_AND_CAPITALS)
    rest = size
    for sign in text:
        rest = (rest + DIGITS_AND_CAPITALS.index(sign)) % size or size
        rest = rest * 2 % (size + 1)
    return DIGITS_AND_CAPITALS[(size + 1 - rest) % size]


def draw(entropy: Entropy, alphabet: str, length: int) -> str:
    """Return ``length`` characters of ``alphabet``, each from four random bytes, so that none is favoured."""
    words = entropy.bytes(4 * length)
    return "".join(
        alphabet[int.from_bytes(words[start : start + 4], "big") % len(alphabet)]
        for start in range(0, 4 * length, 4)
    )
