"""Charging as ISO 15118-2 and DIN 70121 have it: parameters and schedule, power on, the loop, power off."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from evcc.classic.schedules import Schedule, chosen
from evcc.context import Context
from evcc.flow import Flow
from evcc.report import Stop

_SWITCHED_OFF = {
    "EVSE_Shutdown",
    "EVSE_UtilityInterruptEvent",
    "EVSE_EmergencyShutdown",
    "EVSE_Malfunction",
}
"""DC_EVSEStatusCode of a charger that does not go on."""


class Progress(StrEnum):
    """What the car wants of PowerDelivery."""

    START = "Start"
    STOP = "Stop"
    RENEGOTIATE = "Renegotiate"


class Transfer(Protocol):
    """What AC and DC do each in its own way."""

    most_w: float
    """What the car takes at most."""
    interval_s: float
    """How long to wait between two rounds of the loop."""

    def parameters(self) -> Any:
        """Return the car's limits for ChargeParameterDiscoveryReq."""

    def take(self, limits: Any) -> None:
        """Take the charger's limits of ChargeParameterDiscoveryRes."""

    async def connect(self) -> None:
        """Do what comes before power is switched on."""

    def delivery(self, *, complete: bool) -> Any:
        """Return what PowerDeliveryReq says of the car, None for nothing."""

    async def ask(self, allowed_w: float) -> Any:
        """Send one request of the loop; the schedule allows ``allowed_w``. Return the response."""

    def absorb(self, response: Any) -> Any:
        """Take from a response of the loop what flows or is on offer from now on; return the charger's status."""

    def power_w(self, allowed_w: float) -> float:
        """Return what flows or is on offer under a schedule that allows ``allowed_w``."""

    async def disconnect(self) -> None:
        """Do what comes after power was switched off."""


class Speech(Protocol):
    """What the two protocols say each in its own way."""

    async def discover(self, parameters: Any) -> tuple[Any, Sequence[Schedule]]:
        """Tell the car's limits until the charger has answered; return its limits and schedules."""

    async def deliver(self, progress: Progress, schedule: Schedule, most_w: float, parameter: Any) -> Any:
        """Send PowerDeliveryReq; return the charger's status."""

    async def confirm(self, response: Any) -> Any:
        """Sign the receipt if a response of the loop asks for one; return the status that came, None for none."""


@dataclass(slots=True)
class Charging:
    """The charging part of one session; its methods are the steps of the sequence diagram.

    ``pausable`` and ``renegotiable`` say what the protocol has; ``preferred`` is the schedule of a session that
    was paused.
    """

    context: Context
    speech: Speech
    transfer: Transfer
    pausable: bool = False
    renegotiable: bool = False
    preferred: int | None = None
    flow: Flow = field(init=False)
    schedule: Schedule = field(init=False)
    _began_at: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self.flow = Flow(
            self.context, self.transfer.most_w, pausable=self.pausable, renegotiable=self.renegotiable
        )

    async def run(self) -> Stop:
        """Charge until there is a reason to stop; return it."""
        stopped_by = Stop.RENEGOTIATION
        while stopped_by is Stop.RENEGOTIATION:
            await self.agree_on_parameters()
            await self.transfer.connect()
            await self.start()
            stopped_by = await self.loop()
            if stopped_by is Stop.RENEGOTIATION:
                await self.renegotiate()
        await self.stop(complete=stopped_by in {Stop.TARGET, Stop.FULL})
        await self.transfer.disconnect()
        self.context.report.stopped_by = stopped_by
        return stopped_by

    async def agree_on_parameters(self) -> None:
        """Tell what the car needs, and choose a schedule of the charger's [V2G2-476]."""
        limits, schedules = await self.speech.discover(self.transfer.parameters())
        self.transfer.take(limits)
        self.schedule = chosen(self.context, schedules, self.transfer.most_w, self.preferred)

    async def start(self) -> None:
        """Switch power on, with a profile that stays inside the schedule.

        A wish to renegotiate at this point waits for the first round, so that every negotiation is followed
        by charging.
        """
        await self._deliver(Progress.START)
        if self.flow.wish is Stop.RENEGOTIATION:
            self.flow.wish = None
        self.flow.begin()
        self._began_at = self.context.clock.monotonic()

    async def loop(self) -> Stop:
        """Go round after round until there is a reason to stop; return it."""
        while (stop := self.flow.reason_to_stop()) is None:
            response = await self.transfer.ask(self._allowed_w())
            self.flow.count(self._power_w())
            self.flow.wish = self._wish(self.transfer.absorb(response))
            self.flow.asked(self._power_w())
            confirmed = await self.speech.confirm(response)
            if confirmed is not None:
                self.flow.wish = self._wish(confirmed) or self.flow.wish
            if self.flow.reason_to_stop() is None:
                await self.flow.pause(self.transfer.interval_s)
        return stop

    async def renegotiate(self) -> None:
        """Ask for new charging parameters, as the charger or the car wants [V2G2-680]."""
        await self._deliver(Progress.RENEGOTIATE)
        self.flow.count(self._power_w())
        self.context.report.renegotiations += 1
        self.flow.wish = None

    async def stop(self, *, complete: bool) -> None:
        """Switch power off."""
        await self._deliver(Progress.STOP, complete=complete)
        self.flow.count(self._power_w())

    async def _deliver(self, progress: Progress, *, complete: bool = False) -> None:
        parameter = self.transfer.delivery(complete=complete)
        status = await self.speech.deliver(progress, self.schedule, self.transfer.most_w, parameter)
        self.flow.wish = self._wish(status)

    def _allowed_w(self) -> float:
        return self.schedule.at(self.context.clock.monotonic() - self._began_at)

    def _power_w(self) -> float:
        return self.transfer.power_w(self._allowed_w())

    def _wish(self, status: Any) -> Stop | None:
        """Return what the charger's status asks the car to do; None to go on."""
        notification = str(getattr(status, "evse_notification", ""))
        if getattr(status, "rcd", False):
            return Stop.FAULT_CURRENT
        if notification == "StopCharging" or getattr(status, "evse_status_code", None) in _SWITCHED_OFF:
            return Stop.CHARGER
        if notification == "ReNegotiation" and self.renegotiable:
            return Stop.RENEGOTIATION
        return None
