"""Which engine runs: the native one (``exi/native``) where it was built, the Python one everywhere else.

Both walk the same tables and give the same results and the same errors. The environment variable
``PNCLAB_EXI_ENGINE`` chooses: ``python``, ``native`` (an EngineError where it is not built), or ``auto``, which
is what happens without it.
"""

import os
from typing import Any, Protocol

from exi.choice import VARIABLE, chosen
from exi.schema import Item, XsdType
from exi.tables import Tables


class AnyEngine(Protocol):
    """The engine of one message set; see :class:`exi.engine.Engine`. All methods raise ExiError."""

    def decode_document(self, data: bytes) -> XsdType | Item:
        """Return the root element's value."""

    def decode_fragment(self, data: bytes) -> Item:
        """Return a fragment's only element: its name and its value."""

    def encode_document(self, message: XsdType | Item) -> bytes:
        """Return the document whose root element has the value's class, or an Item's name."""

    def encode_fragment(self, value: Any, name: str | None = None, uri: str | None = None) -> bytes:
        """Return the fragment of one element; name and namespace may be left to the class."""


class EngineMaker(Protocol):
    """The class of an engine."""

    def __call__(self, tables: Tables) -> AnyEngine:
        """Make the engine of a message set."""


def select(choice: str | None) -> tuple[str, EngineMaker]:
    """Return name and class of the engine that a choice means; None is ``auto``. Raises EngineError."""
    if chosen(choice) == "native":
        from exi._native import Engine as Native  # noqa: PLC0415 - only where it is there and wanted

        return "native", Native
    from exi.engine import Engine  # noqa: PLC0415 - not needed beside the native one

    return "python", Engine


ENGINE_NAME, make_engine = select(os.environ.get(VARIABLE))
