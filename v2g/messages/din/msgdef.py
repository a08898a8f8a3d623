"""DIN SPEC 70121 messages: the schema urn:din:70121:2012:MsgDef."""

from typing import Annotated

from exi.schema import (
    Element,
    GlobalElement,
    Message,
    XsdType,
)
from v2g.messages.din.header import (
    MessageHeader,
)

NAMESPACE = "urn:din:70121:2012:MsgDef"
PREFIX = "v2gci_d"

# The names of all types that the schema names; string tables start with them.
TYPES = "BodyBaseType BodyType"


class BodyBase(XsdType, kw_only=True, metaclass=Message, abstract=True):
    """``BodyBaseType`` (abstract)."""


class Body(XsdType, kw_only=True, metaclass=Message):
    """``BodyType``."""

    body_element: Annotated[BodyBase | None, Element("BodyElement", ref=True)] = None


class V2G_Message(XsdType, kw_only=True, metaclass=Message):
    """``V2G_Message``."""

    header: Annotated[MessageHeader, Element("Header")]
    body: Annotated[Body, Element("Body")]


ELEMENTS = (
    GlobalElement("V2G_Message", V2G_Message),
    GlobalElement("BodyElement", BodyBase),
)
