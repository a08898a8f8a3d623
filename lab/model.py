"""What a run is made of: processes, sessions, exchanges, messages and backend calls.

Plain data without behaviour beyond what follows from the fields; :mod:`lab.runs` makes it from traces.
Times ``t`` are seconds since the epoch, durations end in ``_s``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from lab.trace_file import Event

CAR, CHARGER, MARKET = "evcc", "secc", "backend"

FAILURE_KINDS = frozenset(
    {
        "tls.failed",
        "message.rejected",
        "timer.expired",
        "signature.failed",
        "certificate.rejected",
        "contract.refused",
        "backend.failed",
        "error",
    }
)


class Outcome(StrEnum):
    """How a session ended; ``unfinished`` when its trace stops in the middle."""

    OK = "ok"
    FAILED = "failed"
    ABORTED = "aborted"
    UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class Message:
    """One V2GTP message as one side saw it; ``size`` is the frame's length in bytes, ``exi`` its payload in hex."""

    name: str
    t: float
    size: int
    payload_type: int | None
    response_code: str | None
    codec_s: float | None
    exi: str

    @property
    def refused(self) -> bool:
        """Whether this is a response whose code is not one of the OK codes."""
        return self.response_code is not None and not self.response_code.upper().startswith("OK")


@dataclass(frozen=True, slots=True)
class Hop:
    """One call from the charger to the backend; ``pool_s`` is what the backend itself needed of ``elapsed_s``."""

    t: float
    method: str
    url: str
    budget_s: float | None = None
    status: int | None = None
    elapsed_s: float | None = None
    size: int | None = None
    pool_s: float | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """How the charger saw an exchange: from the request's last byte to the response's first, in seconds."""

    elapsed_s: float | None
    limit_s: float | None
    limit_name: str | None
    hops: tuple[Hop, ...] = ()


class Place(StrEnum):
    """Where the time of an exchange went."""

    LINK = "link"
    CHARGER = "charger"
    HTTP = "http"
    POOL = "pool"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its response. ``elapsed_s`` is what the deadline ``limit_s`` applies to.

    ``before_s`` is the car's own time between the previous response and this request, ``after_s`` its
    time from this response to its next step; neither counts against the deadline. ``failure`` says in
    words why there is no response.
    """

    number: int
    request: Message | None
    response: Message | None
    elapsed_s: float | None
    limit_s: float | None
    limit_name: str | None = None
    before_s: float | None = None
    after_s: float | None = None
    served: Served | None = None
    failure: str | None = None

    @property
    def name(self) -> str:
        """The name that request and response share, such as ``SessionSetup``."""
        message = self.request or self.response
        if message is None:
            return "?"
        return message.name.removesuffix("Req").removesuffix("Res")

    @property
    def share(self) -> float | None:
        """The used share of the deadline, 1.0 meaning all of it."""
        if self.elapsed_s is None or not self.limit_s:
            return None
        return self.elapsed_s / self.limit_s

    @property
    def failed(self) -> bool:
        """Whether the exchange stayed without a response or was refused."""
        return self.response is None or self.response.refused

    @property
    def installs(self) -> bool:
        """Whether this is the exchange that brings a contract into the car."""
        return self.name in {"CertificateInstallation", "CertificateUpdate"}

    def split(self) -> tuple[tuple[Place, float], ...]:
        """Return where ``elapsed_s`` went, in the order of the way; empty where the charger left no trace.

        All parts are differences of durations, so clocks of two machines need not agree.
        """
        if self.elapsed_s is None or self.served is None or self.served.elapsed_s is None:
            return ()
        in_charger = min(self.served.elapsed_s, self.elapsed_s)
        calls = min(sum(hop.elapsed_s or 0.0 for hop in self.served.hops), in_charger)
        pool = min(sum(hop.pool_s or 0.0 for hop in self.served.hops), calls)
        parts = [(Place.LINK, self.elapsed_s - in_charger), (Place.CHARGER, in_charger - calls)]
        if self.served.hops:
            parts.append((Place.HTTP, calls - pool))
            if pool:
                parts.append((Place.POOL, pool))
        return tuple(parts)


@dataclass(frozen=True, slots=True)
class Turn:
    """A message in a session's timeline: the request (``outbound``) or response of an exchange."""

    t: float
    exchange: Exchange
    outbound: bool

    @property
    def message(self) -> Message:
        """The message that crosses here."""
        message = self.exchange.request if self.outbound else self.exchange.response
        assert message is not None
        return message


@dataclass(frozen=True, slots=True)
class HopTurn:
    """A backend call in a session's timeline: its request (``outbound``) or its answer."""

    t: float
    hop: Hop
    outbound: bool


Entry = Turn | HopTurn | Event


@dataclass(frozen=True, slots=True)
class Process:
    """One process of the run, as its first and last event describe it."""

    role: str
    name: str
    pid: int | None = None
    version: str | None = None
    exi_engine: str | None = None
    address: str | None = None
    ready_at: float | None = None
    exit_code: int | None = None
    peak_rss_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """One charging session, told by ``role`` (the car, or the charger where the car left no trace)."""

    number: int
    role: str
    process: str
    session_id: str | None
    timeline: tuple[Entry, ...]
    exchanges: tuple[Exchange, ...]
    started_at: float
    ended_at: float
    outcome: Outcome
    reason: str | None = None
    energy_wh: float | None = None
    emaid: str | None = None
    installed: bool = False
    tls: Event | None = None

    @property
    def events(self) -> Iterable[Event]:
        """The entries of the timeline that are neither message nor backend call."""
        return (entry for entry in self.timeline if isinstance(entry, Event))

    @property
    def installation(self) -> Exchange | None:
        """The exchange that brought (or should have brought) a contract, if there was one."""
        return next((exchange for exchange in self.exchanges if exchange.installs), None)

    @property
    def duration_s(self) -> float:
        """Seconds from the session's first event to its last."""
        return max(0.0, self.ended_at - self.started_at)

    @property
    def messages_s(self) -> float:
        """Seconds spent inside exchanges, in sum."""
        return sum(exchange.elapsed_s or 0.0 for exchange in self.exchanges)

    @property
    def failures(self) -> tuple[Event, ...]:
        """The events that say what went wrong, in order."""
        return tuple(event for event in self.events if event.kind in FAILURE_KINDS)


@dataclass(frozen=True, slots=True)
class Run:
    """Everything a trace tells."""

    processes: tuple[Process, ...]
    sessions: tuple[Session, ...]
    notices: tuple[str, ...] = ()
    failures: tuple[Event, ...] = ()

    @property
    def installing(self) -> Session | None:
        """The session to show first: the one that installs, else the first one."""
        return next(
            (session for session in self.sessions if session.installation is not None),
            self.sessions[0] if self.sessions else None,
        )
