"""What happens in the market, told to whom it concerns: an outbox, webhooks, polling and a stream.

A role records an event inside the transaction that makes the change, and nothing more::

    events.record(connection, Event(EventType.OEM_CONTRACT_CREATED, at=now, emaid=…, pcid=…))

No acknowledged change is without its event then, and no event without its change, also after ``kill -9``.
"""

from backend_stub.events.interface import Event, EventType
from backend_stub.events.outbox import record

__all__ = ["Event", "EventType", "record"]
