"""ISO 15118-20 as the charger speaks it: tables, handlers, and refusals, for each energy service.

WPT and ACDP are negotiated, identified and then told "service not offered"; their messages are refused in the
response that belongs to them.
"""

import functools

from secc.iso20 import responses, table
from secc.iso20.context import Iso20Context
from secc.protocol import Protocol
from secc.station import Kind
from secc.table import Table
from v2g import protocols
from v2g.messages.iso20 import common_messages
from v2g.protocols import Edition


def _protocol(edition: Edition, states: Table, outlet: Kind | None) -> Protocol:
    return Protocol(
        edition=edition,
        table=states,
        sets_up=common_messages.SessionSetupReq,
        context=functools.partial(Iso20Context, protocol_key=edition.key, kind=outlet),
        responses=responses.responses_of(tuple(edition.schemas.values())),
        refuse=responses.refuse,
        outlet=outlet,
        tls13=True,
    )


AC = _protocol(protocols.ISO20_AC, table.AC, Kind.AC)
DC = _protocol(protocols.ISO20_DC, table.DC, Kind.DC)
WPT = _protocol(protocols.ISO20_WPT, table.ELSEWHERE, None)
ACDP = _protocol(protocols.ISO20_ACDP, table.ELSEWHERE, None)
