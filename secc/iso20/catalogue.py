"""The energy services of ISO 15118-20 and their parameter sets."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from secc.config import Config
from secc.station import AcOutlet, DcOutlet, Outlet
from v2g.messages.iso20 import common_messages as cm
from v2g.services import (
    BptChannel,
    ConnectorAc,
    ConnectorDc,
    ControlMode,
    GeneratorMode,
    MobilityNeeds,
    ParameterName,
    Pricing,
    ServiceId,
)

BIDIRECTIONAL = frozenset({ServiceId.AC_BPT, ServiceId.DC_BPT, ServiceId.DC_ACDP_BPT})

_PASSIVE_ISLANDING_DETECTION = 2


@dataclass(frozen=True, slots=True)
class Choice:
    """What a car has selected: an energy service and one of its parameter sets."""

    service: ServiceId
    control: ControlMode
    pricing: Pricing

    @property
    def bidirectional(self) -> bool:
        """True if energy may flow both ways."""
        return self.service in BIDIRECTIONAL

    @property
    def dynamic(self) -> bool:
        """True if the charger decides on the power."""
        return self.control is ControlMode.DYNAMIC


@dataclass(frozen=True, slots=True)
class Offer:
    """A parameter set: what it means, and how it stands in ServiceDetailRes."""

    choice: Choice
    parameters: tuple[cm.Parameter, ...]


def services(outlet: Outlet | None) -> tuple[ServiceId, ...]:
    """Return the energy services of an outlet; those of wireless charging and ACDP exist nowhere here."""
    if isinstance(outlet, AcOutlet):
        return (ServiceId.AC, ServiceId.AC_BPT) if outlet.rating.bidirectional else (ServiceId.AC,)
    if isinstance(outlet, DcOutlet):
        return (ServiceId.DC, ServiceId.DC_BPT) if outlet.supply.rating.bidirectional else (ServiceId.DC,)
    return ()


def offers(service: ServiceId, outlet: Outlet, config: Config) -> Mapping[int, Offer]:
    """Return the parameter sets of a service by their ids: 1 is scheduled, 2 dynamic."""
    scheduled = Pricing.ABSOLUTE if config.schedule.price_per_kwh else Pricing.NONE
    choices = (
        Choice(service, ControlMode.SCHEDULED, scheduled),
        Choice(service, ControlMode.DYNAMIC, Pricing.NONE),
    )
    return MappingProxyType(
        {int(choice.control): Offer(choice, tuple(_parameters(choice, outlet))) for choice in choices}
    )


def _parameters(choice: Choice, outlet: Outlet) -> list[cm.Parameter]:
    numbers: dict[str, int] = {
        ParameterName.CONNECTOR: ConnectorDc.EXTENDED,
        ParameterName.CONTROL_MODE: choice.control,
    }
    if isinstance(outlet, AcOutlet):
        three = outlet.rating.phases == 3
        numbers[ParameterName.CONNECTOR] = ConnectorAc.THREE_PHASE if three else ConnectorAc.SINGLE_PHASE
        numbers[ParameterName.NOMINAL_VOLTAGE] = round(outlet.rating.voltage_v)
    numbers |= {ParameterName.MOBILITY_NEEDS: MobilityNeeds.EVCC, ParameterName.PRICING: choice.pricing}
    if choice.bidirectional:
        numbers[ParameterName.BPT_CHANNEL] = BptChannel.UNIFIED
        numbers[ParameterName.GENERATOR_MODE] = GeneratorMode.GRID_FOLLOWING
        if isinstance(outlet, AcOutlet):
            numbers[ParameterName.ISLANDING_DETECTION] = _PASSIVE_ISLANDING_DETECTION
    return [cm.Parameter(name=str(name), int_value=int(value)) for name, value in numbers.items()]
