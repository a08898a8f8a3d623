"""What a car says about charging in DIN 70121: parameters and schedules, power on and off."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evcc.classic.charging import Progress
from evcc.classic.schedules import MESSAGE, Schedule, profile_of, steps_of
from evcc.context import Context
from evcc.errors import ProtocolViolationError
from evcc.ongoing import until_finished
from v2g.messages import din

_UNLIMITED_W = 32_767
"""The most that sixteen bits of watts can say: a charger that has more means all of it."""


@dataclass(slots=True)
class DinSpeech:
    """The messages of DIN 70121 in :class:`evcc.classic.charging.Speech`."""

    context: Context
    mode: din.EVRequestedEnergyTransfer

    async def discover(
        self, parameters: din.EVChargeParameter
    ) -> tuple[din.EVSEChargeParameter, Sequence[Schedule]]:
        """Tell the car's limits; return the charger's, and its schedules."""
        request = din.ChargeParameterDiscoveryReq(
            ev_requested_energy_transfer_type=self.mode, ev_charge_parameter=parameters
        )
        response = await until_finished(self.context, request, din.ChargeParameterDiscoveryRes)
        if not isinstance(response.sa_schedules, din.SAScheduleList):
            raise ProtocolViolationError(MESSAGE, "Finished, but there is no SAScheduleList")
        found = [_schedule(offered) for offered in response.sa_schedules.sa_schedule_tuple]
        return response.evse_charge_parameter, found

    async def deliver(self, progress: Progress, schedule: Schedule, most_w: float, parameter: Any) -> Any:
        """Switch power on or off."""
        starts = progress is Progress.START
        request = din.PowerDeliveryReq(
            ready_to_charge_state=starts,
            charging_profile=_profile(schedule, most_w) if starts else None,
            ev_power_delivery_parameter=parameter,
        )
        response = await self.context.exchange.ask(request, din.PowerDeliveryRes)
        return response.evse_status

    async def confirm(self, _response: din.CurrentDemandRes) -> None:
        """Confirm nothing: DIN 70121 has no receipts for DC."""


def _schedule(found: din.SAScheduleTuple) -> Schedule:
    entries = []
    for entry in found.p_max_schedule.p_max_schedule_entry:
        if entry.p_max < 0:
            raise ProtocolViolationError(MESSAGE, f"PMax is negative: {entry.p_max} W")
        watts = math.inf if entry.p_max == _UNLIMITED_W else float(entry.p_max)
        entries.append((entry.time_interval, watts))
    return Schedule(found.sa_schedule_tuple_id, steps_of(entries, din.RelativeTimeInterval))


def _profile(schedule: Schedule, most_w: float) -> din.ChargingProfile:
    return din.ChargingProfile(
        sa_schedule_tuple_id=schedule.number,
        profile_entry=[
            din.ProfileEntry(
                charging_profile_entry_start=start_s,
                charging_profile_entry_max_power=int(min(power_w, _UNLIMITED_W)),
            )
            for start_s, power_w in profile_of(schedule, most_w)
        ],
    )
