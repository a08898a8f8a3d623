"""ISO 15118-2 as the charger speaks it: the table, its handlers, and how messages are wrapped."""

from types import MappingProxyType

from secc.iso2 import responses
from secc.iso2.context import Iso2Context
from secc.iso2.table import TABLE
from secc.protocol import Protocol
from v2g import timing
from v2g.messages import iso2
from v2g.v2gtp import PayloadType

PROTOCOL = Protocol(
    name="ISO 15118-2",
    namespace=iso2.NAMESPACE,
    major=2,
    minor=0,
    schemas=MappingProxyType({PayloadType.EXI: iso2.SCHEMA}),
    timing=timing.ISO2,
    table=TABLE,
    sets_up=iso2.SessionSetupReq,
    context=Iso2Context,
    open=responses.open_message,
    wrap=responses.wrap,
    refuse=responses.refuse,
)
