"""The session as a table: state and request class give a handler.

A handler is a plain function ``handle(request, context)``. It awaits nothing and writes to no socket; it
reads the request, changes what the session knows (its context) and returns one of three things:

* :class:`Reply`: the response, and the state that follows;
* :class:`Refusal`: a FAILED code, or a WARNING. The session fills the response with placeholders; it ends
  after a FAILED one;
* :class:`Errand`: something to wait for outside of the charger, and how to go on with what came.

A request that the table does not name for a state is never the handler's business: that is one rule, in
:mod:`secc.session`. The state diagrams of the documentation are drawn from the same rows.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from exi.schema import XsdType
from secc.errors import BundleError
from v2g.messages.xmldsig import Signature
from v2g.timing import Deadline, Limit

B = TypeVar("B", bound=XsdType)
B_co = TypeVar("B_co", bound=XsdType, covariant=True)
C = TypeVar("C")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request(Generic[B_co]):
    """A request as a handler sees it.

    ``body`` is the message, ``session_id`` and ``signature`` come from its header, ``exi`` is the whole
    message as received, ``arrived_at`` the monotonic time of its last byte.
    """

    body: B_co
    session_id: bytes
    signature: Signature | None
    exi: bytes
    arrived_at: float


@dataclass(frozen=True, slots=True)
class Reply:
    """A positive answer: ``response`` is the body, ``next`` the state that follows (None: the session ends).

    ``payload`` is the EXI of the whole response message when it was made elsewhere and goes out as it is,
    ``signature`` goes into the header.
    """

    response: XsdType
    next: StrEnum | None
    payload: bytes | None = None
    signature: Signature | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A negative answer; ``reason`` is for log and trace, the car only sees ``code``.

    ``next`` is the state in which the session goes on after a WARNING of ISO 15118-20; None ends it.
    """

    code: str
    reason: str
    next: StrEnum | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Errand(Generic[T]):
    """Something to wait for before the request can be answered.

    ``run`` gets a deadline and returns what was wanted or raises :class:`~secc.errors.BundleError`; whatever
    came is given to ``then``.

    By default the request waits to the end, ``reserve_s`` before its performance time. With a ``limit`` the
    errand has that long from its first request on, a request waits ``patience_s`` for it and then gets what
    ``then`` makes of None; the errand goes on meanwhile, and a handler that returns the same errand for
    a later request waits for it again. None outlives the session.
    """

    run: Callable[[Deadline], Awaitable[T]]
    then: Callable[[T | BundleError | None], "Reply | Refusal"]
    reserve_s: float
    limit: Limit | None = None
    patience_s: float = 0.0


Outcome = Reply | Refusal | Errand[Any]
Handler = Callable[[Request[Any], Any], Outcome]


@dataclass(frozen=True, slots=True)
class To:
    """A state that a handler may choose; ``when`` says in a few words when it does (for the diagram)."""

    state: StrEnum | None
    when: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """In ``state``, ``request`` goes to ``handle``, which then chooses one of ``to``."""

    state: StrEnum
    request: type[XsdType]
    handle: Handler
    to: tuple[To, ...]


def row(
    state: StrEnum,
    request: type[B],
    handle: Callable[[Request[B], C], Outcome],
    *to: To | StrEnum | None,
) -> Row:
    """Make a row; a bare state stands for ``To(state)``, None for the end of the session."""
    return Row(state, request, handle, tuple(t if isinstance(t, To) else To(t) for t in to))


class Table:
    """The rows of one protocol, looked up by state and request class. ``start`` is the first state."""

    def __init__(self, start: StrEnum, rows: tuple[Row, ...]) -> None:
        self.start = start
        self.states = type(start)
        self._rows = {(r.state, r.request): r for r in rows}
        if len(self._rows) != len(rows):
            raise ValueError("two rows for the same state and request")

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows.values())

    def find(self, state: StrEnum, request: type[XsdType]) -> Row | None:
        """Return the row for a request in a state, None if the table does not admit it."""
        return self._rows.get((state, request))

    def expected(self, state: StrEnum) -> tuple[type[XsdType], ...]:
        """Return the request classes that a state admits, in the table's order."""
        return tuple(request for s, request in self._rows if s is state)
