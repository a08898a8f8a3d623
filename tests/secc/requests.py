"""One valid request of each class, for tests that are about the class and not about what it says."""

from collections.abc import Mapping

from exi.schema import XsdType
from secc import placeholders
from secc.iso2.responses import RESPONSES
from tests.secc.kit import SETUP, ac_parameters, dc_parameters
from v2g.messages import iso2

_FILLERS: placeholders.Fillers = {
    iso2.EVChargeParameter: lambda _: ac_parameters(),
    iso2.DC_EVStatus: lambda _: dc_parameters().dc_ev_status,
}

EXAMPLES: Mapping[type[XsdType], iso2.BodyBase] = {
    request: placeholders.build(request, {}, _FILLERS)
    for request in RESPONSES
    if issubclass(request, iso2.BodyBase)
} | {iso2.SessionSetupReq: SETUP}
