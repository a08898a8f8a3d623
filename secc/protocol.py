"""What the charger has to know of one protocol edition to hold a session in it.

The session engine (:mod:`secc.session`) and the connection (:mod:`secc.connection`) are written against
this description only; :mod:`secc.iso2` is the first one. A further protocol is a further description: its
table, its handlers, and how its messages are wrapped.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from exi.schema import MessageSet, XsdType
from secc.context import Context
from secc.table import Table
from v2g.messages.xmldsig import Signature
from v2g.timing import Timing
from v2g.v2gtp import PayloadType


@dataclass(frozen=True, slots=True)
class Envelope:
    """The outside of a message: what its header carries, and its body (None when it is empty)."""

    session_id: bytes
    signature: Signature | None
    body: XsdType | None


@dataclass(frozen=True, slots=True)
class Protocol:
    """One protocol edition, as the charger speaks it.

    ``name``, ``namespace``, ``major``, ``minor``  what SupportedAppProtocol compares
    ``schemas``                                    how messages are coded, by payload type
    ``timing``                                     its timers
    ``table``                                      its states and handlers
    ``sets_up``                                    the request that begins a session and needs no SessionID
    ``context``                                    makes an empty session context from the common one
    ``open``                                       takes a message apart; raises MessageError for what is none
    ``wrap``                                       makes a message of a session id and a response body
    ``refuse``                                     makes the FAILED response for a request class, with
                                                   placeholders; raises KeyError for what is no request
    ``sequence_error``, ``unknown_session``        the codes that the engine itself gives
    """

    name: str
    namespace: str
    major: int
    minor: int
    schemas: Mapping[PayloadType, MessageSet]
    timing: Timing
    table: Table
    sets_up: type[XsdType]
    context: Callable[..., Context]
    open: Callable[[XsdType], Envelope]
    wrap: Callable[[bytes, XsdType], XsdType]
    refuse: Callable[[type[XsdType], str, Any], XsdType]
    sequence_error: str = "FAILED_SequenceError"
    unknown_session: str = "FAILED_UnknownSession"

    def __str__(self) -> str:
        """Return the name."""
        return self.name
