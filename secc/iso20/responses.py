"""Which response belongs to which request, and those that are not OK, with their placeholders [V2G20-2202]."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from exi.schema import MessageSet, XsdType
from secc import placeholders
from secc.context import Context
from secc.iso20 import values
from v2g.messages.iso20 import ac, acdp, common_messages, common_types, dc, wpt
from v2g.protocols import UNSENT

_SETS = (common_messages, ac, dc, wpt, acdp)


def _pairs() -> dict[type[XsdType], type[XsdType]]:
    """Pair the requests and responses of all sets by their names."""
    found: dict[type[XsdType], type[XsdType]] = {}
    for module in _SETS:
        kinds = {element.name: element.type for element in module.ELEMENTS}
        for name, kind in kinds.items():
            response = kinds.get(f"{name[:-3]}Res")
            if name.endswith("Req") and response is not None:
                found[kind] = response
    return found


RESPONSES: Mapping[type[XsdType], type[XsdType]] = MappingProxyType(_pairs())


def responses_of(schemas: tuple[MessageSet, ...]) -> Mapping[type[XsdType], type[XsdType]]:
    """Return the pairs whose messages can come in a session with these message sets."""
    modules = {schema.modules[0].__name__ for schema in schemas}
    return MappingProxyType({req: res for req, res in RESPONSES.items() if req.__module__ in modules})


_MEANINGFUL: Mapping[str, Callable[[Context], Any]] = MappingProxyType({"evse_id": values.evse_id})
"""Fields that say the truth even in a refusal."""

_LOOP_MODE: Mapping[type[XsdType], type[XsdType]] = MappingProxyType(
    {
        ac.AC_ChargeLoopRes: ac.Scheduled_AC_CLResControlMode,
        dc.DC_ChargeLoopRes: dc.Scheduled_DC_CLResControlMode,
        wpt.WPT_ChargeLoopRes: ac.Scheduled_AC_CLResControlMode,
    }
)
"""What stands in for the abstract control mode of a charge loop."""


def refuse(request: type[XsdType], code: str, context: Context) -> common_types.V2GResponse:
    """Return the response for a request class with a code that is not OK, and placeholders.

    Raises KeyError for a class that is not a request.
    """
    return filled(RESPONSES[request], context, response_code=common_types.ResponseCode(code))


def filled(response: type[XsdType], context: Context, **given: Any) -> common_types.V2GResponse:
    """Return a response with ``given`` fields; whatever else it has to have is a placeholder."""
    known = {name: make(context) for name, make in _MEANINGFUL.items() if name in response.__struct_fields__}
    fillers: dict[type[XsdType], Callable[[str], XsdType]] = {common_types.MessageHeader: lambda _: UNSENT}
    if response in _LOOP_MODE:
        mode = _LOOP_MODE[response]
        fillers[common_types.CLResControlMode] = lambda _: placeholders.build(mode, {}, {})
    made = placeholders.build(response, known | given, fillers)
    assert isinstance(made, common_types.V2GResponse)
    return made
