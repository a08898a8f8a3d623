"""What the charger has to know of one protocol edition to hold a session in it.

What car and charger have in common (namespace, schemas, timers, envelopes) is the :class:`v2g.protocols.Edition`;
here is added what only the charger does: its table, its handlers' context, its refusals. The session engine
(:mod:`secc.session`) and the connection (:mod:`secc.connection`) are written against this description only. A
further protocol is a further description.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from exi.schema import XsdType
from secc.context import Context
from secc.station import Kind
from secc.table import Table
from v2g.protocols import Edition
from v2g.timing import Timing


@dataclass(frozen=True, slots=True)
class Protocol:
    """One protocol edition, as the charger speaks it.

    ``edition``                                what it has in common with the car's side
    ``table``                                  its states and handlers
    ``sets_up``                                the request that begins a session and needs no SessionID
    ``context``                                makes an empty session context from the common one
    ``responses``                              which response belongs to which request
    ``refuse``                                 makes the response for a request class that is not OK, with
                                               placeholders; raises KeyError for what is no request
    ``outlet``                                 the kind of outlet it charges with; None: either
    ``tls13``                                  True if it is spoken over TLS 1.3 only
    ``external``                               True if it knows neither contracts nor TLS
    ``sequence_error``, ``unknown_session``    the codes that the engine itself gives
    """

    edition: Edition
    table: Table
    sets_up: type[XsdType]
    context: Callable[..., Context]
    responses: Mapping[type[XsdType], type[XsdType]]
    refuse: Callable[[type[XsdType], str, Any], XsdType]
    outlet: Kind | None = None
    tls13: bool = False
    external: bool = False
    sequence_error: str = "FAILED_SequenceError"
    unknown_session: str = "FAILED_UnknownSession"

    @property
    def key(self) -> str:
        """What commands and configurations call it."""
        return self.edition.key

    @property
    def timing(self) -> Timing:
        """Its timers."""
        return self.edition.timing

    def __str__(self) -> str:
        """Return the name."""
        return self.edition.name
