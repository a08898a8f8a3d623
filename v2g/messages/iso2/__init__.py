"""ISO 15118-2 messages: every class of the message set, and the set itself as ``SCHEMA``."""

from exi.schema import MessageSet
from v2g.messages import xmldsig
from v2g.messages.iso2 import body, datatypes, header, msgdef
from v2g.messages.iso2.body import *  # noqa: F403
from v2g.messages.iso2.datatypes import *  # noqa: F403
from v2g.messages.iso2.header import MessageHeader as MessageHeader
from v2g.messages.iso2.msgdef import NAMESPACE as NAMESPACE
from v2g.messages.iso2.msgdef import V2G_Message as V2G_Message

SCHEMA = MessageSet("iso2", NAMESPACE, (msgdef, header, body, datatypes, xmldsig))
