"""Finds the message sets that are installed: entry points of the group ``exi.schemas``."""

from importlib.metadata import entry_points

from exi.schema import MessageSet

GROUP = "exi.schemas"


def message_sets() -> dict[str, MessageSet]:
    """Return every installed message set by its short name."""
    return {point.name: point.load() for point in sorted(entry_points(group=GROUP))}
