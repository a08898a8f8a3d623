"""What a car says about charging in ISO 15118-2: parameters and schedules, power on and off, receipts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evcc.classic.charging import Progress
from evcc.classic.schedules import MESSAGE, Schedule, profile_of, steps_of
from evcc.classic.values import number_of
from evcc.context import Context
from evcc.errors import ProtocolViolationError
from evcc.iso2 import tariffs
from evcc.ongoing import until_finished
from v2g.messages import iso2
from v2g.messages.iso2 import UnitSymbol
from v2g.physical import physical_at_most
from v2g.security.signature import sign_metering_receipt_req

RECEIPT_ID = "id1"


@dataclass(slots=True)
class Iso2Speech:
    """The messages of ISO 15118-2 in :class:`evcc.classic.charging.Speech`."""

    context: Context
    mode: iso2.EnergyTransferMode

    async def discover(
        self, parameters: iso2.EVChargeParameter
    ) -> tuple[iso2.EVSEChargeParameter, Sequence[Schedule]]:
        """Tell the car's limits; return the charger's, and its schedules [V2G2-476]."""
        request = iso2.ChargeParameterDiscoveryReq(
            requested_energy_transfer_mode=self.mode, ev_charge_parameter=parameters
        )
        response = await until_finished(self.context, request, iso2.ChargeParameterDiscoveryRes)
        return response.evse_charge_parameter, self._schedules(response)

    async def deliver(self, progress: Progress, schedule: Schedule, most_w: float, parameter: Any) -> Any:
        """Switch power on or off, or ask for new parameters."""
        request = iso2.PowerDeliveryReq(
            charge_progress=iso2.ChargeProgress(progress),
            sa_schedule_tuple_id=schedule.number,
            charging_profile=_profile(schedule, most_w) if progress is Progress.START else None,
            ev_power_delivery_parameter=parameter,
        )
        response = await self.context.exchange.ask(request, iso2.PowerDeliveryRes)
        return response.evse_status

    async def confirm(self, response: iso2.ChargingStatusRes | iso2.CurrentDemandRes) -> Any:
        """Sign what the charger's meter showed, which it asks of a car with a contract [V2G2-691]."""
        if not response.receipt_required:
            return None
        contract = self.context.contract
        if contract is None or response.meter_info is None:
            missing = "a contract" if contract is None else "MeterInfo"
            reason = f"it asks for a receipt without {missing}"
            raise ProtocolViolationError(type(response).__name__, reason)
        request = iso2.MeteringReceiptReq(
            id=RECEIPT_ID,
            session_id=self.context.exchange.session_id,
            sa_schedule_tuple_id=response.sa_schedule_tuple_id,
            meter_info=response.meter_info,
        )
        signature = sign_metering_receipt_req(request, contract.ecdsa_key)
        self.context.signed("MeteringReceiptReq", RECEIPT_ID)
        confirmed = await self.context.exchange.ask(request, iso2.MeteringReceiptRes, signature=signature)
        self.context.report.receipts += 1
        return confirmed.evse_status

    def _schedules(self, response: iso2.ChargeParameterDiscoveryRes) -> list[Schedule]:
        """Return the schedules; raises :class:`ProtocolViolationError`."""
        offered = response.sa_schedules
        if not isinstance(offered, iso2.SAScheduleList):
            raise ProtocolViolationError(MESSAGE, "Finished, but there is no SAScheduleList")
        priced = tariffs.genuine(self.context, offered.sa_schedule_tuple)
        return [_schedule(found, priced=priced) for found in offered.sa_schedule_tuple]


def _schedule(found: iso2.SAScheduleTuple, *, priced: bool) -> Schedule:
    entries = [
        (entry.time_interval, number_of(entry.p_max, UnitSymbol.W, MESSAGE, "PMax"))
        for entry in found.p_max_schedule.p_max_schedule_entry
    ]
    return Schedule(
        found.sa_schedule_tuple_id,
        steps_of(entries, iso2.RelativeTimeInterval),
        tariffs.prices(found.sales_tariff) if priced and found.sales_tariff is not None else None,
    )


def _profile(schedule: Schedule, most_w: float) -> iso2.ChargingProfile:
    return iso2.ChargingProfile(
        profile_entry=[
            iso2.ProfileEntry(
                charging_profile_entry_start=start_s,
                charging_profile_entry_max_power=physical_at_most(power_w, "W", iso2.PhysicalValue),
            )
            for start_s, power_w in profile_of(schedule, most_w)
        ]
    )
