"""Which service of an ISO 15118-20 charger the car selects, and what was agreed with it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evcc.config import Control
from evcc.context import Context
from v2g.messages.iso20.common_messages import ParameterSet, SelectedService
from v2g.protocols import ISO20_AC, ISO20_DC
from v2g.services import BptChannel, ConnectorAc, ControlMode, ParameterName, ServiceId, int_parameter

CONTROL_MODES = {Control.SCHEDULED: ControlMode.SCHEDULED, Control.DYNAMIC: ControlMode.DYNAMIC}

_ONE_WAY = {ISO20_AC.key: ServiceId.AC, ISO20_DC.key: ServiceId.DC}
_BOTH_WAYS = {ISO20_AC.key: ServiceId.AC_BPT, ISO20_DC.key: ServiceId.DC_BPT}


@dataclass(frozen=True, slots=True)
class Agreement:
    """The energy service of a session, and how it is to be used.

    ``separate_channels`` says that a bidirectional charger has a channel for each direction.
    """

    service: ServiceId
    parameter_set_id: int
    control: Control
    separate_channels: bool = False

    @property
    def bidirectional(self) -> bool:
        """Whether energy may flow back to the grid."""
        return self.service in _BOTH_WAYS.values()

    @property
    def selected(self) -> SelectedService:
        """The service as ServiceSelectionReq names it."""
        return SelectedService(service_id=self.service, parameter_set_id=self.parameter_set_id)


def wanted(context: Context) -> list[ServiceId]:
    """Return the energy services that this car can use in the edition in force, the best first.

    Wireless charging and automated connection devices are never among them.
    """
    key = context.exchange.edition.key
    both_ways = context.config.charging.bidirectional and context.vehicle.bidirectional is not None
    return [_BOTH_WAYS[key], _ONE_WAY[key]] if both_ways else [_ONE_WAY[key]]


def agreed(context: Context, service: ServiceId, sets: Sequence[ParameterSet]) -> Agreement | None:
    """Return the agreement on the first parameter set that suits the car; None if none does."""
    control = context.config.charging.control
    for found in sets:
        if int_parameter(found, ParameterName.CONTROL_MODE) != CONTROL_MODES[control]:
            continue
        connector = int_parameter(found, ParameterName.CONNECTOR)
        if _is_ac(service) and connector == ConnectorAc.THREE_PHASE and context.vehicle.ac.phases < 2:
            continue
        channel = int_parameter(found, ParameterName.BPT_CHANNEL)
        return Agreement(service, found.parameter_set_id, control, channel == BptChannel.SEPARATED)
    return None


def described(context: Context) -> str:
    """Return what the car wants, for people."""
    names = " or ".join(service.name for service in wanted(context))
    return f"{names} with {context.config.charging.control} control"


def named(services: Iterable[int]) -> str:
    """Return the names of services, for people."""
    known = {int(service): service.name for service in ServiceId}
    return ", ".join(known.get(service, f"service {service}") for service in services)


def _is_ac(service: ServiceId) -> bool:
    return service in {ServiceId.AC, ServiceId.AC_BPT}
