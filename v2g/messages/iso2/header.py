"""ISO 15118-2 messages: the schema urn:iso:15118:2:2013:MsgHeader."""

from typing import Annotated

from exi.schema import (
    Element as E,
    XsdType,
)
from v2g.messages.iso2.datatypes import (
    Notification,
    SESSION_ID,
)
from v2g.messages.xmldsig import (
    NAMESPACE as XMLDSIG,
    Signature,
)

NAMESPACE = "urn:iso:15118:2:2013:MsgHeader"


class MessageHeader(XsdType, kw_only=True):
    """``MessageHeaderType``."""

    session_id: Annotated[bytes, E("SessionID", SESSION_ID)]
    notification: Annotated[Notification | None, E("Notification")] = None
    signature: Annotated[Signature | None, E("Signature", ns=XMLDSIG, ref=True)] = None
