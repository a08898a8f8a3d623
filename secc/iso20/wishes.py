"""What the charger asks of a car that charges, as EVSENotification."""

from collections.abc import Mapping
from types import MappingProxyType

from secc.iso20.context import Iso20Context as Context
from secc.wishes import Wish, next_wish
from v2g.messages.iso20.common_types import EvseNotification, EVSEStatus

_DELAY_S = 10
"""Within which time the car should follow a wish that is not urgent."""

_NOTIFICATIONS: Mapping[Wish, EvseNotification] = MappingProxyType(
    {
        Wish.TERMINATE: EvseNotification.Terminate,
        Wish.PAUSE: EvseNotification.Pause,
        Wish.SERVICE: EvseNotification.ServiceRenegotiation,
        Wish.SCHEDULE: EvseNotification.ScheduleRenegotiation,
        Wish.RECEIPT: EvseNotification.MeteringConfirmation,
    }
)


def status(context: Context) -> EVSEStatus | None:
    """Return the status for a response of the charge loop; None when there is nothing to ask for."""
    wish = next_wish(context)
    if wish is None:
        return None
    return EVSEStatus(
        notification_max_delay=0 if wish is Wish.TERMINATE else _DELAY_S,
        evse_notification=_NOTIFICATIONS[wish],
    )
