"""The states of an ISO 15118-2 session, each named after what it waits for."""

from enum import StrEnum


class State(StrEnum):
    """What the charger waits for [V2G2-541…601]."""

    SESSION_SETUP = "WaitForSessionSetup"
    SERVICE_DISCOVERY = "WaitForServiceDiscovery"
    SERVICE_SELECTION = "WaitForServiceSelection"
    CONTRACT = "WaitForContract"
    PAYMENT_DETAILS = "WaitForPaymentDetails"
    SIGNED_AUTHORIZATION = "WaitForSignedAuthorization"
    AUTHORIZATION = "WaitForAuthorization"
    CHARGE_PARAMETERS = "WaitForChargeParameters"
    POWER_DELIVERY = "WaitForPowerDelivery"
    CHARGING_STATUS = "WaitForChargingStatus"
    CHARGING = "Charging"
    CABLE_CHECK = "WaitForCableCheck"
    PRE_CHARGE = "WaitForPreCharge"
    PRE_CHARGED = "WaitForPreChargeOrPowerDelivery"
    CURRENT_DEMAND = "WaitForCurrentDemand"
    CHARGING_DC = "ChargingDC"
    WELDING_DETECTION = "WaitForWeldingDetection"
    NEW_PARAMETERS = "WaitForNewParameters"
    NEW_PROFILE = "WaitForNewProfile"
    METERING_RECEIPT = "WaitForMeteringReceipt"
    SESSION_STOP = "WaitForSessionStop"


WHILE_POWER_FLOWS = frozenset(
    {
        State.CHARGING_STATUS,
        State.CHARGING,
        State.CURRENT_DEMAND,
        State.CHARGING_DC,
        State.METERING_RECEIPT,
        State.NEW_PROFILE,
    }
)
"""Where the contactor is closed; in NEW_PARAMETERS it is with AC only."""
