"""Message classes of the miniature schema ``urn:mini:types``; its XSD is in :mod:`tests.exi.xsd.mini`."""

from enum import StrEnum
from typing import Annotated

from exi.schema import (
    ANY_URI,
    BASE64,
    BYTE,
    ID,
    INTEGER,
    STRING,
    UNSIGNED_BYTE,
    UNSIGNED_SHORT,
    Attribute,
    Child,
    Choice,
    Content,
    Element,
    GlobalElement,
    Item,
    Message,
    Sequence,
    Text,
    Wildcard,
    XsdType,
)

NAMESPACE = "urn:mini:types"
PREFIX = "t"
TYPES = (
    "BaseType LeftType RightType KeyType NoteType PathType UnusedType colourType levelType nameType shadeType "
    "tokenType unusedLevelType"
)

NAME = STRING.restrict(min_length=1, max_length=20)
TOKEN = BASE64.restrict(length=4)
LEVEL = BYTE.restrict(minimum=-3, maximum=3)
UNUSED_LEVEL = UNSIGNED_SHORT.restrict(minimum=12, maximum=1024)


class Colour(StrEnum):
    """Values of ``colourType``."""

    red = "red"
    deep_blue = "deep blue"
    green = "green"


class Shade(StrEnum):
    """Values of ``shadeType``."""

    dark = "dark"
    light = "light"


class Base(XsdType, kw_only=True, metaclass=Message, abstract=True):
    """``BaseType`` (abstract)."""

    number: Annotated[int, Element("Number", UNSIGNED_BYTE, ns="")]


class Left(Base, kw_only=True, metaclass=Message):
    """``LeftType``."""

    colour: Annotated[Colour, Element("Colour", ns="")]
    level: Annotated[int | None, Element("Level", LEVEL, ns="")] = None


class Right(Base, kw_only=True, metaclass=Message):
    """``RightType``."""

    kind: Annotated[str, Attribute("Kind", ANY_URI, ns=NAMESPACE)]
    name: Annotated[list[str], Element("Name", NAME, ns="", occurs=(1, 3))]


class Key(XsdType, kw_only=True, metaclass=Message):
    """``KeyType``."""

    id: Annotated[str, Attribute("Id", ID, ns=NAMESPACE)]
    value: Annotated[bytes, Text(TOKEN)]


class Note(XsdType, kw_only=True, metaclass=Message):
    """``NoteType``."""

    language: Annotated[str | None, Attribute("Language", STRING, ns=NAMESPACE)] = None
    content: Annotated[list[Item | str], Content(Wildcard("##other", (0, None)), mixed=True)]


class Path(XsdType, kw_only=True, metaclass=Message):
    """``PathType``."""

    # Names of a content model are of the class's own namespace: these are references to global elements.
    content: Annotated[
        list[Item | str],
        Content(
            Sequence(
                (
                    Sequence((Child("X", INTEGER, ref=True), Child("Y", INTEGER, ref=True)), (0, 1)),
                    Choice((Child("Z", LEVEL, ref=True), Wildcard("##any")), (1, None)),
                )
            )
        ),
    ]


class Unused(XsdType, kw_only=True, metaclass=Message):
    """``UnusedType``."""

    shade: Annotated[Shade, Element("Shade", ns="")]


ELEMENTS = (
    GlobalElement("Base", Base, abstract=True),
    GlobalElement("Left", Left, "Base"),
    GlobalElement("Right", Right, "Base"),
    GlobalElement("Note", Note),
    GlobalElement("Path", Path),
    GlobalElement("X", INTEGER),
    GlobalElement("Y", INTEGER),
    GlobalElement("Z", LEVEL),
)
