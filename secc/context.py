"""What one session knows, as far as every protocol has it."""

from dataclasses import dataclass

from secc.charger import Charger
from secc.errors import ContactorError
from secc.station import Outlet
from v2g.trace import Tracer


@dataclass(slots=True, kw_only=True)
class Context:
    """The memory of one session; handlers read and change it. Protocols derive their own.

    ``secure`` is True over TLS. ``session_id`` is empty until the session is set up, ``evcc_id`` is the
    car's. ``finished`` says how an orderly session ended; it is empty for all others.
    """

    charger: Charger
    tracer: Tracer
    secure: bool
    session_id: bytes = b""
    evcc_id: bytes = b""
    outlet: Outlet | None = None
    finished: str = ""
    _start_wh: float = 0.0
    _drawn_wh: float = 0.0

    def take_outlet(self) -> Outlet | None:
        """Take a free outlet of the station for this session, once; None when there is none."""
        if self.outlet is None:
            self.outlet = self.charger.station.take()
            if self.outlet is not None:
                self._start_wh = self.outlet.meter.reading_wh
        return self.outlet

    @property
    def plug(self) -> Outlet:
        """The outlet of this session; only to be asked for once the session is set up."""
        if self.outlet is None:
            raise RuntimeError("the session has no outlet yet")
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
