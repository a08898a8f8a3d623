"""How event types are spelled: OPCP and OPNC disagree, and each with itself.

Both write ``mo.*`` in webhooks. OPNC's list of events to subscribe to says ``emsp.*`` instead, and both have the
factory reset with and without ``updated`` in its middle. All spellings are taken; webhooks say ``mo.*``.
"""

from typing import Annotated, Any

from pydantic import BeforeValidator

from backend_stub.events.interface import EventType

_EMSP, _MO = "emsp.", "mo."
_LONG_RESET = "mo.prov.cert.updated.factory.reset"


def canonical(name: Any) -> Any:
    """Return the name that the log uses for any spelling of it; anything else is returned as it is."""
    if not isinstance(name, str):
        return name
    ours = _MO + name.removeprefix(_EMSP) if name.startswith(_EMSP) else name
    return str(EventType.FACTORY_RESET) if ours == _LONG_RESET else ours


def opnc(event: EventType) -> str:
    """Return the name of an event in OPNC's list."""
    ours = _LONG_RESET if event is EventType.FACTORY_RESET else str(event)
    return _EMSP + ours.removeprefix(_MO) if ours.startswith(_MO) else ours


EventName = Annotated[EventType, BeforeValidator(canonical)]
"""An event type in any spelling."""
