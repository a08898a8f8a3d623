"""What an ISO 15118-2 session knows beyond the common part."""

from dataclasses import dataclass

from secc.classic.context import ClassicContext
from v2g.messages import iso2


@dataclass(frozen=True, slots=True)
class Agreed:
    """What a car that pauses has agreed on, and finds again when it comes back [V2G2-741]."""

    payment: iso2.PaymentOption
    mode: iso2.EnergyTransferMode | None
    schedule_id: int


@dataclass(slots=True, kw_only=True)
class Iso2Context(ClassicContext):
    """The memory of an ISO 15118-2 session.

    ``payment``     the way of identification that the car chose
    ``mode``        its energy transfer mode; it stays the same in one session
    ``ev_phases``   phases of that mode
    ``agreed``      what the session had agreed on before it was paused
    ``meter_info``  the last one sent, which a receipt has to repeat
    """

    payment: iso2.PaymentOption = iso2.PaymentOption.ExternalPayment
    mode: iso2.EnergyTransferMode | None = None
    ev_phases: int = 0
    agreed: Agreed | None = None
    meter_info: iso2.MeterInfo | None = None
