"""Whose message classes to make: ISO 15118-2 and DIN 70121 name most things alike."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import ModuleType
from typing import Any

from exi.schema import XsdType
from secc.context import Context
from secc.wishes import Wish
from v2g.physical import physical, physical_at_most


def _nothing_more(_context: Context) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one protocol.

    ``messages`` is the module of its classes, ``states`` its states, which name those of DC charging alike.
    ``loop_facts`` makes what a CurrentDemandRes has beyond the common fields, ``after_loop`` the state that
    follows it.
    """

    messages: ModuleType
    states: type[StrEnum]
    after_loop: Callable[[Any], StrEnum]
    loop_facts: Callable[[Any], Mapping[str, Any]] = _nothing_more

    def state(self, name: str) -> StrEnum:
        """Return a state by its name."""
        return self.states[name]

    def code(self, name: str) -> str:
        """Return a response code by its name; ``FAILED`` where the protocol has none of that name."""
        return str(getattr(self.messages.ResponseCode, name, self.messages.ResponseCode.FAILED))

    def quantity(self, value: float, unit: str) -> Any:
        """Return a PhysicalValue."""
        return physical(value, unit, self.messages.PhysicalValue)

    def at_most(self, value: float, unit: str) -> Any:
        """Return a PhysicalValue that is not above ``value``."""
        return physical_at_most(value, unit, self.messages.PhysicalValue)

    def ok(self, response: str, **fields: Any) -> XsdType:
        """Return a response of this name with the code OK."""
        made: XsdType = getattr(self.messages, response)(
            response_code=self.messages.ResponseCode.OK, **fields
        )
        return made

    def notification(self, context: Context, wish: Wish | None = None) -> Any:
        """Return what the car is asked for: to stop when the charger stops, or what ``wish`` says."""
        kinds = self.messages.EVSENotification
        if context.charger.stopping or wish is Wish.TERMINATE:
            return kinds.StopCharging
        return kinds.ReNegotiation if wish is Wish.SCHEDULE else kinds.None_
