"""Named profiles: how a public codec departs from the recommendation and the schema, reproduced on request.

A profile is data. It is read while grammars and tables are made; the engines then run tables that are a
little different, with a few rules about values. Nothing on the way of a message asks for a profile.

Profiles are installed as message sets are: entry points of the group ``exi.profiles``.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

EVERYWHERE: Final = ""
"""Stands for every message set in the keys of :class:`Profile`."""


class Change(msgspec.Struct, frozen=True):
    """One departure: what is different, and how it is known."""

    what: str
    evidence: str


class Profile(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """How one codec departs. A key starts with the name of a message set, or EVERYWHERE.

    name, codec
        What it is chosen by, and which codec in which version it describes.
    open_from
        By set: lists with an upper bound from this on have the same event codes behind their last item as before
        it; one item more is refused all the same.
    capacities
        The most items that a list takes, by set, class and element. Such a list stays open as well, unless it
        takes two items.
    chained
        Lists, by set, class and element, of at most two items, and of one at least where what follows is to stand.
    endless
        Classes, by set, that no message can hold: their grammar has no way to the end.
    lone
        Repeated groups of a content model occur once, and have neither text nor elements of wildcards.
    whole
        Classes, by set, whose content may not be empty though the schema says so.
    longest_text, longest_binary, longest_integer
        Bounds in characters, bytes and bits for what the schema does not bound.
    ascii_only, empty_as_text
        Strings are ASCII; empty values are written as characters of length zero, and read as nothing else.
    documents, fragments
        The only elements that documents and fragments of a set may start with; None: as the schema has it.
        ``roots_of_class`` leaves all roots that hold a class, and none of simple type.
    order
        Runs of global elements: where documents may start with them, they share their codes out in this order.
    plain_fragments
        A fragment of an element with several types is written by the grammar of the one that is a class.
    """

    name: str
    codec: str
    changes: tuple[Change, ...]
    open_from: Mapping[str, int] = {}
    capacities: Mapping[tuple[str, str, str], int] = {}
    chained: frozenset[tuple[str, str, str]] = frozenset()
    endless: frozenset[tuple[str, str]] = frozenset()
    whole: frozenset[tuple[str, str]] = frozenset()
    lone: bool = False
    longest_text: int | None = None
    longest_binary: int | None = None
    longest_integer: int | None = None
    ascii_only: bool = False
    empty_as_text: bool = False
    documents: Mapping[str, frozenset[str]] = {}
    fragments: Mapping[str, frozenset[str]] = {}
    roots_of_class: bool = False
    order: tuple[tuple[str, ...], ...] = ()
    plain_fragments: bool = False

    def capacity(self, schema: str, cls: str, element: str) -> int | None:
        """Return the most items of a list, None where the schema alone bounds it."""
        own = self.capacities.get((schema, cls, element))
        return self.capacities.get((EVERYWHERE, cls, element)) if own is None else own

    def keeps_open(self, schema: str, bound: int) -> bool:
        """Tell whether a list of so many items at most has the event code of one more."""
        least = self.open_from.get(schema, self.open_from.get(EVERYWHERE))
        return least is not None and bound >= least

    def refuses(self, schema: str, cls: str) -> str | None:
        """Say why no message can hold a class, None where it can."""
        if (schema, cls) in self.endless or (EVERYWHERE, cls) in self.endless:
            return f"{self.name} has no usable grammar of {cls}"
        return None
