"""Finds the message sets and profiles that are installed: entry points of ``exi.schemas`` and ``exi.profiles``."""

from functools import cache
from importlib.metadata import entry_points

from exi.profile import Profile
from exi.schema import MessageSet

GROUP = "exi.schemas"
PROFILES = "exi.profiles"


def message_sets() -> dict[str, MessageSet]:
    """Return every installed message set by its short name."""
    return {point.name: point.load() for point in sorted(entry_points(group=GROUP))}


@cache
def profiles() -> dict[str, Profile]:
    """Return every installed profile by its name."""
    return {point.name: point.load() for point in sorted(entry_points(group=PROFILES))}


def profile_named(name: str) -> Profile:
    """Return a profile. Raises ValueError where none has this name."""
    found = profiles().get(name)
    if found is None:
        raise ValueError(f"there is no profile {name!r}; installed: {', '.join(profiles()) or 'none'}")
    return found
