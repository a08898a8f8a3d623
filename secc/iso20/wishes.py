"""What the charger asks of a car that charges, by EVSENotification."""

from secc.iso20 import values
from secc.iso20.context import Iso20Context as Context
from v2g.messages.iso20.common_types import EvseNotification, EVSEStatus

_DELAY_S = 10
"""Within which time the car should follow a wish that is not urgent."""


def status(context: Context) -> EVSEStatus | None:
    """Return the status for a response of the charge loop; each wish is told once, the end until it comes."""
    if context.charger.stopping:
        return values.status(EvseNotification.Terminate)
    config = context.charger.config
    due = {
        EvseNotification.Pause: config.wishes.pause_after,
        EvseNotification.ServiceRenegotiation: config.wishes.service_renegotiation_after,
        EvseNotification.ScheduleRenegotiation: config.wishes.schedule_renegotiation_after,
    }
    for notification, rounds in due.items():
        if rounds and context.charging_rounds >= rounds and notification not in context.wished:
            context.wished.add(notification)
            return values.status(notification, _DELAY_S)
    every = config.station.receipt_every
    if context.contract is not None and every and context.charging_rounds % every == 0:
        return values.status(EvseNotification.MeteringConfirmation, _DELAY_S)
    return None
