"""Charging in ISO 15118-2, AC: what charger and car can do, power on, the status loop, power off."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from evcc.context import Context
from evcc.errors import ProtocolViolationError
from evcc.flow import Flow
from evcc.iso2.values import number_of, physical, physical_at_most
from evcc.ongoing import until_finished
from evcc.report import Stop
from v2g.messages import iso2
from v2g.messages.iso2 import ChargeProgress, EVSENotification, UnitSymbol
from v2g.security.signature import sign_metering_receipt_req

PHASES = {
    iso2.EnergyTransferMode.AC_three_phase_core: 3,
    iso2.EnergyTransferMode.AC_single_phase_core: 1,
}
"""The energy transfer modes of an AC car, those it likes best first, with the phases they use."""

RECEIPT_ID = "id1"
_MAX_PROFILE_ENTRIES = 24


@dataclass(slots=True)
class Offer:
    """What the charger offered: one schedule, and the current of its outlet.

    ``schedule`` holds pairs of start (seconds from the beginning of charging) and watts. ``voltage_v``
    is that between phase and neutral, ``max_current_a`` holds per phase and may change while charging.
    """

    schedule_id: int
    schedule: list[tuple[float, float]]
    voltage_v: float
    max_current_a: float

    def power_limit_w(self, elapsed_s: float) -> float:
        """Return what the schedule allows ``elapsed_s`` seconds after the beginning of charging."""
        limits = [limit_w for start_s, limit_w in self.schedule if start_s <= elapsed_s]
        return limits[-1] if limits else 0.0


@dataclass(slots=True)
class Charging:
    """The charging part of one session; its methods are the steps of the sequence diagram."""

    context: Context
    mode: iso2.EnergyTransferMode
    flow: Flow = field(init=False)
    _offer: Offer = field(init=False)
    _began_at: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self.flow = Flow(self.context, self.context.vehicle.battery.max_power_w)

    async def agree_on_parameters(self) -> None:
        """Tell what the car needs, and take the charger's first schedule [V2G2-476]."""
        car = self.context.vehicle
        wanted_wh = car.battery.missing_wh(self.context.config.charging.target_soc_percent)
        request = iso2.ChargeParameterDiscoveryReq(
            requested_energy_transfer_mode=self.mode,
            ev_charge_parameter=iso2.AC_EVChargeParameter(
                e_amount=physical(wanted_wh, UnitSymbol.Wh),
                ev_max_voltage=physical(car.ac.max_voltage_v, UnitSymbol.V),
                ev_max_current=physical(car.ac.max_current_a, UnitSymbol.A),
                ev_min_current=physical(car.ac.min_current_a, UnitSymbol.A),
            ),
        )
        response = await until_finished(self.context, request, iso2.ChargeParameterDiscoveryRes)
        self._offer = read_offer(response)

    async def start(self) -> None:
        """Close the contactors, with a profile that stays inside the schedule.

        A wish to renegotiate at this point waits for the first status, so that every negotiation is
        followed by charging.
        """
        await self._deliver_power(ChargeProgress.Start, self._profile())
        if self.flow.wish is Stop.RENEGOTIATION:
            self.flow.wish = None
        self.flow.begin()
        self._began_at = self.context.clock.monotonic()

    async def loop(self) -> Stop:
        """Ask for the status, round after round, until there is a reason to stop; return it."""
        while (stop := self.flow.reason_to_stop()) is None:
            response = await self.context.exchange.ask(iso2.ChargingStatusReq(), iso2.ChargingStatusRes)
            self.flow.count(self._offered_w())
            self.flow.wish = _wish(response.ac_evse_status)
            if response.evse_max_current is not None:
                self._offer.max_current_a = number_of(
                    response.evse_max_current, UnitSymbol.A, "ChargingStatusRes", "EVSEMaxCurrent"
                )
            self.flow.asked(self._offered_w())
            if response.receipt_required:
                await self._sign_receipt(response)
            if self.flow.reason_to_stop() is None:
                await self.flow.pause(self.context.config.charging.interval_s)
        return stop

    async def renegotiate(self) -> None:
        """Ask for new charging parameters, as the charger wants [V2G2-680]."""
        await self._deliver_power(ChargeProgress.Renegotiate, None)
        self.context.report.renegotiations += 1
        self.flow.wish = None

    async def stop(self) -> None:
        """Open the contactors."""
        await self._deliver_power(ChargeProgress.Stop, None)
        self.flow.count(self._offered_w())

    async def _deliver_power(self, progress: ChargeProgress, profile: iso2.ChargingProfile | None) -> None:
        request = iso2.PowerDeliveryReq(
            charge_progress=progress, sa_schedule_tuple_id=self._offer.schedule_id, charging_profile=profile
        )
        response = await self.context.exchange.ask(request, iso2.PowerDeliveryRes)
        self.flow.wish = _wish(response.evse_status)

    async def _sign_receipt(self, status: iso2.ChargingStatusRes) -> None:
        """Sign what the charger's meter showed, which it asks of a car with a contract [V2G2-691]."""
        contract = self.context.contract
        if contract is None or status.meter_info is None:
            missing = "a contract" if contract is None else "MeterInfo"
            raise ProtocolViolationError("ChargingStatusRes", f"it asks for a receipt without {missing}")
        request = iso2.MeteringReceiptReq(
            id=RECEIPT_ID,
            session_id=self.context.exchange.session_id,
            sa_schedule_tuple_id=status.sa_schedule_tuple_id,
            meter_info=status.meter_info,
        )
        signature = sign_metering_receipt_req(request, contract.ecdsa_key)
        self.context.signed("MeteringReceiptReq", RECEIPT_ID)
        response = await self.context.exchange.ask(request, iso2.MeteringReceiptRes, signature=signature)
        self.context.report.receipts += 1
        self.flow.wish = _wish(response.evse_status) or self.flow.wish

    def _offered_w(self) -> float:
        """Return the power on offer now: what outlet, car and schedule allow together."""
        car, offer = self.context.vehicle.ac, self._offer
        current_a = min(offer.max_current_a, car.max_current_a)
        if current_a < car.min_current_a:
            return 0.0
        phases = min(PHASES[self.mode], car.phases)
        limit_w = offer.power_limit_w(self.context.clock.monotonic() - self._began_at)
        return min(limit_w, current_a * offer.voltage_v * phases)

    def _profile(self) -> iso2.ChargingProfile:
        highest_w = self.context.vehicle.battery.max_power_w
        entries = [
            iso2.ProfileEntry(
                charging_profile_entry_start=round(start_s),
                charging_profile_entry_max_power=physical_at_most(min(limit_w, highest_w), UnitSymbol.W),
            )
            for start_s, limit_w in self._offer.schedule[:_MAX_PROFILE_ENTRIES]
        ]
        return iso2.ChargingProfile(profile_entry=entries)


def read_offer(response: iso2.ChargeParameterDiscoveryRes) -> Offer:
    """Return the first schedule and the outlet's limits; raises :class:`ProtocolViolationError`.

    Sales tariffs are not looked at: without a way to show prices to a driver there is nothing to choose by.
    """
    message = "ChargeParameterDiscoveryRes"
    limits, schedules = response.evse_charge_parameter, response.sa_schedules
    if not isinstance(limits, iso2.AC_EVSEChargeParameter):
        raise ProtocolViolationError(message, f"{type(limits).__name__} for an AC car")
    if not isinstance(schedules, iso2.SAScheduleList):
        raise ProtocolViolationError(message, "Finished, but there is no SAScheduleList")
    schedule = schedules.sa_schedule_tuple[0]
    return Offer(
        schedule_id=schedule.sa_schedule_tuple_id,
        schedule=_schedule(schedule.p_max_schedule.p_max_schedule_entry),
        voltage_v=number_of(limits.evse_nominal_voltage, UnitSymbol.V, message, "EVSENominalVoltage"),
        max_current_a=number_of(limits.evse_max_current, UnitSymbol.A, message, "EVSEMaxCurrent"),
    )


def _schedule(entries: Sequence[iso2.PMaxScheduleEntry]) -> list[tuple[float, float]]:
    """Return the power limits by their start; a gap behind the last one counts as that one's rest."""
    message = "ChargeParameterDiscoveryRes"
    schedule: list[tuple[float, float]] = []
    for entry in entries:
        if not isinstance(entry.time_interval, iso2.RelativeTimeInterval):
            raise ProtocolViolationError(message, "a schedule entry without RelativeTimeInterval")
        start_s = float(entry.time_interval.start)
        if schedule and start_s <= schedule[-1][0]:
            raise ProtocolViolationError(message, "the schedule entries are not in the order of their starts")
        schedule.append((start_s, number_of(entry.p_max, UnitSymbol.W, message, "PMax")))
    return schedule


def _wish(status: iso2.EVSEStatus | None) -> Stop | None:
    """Return what the charger's status asks the car to do; None to go on."""
    if status is None:
        return None
    if isinstance(status, iso2.AC_EVSEStatus) and status.rcd:
        return Stop.FAULT_CURRENT
    if status.evse_notification is EVSENotification.StopCharging:
        return Stop.CHARGER
    if status.evse_notification is EVSENotification.ReNegotiation:
        return Stop.RENEGOTIATION
    return None
