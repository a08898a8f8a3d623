"""Vehicle check-in and check-out, where the charger has the parking status service."""

from evcc.context import Context
from v2g.messages.iso20 import common_messages as cm
from v2g.protocols import UNSENT


async def check_in(context: Context) -> None:
    """Say that the car has arrived, parked by its driver, and that it is in place."""
    for status in (cm.EvCheckInStatus.CheckIn, cm.EvCheckInStatus.Completed):
        request = cm.VehicleCheckInReq(
            header=UNSENT, ev_check_in_status=status, parking_method=cm.ParkingMethod.Manual
        )
        await context.exchange.ask(request, cm.VehicleCheckInRes)


async def check_out(context: Context) -> None:
    """Say that the car is about to leave, and that it is done."""
    for status in (cm.EvCheckOutStatus.CheckOut, cm.EvCheckOutStatus.Completed):
        request = cm.VehicleCheckOutReq(
            header=UNSENT,
            ev_check_out_status=status,
            check_out_time=int(context.clock.now().timestamp()),
        )
        await context.exchange.ask(request, cm.VehicleCheckOutRes)
