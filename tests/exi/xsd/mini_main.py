"""Message classes of the miniature schema ``urn:mini:main``; its XSD is in :mod:`tests.exi.xsd.mini`."""

import sys
from typing import Annotated

from exi.schema import (
    BOOLEAN,
    HEX,
    INT,
    LONG,
    STRING,
    UNSIGNED_INT,
    UNSIGNED_LONG,
    Attribute,
    Element,
    GlobalElement,
    Message,
    MessageSet,
    XsdType,
)
from tests.exi.xsd import mini_types
from tests.exi.xsd.mini_types import NAME, Base, Key, Left, Note, Path

NAMESPACE = "urn:mini:main"
PREFIX = "m"
TYPES = "AskType MoreType"


class Ask(XsdType, kw_only=True, metaclass=Message):
    """``AskType``."""

    version: Annotated[str | None, Attribute("version", STRING)] = None
    id: Annotated[bytes, Element("ID", HEX)]
    base: Annotated[Base | None, Element("Base", ns=mini_types.NAMESPACE, ref=True)] = None
    count: Annotated[list[int], Element("Count", UNSIGNED_INT.restrict(maximum=86400), occurs=(2, 5))]
    total: Annotated[list[int], Element("Total", UNSIGNED_LONG, occurs=(2, None))]
    yes: Annotated[bool | None, Element("Yes", BOOLEAN, choice="answer")] = None
    no: Annotated[int | None, Element("No", INT, choice="answer")] = None
    early: Annotated[Left | None, Element("Early", choice="time?")] = None
    late: Annotated[list[int], Element("Late", LONG, occurs=(1, 2), choice="time?")]
    key: Annotated[Key | None, Element("Key")] = None


class More(Ask, kw_only=True, metaclass=Message):
    """``MoreType``."""

    note: Annotated[list[Note], Element("Note", ns=mini_types.NAMESPACE, ref=True, occurs=(0, 70))]
    path: Annotated[Path | None, Element("Path", ns=mini_types.NAMESPACE, ref=True)] = None


class Envelope(XsdType, kw_only=True, metaclass=Message):
    """``Envelope``."""

    ask: Annotated[Ask, Element("Ask")]
    key: Annotated[str, Element("Key", NAME)]


class Again(Ask, kw_only=True, metaclass=Message):
    """The element ``Again``, which has the type of ``Ask``."""


ELEMENTS = (
    GlobalElement("Envelope", Envelope),
    GlobalElement("Again", Again),
    GlobalElement("Ask", Ask),
    GlobalElement("More", More),
)

SCHEMA = MessageSet("mini", NAMESPACE, (sys.modules[__name__], mini_types))
