"""ISO 15118-20 messages: five message sets that share types but have grammars, and codes, of their own.

The payload type of the V2GTP frame says which set a message belongs to. Classes are imported from the
module of their set: :mod:`~v2g.messages.iso20.common_messages`, ``ac``, ``dc``, ``wpt``, ``acdp``.
"""

from exi.schema import MessageSet
from v2g.messages import xmldsig
from v2g.messages.iso20 import ac, acdp, common_messages, common_types, dc, wpt

# 0x8002 to 0x8006 carry the main stream of each set; those from 0x8101 on, what runs beside it: schedule
# renegotiation, metering confirmation, ACDP system status, parking status. The numbers are those of two codes
# that know nothing of each other: libcbv2g (exi_v2gtp.h) and the package iso15118 0.31.2 (ISOV20PayloadTypes).
COMMON_MESSAGES = MessageSet(
    "iso20-common",
    common_messages.NAMESPACE,
    (common_messages, common_types, xmldsig),
    payload_types=(0x8002, 0x8101, 0x8102, 0x8104),
)
AC = MessageSet("iso20-ac", ac.NAMESPACE, (ac, common_types, xmldsig), payload_types=(0x8003,))
DC = MessageSet("iso20-dc", dc.NAMESPACE, (dc, common_types, xmldsig), payload_types=(0x8004,))
WPT = MessageSet("iso20-wpt", wpt.NAMESPACE, (wpt, common_types, xmldsig), payload_types=(0x8006,))
ACDP = MessageSet("iso20-acdp", acdp.NAMESPACE, (acdp, common_types, xmldsig), payload_types=(0x8005, 0x8103))
