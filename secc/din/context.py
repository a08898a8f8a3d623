"""What a DIN 70121 session knows: nothing that one of ISO 15118-2 does not."""

from dataclasses import dataclass

from secc.classic.context import ClassicContext


@dataclass(slots=True, kw_only=True)
class DinContext(ClassicContext):
    """The memory of a DIN 70121 session."""
