"""What the charger asks of a car that charges, in whichever words a protocol has for it."""

from enum import StrEnum

from secc.context import Context


class Wish(StrEnum):
    """Something that only the car can do."""

    TERMINATE = "terminate"
    """End charging: the charger is shutting down."""
    PAUSE = "pause"
    SERVICE = "service renegotiation"
    SCHEDULE = "schedule renegotiation"
    RECEIPT = "receipt"
    """Confirm what was metered."""


def next_wish(context: Context) -> Wish | None:
    """Return what to ask for in this round of the charge loop; the end in every round, others once."""
    if context.charger.stopping:
        return Wish.TERMINATE
    settings = context.charger.config.wishes
    due = {
        Wish.PAUSE: settings.pause_after,
        Wish.SERVICE: settings.service_renegotiation_after,
        Wish.SCHEDULE: settings.schedule_renegotiation_after,
    }
    for wish, rounds in due.items():
        if rounds and context.charging_rounds >= rounds and wish not in context.wished:
            context.wished.add(wish)
            return wish
    every = context.charger.config.station.receipt_every
    if context.contract is not None and every and context.charging_rounds % every == 0:
        return Wish.RECEIPT
    return None
