"""DIN 70121 as the charger speaks it: DC, external identification, no TLS."""

from secc.din import responses
from secc.din.context import DinContext
from secc.din.table import TABLE
from secc.protocol import Protocol
from secc.station import Kind
from v2g import protocols
from v2g.messages import din

PROTOCOL = Protocol(
    edition=protocols.DIN,
    table=TABLE,
    sets_up=din.SessionSetupReq,
    context=DinContext,
    responses=responses.RESPONSES,
    refuse=responses.refuse,
    outlet=Kind.DC,
    external=True,
)
