"""A small message set with what the ISO 15118 sets happen not to have."""

import sys
from typing import Annotated

from exi.schema import (
    HEX,
    INTEGER,
    STRING,
    UNSIGNED_BYTE,
    Child,
    Content,
    Element,
    GlobalElement,
    Item,
    Message,
    MessageSet,
    Sequence,
    XsdType,
)

NAMESPACE = "urn:test:small"


class Head(XsdType, kw_only=True, metaclass=Message):
    pass


class Left(Head, kw_only=True, metaclass=Message):
    pass


class Right(Head, kw_only=True, metaclass=Message):
    pass


class Holder(XsdType, kw_only=True, metaclass=Message):
    """A list of elements of several names, and bounds on one side."""

    head: Annotated[list[Head], Element("Head", ref=True, occurs=(0, None))]
    large: Annotated[int | None, Element("Large", INTEGER.restrict(minimum=10))] = None
    small: Annotated[int | None, Element("Small", INTEGER.restrict(maximum=-10))] = None
    text: Annotated[str | None, Element("Text", STRING.restrict(min_length=2))] = None
    data: Annotated[bytes | None, Element("Data", HEX)] = None


class Grouped(XsdType, kw_only=True, metaclass=Message):
    """A group that repeats."""

    content: Annotated[
        list[Item | str],
        Content(Sequence((Child("A", STRING), Child("B", UNSIGNED_BYTE, occurs=(0, 1))), (1, 2))),
    ]


ELEMENTS = (
    GlobalElement("Holder", Holder),
    GlobalElement("Grouped", Grouped),
    GlobalElement("Head", Head, abstract=True),
    GlobalElement("Left", Left, "Head"),
    GlobalElement("Right", Right, "Head"),
    GlobalElement("Number", UNSIGNED_BYTE),
)

SCHEMA = MessageSet("small", NAMESPACE, (sys.modules[__name__],))
