"""Charging in ISO 15118-20, as far as AC and DC have it in common: schedules, power on, the loop, power off."""

from dataclasses import dataclass, field
from typing import Protocol

from evcc.config import Control, Direction
from evcc.context import Context
from evcc.errors import ProtocolViolationError
from evcc.flow import Flow
from evcc.iso20 import needs, schedules
from evcc.iso20.metering import confirm
from evcc.iso20.schedules import Schedule
from evcc.iso20.services import Agreement
from evcc.ongoing import until_finished
from evcc.report import Stop
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20.common_types import ChargeLoopRes, EvseNotification, EVSEStatus, Processing
from v2g.protocols import UNSENT

_MAX_SUPPORTING_POINTS = 1024
_WISHES = {
    EvseNotification.Terminate: Stop.CHARGER,
    EvseNotification.Pause: Stop.PAUSE,
    EvseNotification.ScheduleRenegotiation: Stop.RENEGOTIATION,
    EvseNotification.ServiceRenegotiation: Stop.SERVICE_RENEGOTIATION,
}
_NEEDS_CHARGING_FIRST = {Stop.RENEGOTIATION, Stop.SERVICE_RENEGOTIATION, Stop.PAUSE}


class Transfer(Protocol):
    """What AC and DC do each in its own way. Watts are positive into the battery."""

    most_w: float
    """What the car takes at most."""
    give_w: float
    """What the car gives back at most; 0 unless the service is bidirectional."""
    power_w: float
    """What has been flowing since the last response."""

    async def charge_parameter_discovery(self) -> None:
        """Tell the car's limits, and take the charger's."""

    async def connect(self) -> None:
        """Do what comes before power is switched on."""

    async def ask(self, allowed_w: float) -> ChargeLoopRes:
        """Send one request of the charge loop; a schedule allows ``allowed_w``, below zero to give back."""

    def absorb(self, response: ChargeLoopRes, allowed_w: float, /) -> None:
        """Take from the response what flows from now on."""

    async def disconnect(self) -> None:
        """Do what comes after power was switched off."""


@dataclass(slots=True)
class Charging:
    """The charging part of one session; its methods are the steps of the sequence diagram."""

    context: Context
    agreement: Agreement
    transfer: Transfer
    flow: Flow = field(init=False)
    _schedule: Schedule | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.flow = Flow(self.context, self.transfer.most_w, pausable=True)

    async def schedule_exchange(self) -> Stop | None:
        """Tell what the car needs, and choose a schedule; return why to stop, if the charger wants that."""
        dynamic = self.agreement.control is Control.DYNAMIC
        request = cm.ScheduleExchangeReq(
            header=UNSENT,
            maximum_supporting_points=_MAX_SUPPORTING_POINTS,
            dynamic_se_req_control_mode=(
                needs.dynamic(self.context, bidirectional=self.agreement.bidirectional) if dynamic else None
            ),
            scheduled_se_req_control_mode=None if dynamic else needs.scheduled(self.context),
        )
        response = await until_finished(self.context, request, cm.ScheduleExchangeRes)
        if response.go_to_pause:
            return self._bounded(Stop.PAUSE)
        if not dynamic:
            self._schedule = self._choose(response)
        elif response.dynamic_se_res_control_mode is None:
            raise ProtocolViolationError("ScheduleExchangeRes", "no Dynamic_SEResControlMode")
        return None

    async def start(self) -> None:
        """Switch power on, with a profile that stays inside the schedule.

        A wish to renegotiate or pause at this point waits for the first round, so that every negotiation is
        followed by charging.
        """
        await self._deliver_power(cm.ChargeProgress.Start)
        if self.flow.wish in _NEEDS_CHARGING_FIRST:
            self.flow.wish = None
        self.context.report.stopped_by = None
        self.flow.begin()

    async def loop(self) -> Stop:
        """Go round after round until there is a reason to stop; return it."""
        interval_s = self.context.config.charging.loop_interval_s
        while (stop := self.flow.reason_to_stop()) is None:
            allowed_w = self._allowed_w()
            response = await self.transfer.ask(allowed_w)
            self.flow.count(self.transfer.power_w)
            self.transfer.absorb(response, allowed_w)
            self._read_status(response.evse_status)
            self.flow.asked(self.transfer.power_w)
            if _wants_confirmation(response.evse_status):
                await confirm(self.context, response, self._schedule)
            if self.flow.reason_to_stop() is None:
                await self.flow.pause(interval_s)
        return stop

    async def renegotiate(self) -> Stop:
        """Ask for new schedules, as the charger wants; power goes on meanwhile.

        Return ``Stop.RENEGOTIATION`` to start with the new schedule, or why there is none to start with.
        """
        await self._deliver_power(cm.ChargeProgress.ScheduleRenegotiation)
        self.context.report.renegotiations += 1
        stop = await self.schedule_exchange()
        self.flow.count(self.transfer.power_w)
        return stop or Stop.RENEGOTIATION

    async def stop(self) -> None:
        """Switch power off."""
        await self._deliver_power(cm.ChargeProgress.Stop)
        self.flow.count(self.transfer.power_w)

    def ended(self, stopped_by: Stop) -> Stop:
        """Take down why charging ended, and return it."""
        self.context.report.stopped_by = stopped_by
        return stopped_by

    async def _deliver_power(self, progress: cm.ChargeProgress) -> None:
        starting = progress is cm.ChargeProgress.Start
        request = cm.PowerDeliveryReq(
            header=UNSENT,
            ev_processing=Processing.Finished,
            charge_progress=progress,
            ev_power_profile=self._profile() if starting else None,
            bpt_channel_selection=self._channel() if starting else None,
        )
        response = await self.context.exchange.ask(request, cm.PowerDeliveryRes)
        self._read_status(response.evse_status)

    def _choose(self, response: cm.ScheduleExchangeRes) -> Schedule:
        offered = response.scheduled_se_res_control_mode
        if offered is None:
            raise ProtocolViolationError("ScheduleExchangeRes", "no Scheduled_SEResControlMode")
        chosen = schedules.choose(
            schedules.read(offered, needs.wanted_wh(self.context), self.transfer.most_w)
        )
        cost = {"cost": chosen.cost.amount, "unit": chosen.cost.unit} if chosen.cost is not None else {}
        self.context.tracer.event(
            "schedule.chosen", id=chosen.tuple_id, of=len(offered.schedule_tuple), **cost
        )
        return chosen

    def _profile(self) -> cm.EVPowerProfile | None:
        if self._schedule is None:
            return None
        return schedules.profile(
            self._schedule,
            self.transfer.most_w,
            anchor=int(self.context.clock.now().timestamp()),
            discharge_w=self.transfer.give_w if self._discharging else 0.0,
        )

    def _channel(self) -> cm.ChannelSelection | None:
        if not self.agreement.separate_channels:
            return None
        return cm.ChannelSelection.Discharge if self._discharging else cm.ChannelSelection.Charge

    @property
    def _discharging(self) -> bool:
        wanted = self.context.config.charging.direction is Direction.DISCHARGE
        return wanted and self.agreement.bidirectional

    def _allowed_w(self) -> float:
        """Return what the schedule, or in dynamic control the car itself, allows now; below zero to give back."""
        now = self.context.clock.now().timestamp()
        if not self._discharging:
            return self.transfer.most_w if self._schedule is None else self._schedule.charging.at(now)
        if self._schedule is None:
            return -self.transfer.give_w
        back = self._schedule.discharging
        return 0.0 if back is None else -back.at(now)

    def _read_status(self, status: EVSEStatus | None) -> None:
        wish = _WISHES.get(status.evse_notification) if status is not None else None
        self.flow.wish = None if wish is None else self._bounded(wish)

    def _bounded(self, wish: Stop) -> Stop:
        """Return the wish, unless it is for one pause more than the car bears with: then it is to stop."""
        too_many = self.context.report.pauses >= self.context.config.charging.max_pauses
        return Stop.CHARGER if wish is Stop.PAUSE and too_many else wish


def _wants_confirmation(status: EVSEStatus | None) -> bool:
    return status is not None and status.evse_notification is EvseNotification.MeteringConfirmation
