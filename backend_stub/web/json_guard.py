"""What a JSON body must not be, checked before anything reads it: deeply nested, or ambiguous."""

import json
import re
from typing import Any

from backend_stub.errors import Code, MarketError

MAX_DEPTH = 32
"""Levels of arrays and objects; no call needs more than six."""

# A string to its end (or to that of the text), or one bracket. Possessive, so that no text takes long.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)
_OPENING = frozenset(b"[{")
_CLOSING = frozenset(b"]}")


def is_json(content_type: str) -> bool:
    """Say whether a body of this type is read as JSON."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def check_json(body: bytes) -> None:
    """Raise MarketError(REQUEST) for nesting deeper than :data:`MAX_DEPTH` or a name twice in one object.

    Readers disagree which of two equal names counts, so that one of them is a lie to somebody. What is no
    JSON at all passes: the reader of the body says so.
    """
    depth = 0
    for token in _TOKEN.finditer(body):
        first = body[token.start()]
        if first in _OPENING:
            depth += 1
            if depth > MAX_DEPTH:
                raise MarketError(Code.REQUEST, f"body: nested deeper than {MAX_DEPTH} levels")
        elif first in _CLOSING:
            depth -= 1
    try:
        json.loads(body, object_pairs_hook=_unambiguous)
    except ValueError:  # also UnicodeDecodeError
        return


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise MarketError(Code.REQUEST, f"body: the name {twice[:80]!r} stands in one object twice")
    return found
