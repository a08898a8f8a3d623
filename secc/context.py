"""What one session knows, as far as every protocol has it."""

from dataclasses import dataclass, field

from secc.charger import Charger
from secc.contract import Contract
from secc.errors import ContactorError
from secc.station import AcOutlet, DcOutlet, Kind, Outlet
from secc.waiting import Waits
from v2g.trace import Tracer

_SESSION_ID_BYTES = 8
_CHALLENGE_BYTES = 16


@dataclass(slots=True, kw_only=True)
class Context:
    """The memory of one session; handlers read and change it. Protocols derive their own.

    ``secure``           True over TLS
    ``session_id``       empty until the session is set up
    ``evcc_id``          the car's
    ``contract``         the one that it is identified by, once its chain is found good
    ``challenge``        what the car has to sign to prove that it owns the contract
    ``authorized``       True once the car may charge
    ``waits``            what the car repeats its request for
    ``charging_rounds``  rounds of the charge loop answered
    ``wished``           what the charger has asked the car for, see :mod:`secc.wishes`
    ``finished``         how an orderly session ended; empty for all others
    """

    charger: Charger
    tracer: Tracer
    secure: bool
    session_id: bytes = b""
    evcc_id: str = ""
    contract: Contract | None = None
    challenge: bytes = b""
    authorized: bool = False
    waits: Waits = field(default_factory=Waits)
    charging_rounds: int = 0
    wished: set[str] = field(default_factory=set)
    outlet: Outlet | None = None
    finished: str = ""
    _start_wh: float = 0.0
    _drawn_wh: float = 0.0

    def begin_session(self, session_id: bytes = b"") -> None:
        """Give the session its id, a new random one unless it goes on under an old one."""
        self.session_id = session_id
        while not any(self.session_id):  # zero means "no session" on the wire
            self.session_id = self.charger.entropy.bytes(_SESSION_ID_BYTES)
        self.tracer = self.tracer.bind(session=self.session_id.hex())

    def new_challenge(self) -> bytes:
        """Make a challenge for this session, and return it."""
        self.challenge = self.charger.entropy.bytes(_CHALLENGE_BYTES)
        return self.challenge

    def take_outlet(self, kind: Kind | None = None) -> Outlet | None:
        """Take a free outlet of a kind for this session, once; None when there is none."""
        if self.outlet is None:
            self.outlet = self.charger.station.take(kind)
            if self.outlet is not None:
                self._start_wh = self.outlet.meter.reading_wh
        return self.outlet

    def change_outlet(self, kind: Kind) -> Outlet | None:
        """Take a free outlet of a kind in place of one of another kind; None when there is none, and keep that."""
        if self.outlet is None or self.outlet.kind is kind:
            return self.take_outlet(kind)
        station, before = self.charger.station, self.outlet
        found = station.take(kind)
        if found is not None:
            station.give_back(before)
            self.outlet, self._start_wh = found, found.meter.reading_wh
        return found

    @property
    def plug(self) -> Outlet:
        """The outlet of this session; only to be asked for once the session is set up."""
        if self.outlet is None:
            raise RuntimeError("the session has no outlet yet")
        return self.outlet

    @property
    def ac(self) -> AcOutlet:
        """The outlet of a session that charges with AC."""
        if not isinstance(self.outlet, AcOutlet):
            raise RuntimeError("the session has no AC outlet")  # noqa: TRY004 - the table's mistake, not a type's
        return self.outlet

    @property
    def dc(self) -> DcOutlet:
        """The outlet of a session that charges with DC."""
        if not isinstance(self.outlet, DcOutlet):
            raise RuntimeError("the session has no DC outlet")  # noqa: TRY004 - the table's mistake, not a type's
        return self.outlet

    @property
    def energy_wh(self) -> float:
        """What this session has drawn so far; no longer counting once the outlet is given back."""
        if self.outlet is not None:
            self._drawn_wh = self.outlet.meter.reading_wh - self._start_wh
        return self._drawn_wh

    def release(self) -> str | None:
        """Isolate the outlet and give it back, as soon as the session has ended, however it did.

        Returns what is wrong when the contactor stays closed: such an outlet is not given to another car.
        """
        if self.outlet is None:
            return None
        self._drawn_wh = self.energy_wh
        outlet, self.outlet = self.outlet, None
        try:
            outlet.isolate()
        except ContactorError as error:
            return str(error)
        self.charger.station.give_back(outlet)
        return None
