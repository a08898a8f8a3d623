"""ISO 15118-20 messages: five message sets that share types but have grammars, and codes, of their own.

The payload type of the V2GTP frame says which set a message belongs to. Classes are imported from the
module of their set: :mod:`~v2g.messages.iso20.common_messages`, ``ac``, ``dc``, ``wpt``, ``acdp``.
"""

from exi.schema import MessageSet
from v2g.messages import xmldsig
from v2g.messages.iso20 import ac, acdp, common_messages, common_types, dc, wpt

COMMON_MESSAGES = MessageSet(
    "iso20-common", common_messages.NAMESPACE, (common_messages, common_types, xmldsig)
)
AC = MessageSet("iso20-ac", ac.NAMESPACE, (ac, common_types, xmldsig))
DC = MessageSet("iso20-dc", dc.NAMESPACE, (dc, common_types, xmldsig))
WPT = MessageSet("iso20-wpt", wpt.NAMESPACE, (wpt, common_types, xmldsig))
ACDP = MessageSet("iso20-acdp", acdp.NAMESPACE, (acdp, common_types, xmldsig))
