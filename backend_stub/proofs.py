"""Short secrets on paper: a maker's one-time code, the reference of a keeper's document.

Drawn from 30 signs that nobody confuses, 16 of them: 78 bits, so that guessing is hopeless even without the
limit on wrong tries. Only a hash is stored.
"""

import hashlib
import hmac

from backend_stub.numbering import draw
from pki.entropy import Entropy

ALPHABET = "23456789ABCDEFGHJKLMNPRSTUVWXY"
LENGTH = 16
MAX_WRONG_TRIES = 10
_GROUP = 4


def new_secret(entropy: Entropy) -> str:
    """Return a new secret in the form that people read: four groups of four."""
    text = draw(entropy, ALPHABET, LENGTH)
    return "-".join(text[start : start + _GROUP] for start in range(0, LENGTH, _GROUP))


def digest(owner: str, secret: str) -> str:
    """Return what is stored of a secret; ``owner`` keeps equal secrets of two cars apart."""
    plain = "".join(character for character in secret.upper() if character.isalnum())
    return hashlib.sha256(f"{owner}:{plain}".encode()).hexdigest()


def fits(owner: str, secret: str, stored: str) -> bool:
    """Say whether ``secret`` is the one behind ``stored``; takes equally long either way."""
    return hmac.compare_digest(digest(owner, secret), stored)
