"""What a fuzz target is: a function over any bytes, with the inputs it starts from."""

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import msgspec

from exi.errors import ExiError
from exi.schema import Item

Features = set[str]
"""What an input showed, in words: which errors at which paths, which fields of which types. An input is worth
keeping when it shows something that no other input showed."""


class FindingError(Exception):
    """A property that an input breaks."""


class Target(NamedTuple):
    """``run`` takes any bytes and returns what they showed; whatever it raises is a finding.

    ``seeds`` are the inputs to start from, ``longest`` the most bytes of an input.
    """

    name: str
    about: str
    run: Callable[[bytes], Features]
    seeds: Callable[[], Iterable[bytes]]
    longest: int


def demand(condition: object, claim: str, *facts: object) -> None:
    """Raise FindingError where a condition does not hold; ``claim`` says what should be, ``facts`` what is."""
    if not condition:
        raise FindingError(f"{claim}: {', '.join(f'{fact!r:.500}' for fact in facts)}")


_PARTICULARS = re.compile(r"'[^']*'|\"[^\"]*\"|0x[0-9a-fA-F]+|\d+")
_NUMBER = re.compile(r"\[\d+\]")


def kind_of(reason: str) -> str:
    """Return a reason without its particulars: numbers and quoted texts."""
    return _PARTICULARS.sub("#", reason)[:120]


def error_features(error: ExiError) -> Features:
    """Return what an error shows: its reason at its path, without particulars."""
    return {f"{_NUMBER.sub('', error.path)}: {kind_of(error.reason)}"}


def value_features(value: Any) -> Features:
    """Return what a value shows: the fields in use, and how many items lists have, roughly."""
    found: Features = set()
    pending = [value]
    while pending:
        held = pending.pop()
        if isinstance(held, Item):
            pending.append(held.value)
        elif isinstance(held, list | tuple):
            pending += held
        elif isinstance(held, msgspec.Struct):
            for field in held.__struct_fields__:
                part = getattr(held, field)
                size = len(part).bit_length() if isinstance(part, list | str | bytes) else part is not None
                if size:
                    found.add(f"{type(held).__name__}.{field}:{min(int(size), 4)}")
                    pending.append(part)
    return found
