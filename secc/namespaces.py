"""How the market names the message set of ISO 15118-20 to itself; on the wire to the car there is only one name."""

from v2g.messages import iso20

ISO20_NAMESPACES = (
    "urn:iso:15118:20:2022:MsgDef",
    "urn:iso:15118:20:2020:MsgDef",
    iso20.COMMON_MESSAGES.namespace,
)
"""The spellings of OPCP, OPNC and OCPP, in this order."""
