"""What the driver needs, as ISO 15118-20 messages ask for it."""

from evcc.context import Context
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20.common_types import DisplayParameters
from v2g.rational import rational


def wanted_wh(context: Context) -> float:
    """Return the watt hours until the battery is as full as the driver wants it."""
    return context.vehicle.battery.missing_wh(context.config.charging.target_soc_percent)


def room_wh(context: Context) -> float:
    """Return the watt hours until the battery is full."""
    return context.vehicle.battery.missing_wh(100.0)


def least_wh(context: Context) -> float:
    """Return the watt hours without which the car cannot give anything back."""
    bidirectional = context.vehicle.bidirectional
    return context.vehicle.battery.missing_wh(bidirectional.min_soc_percent) if bidirectional else 0.0


def spare_wh(context: Context) -> float:
    """Return the watt hours that the car can give back."""
    bidirectional = context.vehicle.bidirectional
    return context.vehicle.battery.above_wh(bidirectional.min_soc_percent) if bidirectional else 0.0


def scheduled(context: Context) -> cm.Scheduled_SEReqControlMode:
    """Return the needs that the charger makes schedules for."""
    return cm.Scheduled_SEReqControlMode(
        departure_time=context.config.charging.departure_s,
        ev_target_energy_request=rational(wanted_wh(context)),
        ev_maximum_energy_request=rational(room_wh(context)),
        ev_minimum_energy_request=rational(least_wh(context)),
    )


def dynamic(context: Context, *, bidirectional: bool) -> cm.Dynamic_SEReqControlMode:
    """Return the needs that the charger sets the power by."""
    return cm.Dynamic_SEReqControlMode(
        departure_time=context.config.charging.departure_s,
        target_soc=round(context.config.charging.target_soc_percent),
        ev_target_energy_request=rational(wanted_wh(context)),
        ev_maximum_energy_request=rational(room_wh(context)),
        ev_minimum_energy_request=rational(least_wh(context)),
        ev_maximum_v2x_energy_request=rational(spare_wh(context)) if bidirectional else None,
        ev_minimum_v2x_energy_request=rational(0.0) if bidirectional else None,
    )


def display(context: Context) -> DisplayParameters:
    """Return what the charger may show to the driver."""
    battery, target = context.vehicle.battery, context.config.charging.target_soc_percent
    return DisplayParameters(
        present_soc=int(battery.soc_percent),
        target_soc=round(target),
        charging_complete=battery.soc_percent >= target,
        battery_energy_capacity=rational(battery.capacity_wh),
    )
