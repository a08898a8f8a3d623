"""ISO 15118-2 messages: the schema urn:iso:15118:2:2013:MsgDef."""

from typing import Annotated

from exi.schema import (
    Element,
    GlobalElement,
    Message,
    XsdType,
)
from v2g.messages.iso2.body import (
    Body,
)
from v2g.messages.iso2.header import (
    MessageHeader,
)

NAMESPACE = "urn:iso:15118:2:2013:MsgDef"
PREFIX = "v2gci_d"


class V2G_Message(XsdType, kw_only=True, metaclass=Message):
    """``V2G_Message``."""

    header: Annotated[MessageHeader, Element("Header")]
    body: Annotated[Body, Element("Body")]


ELEMENTS = (GlobalElement("V2G_Message", V2G_Message),)
