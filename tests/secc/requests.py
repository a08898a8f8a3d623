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


def _example(request: type[XsdType]) -> iso2.BodyBase:
    made = SETUP if request is iso2.SessionSetupReq else placeholders.build(request, {}, _FILLERS)
    assert isinstance(made, iso2.BodyBase)
    return made


EXAMPLES: Mapping[type[XsdType], iso2.BodyBase] = {request: _example(request) for request in RESPONSES}
