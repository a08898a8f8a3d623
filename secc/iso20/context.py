"""What an ISO 15118-20 session knows beyond the common part."""

from dataclasses import dataclass, field

from secc.context import Context
from secc.contract import Contract
from secc.iso20.catalogue import Choice
from secc.iso20.installing import Installation
from secc.station import Kind
from secc.status.inquiry import Verdict
from secc.table import Errand
from v2g.messages.iso20 import common_types


@dataclass(frozen=True, slots=True)
class UnderInquiry:
    """A contract that somebody is being asked about."""

    contract: Contract
    errand: Errand[Verdict]


@dataclass(slots=True, kw_only=True)
class Iso20Context(Context):
    """The memory of an ISO 15118-20 session.

    ``protocol_key``        the edition that was negotiated
    ``kind``                the kind of outlet that its energy services need; None: there are none for it here
    ``installation``        the certificate installation under way
    ``inquiry``             the question under way whether its contract still stands
    ``choice``              energy service and parameter set that the car selected
    ``max_charge_w`` …      the car's own limits, from ChargeParameterDiscovery
    ``schedules_w``         power limit of each schedule tuple offered, by its id
    ``profile``             the car's power profile: (start in seconds since ``charging_since``, watts)
    ``charging_since``      monotonic time of the PowerDelivery that began it
    ``standby``             True while the car stands by
    ``violations``          rounds in a row in which the car took more than it may
    ``meter_info``          the last one sent, which MeteringConfirmation has to repeat
    """

    protocol_key: str
    kind: Kind | None
    installation: Installation | None = None
    inquiry: UnderInquiry | None = None
    choice: Choice | None = None
    max_charge_w: float = 0.0
    max_charge_a: float = 0.0
    max_discharge_w: float = 0.0
    max_discharge_a: float = 0.0
    phases_reported: bool = False
    schedules_w: dict[int, float] = field(default_factory=dict)
    profile: tuple[tuple[float, float], ...] = ()
    charging_since: float = 0.0
    standby: bool = False
    violations: int = 0
    meter_info: common_types.MeterInfo | None = None

    @property
    def selected(self) -> Choice:
        """The car's choice; only to be asked for once it has chosen."""
        if self.choice is None:
            raise RuntimeError("no service is selected yet")
        return self.choice
