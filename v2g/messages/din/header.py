"""DIN SPEC 70121 messages: the schema urn:din:70121:2012:MsgHeader."""

from typing import Annotated

from exi.schema import (
    Element,
    Message,
    XsdType,
)
from v2g.messages.din.datatypes import (
    SESSION_ID,
    Notification,
)
from v2g.messages.xmldsig import (
    NAMESPACE as XMLDSIG,
)
from v2g.messages.xmldsig import (
    Signature,
)

NAMESPACE = "urn:din:70121:2012:MsgHeader"
PREFIX = "v2gci_h"

# The names of all types that the schema names; string tables start with them.
TYPES = "MessageHeaderType"


class MessageHeader(XsdType, kw_only=True, metaclass=Message):
    """``MessageHeaderType``."""

    session_id: Annotated[bytes, Element("SessionID", SESSION_ID)]
    notification: Annotated[Notification | None, Element("Notification")] = None
    signature: Annotated[Signature | None, Element("Signature", ns=XMLDSIG, ref=True)] = None
