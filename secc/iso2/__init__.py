"""ISO 15118-2 as the charger speaks it: the table, its handlers, and its refusals."""

from secc.iso2 import responses
from secc.iso2.context import Iso2Context
from secc.iso2.table import TABLE
from secc.protocol import Protocol
from v2g import protocols
from v2g.messages import iso2

PROTOCOL = Protocol(
    edition=protocols.ISO2,
    table=TABLE,
    sets_up=iso2.SessionSetupReq,
    context=Iso2Context,
    responses=responses.RESPONSES,
    refuse=responses.refuse,
)
