"""What an ISO 15118-2 session knows beyond the common part."""

from dataclasses import dataclass, field

from secc.context import Context
from v2g.messages import iso2


@dataclass(slots=True, kw_only=True)
class Iso2Context(Context):
    """The memory of an ISO 15118-2 session.

    ``p_max_w``           power limit of each schedule tuple offered, by its id
    ``ev_max_current_a``  the car's limit
    ``ev_phases``         phases of the energy transfer mode it chose
    ``schedule_id``       the tuple it chose
    ``profile``           its charging profile: (start in seconds since ``charging_since``, watts)
    ``meter_info``        the last one sent, which a receipt has to repeat
    """

    p_max_w: dict[int, float] = field(default_factory=dict)
    ev_max_current_a: float = 0.0
    ev_phases: int = 0
    schedule_id: int = 1
    profile: tuple[tuple[float, float], ...] = ()
    charging_since: float = 0.0
    meter_info: iso2.MeterInfo | None = None
